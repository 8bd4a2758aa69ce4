import { ByteCursor, wordOf } from "../../bytes/byte-cursor.ts";

const ANY_CORRELATION = wordOf('{"type":"correlation"');
const CHECKPOINT = wordOf('{"type":"checkpoint"');
const CORRELATION = wordOf('{"type":"correlation","id":"corr-');
const NONE = wordOf('none"');
const DASH = 0x2d;
const QUOTE = 0x22;

/** Reads from the first bytes of a correlation which frames it is about: its id says so. */
export class CorrelationPeek {
  requestSeq = -1;
  /** -1 where there is no answer. */
  answerSeq = -1;
  readonly #cursor = new ByteCursor();

  /** Reads the line from `start` to `end`; false if it is spelled in another way. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    if (!cursor.skip(CORRELATION) || (this.requestSeq = cursor.count()) < 0 || bytes[cursor.at++] !== DASH) {
      return false;
    }
    this.answerSeq = -1;
    if (!cursor.skip(NONE) && ((this.answerSeq = cursor.count()) < 0 || bytes[cursor.at++] !== QUOTE)) return false;
    return cursor.at <= end;
  }

  /** Whether a correlation or a checkpoint starts there, spelled as this library spells them. */
  isCorrelationOrCheckpoint(bytes: Uint8Array, start: number): boolean {
    const cursor = this.#cursor;
    cursor.enter(bytes);
    cursor.at = start;
    return cursor.skip(ANY_CORRELATION) || cursor.skip(CHECKPOINT);
  }
}
