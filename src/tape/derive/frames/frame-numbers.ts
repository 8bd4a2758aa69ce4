import { OldestFirst } from "../../../oldest-first.ts";

/** So many of the latest frames are remembered, and so many older requests that nothing is known of yet. */
const REMEMBERED = 65_536;

/** A frame of a source, as it stands on the tape that is made. */
export interface NumberedFrame {
  /** Its number there. */
  readonly seq: number;
  /** Its time there; undefined of a message that is missing, of which only the number is known. */
  readonly ts: number | undefined;
  readonly isFromClient: boolean | undefined;
}

const IS_USED = 1;
const IS_CLIENT = 2;
const IS_OPEN = 4;
const IS_MISSING = 8;

/** Which number each frame of one source got, in bounded memory: 3 MB at most, and less of a short tape. */
export class FrameNumbers {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #times: number[] = [];
  readonly #marks: number[] = [];
  /** Requests that would have been forgotten. */
  readonly #open = new OldestFirst<number, NumberedFrame>();

  /**
   * Notes a frame.
   *
   * @param from its number on the source
   * @param to its number on the tape that is made
   * @param isRequest whether somebody may ask for it long afterwards
   */
  add(from: number, to: number, ts: number, isClient: boolean, isRequest: boolean): void {
    this.#put(from, to, ts, IS_USED | (isClient ? IS_CLIENT : 0) | (isRequest ? IS_OPEN : 0));
  }

  /** Notes a message that is missing: of its frame only the numbers are known. */
  addMissing(from: number, to: number): void {
    this.#put(from, to, 0, IS_USED | IS_MISSING | IS_OPEN);
  }

  /** The frame that had this number on the source, if it is on the tape that is made and not forgotten. */
  get(from: number): NumberedFrame | undefined {
    const at = from % REMEMBERED;
    return this.#from[at] === from && (this.#marks[at]! & IS_USED) !== 0 ? this.#frameAt(at) : this.#open.get(from);
  }

  /** Its answer is known: it need not be remembered for long. */
  settle(from: number): void {
    const at = from % REMEMBERED;
    if (this.#from[at] === from) this.#marks[at]! &= ~IS_OPEN;
    else this.#open.delete(from);
  }

  #put(from: number, to: number, ts: number, marks: number): void {
    const at = from % REMEMBERED;
    // Most tapes are numbered from 0 on: the lists then grow by one at a time.
    while (this.#marks.length <= at) {
      this.#from.push(-1);
      this.#to.push(0);
      this.#times.push(0);
      this.#marks.push(0);
    }
    if ((this.#marks[at]! & IS_OPEN) !== 0 && this.#from[at] !== from) {
      this.#open.set(this.#from[at]!, this.#frameAt(at));
      if (this.#open.size > REMEMBERED) this.#open.delete(this.#open.oldest()![0]);
    }
    this.#from[at] = from;
    this.#to[at] = to;
    this.#times[at] = ts;
    this.#marks[at] = marks;
  }

  #frameAt(at: number): NumberedFrame {
    const marks = this.#marks[at]!;
    const isKnown = (marks & IS_MISSING) === 0;
    return {
      seq: this.#to[at]!,
      ts: isKnown ? this.#times[at]! : undefined,
      isFromClient: isKnown ? (marks & IS_CLIENT) !== 0 : undefined,
    };
  }
}
