import { constants, watch } from "node:fs";
import * as fs from "node:fs/promises";
import type { Bytes } from "../../bytes/bytes.ts";
import type { FileHandle, FileStat } from "./file-handle.ts";
import { type LockHolder, mayLive, mayRead, thisProcess } from "./file-holder.ts";
import { type PlacedWriter, placedWriter } from "./placed-writer.ts";

/** To read a file with; a pipe that somebody has put in its place is not waited for. */
export const READ_AT_ONCE: number = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * All that tapes in files ask of the world around them: files, notifications, time, chance, and who is alive. The calls
 * are those of `node:fs/promises`. `test/simulation/` puts a world in its place where everything can go wrong.
 */
export interface FileSystem {
  /** @param flags of `node:fs`, such as `O_RDWR | O_CREAT` */
  open(path: string, flags: number, mode?: number): Promise<FileHandle>;
  /** Writes to an open file, at its end if so opened, while nobody else in the process has to wait. */
  placedWriter(path: string, file: FileHandle, isAppending: boolean): Promise<PlacedWriter>;
  readFile(path: string, options?: { readonly flag: number }): Promise<Bytes>;
  stat(path: string): Promise<FileStat>;
  lstat(path: string): Promise<FileStat>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, mode: number): Promise<unknown>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Whether that may be read without a question to the person at the terminal. */
  mayRead(path: string): boolean;
  /** Calls `onChange` when the file may have changed, until the answer is called. A watch that breaks falls silent. */
  watch(path: string, onChange: () => void): () => void;
  /** Calls `onTime` every so often, until the answer is called. */
  every(ms: number, onTime: () => void): () => void;
  /** Milliseconds since 1970. */
  now(): number;
  randomUuid(): string;
  /** This process, as the holder of a lock. */
  thisProcess(): Promise<Omit<LockHolder, "nonce">>;
  /** Whether the holder of a lock may still write. */
  mayLive(holder: LockHolder): Promise<boolean>;
}

/**
 * Opens a file under a number that all runtimes know. 0 is free for a moment when a recorder lets go of its input, and Bun
 * takes a file of that number for one that is closed. Then it is opened once more; the number stays taken.
 */
async function openFile(path: string, flags: number, mode?: number): Promise<FileHandle> {
  const file = await fs.open(path, flags, mode);
  const { O_CREAT, O_EXCL, O_TRUNC } = constants;
  return file.fd >= 0 ? file : await fs.open(path, flags & ~(O_CREAT | O_EXCL | O_TRUNC));
}

/** The files of this machine. */
export const systemFiles: FileSystem = {
  open: openFile,
  placedWriter,
  readFile: (path, options) => fs.readFile(path, options),
  stat: (path) => fs.stat(path),
  lstat: (path) => fs.lstat(path),
  readdir: (path) => fs.readdir(path),
  mkdir: fs.mkdir,
  rename: fs.rename,
  unlink: fs.unlink,
  mayRead,
  watch(path, onChange) {
    const watcher = watch(path, onChange);
    watcher.on("error", () => {});
    return () => watcher.close();
  },
  every(ms, onTime) {
    const timer = setInterval(onTime, ms);
    return () => clearInterval(timer);
  },
  now: () => Date.now(),
  randomUuid: () => crypto.randomUUID(),
  thisProcess,
  mayLive,
};
