import { checkOptions, checkPath, type OptionNames } from "../../arguments.ts";
import { constants } from "node:fs";
import { dirname } from "node:path";
import { coalesce } from "../../bytes/bytes.ts";
import { printable, TapeError, type TapeErrorCode } from "../../errors.ts";
import { codeOf, ioError } from "./file-error.ts";
import { fateOf } from "./file-fate.ts";
import { makeFolder, syncFolder } from "./file-folder.ts";
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

const OPTIONS: OptionNames<FileSinkOptions> = { mode: true };

/**
 * A sink that appends to a file. A write that fails half-way is cut back to its last whole line, so that no line is left
 * torn and none is taken back that may have been read. The file gets mode 0600, folders that have to be made 0700; a
 * symbolic link is refused. Only one sink at a time holds a file, in any process; `{path}.lock` says which.
 *
 * A file that somebody deletes, moves away, replaces, cuts back or adds to while it is written fails the next write that
 * comes a quarter of a second later, and the closing at the latest. Nothing is written over, and no hole arises.
 *
 * Closing it syncs the file and its folder. A sync that fails is final: no later one of this sink succeeds. It leaves
 * `{path}.unproven`, and the next sink writes anew what is in doubt before a sync of its own counts.
 *
 * @throws {TapeError} in the stream: code `locked`, `io`, `invalid_argument` (it exists, or is no regular file),
 * `tape_not_found` (also while it is written: it was deleted or moved), `invalid_tape` (it was changed by somebody else)
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
  checkPath("write a file", "path", path);
  checkOptions(`write ${printable(path, 4096)}`, options, OPTIONS);
  return fileSinkIn(systemFiles, path, options);
}

/** As {@linkcode fileSink}, in files of any kind. */
export function fileSinkIn(files: FileSystem, path: string, options: FileSinkOptions): TapeSink {
  return new TapeSink(new FileSinkSpec(files, path, options.mode));
}

/** A file is looked at no more often than this, in milliseconds: what others did to it is rare, and a look is a system call. */
const LOOK_MS = 250;

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
  #lookedAt = 0;
  /** One more at the start of each write and at its end: odd while one is under way. */
  #writes = 0;
  /** Why this is no longer the file that it was, or not this sink's. */
  #astray: TapeError | undefined;
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
      this.#writer = await this.#files.placedWriter(this.#path, this.#file, true);
      this.#offset = stat.size;
      this.#lookedAt = this.#files.now();
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
    const { O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
    const create = this.#mode === "append" ? 0 : this.#mode === "create" ? O_CREAT | O_EXCL : O_CREAT;
    return this.#files.open(this.#path, O_RDWR | O_APPEND | O_NOFOLLOW | create, 0o600);
  }

  async check(): Promise<void> {
    const file = this.#handle();
    this.#lookedAt = this.#files.now();
    const why = await this.#whyAstray(file);
    if (why === undefined) return;
    const [code, what] = why;
    const message = `Cannot write ${printable(this.#path, 4096)} at byte ${this.#offset}: ${what}`;
    this.#astray ??= new TapeError(code, message, { offset: this.#offset });
    throw this.#astray;
  }

  /** What somebody else did to the file; undefined if it is as this sink has left it, or nobody can tell. */
  async #whyAstray(file: FileHandle): Promise<readonly [TapeErrorCode, string] | undefined> {
    const [offset, writes] = [this.#offset, this.#writes];
    const fate = await fateOf(this.#files, this.#path, file);
    if (fate === "deleted") return ["tape_not_found", "it was deleted or moved away"];
    if (fate === "replaced") return ["invalid_tape", "it was replaced by another file"];
    // While it is written nobody can tell what its size should be.
    if (typeof fate === "number" && writes % 2 === 0 && writes === this.#writes) {
      if (fate < offset) return ["invalid_tape", `somebody has cut it to ${fate} bytes`];
      if (fate > offset && !this.#torn) return ["invalid_tape", `somebody else has written to it (${fate} bytes)`];
    }
    return await this.#lock!.isHeld() ? undefined : ["locked", "another process has taken its lock"];
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const file = this.#handle();
    if (Math.abs(this.#files.now() - this.#lookedAt) >= LOOK_MS) await this.check();
    this.#writes++;
    try {
      await this.#write(file, chunks);
    } finally {
      this.#writes++;
    }
  }

  async #write(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
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
    const file = this.#handle();
    try {
      await file.truncate(offset);
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
      if (this.#isInDoubt) await rewrite(this.#files, this.#path, this.#provenUpTo, end);
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
      await this.check();
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
    if (this.#astray !== undefined) throw this.#astray;
    return this.#file;
  }

  async #cutBack(file: FileHandle): Promise<void> {
    // Where somebody has cut it further back, this would make a hole.
    if ((await file.stat()).size > this.#offset) await file.truncate(this.#offset);
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
