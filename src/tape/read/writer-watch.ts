import type { TapeMetadata } from "../../records/metadata.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import { Placed, placeOf, type TapePlace } from "../../stores/tape-place.ts";
import { mayGrow } from "./tape-state.ts";

/** How often to look whether a tape that is followed still has a writer, in milliseconds. */
const LOOK_MS = 500;

const watches = new Placed<WriterWatch>();

/** Watches the writer of a tape that is followed, once for all in this process who do, and says so once there is none any more. */
export class WriterWatch {
  readonly #place: TapePlace;
  readonly #look: () => Promise<boolean>;
  readonly #gone = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #count = 0;

  private constructor(place: TapePlace, look: () => Promise<boolean>) {
    this.#place = place;
    this.#look = look;
    void this.#watch();
  }

  /** Who joins a watch has to stop it. */
  static async join(
    store: TapeStore,
    tapeId: string,
    readMetadata: () => Promise<TapeMetadata | undefined>,
  ): Promise<WriterWatch> {
    const place = await placeOf(store, tapeKeys(tapeId).tape);
    let watch = watches.at(place);
    if (watch === undefined) {
      watches.put(
        place,
        watch = new WriterWatch(place, () => mayGrow(store, tapeId, readMetadata)),
      );
    }
    watch.#count++;
    return watch;
  }

  /** Aborts when nobody writes the tape any more. What was written last is still to be read. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** To be called once by each who joined. */
  stop(): void {
    if (--this.#count > 0) return;
    watches.remove(this.#place, this);
    clearTimeout(this.#timer);
  }

  async #watch(): Promise<void> {
    // Where it cannot be told now, it can later.
    const mayGrow = await this.#look().catch(() => true);
    if (this.#count === 0) return;
    if (mayGrow) this.#timer = setTimeout(() => void this.#watch(), LOOK_MS);
    else {
      // Who comes later asks anew: somebody may have resumed the tape.
      watches.remove(this.#place, this);
      this.#gone.abort();
    }
  }
}
