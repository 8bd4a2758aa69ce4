import type { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { pipe } from "../../streams/pipe.ts";
import { stage } from "../../streams/stage.ts";
import type { TapeStore } from "../../stores/store.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { decoderOf } from "../../stores/decoding.ts";

/** What of a tape to read. */
export interface TapeLinesOptions {
  /** The byte to stop before. */
  readonly end: number;
  readonly maxLineBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sees the raw bytes, block by block, when all lines that ended before them have been dealt with. */
  readonly onBlock?: ((bytes: Uint8Array) => void) | undefined;
}

/** The lines of a tape, and in the place of each that is too long the report of it. */
export async function* tapeLines(
  store: TapeStore,
  key: string,
  { end, maxLineBytes, signal, onBlock }: TapeLinesOptions,
): AsyncGenerator<TapeLine | TapeError> {
  const tooLong: TapeError[] = [];
  const lines = pipe(
    store.openSource(key, { end, signal }),
    stage<Uint8Array, Uint8Array>({
      transform(block, emit) {
        onBlock?.(block);
        emit(block);
      },
    }),
    lineSplit({ maxLineBytes, onError: (error) => tooLong.push(error), decoder: decoderOf(store) }),
  );
  for await (const line of lines) {
    // Lines of one block come at once, and what is too long among them is told before them.
    while (tooLong.length > 0 && tooLong[0]!.offset! < line.offset) yield tooLong.shift()!;
    yield line;
  }
  yield* tooLong;
}
