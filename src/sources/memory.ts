import type { Bytes } from "../lines/bytes.ts";
import { type Source, source } from "../streams/source.ts";

/** Options of {@linkcode memorySource}. */
export interface MemorySourceOptions {
  /** Hands the bytes out in pieces of at most this size. By default in one piece. */
  readonly chunkBytes?: number | undefined;
}

/**
 * A source over bytes, or text, that are already there.
 *
 * @example
 * ```ts
 * import { lineSplit, memorySource, pipe } from "tapeline";
 *
 * for await (const line of pipe(memorySource("a\nb\n"), lineSplit())) console.log(line.text());
 * ```
 */
export function memorySource(content: string | Bytes, options: MemorySourceOptions = {}): Source<Bytes> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const { chunkBytes = Math.max(bytes.length, 1) } = options;
  let at = 0;
  return source<Bytes>({
    pull() {
      if (at >= bytes.length) return Promise.resolve(undefined);
      const chunk = bytes.subarray(at, at + chunkBytes);
      at += chunk.length;
      return Promise.resolve([chunk]);
    },
  });
}
