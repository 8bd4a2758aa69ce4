import * as fs from "node:fs/promises";
import { ioError } from "../../../sinks/file/file-error.ts";

/** One is read while another is looked at. */
const BLOCK_BYTES = 256 * 1024;
const LF = 0x0a;

/** A block of memory, and what was read into it. */
interface Filled {
  readonly memory: Uint8Array;
  readonly length: number;
}

/**
 * The first `size` bytes of a file, in blocks of whole lines. A block is only lent, until the next one is asked for. What
 * stands behind the last line end, and from a line on that is longer than `maxLineBytes`, is not handed out.
 *
 * @throws {TapeError} code `io`
 */
export async function* fileBlocks(
  path: string,
  size: number,
  maxLineBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await attempt(`Cannot read ${path}`, fs.open(path, "r"));
  const filled = (memory: Uint8Array, at: number) =>
    attempt(`Cannot read ${path} at byte ${at}`, fill(file, memory, Math.min(memory.length, size - at), at));
  let next: Promise<Filled> | undefined;
  try {
    let other: Uint8Array = new Uint8Array(BLOCK_BYTES);
    next = filled(new Uint8Array(BLOCK_BYTES), 0);
    for (let at = 0;;) {
      const { memory, length } = await next;
      signal.throwIfAborted();
      const lines = memory.subarray(0, memory.subarray(0, length).lastIndexOf(LF) + 1);
      if (lines.length > 0) {
        at += lines.length;
        next = filled(other, at);
        yield lines;
        other = memory;
      } else if (length < memory.length || memory.length > maxLineBytes) return;
      else {
        other = new Uint8Array(memory.length * 4);
        next = filled(new Uint8Array(memory.length * 4), at);
      }
    }
  } finally {
    await next?.catch(() => {});
    await file.close();
  }
}

/** Reads until `length` bytes are there, or the file ends. */
async function fill(file: fs.FileHandle, memory: Uint8Array, length: number, position: number): Promise<Filled> {
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(memory, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return { memory, length: filled };
}

async function attempt<T>(cannot: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw ioError(cannot, error);
  }
}
