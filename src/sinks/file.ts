import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import { coalesce } from "../bytes.ts";
import { printable, TapeError } from "../errors.ts";
import { codeOf, FileLock } from "./file-lock.ts";
import { TapeSink, type TapeSinkSpec } from "./sink.ts";
import { type PlacedWriter, placedWriter } from "./placed-writer.ts";

/** Options of {@linkcode fileSink}. */
export interface FileSinkOptions {
  /**
   * `create` makes a new file and refuses to touch an old one; `append` goes on with one and refuses to make it; without
   * a mode it does whichever fits.
   */
  readonly mode?: "create" | "append" | undefined;
}

/**
 * A sink that appends to a file. A write is all or nothing: one that fails half-way is cut back to where it began, so
 * that no line is left torn. The file gets mode 0600, folders that have to be made 0700; a symbolic link is refused.
 * Only one sink at a time holds a file, in any process; `{path}.lock` says which.
 *
 * Closing it syncs the file and its folder.
 *
 * @throws {TapeError} in the stream: code `locked`, `io`, `invalid_argument` (it exists, or is no regular file),
 * `tape_not_found`
 *
 * @example
 * ```ts
 * import { encodeRecord, pipe } from "tapeline";
 * import { fileSink } from "tapeline/file";
 *
 * const log = { type: "log" as const, ts: 0, stream: "stderr", text: "ready" };
 * await pipe([log], encodeRecord(), fileSink("/tmp/tapeline-doc/notes.jsonl"));
 * ```
 */
export function fileSink(path: string, options: FileSinkOptions = {}): TapeSink {
  return new TapeSink(new FileSinkSpec(path, options.mode));
}

class FileSinkSpec implements TapeSinkSpec {
  readonly #path: string;
  readonly #mode: "create" | "append" | undefined;
  #file: fs.FileHandle | undefined;
  #writer: PlacedWriter | undefined;
  #lock: FileLock | undefined;
  #offset = 0;
  #created = false;
  /** A failed write left bytes behind the offset that could not be cut off yet. */
  #torn = false;
  #syncFailure: TapeError | undefined;

  constructor(path: string, mode: "create" | "append" | undefined) {
    this.#path = path;
    this.#mode = mode;
  }

  get offset(): number {
    return this.#offset;
  }

  async open(): Promise<void> {
    const name = printable(this.#path, 4096);
    try {
      if (this.#mode === "append") await fs.lstat(this.#path);
      else await makeFolder(dirname(this.#path));
      this.#lock = await FileLock.acquire(`${this.#path}.lock`, name);
      this.#file = await this.#openFile();
      const stat = await this.#file.stat();
      if (!stat.isFile()) throw new TapeError("invalid_argument", `Cannot write ${name}: it is not a regular file`);
      this.#writer = await placedWriter(this.#path, this.#file);
      this.#offset = stat.size;
      this.#created = stat.size === 0;
    } catch (error) {
      await this.#letGo();
      if (error instanceof TapeError) throw error;
      const code = codeOf(error);
      if (code === "ENOENT" && this.#mode === "append") {
        throw new TapeError("tape_not_found", `Cannot append to ${name}: there is no such tape`, { cause: error });
      }
      if (code === "EEXIST" && this.#mode === "create") {
        throw new TapeError("invalid_argument", `Cannot create ${name}: it exists already`, { cause: error });
      }
      if (code === "ELOOP") {
        throw new TapeError("invalid_argument", `Cannot write ${name}: it is a symbolic link`, { cause: error });
      }
      throw ioError(`Cannot open ${name} for writing`, error);
    }
  }

  #openFile(): Promise<fs.FileHandle> {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
    const create = this.#mode === "append" ? 0 : this.#mode === "create" ? O_CREAT | O_EXCL : O_CREAT;
    return fs.open(this.#path, O_RDWR | O_NOFOLLOW | create, 0o600);
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const file = this.#handle();
    let at = this.#offset;
    try {
      if (this.#torn) await this.#cutBack(file);
      for (const piece of coalesce(chunks)) {
        for (let done = 0; done < piece.length;) {
          const count = await this.#writer!.writeAt(piece.subarray(done), at);
          // On a full disk a short count comes first, and the error with the next try.
          if (count === 0) throw new Error("the system wrote nothing");
          done += count;
          at += count;
        }
      }
      this.#offset = at;
    } catch (error) {
      this.#torn = true;
      // If it cannot be cut back now, the next write tries again before it writes anything.
      await this.#cutBack(file).catch(() => {});
      throw ioError(`Cannot write ${printable(this.#path, 4096)} at byte ${this.#offset}`, error);
    }
  }

  async truncate(offset: number): Promise<void> {
    try {
      await this.#handle().truncate(offset);
      this.#offset = offset;
    } catch (error) {
      throw ioError(`Cannot cut ${printable(this.#path, 4096)} back to ${offset} bytes`, error);
    }
  }

  async sync(): Promise<void> {
    // After a failed sync the system has forgotten which bytes it lost; a second one would succeed and lie.
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    try {
      await this.#handle().datasync();
      if (this.#created) await syncFolder(dirname(this.#path));
      this.#created = false;
    } catch (error) {
      this.#syncFailure = ioError(`Cannot sync ${printable(this.#path, 4096)}`, error);
      throw this.#syncFailure;
    }
  }

  async close(): Promise<void> {
    try {
      if (this.#torn) await this.#cutBack(this.#handle());
      await this.sync();
    } finally {
      await this.#letGo();
    }
  }

  async abort(): Promise<void> {
    await this.#letGo();
  }

  #handle(): fs.FileHandle {
    if (this.#file === undefined) {
      throw new TapeError("closed", `Cannot write ${printable(this.#path, 4096)}: the sink is closed`);
    }
    return this.#file;
  }

  async #cutBack(file: fs.FileHandle): Promise<void> {
    await file.truncate(this.#offset);
    this.#torn = false;
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    const lock = this.#lock;
    this.#writer?.close();
    this.#writer = undefined;
    this.#file = undefined;
    this.#lock = undefined;
    try {
      await file?.close();
    } finally {
      await lock?.release();
    }
  }
}

/** Makes a folder that is not there yet, and those above it, for their owner only. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (error) {
    throw ioError(`Cannot make the folder ${printable(path, 4096)}`, error);
  }
}

/** Not `recursive: true`: where a folder says ENOENT although it is there, as `/proc` does, Node would try for ever. */
async function makeFolders(path: string, isLastTry = false): Promise<void> {
  try {
    await fs.mkdir(path, 0o700);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST" && (await fs.stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || isLastTry) throw error;
    await makeFolders(dirname(path));
    await makeFolders(path, true);
  }
}

/** Makes sure that a new file's name survives a power loss; where folders cannot be synced, nothing more can be done. */
export async function syncFolder(path: string): Promise<void> {
  let folder: fs.FileHandle;
  try {
    folder = await fs.open(path, constants.O_RDONLY);
  } catch {
    return;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** An error of the file system as a {@linkcode TapeError}. */
export function ioError(what: string, cause: unknown): TapeError {
  if (cause instanceof TapeError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TapeError("io", `${what}: ${printable(message, 400)}`, { cause });
}
