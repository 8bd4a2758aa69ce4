import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { type Bytes, isBytes } from "../bytes/bytes.ts";
import { type Source, source } from "../streams/source.ts";

/** Options of {@linkcode memorySource}. */
export interface MemorySourceOptions {
  /** Hands the bytes out in pieces of at most this size. By default in one piece. */
  readonly chunkBytes?: number | undefined;
}

const OPTIONS: OptionNames<MemorySourceOptions> = { chunkBytes: true };

/**
 * A source over bytes, or text, that are already there.
 *
 * @throws {TapeError} code `invalid_argument`
 *
 * @example
 * ```ts
 * import { lineSplit, memorySource, pipe } from "tapeline";
 *
 * for await (const line of pipe(memorySource("a\nb\n"), lineSplit())) console.log(line.text());
 * ```
 */
export function memorySource(content: string | Bytes, options: MemorySourceOptions = {}): Source<Bytes> {
  checkOptions("make a source", options, OPTIONS);
  if (typeof content !== "string" && !isBytes(content)) {
    throw wrongChunk("make a source", "text or a Uint8Array", content);
  }
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const { chunkBytes = Math.max(bytes.length, 1) } = options;
  if (!(chunkBytes >= 1)) {
    throw new TapeError("invalid_argument", `Cannot make a source: chunkBytes must be 1 or more, not ${chunkBytes}`);
  }
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
