import { checkOptions, checkPath, type OptionNames } from "../../arguments.ts";
import { constants } from "node:fs";
import type { Bytes } from "../../lines/bytes.ts";
import { printable, TapeError } from "../../errors.ts";
import { codeOf, ioError } from "../../sinks/file/file-error.ts";
import { fateOf } from "../../sinks/file/file-fate.ts";
import { type FileSystem, systemFiles } from "../../sinks/file/file-system.ts";
import type { FileHandle } from "../../sinks/file/file-handle.ts";
import type { OpenSourceOptions } from "../../streams/source.ts";
import { FileChanges } from "./file-changes.ts";
import { type Source, source } from "../../streams/source.ts";
import type { SourceSpec } from "../../streams/source-spec.ts";

/** Options of {@linkcode fileSource}. */
export interface FileSourceOptions extends OpenSourceOptions {
  /**
   * How much to read at a time, in bytes.
   *
   * @default {524288}
   */
  readonly blockBytes?: number | undefined;
}

/**
 * A read takes a tenth of a millisecond before its first byte comes, so a quarter of this is slower. Of blocks twice as
 * large Node holds twice as much memory at its peak.
 */
const BLOCK_BYTES = 512 * 1024;

/** At the end of a file, how much to read first: what was written since the last look is mostly small. */
const FOLLOW_BYTES = 16 * 1024;

/** A line that is longer than this is handed out in parts. */
const HELD_BYTES = 16 * 1024 * 1024;

const LF = 0x0a;

const OPTIONS: OptionNames<FileSourceOptions> = {
  start: true,
  end: true,
  follow: true,
  signal: true,
  blockBytes: true,
};

/**
 * The bytes of a file, from `start` up to `end`, in blocks of whole lines; with `follow` it then waits for more. The next
 * block is read while the last one is worked on, and no more than that. Reading takes no lock and never slows the writer.
 *
 * @throws {TapeError} in the stream: code `tape_not_found` or `io`; `invalid_tape` where it follows and the file is cut
 * back, or replaced by another
 *
 * @example Read a tape's records
 * ```ts
 * import { lineSplit, parseRecord, pipe } from "tapeline";
 * import { fileSource } from "tapeline/file";
 *
 * async function count(path: string): Promise<number> {
 *   let count = 0;
 *   for await (const record of pipe(fileSource(path), lineSplit(), parseRecord())) if (record.type === "frame") count++;
 *   return count;
 * }
 * console.log(typeof count);
 * ```
 */
export function fileSource(path: string, options: FileSourceOptions = {}): Source<Bytes> {
  checkPath("read a file", "path", path);
  return fileSourceIn(systemFiles, path, options);
}

/** As {@linkcode fileSource}, from files of any kind. */
export function fileSourceIn(files: FileSystem, path: string, options: FileSourceOptions): Source<Bytes> {
  checkOptions(`read ${printable(path, 4096)}`, options, OPTIONS);
  return source(new (options.follow === true ? FollowingSource : PlainSource)(files, path, options));
}

/** A file that is opened when it is first read, and closed at its end. */
class OpenFile {
  readonly path: string;
  readonly #files: FileSystem;
  #file: FileHandle | undefined;
  #closed = false;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.path = path;
  }

  /** Up to `length` bytes from `position` on; undefined when there are none. */
  async read(position: number, length: number): Promise<Bytes | undefined> {
    try {
      this.#file ??= await this.#files.open(this.path, constants.O_RDONLY);
      // A fresh block each time: lines are views into it, and live as long as their reader likes.
      const { bytesRead, buffer } = await this.#file.read(new Uint8Array(length), 0, length, position);
      return bytesRead === 0 ? undefined : bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
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
  fate(): ReturnType<typeof fateOf> {
    return fateOf(this.#files, this.path, this.#file);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

class PlainSource implements SourceSpec<Bytes> {
  readonly #file: OpenFile;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  #at: number;
  /** How much to read at once: more than a block where a line is longer than that. */
  #reach: number;
  #isOver = false;
  /** The read that is under way. */
  #ahead: Promise<Bytes | undefined> | undefined;

  constructor(
    files: FileSystem,
    path: string,
    { start = 0, end = Infinity, blockBytes = BLOCK_BYTES, signal }: FileSourceOptions,
  ) {
    this.#file = new OpenFile(files, path);
    this.#at = start;
    this.#end = end;
    this.#reach = blockBytes;
    this.#signal = signal;
  }

  async pull(): Promise<readonly Bytes[] | undefined> {
    try {
      this.#signal?.throwIfAborted();
      const block = await (this.#ahead ?? this.#next());
      if (block === undefined) {
        await this.#file.close();
        return undefined;
      }
      this.#at += block.length;
      this.#ahead = this.#next();
      // Whoever asks next gets the error; until then it is nobody's.
      this.#ahead.catch(() => {});
      return [block];
    } catch (error) {
      await this.#file.close();
      throw error;
    }
  }

  async cancel(): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#file.close();
  }

  /**
   * What to hand out next: whole lines. Of a last line that is not whole yet another may take the place, so all of it has to
   * be read at once.
   */
  async #next(): Promise<Bytes | undefined> {
    // A tape with one line longer than a block has more of them: what it took to read that one is read from then on.
    for (; !this.#isOver; this.#reach *= 4) {
      const length = Math.min(this.#reach, this.#end - this.#at);
      const block = length > 0 ? await this.#file.read(this.#at, length) : undefined;
      if (block === undefined) break;
      const end = this.#at + block.length;
      if (end >= this.#end) return block;
      const whole = block.lastIndexOf(LF) + 1;
      if (whole > 0) return block.subarray(0, whole);
      if (block.length < length && await this.#file.read(end, 1) === undefined) {
        this.#isOver = true;
        return block;
      }
      if (this.#reach >= HELD_BYTES) return block;
    }
    return undefined;
  }
}

class FollowingSource implements SourceSpec<Bytes> {
  readonly #file: OpenFile;
  readonly #end: number;
  readonly #blockBytes: number;
  readonly #signal: AbortSignal | undefined;
  readonly #changes: FileChanges;
  #at: number;
  #hasRead = false;
  /** How much to read at once: little at the end of the file, more than a block where a line is longer than that. */
  #reach: number;
  #stopped = false;

  constructor(
    files: FileSystem,
    path: string,
    { start = 0, end = Infinity, blockBytes = BLOCK_BYTES, signal }: FileSourceOptions,
  ) {
    this.#file = new OpenFile(files, path);
    this.#at = start;
    this.#end = end;
    this.#blockBytes = blockBytes;
    this.#reach = blockBytes;
    this.#signal = signal;
    this.#changes = new FileChanges(files, path);
    signal?.addEventListener("abort", this.#stop, { once: true });
  }

  async pull(): Promise<readonly Bytes[] | undefined> {
    try {
      for (let fate: Awaited<ReturnType<OpenFile["fate"]>> = "unknown"; !this.#stopped && !this.#signal?.aborted;) {
        const changed = this.#changes.next();
        const length = Math.min(this.#reach, this.#end - this.#at);
        const block = length > 0 ? await this.#file.read(this.#at, length) : undefined;
        // What stands behind the last line ending is read again when there is more: it may be cut off meanwhile.
        const whole = block === undefined
          ? 0
          : this.#at + block.length >= this.#end
          ? block.length
          : block.lastIndexOf(LF) + 1;
        if (block !== undefined && whole > 0) {
          this.#at += whole;
          this.#hasRead = true;
          this.#reach = block.length === length ? this.#blockBytes : Math.min(FOLLOW_BYTES, this.#blockBytes);
          return [block.subarray(0, whole)];
        }
        if (this.#at >= this.#end) break;
        if (block?.length === length) {
          this.#reach *= 2;
          continue;
        }
        if (fate === "deleted") break;
        if (fate === "replaced") throw this.#astray("it was replaced by another file");
        fate = await this.#file.fate();
        if (typeof fate === "number" && this.#hasRead && fate < this.#at) {
          throw this.#astray(`it was cut to ${fate} bytes`);
        }
        // What was written before it was deleted or replaced is still to be read.
        if (fate !== "deleted" && fate !== "replaced") await changed;
      }
      await this.cancel();
      return undefined;
    } catch (error) {
      await this.cancel();
      throw error;
    }
  }

  async cancel(): Promise<void> {
    this.#stop();
    this.#signal?.removeEventListener("abort", this.#stop);
    await this.#file.close();
  }

  #astray(what: string): TapeError {
    const name = printable(this.#file.path, 4096);
    return new TapeError("invalid_tape", `Cannot follow ${name} at byte ${this.#at}: ${what}`, { offset: this.#at });
  }

  readonly #stop = () => {
    this.#stopped = true;
    this.#changes.close();
  };
}
