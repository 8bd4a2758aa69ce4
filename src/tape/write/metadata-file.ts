import { deferred } from "../../deferred.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { TapeStore } from "../../stores/store.ts";

/**
 * The metadata beside a tape that is being written: put anew a while after something changed, so that lists show how far
 * a recording has come. It is a hint: if it cannot be put now, the next change tries again.
 */
export class MetadataFile {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #intervalMs: number;
  readonly #current: () => TapeMetadata;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #putting: Promise<void> = Promise.resolve();

  constructor(store: TapeStore, key: string, intervalMs: number, current: () => TapeMetadata) {
    this.#store = store;
    this.#key = key;
    this.#intervalMs = intervalMs;
    this.#current = current;
  }

  /** Something changed: puts the metadata within the interval. */
  touch(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.put().catch(() => {});
    }, this.#intervalMs);
    // A recording that was forgotten does not keep its process alive for this.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Puts the metadata as it is now. */
  async put(): Promise<void> {
    const previous = this.#putting;
    const mine = deferred();
    this.#putting = mine.promise;
    await previous;
    try {
      await this.#store.put(this.#key, new TextEncoder().encode(`${JSON.stringify(this.#current(), null, 2)}\n`));
    } finally {
      mine.resolve();
    }
  }

  /** Puts it one last time. */
  async close(): Promise<void> {
    this.stop();
    await this.put();
  }

  /** Puts nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
