import { type Bytes, concat } from "../../bytes/bytes.ts";
import type { TapeStore } from "../../stores/store.ts";
import { nextChunk } from "../../streams/batches.ts";
import { hold, type Source, source } from "../../streams/source.ts";
import type { ChunkReader } from "../../streams/source-spec.ts";
import { NONE } from "../../streams/stage-spec.ts";

/** How much is read behind a seek at first, in bytes; four times as much each time after that. */
export const FIRST_BYTES: number = 64 * 1024;

/** No more than this is read at once, but for a line that is longer. */
export const MOST_BYTES: number = 1024 * 1024;

const LF = 0x0a;
const EMPTY = new Uint8Array(0);

/** The bytes from `start` up to `end`, in one piece; fewer where the tape ends before. */
export async function readBytes(
  store: TapeStore,
  key: string,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Bytes> {
  if (end <= start) return EMPTY;
  const chunks: Bytes[] = [];
  for await (const chunk of store.openSource(key, { start, end, signal })) chunks.push(chunk);
  return chunks.length === 0 ? EMPTY : concat(chunks);
}

/** How to read from the middle of a tape. */
export interface BlockOptions {
  /** What stands there and was read already: whole lines. */
  readonly first?: Bytes | undefined;
  /** The longest line of the tape; one that is longer may come in parts. */
  readonly maxLineBytes: number;
  /** Nothing of the tape is held open between two blocks, for a reading that may be left without a word. */
  readonly letsGo?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a tape from the start of a line on, in blocks of whole lines. Few at first, as who has looked something up
 * often wants no more than a line; more and more as long as somebody reads on.
 */
export function blocksFrom(store: TapeStore, key: string, start: number, options: BlockOptions): Source<Bytes> {
  const { maxLineBytes, letsGo = false, signal } = options;
  let first = options.first;
  let at = start;
  let reach = FIRST_BYTES;
  let isOver = false;
  let rest: ChunkReader<Bytes> | undefined;
  return source<Bytes>({
    async pull() {
      if (first !== undefined && first.length > 0) {
        const block = first;
        first = undefined;
        at += block.length;
        return [block];
      }
      if (isOver) return undefined;
      if (!letsGo && reach > MOST_BYTES) {
        rest ??= hold(store.openSource(key, { start: at, signal })).chunks;
        const chunk = await nextChunk(rest);
        return chunk === NONE ? undefined : [chunk];
      }
      for (let wanted = Math.min(reach, MOST_BYTES);; wanted *= 4) {
        signal?.throwIfAborted();
        const bytes = await readBytes(store, key, at, at + wanted, signal);
        const isEnd = bytes.length < wanted;
        const whole = bytes.lastIndexOf(LF) + 1;
        // Of a last line without its end all is read at once: another may take its place.
        if (!isEnd && whole === 0 && wanted <= maxLineBytes) continue;
        const length = isEnd || whole === 0 ? bytes.length : whole;
        isOver = isEnd && whole < bytes.length;
        reach *= 4;
        at += length;
        return length === 0 ? undefined : [bytes.subarray(0, length)];
      }
    },
    async cancel(reason) {
      isOver = true;
      await rest?.cancel(reason);
    },
  });
}
