import { type Deferred, deferred } from "../../../src/deferred.ts";
import { TapeSink } from "../../../src/streams/sink.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import type { OpenSinkOptions } from "../../../src/streams/sink.ts";

/** What a test may do to the calls of a store: wait, count, or throw in their place. */
export interface Faults {
  /** Before each write to a tape. */
  write?: (chunks: readonly Uint8Array[]) => void | Promise<void>;
  sync?: () => void | Promise<void>;
  close?: () => void | Promise<void>;
  /** Before a small object is put. */
  put?: (key: string, bytes: Uint8Array) => void | Promise<void>;
}

/** A store whose calls can be made to fail and to wait. What is not made to do so goes to `inner`. */
export function faultyStore(faults: Faults, inner: TapeStore = memoryStore()): TapeStore {
  return {
    ...inner,
    async openSink(key: string, options?: OpenSinkOptions) {
      const sink = await inner.openSink(key, options);
      const faulty = new TapeSink({
        get offset() {
          return sink.offset;
        },
        open: () => Promise.resolve(),
        async write(chunks) {
          await faults.write?.(chunks);
          await sink.append(chunks);
        },
        async sync() {
          await faults.sync?.();
          await sink.sync();
        },
        check: () => sink.check(),
        truncate: (offset) => sink.truncate(offset),
        async close() {
          await faults.close?.();
          await sink.close();
        },
        abort: (reason) => sink.abort(reason),
      });
      await faulty.open();
      return faulty;
    },
    async put(key, bytes) {
      await faults.put?.(key, bytes);
      await inner.put(key, bytes);
    },
  };
}

/** A door that stands open until it is shut; whoever comes meanwhile waits before it. */
export class Gate {
  #closed: Deferred<void> | undefined;
  #waiting = 0;

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  shut(): void {
    this.#closed ??= deferred();
  }

  open(): void {
    this.#closed?.resolve();
    this.#closed = undefined;
  }

  async pass(): Promise<void> {
    if (this.#closed === undefined) return;
    this.#waiting++;
    await this.#closed.promise;
    this.#waiting--;
  }
}
