import type { TapeMetadata } from "../../records/metadata.ts";
import type { TapeStore } from "../../stores/store.ts";
import { mayGrow } from "./tape-state.ts";

/** How often to look whether a tape that is followed still has a writer, in milliseconds. */
const LOOK_MS = 500;

/** Watches the writer of a tape that is followed, and says so once there is none any more. */
export class WriterWatch {
  readonly #look: () => Promise<boolean>;
  readonly #gone = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(store: TapeStore, tapeId: string, readMetadata: () => Promise<TapeMetadata | undefined>) {
    this.#look = () => mayGrow(store, tapeId, readMetadata);
    void this.#watch();
  }

  /** Aborts when nobody writes the tape any more. What was written last is still to be read. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #watch(): Promise<void> {
    // Where it cannot be told now, it can later.
    const mayGrow = await this.#look().catch(() => true);
    if (this.#isStopped) return;
    if (mayGrow) this.#timer = setTimeout(() => void this.#watch(), LOOK_MS);
    else this.#gone.abort();
  }
}
