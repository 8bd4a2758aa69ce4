import type { Bytes } from "../../bytes/bytes.ts";
import type { FileSystem } from "../../sinks/file/file-system.ts";
import type { TapeBytes } from "../tape-source.ts";
import { FileChanges } from "./file-changes.ts";
import { OpenFile } from "./open-file.ts";

/** A file that is read while it grows. */
export class FollowedFile implements TapeBytes {
  readonly #file: OpenFile;
  readonly #changes: FileChanges;
  /** To read into: what comes at the end of a file is mostly small, and is copied out. */
  #block: Bytes | undefined;

  constructor(files: FileSystem, path: string) {
    this.#file = new OpenFile(files, path);
    this.#changes = new FileChanges(files, path);
  }

  async read(offset: number, length: number): Promise<Bytes | undefined> {
    const block = this.#block?.length === length ? this.#block : new Uint8Array(length);
    this.#block = undefined;
    const read = await this.#file.read(offset, length, block);
    if (read !== undefined && 2 * read.length > length) return read;
    this.#block = block;
    return read?.slice();
  }

  fate(): ReturnType<OpenFile["fate"]> {
    return this.#file.fate();
  }

  changed(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", this.#changes.wake, { once: true });
    return this.#changes.next();
  }

  async close(): Promise<void> {
    this.#changes.close();
    await this.#file.close();
  }
}
