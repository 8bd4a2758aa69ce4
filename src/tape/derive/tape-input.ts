import type { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { TapeStore } from "../../stores/store.ts";
import { pipe } from "../../streams/pipe.ts";
import { hold } from "../../streams/source.ts";
import type { ChunkReader } from "../../streams/source-spec.ts";
import { type Stage, stage } from "../../streams/stage.ts";
import { KEEPS_NOTHING, NONE, type StageSpec, type StageTraits } from "../../streams/stage-spec.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { checkUnlocked, decoderOf } from "../../stores/decoding.ts";

/** The bytes of a tape that is to be read, up to where it was written when that was decided. */
export interface InputRange {
  readonly store: TapeStore;
  readonly key: string;
  /** The byte to stop before. */
  readonly size: number;
  readonly maxLineBytes: number;
}

/** Lines that are only lent, each until the next one is asked for: then their memory is used again. */
function lentLines(): Stage<TapeLine, TapeLine> {
  const spec: StageSpec<TapeLine, TapeLine> & StageTraits<TapeLine, TapeLine> = {
    transform: (line, emit) => emit(line),
    // Whoever peeks at a line is done with it when the next one is taken.
    [KEEPS_NOTHING]: true,
  };
  return stage(spec);
}

/** Reads a tape line by line. The next line can be looked at before it is taken: so several tapes are merged. */
export class TapeInput {
  readonly #lines: ChunkReader<TapeLine>;
  #next: TapeLine | undefined;
  #isOver = false;
  /** Bytes that have been taken. */
  offset = 0;
  /** When the line that comes next was written, on the clock of all; of one that does not say, the line before it. */
  key = 0;
  readonly #offsetMs: number;

  /**
   * @param offsetMs what is added to its times
   * @throws {TapeError} code `invalid_argument`: the tape is encrypted, and no key is at hand
   */
  constructor(
    { store, key, size, maxLineBytes }: InputRange,
    offsetMs: number,
    onError: (error: TapeError) => void,
  ) {
    checkUnlocked(`make a tape of ${key}`, store);
    this.#offsetMs = this.key = offsetMs;
    const bytes = store.openSource(key, { end: size });
    this.#lines =
      hold(pipe(bytes, lineSplit({ maxLineBytes, onError, decoder: decoderOf(store) }), lentLines())).chunks;
  }

  /** The next line, if it is at hand. */
  peek(): TapeLine | undefined {
    if (this.#next !== undefined) return this.#next;
    const line = this.#isOver ? NONE : this.#lines.take();
    if (line === NONE) return undefined;
    this.key = Math.max(this.key, (line.ts ?? 0) + this.#offsetMs);
    return this.#next = line;
  }

  /** The line that was peeked at is dealt with. */
  pass(): void {
    this.offset = this.#next!.nextOffset;
    this.#next = undefined;
  }

  /** Waits for more lines. False at the end. */
  async fill(): Promise<boolean> {
    if (this.#isOver) return false;
    if (await this.#lines.fill()) return true;
    this.#isOver = true;
    return false;
  }

  /** Lets go of the tape: there are no more lines. */
  async close(): Promise<void> {
    this.#next = undefined;
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#lines.cancel(undefined);
  }
}
