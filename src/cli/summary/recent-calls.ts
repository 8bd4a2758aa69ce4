import type { Direction } from "../../records/record.ts";

/** A request that was seen on a tape. */
export interface Call {
  readonly seq: number;
  readonly ts: number;
  readonly dir: Direction;
  /** The method, and which tool or prompt: `tools/call echo`. Foreign text, not escaped. */
  readonly label: string;
}

/** At least so many requests are remembered, the latest ones, and at most twice as many. */
const MIN_CALLS = 32_768;

/** The latest requests of a tape, by their numbers. */
export class RecentCalls<C extends Call> {
  #latest = new Map<number, C>();
  /** Forgotten as a whole: to take single entries from the front of a map is slow. */
  #earlier = new Map<number, C>();

  /** The request that was sent as frame `seq`; undefined if that was none, or long ago. */
  get(seq: number): C | undefined {
    return this.#latest.get(seq) ?? this.#earlier.get(seq);
  }

  add(call: C): void {
    this.#latest.set(call.seq, call);
    if (this.#latest.size === MIN_CALLS) [this.#earlier, this.#latest] = [this.#latest, new Map()];
  }
}
