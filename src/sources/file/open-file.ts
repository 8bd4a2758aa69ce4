import { printable, TapeError } from "../../errors.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import { codeOf, ioError } from "../../sinks/file/file-error.ts";
import { fateOf } from "../../sinks/file/file-fate.ts";
import type { FileHandle } from "../../sinks/file/file-handle.ts";
import { type FileSystem, READ_AT_ONCE } from "../../sinks/file/file-system.ts";

/** A file that is opened when it is first read, and closed at its end. */
export class OpenFile {
  readonly path: string;
  readonly #files: FileSystem;
  #file: Promise<FileHandle> | undefined;
  #closed = false;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.path = path;
  }

  /**
   * Up to `length` bytes from `position` on; undefined when there are none.
   *
   * @param block to read into, `length` bytes of it. A fresh one by default: lines are views into it, and live as long as
   * their reader likes
   */
  async read(
    position: number,
    length: number,
    block: Bytes = new Uint8Array(length),
  ): Promise<Bytes | undefined> {
    try {
      const file = await (this.#file ??= this.#files.open(this.path, READ_AT_ONCE));
      const { bytesRead, buffer } = await file.read(block, 0, length, position);
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    } catch (error) {
      const name = printable(this.path, 4096);
      if (codeOf(error) === "ENOENT") {
        throw new TapeError("tape_not_found", `Cannot read ${name}: there is no such tape`, { cause: error });
      }
      throw ioError(`Cannot read ${name} at byte ${position}`, error);
    } finally {
      if (this.#closed) await this.close();
    }
  }

  /** What became of the file that is read. */
  async fate(): ReturnType<typeof fateOf> {
    return await fateOf(this.#files, this.path, await this.#file);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const file = this.#file;
    this.#file = undefined;
    // One that could not be opened has been told of.
    await (await file?.catch(() => undefined))?.close();
  }
}
