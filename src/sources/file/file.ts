import { checkOptions, checkPath, type OptionNames } from "../../arguments.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import { printable } from "../../errors.ts";
import { type FileSystem, systemFiles } from "../../sinks/file/file-system.ts";
import { type OpenSourceOptions, type Source, source } from "../../streams/source.ts";
import { tapeReading } from "../tape-source.ts";
import { FollowedFile } from "./followed-file.ts";
import { PlainSource } from "./plain-source.ts";

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
  if (!follow) return source(new PlainSource(files, path, { ...options, blockBytes }));
  return tapeReading(path, new FollowedFile(files, path), { ...options, blockBytes, another: "another file" });
}
