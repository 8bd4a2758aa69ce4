import { deferred } from "../../deferred.ts";
import { isTapeError } from "../../errors.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";

/**
 * The metadata beside a tape that is being written: put anew a while after something changed, so that lists show how far
 * a recording has come. It is a hint: if it cannot be put now, the next change tries again.
 */
export class MetadataFile {
  readonly #store: TapeStore;
  readonly #keys: ReturnType<typeof tapeKeys>;
  readonly #intervalMs: number;
  readonly #current: () => TapeMetadata;
  readonly #checkTape: () => Promise<void>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last: Promise<void> = Promise.resolve();

  /** @param checkTape rejects where the tape is not there any more: then its metadata are not to be put either */
  constructor(
    store: TapeStore,
    tapeId: string,
    intervalMs: number,
    current: () => TapeMetadata,
    checkTape: () => Promise<void>,
  ) {
    this.#store = store;
    this.#keys = tapeKeys(tapeId);
    this.#intervalMs = intervalMs;
    this.#current = current;
    this.#checkTape = checkTape;
  }

  /** Something changed: puts the metadata within the interval. */
  touch(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#next(async () => {
        await this.#checkTape();
        await this.#put();
      }).catch(() => {});
    }, this.#intervalMs);
    // A recording that was forgotten does not keep its process alive for this.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Puts the metadata as it is now. */
  async put(): Promise<void> {
    await this.#next(() => this.#put());
  }

  /**
   * Puts it one last time.
   *
   * @param failure why the tape could not be ended as it should be: beside one that is gone nothing is put, and where
   * another writer has taken it, the metadata are the other's
   */
  async close(failure?: unknown): Promise<void> {
    await this.stop();
    if (isTapeError(failure, "locked") || isTapeError(failure, "tape_not_found")) return;
    await this.put();
  }

  /** Puts nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#last;
  }

  /** Does this when all before it is done. */
  async #next(work: () => Promise<void>): Promise<void> {
    const previous = this.#last;
    const mine = deferred();
    this.#last = mine.promise;
    await previous;
    try {
      await work();
    } finally {
      mine.resolve();
    }
  }

  async #put(): Promise<void> {
    const { meta, tape } = this.#keys;
    await this.#store.put(meta, new TextEncoder().encode(`${JSON.stringify(this.#current(), null, 2)}\n`));
    // Whoever deleted the tape meanwhile may have deleted its metadata before they were put.
    const isGone = await this.#store.size(tape).then((size) => size === undefined, () => false);
    if (isGone) await this.#store.delete(meta);
  }
}
