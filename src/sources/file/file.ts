import { checkOptions, checkPath, type OptionNames } from "../../arguments.ts";
import type { Bytes } from "../../lines/bytes.ts";
import { printable, TapeError } from "../../errors.ts";
import { type FileSystem, systemFiles } from "../../sinks/file/file-system.ts";
import type { OpenSourceOptions } from "../../streams/source.ts";
import { FileChanges } from "./file-changes.ts";
import { OpenFile } from "./open-file.ts";
import { PlainSource } from "./plain-source.ts";
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
  const { blockBytes = BLOCK_BYTES, follow = false } = options;
  return source(new (follow ? FollowingSource : PlainSource)(files, path, { ...options, blockBytes }));
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
    { start = 0, end = Infinity, blockBytes, signal }: OpenSourceOptions & { readonly blockBytes: number },
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
