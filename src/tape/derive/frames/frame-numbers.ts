import { OldestFirst } from "../../../oldest-first.ts";

/** So many of the latest frames are remembered. */
const REMEMBERED = 16_384;
/** And so many older requests of which no answer is known yet. */
const REMEMBERED_OPEN = 65_536;
const FIRST_ROOM = 256;

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

/** Which number each frame of one source got, in bounded memory: half a megabyte, and less of a short tape. */
export class FrameNumbers {
  #from = new Float64Array(FIRST_ROOM);
  #to = new Float64Array(FIRST_ROOM);
  #times = new Float64Array(FIRST_ROOM);
  #marks = new Uint8Array(FIRST_ROOM);
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
    if (at >= this.#marks.length) this.#grow(at + 1);
    if ((this.#marks[at]! & IS_OPEN) !== 0 && this.#from[at] !== from) {
      this.#open.set(this.#from[at]!, this.#frameAt(at));
      if (this.#open.size > REMEMBERED_OPEN) this.#open.delete(this.#open.oldest()![0]);
    }
    this.#from[at] = from;
    this.#to[at] = to;
    this.#times[at] = ts;
    this.#marks[at] = marks;
  }

  #grow(length: number): void {
    const room = Math.min(REMEMBERED, Math.max(2 * this.#marks.length, length));
    const larger = (old: Float64Array<ArrayBuffer>) => {
      const grown = new Float64Array(room);
      grown.set(old);
      return grown;
    };
    [this.#from, this.#to, this.#times] = [larger(this.#from), larger(this.#to), larger(this.#times)];
    const marks = new Uint8Array(room);
    marks.set(this.#marks);
    this.#marks = marks;
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
