import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "../json-tokens.ts";
import { decodeUtf8 } from "../../utf8.ts";
import type { JsonDamage, JsonSplitterOptions } from "./json-piece.ts";
import { isJson, wholeObjects } from "./whole-objects.ts";

/** What comes next in the container that is open innermost; or where the document has not begun, or is over. */
const START = 0, FIRST_KEY = 1, KEY = 2, COLON_NEXT = 3, VALUE = 4, FIRST_ELEMENT = 5, ELEMENT = 6, NEXT = 7, OVER = 8;

/** What is being read. */
const NOTHING = 0, A_KEY = 1, A_PIECE = 2, A_LONG_PIECE = 3;

interface Level {
  readonly path: string;
  readonly isArray: boolean;
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Cuts a JSON document into the values of a few of its containers, as its bytes come, and never holds more of it than one
 * value. That a piece is JSON is certain. What is damaged is reported and passed over, and reading goes on at the next
 * whole object that may be an element.
 */
export class JsonSplitter {
  readonly #options: JsonSplitterOptions;
  readonly #open: ReadonlySet<string>;
  /** The path of the array of which the document is made, and whether it has begun. */
  readonly #elements: string;
  #hasElements = false;
  readonly #levels: Level[] = [];
  #expects = START;
  #reads = NOTHING;
  #key = "";
  /** Bytes from the start of the document to the start of the chunk. */
  #base = 0;
  #line = 1;
  /** What is being read: its first bytes, where the chunk is not that it began in. */
  #held = new Uint8Array(4096);
  #length = 0;
  #startOffset = 0;
  #startLine = 1;
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** Where bytes began that fit nowhere. */
  #stray: { readonly offset: number; readonly line: number } | undefined;

  constructor(options: JsonSplitterOptions) {
    this.#options = options;
    this.#open = new Set(options.open);
    this.#elements = options.open.at(-1) ?? "";
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#reads === NOTHING) at = this.#outside(bytes, at);
      else {
        const end = this.#endIn(bytes, at);
        this.#hold(bytes, at, Math.abs(end));
        at = Math.abs(end);
        if (end >= 0) this.#complete();
        else if (this.#length > this.#options.maxBytes && this.#reads !== A_LONG_PIECE) this.#outgrown();
      }
    }
    this.#base += bytes.length;
  }

  /** Takes the end of the document. */
  end(): void {
    if (this.#reads === A_PIECE || this.#reads === A_KEY) {
      // A number that is all there is ends here too.
      if (this.#levels.length === 0 && this.#depth === 0 && !this.#inString) this.#complete();
      else this.#recover("it is torn", true);
    } else if (this.#reads === A_LONG_PIECE) this.#tooLong();
    this.#reads = NOTHING;
    this.#endStray(this.#base);
    if (this.#levels.length > 0) {
      this.#report(this.#base, this.#line, 0, "the document ends too early");
    }
  }

  /** Looks at one byte between the pieces, and gives the offset of the next. */
  #outside(bytes: Uint8Array, at: number): number {
    const byte = bytes[at]!;
    const offset = this.#base + at;
    if (byte === 0x0a) this.#line++;
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return at + 1;
    if (byte === BYTE_ORDER_MARK[offset]) return at + 1;
    const level = this.#levels.at(-1);
    switch (this.#expects) {
      case FIRST_KEY:
      case KEY:
        if (byte === QUOTE) return this.#begin(A_KEY, at);
        // A comma too many before the end is borne with.
        if (byte === CLOSE_OBJECT) return this.#close(at);
        break;
      case COLON_NEXT:
        if (byte === COLON) return this.#expect(VALUE, at);
        break;
      case NEXT:
        if (byte === COMMA) return this.#expect(level!.isArray ? ELEMENT : KEY, at);
        if (byte === (level!.isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) return this.#close(at);
        break;
      case FIRST_ELEMENT:
      case ELEMENT:
        if (byte === CLOSE_ARRAY) return this.#close(at);
        if (mayBegin(byte)) return this.#value(byte, at);
        break;
      case START:
      case VALUE:
        if (mayBegin(byte)) return this.#value(byte, at);
    }
    return this.#notExpected(byte, at, level);
  }

  /** Passes over a byte that fits nowhere; where an element may begin all the same, it does. */
  #notExpected(byte: number, at: number, level: Level | undefined): number {
    if (byte === OPEN_OBJECT && (level?.isArray === true || this.#openElements())) return this.#value(byte, at);
    if (level?.isArray === false && byte === QUOTE && this.#expects === NEXT) return this.#begin(A_KEY, at);
    this.#stray ??= { offset: this.#base + at, line: this.#line };
    return at + 1;
  }

  /**
   * An object without a key is an element of the list, which a bracket too many has closed; false where the list has not
   * begun.
   */
  #openElements(): boolean {
    if (!this.#hasElements) return false;
    this.#levels.push({ path: this.#elements, isArray: true });
    return true;
  }

  #expect(what: number, at: number): number {
    this.#endStray(this.#base + at);
    this.#expects = what;
    return at + 1;
  }

  /** A value begins: a container that is opened, or a piece. */
  #value(byte: number, at: number): number {
    const path = this.#pathOfValue();
    if ((byte === OPEN_OBJECT || byte === OPEN_ARRAY) && (this.#levels.length === 0 || this.#open.has(path))) {
      this.#endStray(this.#base + at);
      const isArray = byte === OPEN_ARRAY;
      this.#levels.push({ path, isArray });
      this.#hasElements ||= path === this.#elements;
      this.#options.onOpen?.(path);
      this.#expects = isArray ? FIRST_ELEMENT : FIRST_KEY;
      return at + 1;
    }
    return this.#begin(A_PIECE, at);
  }

  #pathOfValue(): string {
    const level = this.#levels.at(-1);
    if (level === undefined) return "";
    if (level.isArray) return `${level.path}[]`;
    return level.path === "" ? this.#key : `${level.path}.${this.#key}`;
  }

  #begin(what: number, at: number): number {
    this.#endStray(this.#base + at);
    this.#reads = what;
    this.#startOffset = this.#base + at;
    this.#startLine = this.#line;
    this.#length = this.#depth = 0;
    this.#inString = this.#isEscaped = false;
    return at;
  }

  #close(at: number): number {
    this.#endStray(this.#base + at);
    this.#levels.pop();
    this.#expects = this.#levels.length === 0 ? OVER : NEXT;
    return at + 1;
  }

  /** Where what is being read ends, the offset behind it; minus the length of the chunk if it does not end there. */
  #endIn(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#inString) {
        at = this.#endOfString(bytes, at);
        if (!this.#inString && this.#depth === 0) return at;
        continue;
      }
      const byte = bytes[at]!;
      switch (byte) {
        case QUOTE:
          this.#inString = true;
          break;
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          this.#depth++;
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          if (this.#depth === 0) return at; // behind a number or a word
          if (--this.#depth === 0) return at + 1;
          break;
        case COMMA:
        case 0x20:
        case 0x09:
        case 0x0d:
          if (this.#depth === 0) return at;
          break;
        case 0x0a:
          if (this.#depth === 0) return at;
          this.#line++;
      }
      at++;
    }
    return -bytes.length;
  }

  #endOfString(bytes: Uint8Array, at: number): number {
    if (this.#isEscaped) {
      this.#isEscaped = false;
      at++;
    }
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#inString = false;
        return at + 1;
      }
      if (byte === BACKSLASH && ++at === bytes.length) this.#isEscaped = true;
      // No string holds one, but where a quote is missing nobody knows which.
      else if (byte === 0x0a) this.#line++;
    }
    return bytes.length;
  }

  #hold(bytes: Uint8Array, from: number, to: number): void {
    const length = this.#length + to - from;
    if (this.#reads === A_LONG_PIECE) {
      this.#length = length;
      return;
    }
    if (length >= this.#held.length) {
      const grown = new Uint8Array(Math.max(2 * this.#held.length, length + 1));
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(bytes.subarray(from, to), this.#length);
    this.#length = length;
  }

  /** What is being read is longer than it may be: a value that long, or one of which the end was lost. */
  #outgrown(): void {
    this.#held[this.#length] = 0;
    if (this.#reads === A_PIECE && wholeObjects(this.#held, this.#length, () => {}) === 0) {
      this.#reads = A_LONG_PIECE;
      this.#held = new Uint8Array(4096);
    } else this.#recover("it is not JSON", false);
  }

  /** What is being read has come to its end. */
  #complete(): void {
    const what = this.#reads;
    this.#held[this.#length] = 0;
    if (what === A_LONG_PIECE) {
      this.#tooLong();
      this.#after();
    } else if (what === A_KEY) {
      this.#reads = NOTHING;
      this.#key = keyOf(this.#held.subarray(0, this.#length));
      this.#expects = COLON_NEXT;
    } else if (!isJson(this.#held, this.#length)) this.#recover("it is not JSON", true);
    else if (this.#length > this.#options.maxBytes) {
      this.#tooLong();
      this.#after();
    } else {
      const path = this.#pathOfValue();
      this.#after();
      this.#emit(path, 0, this.#length);
    }
  }

  #tooLong(): void {
    this.#report(this.#startOffset, this.#startLine, this.#length, "it is too long");
  }

  /** A value is over. */
  #after(): void {
    this.#reads = NOTHING;
    this.#expects = this.#levels.length === 0 ? OVER : NEXT;
  }

  /**
   * What was read is no JSON: hands out the objects that are whole in it, and goes on with one that lacks its end, unless
   * no more of it comes.
   */
  #recover(why: JsonDamage["why"], isOver: boolean): void {
    const { path, isArray } = this.#levels.at(-1) ?? { path: "", isArray: false };
    const elements = this.#elements;
    const held = this.#held;
    const length = this.#length;
    held[length] = 0;
    const [offset, line] = [this.#startOffset, this.#startLine];
    const found: (readonly [start: number, end: number])[] = [];
    const rest = this.#reads === A_KEY ? length : wholeObjects(held, length, (...span) => found.push(span));
    this.#after();
    let lost = 0;
    for (const [start, end] of [...found, [isOver ? length : rest, length] as const]) {
      if (hasMore(held, lost, start)) {
        this.#report(offset + lost, line + linesIn(held, 0, lost), start - lost, why);
      }
      lost = end;
    }
    // Whatever was open: what comes now are elements.
    if (found.length > 0 && !(isArray && path === elements)) {
      this.#hasElements = true;
      this.#openElements();
    }
    for (const [start, end] of found) {
      this.#startOffset = offset + start;
      this.#startLine = line + linesIn(held, 0, start);
      this.#emit(`${elements}[]`, start, end);
    }
    if (!isOver && rest < length) this.#goOn(held.slice(rest, length), offset + rest, line + linesIn(held, 0, rest));
  }

  /** Goes on with a piece of which the first bytes are known. */
  #goOn(bytes: Uint8Array, offset: number, line: number): void {
    this.#reads = A_PIECE;
    this.#startOffset = offset;
    this.#line = this.#startLine = line;
    this.#length = this.#depth = 0;
    this.#inString = this.#isEscaped = false;
    this.#endIn(bytes, 0);
    this.#hold(bytes, 0, bytes.length);
  }

  #emit(path: string, start: number, end: number): void {
    const { offset, line } = { offset: this.#startOffset, line: this.#startLine };
    // The byte behind it is another's where it is one of several.
    const behind = this.#held[end]!;
    this.#held[end] = 0;
    this.#options.onPiece({ path, block: this.#held, start, end, offset, line });
    this.#held[end] = behind;
  }

  #endStray(offset: number): void {
    const stray = this.#stray;
    this.#stray = undefined;
    if (stray !== undefined) this.#report(stray.offset, stray.line, offset - stray.offset, "it is not JSON");
  }

  #report(offset: number, line: number, length: number, why: JsonDamage["why"]): void {
    this.#options.onDamage({ offset, line, length, why });
  }
}

/** Whether a value may begin with this byte. */
function mayBegin(byte: number): boolean {
  return byte === OPEN_OBJECT || byte === OPEN_ARRAY || byte === QUOTE || byte === 0x2d ||
    byte >= 0x30 && byte <= 0x39 || byte === 0x74 || byte === 0x66 || byte === 0x6e;
}

/** What a key spells; empty for one that is none. */
function keyOf(bytes: Uint8Array): string {
  try {
    return String(JSON.parse(decodeUtf8(bytes)));
  } catch {
    return "";
  }
}

/** Whether anything stands there but what may stand between elements. */
function hasMore(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at]! > 0x20 && bytes[at] !== COMMA) return true;
  return false;
}

function linesIn(bytes: Uint8Array, from: number, to: number): number {
  let lines = 0;
  for (let at = from; at < to; at++) if (bytes[at] === 0x0a) lines++;
  return lines;
}
