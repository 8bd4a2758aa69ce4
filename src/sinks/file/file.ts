import { constants } from "node:fs";
import { dirname } from "node:path";
import { coalesce } from "../../lines/bytes.ts";
import { printable, TapeError } from "../../errors.ts";
import { codeOf, ioError } from "./file-error.ts";
import { FileLock } from "./file-lock.ts";
import { markOf, rewrite, UnprovenMark } from "./file-proof.ts";
import { type FileSystem, systemFiles } from "./file-system.ts";
import type { FileHandle } from "./file-handle.ts";
import type { PlacedWriter } from "./placed-writer.ts";
import { TapeSink, type TapeSinkSpec } from "../../streams/sink.ts";

/** Options of {@linkcode fileSink}. */
export interface FileSinkOptions {
  /**
   * `create` makes a new file and refuses to touch an old one; `append` goes on with one and refuses to make it; without
   * a mode it does whichever fits.
   */
  readonly mode?: "create" | "append" | undefined;
}

/**
 * A sink that appends to a file. A write that fails half-way is cut back to its last whole line, so that no line is left
 * torn and none is taken back that may have been read. The file gets mode 0600, folders that have to be made 0700; a
 * symbolic link is refused. Only one sink at a time holds a file, in any process; `{path}.lock` says which.
 *
 * Closing it syncs the file and its folder. A sync that fails is final: no later one of this sink succeeds. It leaves
 * `{path}.unproven`, and the next sink writes anew what is in doubt before a sync of its own counts.
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
  return fileSinkIn(systemFiles, path, options);
}

/** As {@linkcode fileSink}, in files of any kind. */
export function fileSinkIn(files: FileSystem, path: string, options: FileSinkOptions): TapeSink {
  return new TapeSink(new FileSinkSpec(files, path, options.mode));
}

class FileSinkSpec implements TapeSinkSpec {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #mode: "create" | "append" | undefined;
  #file: FileHandle | undefined;
  #writer: PlacedWriter | undefined;
  #lock: FileLock | undefined;
  #offset = 0;
  /** Whether the file's name would survive a power loss. */
  #isNameSynced = false;
  /** A failed write left bytes behind the offset that could not be cut off yet. */
  #torn = false;
  #syncFailure: TapeError | undefined;
  readonly #mark: UnprovenMark;
  /** What stands behind this offset was never proven to be on the disk. */
  #provenUpTo = 0;
  /** An earlier handle failed to sync: what it left has to be written anew before a sync of this one counts. */
  #isInDoubt = false;
  /** There was no room for the mark of a failed sync. The lock takes its place in the end: it is there already. */
  #isMarkMissing = false;

  constructor(files: FileSystem, path: string, mode: "create" | "append" | undefined) {
    this.#files = files;
    this.#path = path;
    this.#mode = mode;
    this.#mark = new UnprovenMark(files, path);
  }

  get offset(): number {
    return this.#offset;
  }

  async open(): Promise<void> {
    const name = printable(this.#path, 4096);
    let made = false;
    try {
      if (this.#mode === "append") await this.#files.lstat(this.#path);
      else await makeFolder(this.#files, dirname(this.#path));
      this.#lock = await FileLock.acquire(`${this.#path}.lock`, name, this.#files);
      this.#file = await this.#openFile();
      made = this.#mode === "create";
      const stat = await this.#file.stat();
      if (!stat.isFile()) throw new TapeError("invalid_argument", `Cannot write ${name}: it is not a regular file`);
      this.#writer = await this.#files.placedWriter(this.#path, this.#file);
      this.#offset = stat.size;
      const unproven = await this.#mark.read();
      this.#isInDoubt = unproven !== undefined;
      this.#provenUpTo = Math.min(unproven ?? 0, stat.size);
    } catch (error) {
      // It would stand in the way of the next try.
      if (made) await this.#files.unlink(this.#path).catch(() => {});
      await this.#letGo().catch(() => {});
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

  #openFile(): Promise<FileHandle> {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
    const create = this.#mode === "append" ? 0 : this.#mode === "create" ? O_CREAT | O_EXCL : O_CREAT;
    return this.#files.open(this.#path, O_RDWR | O_NOFOLLOW | create, 0o600);
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const file = this.#handle();
    const start = this.#offset;
    let at = start;
    try {
      if (this.#torn) await this.#cutBack(file);
    } catch (error) {
      throw this.#writeError(start, error);
    }
    try {
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
      // Deno fails after it has written a part, and does not say how much that was.
      const size = await file.stat().then((stat) => stat.size, () => at);
      // Whole lines may have been read by now: they stay.
      this.#offset += lengthOfLines(chunks, size - start);
      // If it cannot be cut back now, the next write tries again before it writes anything.
      await this.#cutBack(file).catch(() => {});
      throw this.#writeError(start, error);
    }
  }

  #writeError(offset: number, cause: unknown): TapeError {
    return ioError(`Cannot write ${printable(this.#path, 4096)} at byte ${offset}`, cause);
  }

  async truncate(offset: number): Promise<void> {
    try {
      await this.#handle().truncate(offset);
      this.#offset = offset;
      this.#provenUpTo = Math.min(this.#provenUpTo, offset);
    } catch (error) {
      throw ioError(`Cannot cut ${printable(this.#path, 4096)} back to ${offset} bytes`, error);
    }
  }

  async sync(): Promise<void> {
    // After a failed sync the system has forgotten which bytes it lost; a second one would succeed and lie.
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    const file = this.#handle();
    const end = this.#offset;
    try {
      if (this.#isInDoubt) await rewrite(file, this.#writer!, this.#provenUpTo, end);
      await file.datasync();
      if (!this.#isNameSynced) await this.#syncName();
    } catch (error) {
      this.#syncFailure = ioError(`Cannot sync ${printable(this.#path, 4096)}`, error);
      await this.#mark.leave(this.#provenUpTo).catch(() => this.#isMarkMissing = true);
      throw this.#syncFailure;
    }
    if (this.#isInDoubt) await this.#mark.remove();
    this.#isInDoubt = false;
    this.#isNameSynced = true;
    this.#provenUpTo = end;
  }

  /** Whoever made the file, or its folder, may have been killed before the name was synced. */
  async #syncName(): Promise<void> {
    const folder = dirname(this.#path);
    await syncFolder(this.#files, folder);
    await syncFolder(this.#files, dirname(folder));
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

  #handle(): FileHandle {
    if (this.#file === undefined) {
      throw new TapeError("closed", `Cannot write ${printable(this.#path, 4096)}: the sink is closed`);
    }
    return this.#file;
  }

  async #cutBack(file: FileHandle): Promise<void> {
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
    } catch (error) {
      throw ioError(`Cannot close ${printable(this.#path, 4096)}`, error);
    } finally {
      await lock?.release(this.#isMarkMissing ? markOf(this.#path) : undefined);
    }
  }
}

const LF = 0x0a;

/** How much of the first `length` bytes of these chunks is whole lines. */
function lengthOfLines(chunks: readonly Uint8Array[], length: number): number {
  let lines = 0;
  let at = 0;
  for (const chunk of chunks) {
    const end = chunk.subarray(0, Math.max(0, length - at)).lastIndexOf(LF) + 1;
    if (end > 0) lines = at + end;
    at += chunk.length;
  }
  return lines;
}

/** Makes a folder that is not there yet, and those above it, for their owner only. */
export async function makeFolder(files: FileSystem, path: string): Promise<void> {
  try {
    await makeFolders(files, path);
  } catch (error) {
    throw ioError(`Cannot make the folder ${printable(path, 4096)}`, error);
  }
}

/** Not `recursive: true`: where a folder says ENOENT although it is there, as `/proc` does, Node would try for ever. */
async function makeFolders(files: FileSystem, path: string, isLastTry = false): Promise<void> {
  try {
    await files.mkdir(path, 0o700);
    await syncFolder(files, dirname(path));
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST" && (await files.stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || isLastTry) throw error;
    await makeFolders(files, dirname(path));
    await makeFolders(files, path, true);
  }
}

/** How a file system says that it cannot sync folders at all. */
const NO_FOLDER_SYNC = ["EINVAL", "ENOTSUP", "EROFS"];
/** How opening a folder fails that could be synced some other time. */
const NOT_NOW = ["EIO", "EMFILE", "ENFILE", "ENOMEM"];

/** Makes sure that a new file's name survives a power loss; where folders cannot be synced, nothing more can be done. */
export async function syncFolder(files: FileSystem, path: string): Promise<void> {
  if (!files.mayRead(path)) return;
  let folder: FileHandle;
  try {
    folder = await files.open(path, constants.O_RDONLY);
  } catch (error) {
    if (NOT_NOW.includes(codeOf(error) ?? "")) throw error;
    return;
  }
  try {
    await folder.sync();
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes(codeOf(error) ?? "")) throw error;
  } finally {
    await folder.close();
  }
}
