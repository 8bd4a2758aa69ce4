import { type FSWatcher, watch } from "node:fs";
import { type Deferred, deferred } from "../deferred.ts";

/** How often to look for more when no notification came, in milliseconds. */
const POLL_MS = 250;

/**
 * The watches of this process, one for each file however many follow it: a watch is a resource of the system, and a
 * write shall cost it one notification.
 */
const watches = new Map<string, FileWatch>();

/** Tells a follower when its file may have changed: at once where the system says so, and now and then in any case. */
export class FileChanges {
  readonly #path: string;
  #watch: FileWatch | undefined;
  #change: Deferred<void> | undefined;
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Settles at the next hint after this call. Look at the file after calling, and wait only if nothing was new. */
  next(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#watch ??= FileWatch.join(this.#path, this.#hint);
    return (this.#change ??= deferred()).promise;
  }

  /** Wakes whoever waits, for the last time. */
  close(): void {
    this.#isClosed = true;
    this.#watch?.leave(this.#hint);
    this.#watch = undefined;
    this.#hint();
  }

  readonly #hint = (): void => {
    const change = this.#change;
    this.#change = undefined;
    change?.resolve();
  };
}

/** The watch of one file, and those who follow it. */
class FileWatch {
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #watcher: FSWatcher | undefined;

  private constructor(path: string) {
    this.#path = path;
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
    this.#watch();
  }

  static join(path: string, listener: () => void): FileWatch {
    let shared = watches.get(path);
    if (shared === undefined) {
      shared = new FileWatch(path);
      watches.set(path, shared);
    }
    shared.#listeners.add(listener);
    return shared;
  }

  leave(listener: () => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#watcher?.close();
    watches.delete(this.#path);
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#path, () => this.#hint());
      // A watch that breaks leaves the timer.
      this.#watcher.on("error", () => {});
    } catch {
      // Not watchable: there is no such file yet, or no more watches are to be had. The timer tries again.
    }
  }

  #poll(): void {
    if (this.#watcher === undefined) this.#watch();
    this.#hint();
  }

  #hint(): void {
    for (const listener of this.#listeners) listener();
  }
}
