import * as fs from "node:fs/promises";
import { ioError } from "../../../sinks/file/file-error.ts";

const BLOCK_BYTES = 1024 * 1024;
const LF = 0x0a;

/**
 * The first `size` bytes of a file, in blocks of whole lines. A block is only lent, until the next one is asked for: two
 * pieces of memory take turns, and one is read into while the other is looked at. What stands behind the last line end,
 * and from a line on that is longer than `maxLineBytes`, is not handed out.
 *
 * @throws {TapeError} code `io`
 */
export async function* fileBlocks(
  path: string,
  size: number,
  maxLineBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(path);
  let [next, other] = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)];

  /** The whole lines that start at `from`. */
  const read = async (from: number): Promise<Uint8Array> => {
    for (;;) {
      const length = Math.min(next.length, size - from);
      const bytesRead = await readAt(path, file, next, from, length);
      const lines = next.subarray(0, next.subarray(0, bytesRead).lastIndexOf(LF) + 1);
      if (lines.length > 0 || bytesRead < next.length || next.length > maxLineBytes) return lines;
      next = new Uint8Array(next.length * 4);
    }
  };

  let ahead = read(0);
  try {
    for (let at = 0;;) {
      const block = await ahead;
      if (block.length === 0) return;
      signal.throwIfAborted();
      at += block.length;
      [next, other] = [other, next];
      ahead = read(at);
      yield block;
    }
  } finally {
    await ahead.catch(() => {});
    await file.close();
  }
}

async function open(path: string): Promise<fs.FileHandle> {
  try {
    return await fs.open(path);
  } catch (error) {
    throw ioError(`Cannot read ${path}`, error);
  }
}

/** Reads until `length` bytes are there, or the file ends; gives how many are. */
async function readAt(
  path: string,
  file: fs.FileHandle,
  memory: Uint8Array,
  position: number,
  length: number,
): Promise<number> {
  let filled = 0;
  try {
    while (filled < length) {
      const { bytesRead } = await file.read(memory, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (error) {
    throw ioError(`Cannot read ${path} at byte ${position}`, error);
  }
  return filled;
}
