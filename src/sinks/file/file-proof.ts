import { constants } from "node:fs";
import { codeOf } from "./file-error.ts";
import type { FileSystem } from "./file-system.ts";
import type { FileHandle } from "./file-handle.ts";
import type { PlacedWriter } from "./placed-writer.ts";

const BLOCK_BYTES = 256 * 1024;

/**
 * A mark beside a file whose sync has failed, with the offset from which on nobody knows what is on the disk. The system
 * reports such a failure once, forgets what it could not write, and calls the next sync a success. So whoever opens the
 * file next writes those bytes anew, before a sync of theirs counts.
 *
 * The mark itself need not survive a power loss: what was in doubt, the power loss has then decided.
 */
export class UnprovenMark {
  readonly #files: FileSystem;
  readonly #path: string;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = markOf(path);
  }

  /** The offset in the mark; undefined if there is no mark. */
  async read(): Promise<number | undefined> {
    try {
      // A mark that was not written to its end names an earlier offset, or none.
      return Number.parseInt(new TextDecoder().decode(await this.#files.readFile(this.#path)), 10) || 0;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Leaves a mark. */
  async leave(offset: number): Promise<void> {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants;
    const file = await this.#files.open(this.#path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(`${offset}\n`);
    } finally {
      await file.close();
    }
  }

  /** Takes the mark away. One that stays only makes the next writer write more than it must. */
  async remove(): Promise<void> {
    await this.#files.unlink(this.#path).catch(() => {});
  }
}

/** Where the mark of a file stands. */
export function markOf(path: string): string {
  return `${path}.unproven`;
}

/** Writes what stands from `start` to `end` once more, so that the next sync is about all of it. */
export async function rewrite(files: FileSystem, path: string, start: number, end: number): Promise<void> {
  const { O_RDWR, O_NOFOLLOW = 0 } = constants;
  const file = await files.open(path, O_RDWR | O_NOFOLLOW);
  try {
    const writer = await files.placedWriter(path, file, false);
    try {
      await copyOnto(file, writer, start, end);
    } finally {
      writer.close();
    }
  } finally {
    await file.close();
  }
}

async function copyOnto(file: FileHandle, writer: PlacedWriter, start: number, end: number): Promise<void> {
  for (let at = start; at < end;) {
    const length = Math.min(BLOCK_BYTES, end - at);
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, at);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${at}`);
    for (let done = 0; done < bytesRead;) {
      const count = await writer.writeAt(buffer.subarray(done, bytesRead), at + done);
      if (count === 0) throw new Error("the system wrote nothing");
      done += count;
    }
    at += bytesRead;
  }
}
