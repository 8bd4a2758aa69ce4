import { type Deferred, deferred } from "../../deferred.ts";
import type { FileSystem } from "../../sinks/file/file-system.ts";

/** How often to look for more when no notification came, in milliseconds. */
const POLL_MS = 250;

/**
 * The watches of this process, one for each file however many follow it: a watch is a resource of the system, and a
 * write shall cost it one notification.
 */
const watches = new WeakMap<FileSystem, Map<string, FileWatch>>();

/** Tells a follower when its file may have changed: at once where the system says so, and now and then in any case. */
export class FileChanges {
  readonly #files: FileSystem;
  readonly #path: string;
  #watch: FileWatch | undefined;
  #change: Deferred<void> | undefined;
  #isClosed = false;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Settles at the next hint after this call. Look at the file after calling, and wait only if nothing was new. */
  next(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#watch ??= FileWatch.join(this.#files, this.#path, this.wake);
    return (this.#change ??= deferred()).promise;
  }

  /** Wakes whoever waits, for the last time. */
  close(): void {
    this.#isClosed = true;
    this.#watch?.leave(this.wake);
    this.#watch = undefined;
    this.wake();
  }

  /** Lets whoever waits look. */
  readonly wake = (): void => {
    const change = this.#change;
    this.#change = undefined;
    change?.resolve();
  };
}

/** The watch of one file, and those who follow it. */
class FileWatch {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  readonly #stopPolling: () => void;
  #stopWatching: (() => void) | undefined;

  private constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
    this.#stopPolling = files.every(POLL_MS, () => this.#poll());
    this.#watch();
  }

  static join(files: FileSystem, path: string, listener: () => void): FileWatch {
    let ofFiles = watches.get(files);
    if (ofFiles === undefined) watches.set(files, ofFiles = new Map());
    let shared = ofFiles.get(path);
    if (shared === undefined) ofFiles.set(path, shared = new FileWatch(files, path));
    shared.#listeners.add(listener);
    return shared;
  }

  leave(listener: () => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#stopPolling();
    this.#stopWatching?.();
    watches.get(this.#files)?.delete(this.#path);
  }

  #watch(): void {
    try {
      this.#stopWatching = this.#files.watch(this.#path, () => this.#hint());
    } catch {
      // Not watchable: there is no such file yet, or no more watches are to be had. The timer tries again.
    }
  }

  #poll(): void {
    if (this.#stopWatching === undefined) this.#watch();
    this.#hint();
  }

  #hint(): void {
    for (const listener of this.#listeners) listener();
  }
}
