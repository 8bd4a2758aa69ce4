import { deferred } from "../../deferred.ts";
import { isTapeError } from "../../errors.ts";
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
  readonly #checkTape: () => Promise<void>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #putting: Promise<void> = Promise.resolve();

  /** @param checkTape rejects where the tape is not there any more: then its metadata are not to be put either */
  constructor(
    store: TapeStore,
    key: string,
    intervalMs: number,
    current: () => TapeMetadata,
    checkTape: () => Promise<void>,
  ) {
    this.#store = store;
    this.#key = key;
    this.#intervalMs = intervalMs;
    this.#current = current;
    this.#checkTape = checkTape;
  }

  /** Something changed: puts the metadata within the interval. */
  touch(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#checkTape().then(() => this.put()).catch(() => {});
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

  /**
   * Puts it one last time.
   *
   * @param failure why the tape could not be ended as it should be. The metadata of one that is gone are corrected where
   * they still stand, and not made anew; those of one that another writer has taken are the other's
   */
  async close(failure?: unknown): Promise<void> {
    this.stop();
    if (isTapeError(failure, "locked")) return;
    if (isTapeError(failure, "tape_not_found") && await this.#store.get(this.#key) === undefined) return;
    await this.put();
  }

  /** Puts nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
