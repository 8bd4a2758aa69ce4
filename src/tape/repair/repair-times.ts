import type { FrameRecord } from "../../records/record.ts";

/** So many times are noted to be wrong; of more, those that go back are set right nevertheless. */
const MAX_WRONG = 65_536;
/** A frame is compared with so many behind it. */
const COMPARED = 3;

interface Timed {
  readonly offset: number;
  readonly seq: number;
  readonly ts: number;
  readonly us: number | undefined;
}

/**
 * Finds frames whose time is wrong: it is earlier than the time before it, or later than those behind it. Where a frame
 * tells its microseconds too, these decide; a frame whose two times agree is right.
 */
export class TimeCheck {
  readonly #wrong = new Map<number, number>();
  readonly #waiting: Timed[] = [];
  #lastTs = 0;

  add(offset: number, { seq, ts, ts_us }: FrameRecord): void {
    this.#waiting.push({ offset, seq, ts, us: ts_us ?? undefined });
    if (this.#waiting.length > COMPARED) this.#decide();
  }

  /** The right times of the frames whose time is wrong, by offset. */
  end(): ReadonlyMap<number, number> {
    while (this.#waiting.length > 0) this.#decide();
    return this.#wrong;
  }

  #decide(): void {
    const frame = this.#waiting.shift()!;
    const right = this.#rightTime(frame);
    if (right !== frame.ts && this.#wrong.size < MAX_WRONG) this.#wrong.set(frame.offset, right);
    this.#lastTs = right;
  }

  #rightTime({ seq, ts, us }: Timed): number {
    const last = this.#lastTs;
    // A frame that is in the wrong place says nothing about the time here.
    const next = this.#waiting.filter((frame) => frame.seq > seq).map((frame) => frame.ts);
    const earlier = next.filter((time) => time < ts && time >= last);
    if (us !== undefined) {
      const inMs = Math.floor(us / 1000);
      if (inMs === ts || (ts >= last && earlier.length === 0)) return ts;
      return Math.min(Math.max(inMs, last), ...earlier);
    }
    return next.length > 1 && 2 * earlier.length > next.length ? last : ts;
  }
}
