import type { TapeRecord } from "../../records/record.ts";
import type { TapeSink } from "../../streams/sink.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { RecordCounts } from "../verify/verify.ts";

/** What was done to a tape while it was copied. */
export interface CopyResult {
  /** Records that were left out, by type. */
  readonly dropped: Readonly<RecordCounts>;
  /** Lines that were left out because they are no records. */
  readonly unreadableLines: number;
  /** Bytes of all that was left out; they stand in `droppedKey`. */
  readonly droppedBytes: number;
  /** Where these bytes are kept; undefined where there are none. */
  readonly droppedKey: string | undefined;
  /** Frames that were put back in their order. */
  readonly movedFrames: number;
  /** Frames whose time was set right. */
  readonly retimedFrames: number;
  /** Frames that are missing, as gap records of the repair say. */
  readonly missingFrames: number;
  /** Checkpoints that were signed, and are written anew without it: only the signer could sign what stands there now. */
  readonly unsignedCheckpoints: number;
  /** Stretches of the damaged tape, from line to line, that were kept though no checksum vouches for them: the first 1000. */
  readonly unverified: readonly { readonly from: number; readonly to: number }[];
}

const NO_RECORDS: RecordCounts = { init: 0, frame: 0, correlation: 0, checkpoint: 0, gap: 0, log: 0, end: 0, other: 0 };

/** The result where nothing was to be done. */
export const NOTHING_DONE: CopyResult = {
  dropped: NO_RECORDS,
  unreadableLines: 0,
  droppedBytes: 0,
  droppedKey: undefined,
  movedFrames: 0,
  retimedFrames: 0,
  missingFrames: 0,
  unsignedCheckpoints: 0,
  unverified: [],
};

/** Counts what is done to a tape while it is copied, and keeps aside what is left out. */
export class CopyReport {
  movedFrames = 0;
  retimedFrames = 0;
  missingFrames = 0;
  unsignedCheckpoints = 0;
  readonly #store: TapeStore;
  readonly #from: string;
  readonly #key: string;
  readonly #dropped = { ...NO_RECORDS };
  readonly #unverified: { readonly from: number; readonly to: number }[] = [];
  #sink: TapeSink | undefined;
  #unreadable = 0;
  #bytes = 0;

  /**
   * @param from key of the damaged tape
   * @param key where to keep what is left out of it
   */
  constructor(store: TapeStore, from: string, key: string) {
    this.#store = store;
    this.#from = from;
    this.#key = key;
  }

  /** These bytes are left out. `record` is what they say; undefined where that is no record. */
  async drop(start: number, end: number, record: TapeRecord | undefined): Promise<void> {
    if (record === undefined) this.#unreadable++;
    else this.#dropped[Object.hasOwn(NO_RECORDS, record.type) ? record.type as keyof RecordCounts : "other"]++;
    this.#bytes += end - start;
    if (this.#sink === undefined) {
      const mode = await this.#store.size(this.#key) === undefined ? "create" : "append";
      this.#sink = await this.#store.openSink(this.#key, { mode });
    }
    for await (const block of this.#store.openSource(this.#from, { start, end })) await this.#sink.append([block]);
  }

  /** These lines are kept, though no checksum vouches for them. */
  unverified(from: number, to: number): void {
    if (this.#unverified.length < 1000) this.#unverified.push({ from, to });
  }

  /** Syncs what is kept aside. */
  async close(): Promise<void> {
    await this.#sink?.close();
  }

  /** Lets go of it. */
  async abort(): Promise<void> {
    await this.#sink?.abort();
  }

  /** All of it. */
  result(): CopyResult {
    return {
      dropped: this.#dropped,
      unreadableLines: this.#unreadable,
      droppedBytes: this.#bytes,
      droppedKey: this.#sink === undefined ? undefined : this.#key,
      movedFrames: this.movedFrames,
      retimedFrames: this.retimedFrames,
      missingFrames: this.missingFrames,
      unsignedCheckpoints: this.unsignedCheckpoints,
      unverified: this.#unverified,
    };
  }
}
