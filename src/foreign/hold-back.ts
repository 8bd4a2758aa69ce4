import type { ForeignMessage } from "./format.ts";

/** So many messages are held back; beyond that the earliest goes. */
const MAX_HELD = 4096;

/**
 * Puts messages into the order of time that come exchange by exchange: an answer may have come after the next request.
 * Their bytes must be their own.
 */
export class HoldBack {
  readonly #release: (message: ForeignMessage) => void;
  /** By time, those of the same time as they came. */
  readonly #held: { readonly us: number; readonly message: ForeignMessage }[] = [];

  constructor(release: (message: ForeignMessage) => void) {
    this.#release = release;
  }

  /**
   * Adds a message.
   *
   * @param us its place in the order, which is its time where it has one
   */
  add(us: number, message: ForeignMessage): void {
    let [low, high] = [0, this.#held.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#held[middle]!.us <= us) low = middle + 1;
      else high = middle;
    }
    this.#held.splice(low, 0, { us, message });
    if (this.#held.length > MAX_HELD) this.#release(this.#held.shift()!.message);
  }

  /** Nothing comes any more that is earlier. */
  passed(us: number): void {
    let count = 0;
    while (count < this.#held.length && this.#held[count]!.us < us) count++;
    for (const { message } of this.#held.splice(0, count)) this.#release(message);
  }
}
