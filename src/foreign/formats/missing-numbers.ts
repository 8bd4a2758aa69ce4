/** So many stretches are waited for. */
const MAX_STRETCHES = 64;

/** Numbers that were left out, from the first to the last. */
interface Stretch {
  from: number;
  to: number;
  /** How many envelopes had come. */
  readonly since: number;
}

/** Tells how many numbers are missing from a count that goes up one by one, if not quite in order. */
export class MissingNumbers {
  readonly #onMissing: (count: number) => void;
  #last: number | undefined;
  #session = "";
  #count = 0;
  #stretches: Stretch[] = [];

  constructor(onMissing: (count: number) => void) {
    this.#onMissing = onMissing;
  }

  /**
   * Takes the next number; what is no count is passed over. Every session counts anew.
   *
   * @param window how many numbers may come before a lower one
   */
  next(number: number | undefined, session: string, window: number): void {
    if (number === undefined || !Number.isSafeInteger(number) || number < 0) return;
    if (this.#last === undefined || session !== this.#session) {
      this.end();
      this.#session = session;
      this.#last = number;
      return;
    }
    this.#count++;
    if (number > this.#last) {
      if (number > this.#last + 1) this.#stretches.push({ from: this.#last + 1, to: number - 1, since: this.#count });
      this.#last = number;
    } else this.#found(number);
    const [oldest] = this.#stretches;
    if (oldest === undefined) return;
    if (this.#count - oldest.since >= window || this.#stretches.length > MAX_STRETCHES) this.#giveUp();
  }

  /** No more numbers come. */
  end(): void {
    while (this.#stretches.length > 0) this.#giveUp();
  }

  #giveUp(): void {
    const { from, to } = this.#stretches.shift()!;
    this.#onMissing(to - from + 1);
  }

  /** A number came late. */
  #found(number: number): void {
    const at = this.#stretches.findIndex(({ from, to }) => from <= number && number <= to);
    if (at < 0) return;
    const { from, to, since } = this.#stretches[at]!;
    const rest = [{ from, to: number - 1, since }, { from: number + 1, to, since }].filter(({ from, to }) =>
      from <= to
    );
    this.#stretches.splice(at, 1, ...rest);
  }
}
