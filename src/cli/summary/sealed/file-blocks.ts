import * as fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { ioError } from "../../../sinks/file/file-error.ts";

/** Two of them fit into what a processor keeps close at hand: larger ones take five times as long to read and look at. */
const BLOCK_BYTES = 128 * 1024;
/** After so many blocks, which takes some milliseconds, signals and timers get their turn. */
const BLOCKS_A_TURN = 32;
const LF = 0x0a;

/**
 * The first `size` bytes of a file, in blocks of whole lines. A block is only lent, until the next one is asked for. What
 * stands behind the last line end, and from a line on that is longer than `maxLineBytes`, is not handed out.
 *
 * Reading waits for the disk, which reads ahead by itself: to have each block read by another thread takes longer than to
 * read it.
 *
 * @throws {TapeError} code `io`
 */
export async function* fileBlocks(
  path: string,
  size: number,
  maxLineBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let memory = new Uint8Array(BLOCK_BYTES);
  const file = attempt(`Cannot read ${path}`, () => fs.openSync(path, "r"));
  try {
    for (let at = 0, turn = 1;; turn++) {
      if (turn % BLOCKS_A_TURN === 0) await setImmediate();
      signal.throwIfAborted();
      const length = Math.min(memory.length, size - at);
      const bytesRead = attempt(`Cannot read ${path} at byte ${at}`, () => readFully(file, memory, length, at));
      const lines = memory.subarray(0, memory.subarray(0, bytesRead).lastIndexOf(LF) + 1);
      if (lines.length > 0) {
        at += lines.length;
        yield lines;
      } else if (bytesRead < memory.length || memory.length > maxLineBytes) return;
      else memory = new Uint8Array(memory.length * 4);
    }
  } finally {
    fs.closeSync(file);
  }
}

/** Reads until `length` bytes are there, or the file ends; gives how many are. */
function readFully(file: number, memory: Uint8Array, length: number, position: number): number {
  let filled = 0;
  while (filled < length) {
    const bytesRead = fs.readSync(file, memory, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

function attempt<T>(cannot: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw ioError(cannot, error);
  }
}
