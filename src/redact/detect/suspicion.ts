import { BACKSLASH, COLON, QUOTE } from "../../json/json-tokens.ts";
import { isSecretName, SECRET_STEMS } from "../../records/secrets/secret-name.ts";
import { mayBeBase64 } from "./base64-text.ts";
import { ByteSearch } from "./byte-search.ts";
import type { RuleSet } from "./rules.ts";
import { isOfRun, mayFollow, TOKEN_PREFIXES } from "./token-shapes.ts";

// Nearly all messages have no secret in them. This tells so at a fraction of what parsing would cost: it looks for texts
// without which there is none, and at what stands around them. Bytes and texts may be JSON or not: quotes may be escaped.

/** Tells whether what stands behind a literal and before it may be a secret. */
type Check = (bytes: Uint8Array, start: number, at: number, end: number) => boolean;

/** Longer texts are looked at in pieces. */
const PIECE = 64 * 1024;
/** Nothing that has to be seen in one piece is longer. */
const OVERLAP = 1024;
const MAX_NAME = 200;
const MAX_USER = 512;
/** So many names are remembered, a power of 2. */
const NAME_PLACES = 1024;

/** Looks whether there may be anything that the rules want. */
export class Suspicion {
  readonly #search: ByteSearch;
  readonly #checks: readonly Check[];
  /** Whether there are rules that could want anything. */
  readonly #isAlways: boolean;
  readonly #names: { readonly bytes: Uint8Array; readonly verdict: Verdict }[] = [];
  readonly #encoder = new TextEncoder();
  readonly #scratch = new Uint8Array(PIECE * 3);

  constructor(rules: RuleSet) {
    const checks = new Map<string, Check>();
    // Capitals count as small letters when they are looked for.
    const add = (literal: string, check: Check) => {
      const known = checks.get(literal.toLowerCase());
      checks.set(literal.toLowerCase(), known === undefined ? check : (...args) => known(...args) || check(...args));
    };
    for (const prefix of OTHER_PREFIXES) {
      add(prefix, (bytes, _start, at, end) => isPrefix(prefix, bytes, at, end));
      // A slash may be escaped.
      if (prefix.includes("/")) add(prefix.replaceAll("/", "\\/"), () => true);
    }
    add("-----BEGIN", isPrivate);
    add("://", (bytes, _start, at, end) => isUser(bytes, at + 3, end));
    add(":\\/\\/", (bytes, _start, at, end) => isUser(bytes, at + 5, end));
    add("%2f%2f", (bytes, _start, at, end) => isUser(bytes, at + 6, end));
    add("\\u00", (bytes, _start, at) => bytes[at + 4]! >= 0x32 && bytes[at + 4]! <= 0x37);
    for (const stem of SECRET_STEMS) add(stem, (bytes, start, at, end) => this.#isName(bytes, start, at, end));
    // In the query of a URL it needs no other word.
    add("key", (bytes, start, at) => isParameter(bytes, start, at, at + "key".length));
    let isAlways = false;
    const want = (literal: string) => {
      if (literal.length < 3 || !/^[\x20-\x7e]*$/.test(literal)) isAlways = true;
      else add(literal, () => true);
    };
    for (const part of rules.keyParts) want(part);
    for (const { path } of rules.paths) {
      const names = path.filter((name) => name !== "*" && !/^\d+$/.test(name) && /^[\w$.:-]+$/.test(name));
      want(`"${names.at(-1) ?? ""}"`);
    }
    for (const { literal = "" } of rules.texts) want(literal);
    this.#isAlways = isAlways;
    this.#search = new ByteSearch([...checks.keys()]);
    this.#checks = [...checks.values()];
  }

  /** Whether there may be a secret in bytes. */
  ofBytes(bytes: Uint8Array, start: number, end: number): boolean {
    const accepts = (literal: number, at: number) => this.#checks[literal]!(bytes, start, at, end);
    return this.#isAlways || this.#search.some(bytes, start, end, accepts) || this.#mayHoldRun(bytes, start, end);
  }

  /**
   * Whether there is a run of letters, digits and what stands between them in tokens, that may be one or a text in base64. Most bytes are
   * not even looked at: one in so many as the shortest of these have.
   */
  #mayHoldRun(bytes: Uint8Array, start: number, end: number): boolean {
    // No run that is not known yet begins before it.
    let floor = start;
    for (let probe = start + MIN_RUN - 1; probe < end;) {
      let run = probe + 1;
      while (run > floor && isRunByte(bytes, run - 1)) run--;
      if (run + MIN_RUN - 1 > probe) {
        floor = run;
        probe = run + MIN_RUN - 1;
        continue;
      }
      let to = probe + 1;
      while (to < end && isRunByte(bytes, to)) to++;
      if (mayHoldSecret(bytes, run, to, end)) return true;
      floor = to + 1;
      probe = floor + MIN_RUN - 1;
    }
    return false;
  }

  /** Whether there may be one in a text. */
  ofText(text: string): boolean {
    if (this.#isAlways) return true;
    for (let at = 0;; at += PIECE - OVERLAP) {
      const piece = text.length <= PIECE ? text : text.slice(at, at + PIECE);
      if (this.ofBytes(this.#scratch, 0, this.#encoder.encodeInto(piece, this.#scratch).written)) return true;
      if (at + PIECE >= text.length) return false;
    }
  }

  /** Whether the letters at `at` belong to the name of a secret, behind which a value may stand. */
  #isName(bytes: Uint8Array, start: number, at: number, end: number): boolean {
    let from = at;
    while (from > start && at - from < MAX_NAME && isNameByte(bytes[from - 1]!)) from--;
    let to = at + 1;
    while (to < end && to - at < MAX_NAME && isNameByte(bytes[to]!)) to++;
    if (bytes[from] !== DASH && !isBeforeValue(bytes, to, end)) return false;
    // `"API Key"`
    let first = from;
    while (first > start && from - first < MAX_NAME && (isNameByte(bytes[first - 1]!) || bytes[first - 1] === 0x20)) {
      first--;
    }
    if (first < from && this.#verdict(bytes, from, to) === IS_NAME || this.#isOrEndsName(bytes, start, first, to)) {
      return true;
    }
    // What stands behind a backslash or a percent sign may be no part of it: `\ntoken`, `\u00e9token`, `%3Ftoken`.
    switch (from > start ? bytes[from - 1] : 0) {
      case BACKSLASH:
        return this.#isOrEndsName(bytes, start, from + 1, to) ||
          bytes[from] === 0x75 && this.#isOrEndsName(bytes, start, from + 5, to);
      case PERCENT:
        return this.#isOrEndsName(bytes, start, from + 2, to);
      default:
        return false;
    }
  }

  /** Whether it is the name of a secret, or may be with what stands before it: `api:key`, `api\u2192key`. */
  #isOrEndsName(bytes: Uint8Array, start: number, from: number, to: number): boolean {
    const verdict = this.#verdict(bytes, from, to);
    return verdict === IS_NAME || verdict === ENDS_NAME && isBehindWord(bytes, start, from);
  }

  /** The names of a session are few: for each the verdict is kept, in a place that its bytes tell. */
  #verdict(bytes: Uint8Array, from: number, to: number): Verdict {
    let hash = 0;
    for (let at = from; at < to; at++) hash = Math.imul(hash, 31) + bytes[at]! | 0;
    const place = hash & NAME_PLACES - 1;
    const known = this.#names[place];
    if (known !== undefined && isSame(known.bytes, bytes, from, to)) return known.verdict;
    const own = bytes.slice(from, to);
    const name = String.fromCharCode(...own);
    const verdict = isSecretName(name) ? IS_NAME : isSecretName(`a ${name}`) ? ENDS_NAME : IS_NO_NAME;
    this.#names[place] = { bytes: own, verdict };
    return verdict;
  }
}

const IS_NO_NAME = 0;
const IS_NAME = 1;
/** It needs a word before it: a key is one of something. */
const ENDS_NAME = 2;
type Verdict = typeof IS_NO_NAME | typeof IS_NAME | typeof ENDS_NAME;

/** Whether there is a letter or digit before it in the same string; a quote that is escaped may belong to that. */
function isBehindWord(bytes: Uint8Array, start: number, from: number): boolean {
  const first = Math.max(start, from - MAX_NAME * 4);
  for (let at = from - 1; at >= first; at--) {
    const byte = bytes[at]!;
    if (byte === QUOTE && bytes[at - 1] !== BACKSLASH) return false;
    if (isNameByte(byte) && !IS_SEPARATOR[byte]) return true;
  }
  return false;
}

function isSame(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let n = 0; n < known.length; n++) if (known[n] !== bytes[from + n]) return false;
  return true;
}

const DASH = 0x2d;
/** Tokens that say themselves what they are have so many characters, what they begin with included, and so have texts in base64. */
const MIN_RUN = 16;
const RUN_BYTES = Uint8Array.from({ length: 256 }, (_, code) => /[\w.~+/-]/.test(String.fromCharCode(code)) ? 1 : 0);

/** The slash may be escaped. */
function isRunByte(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at]!;
  return RUN_BYTES[byte] === 1 || byte === BACKSLASH && bytes[at + 1] === 0x2f;
}

/** Whether a prefix is there, capitals as capitals, and something behind it. */
function isPrefix(prefix: string, bytes: Uint8Array, at: number, end: number): boolean {
  for (let n = 0; n < prefix.length; n++) if (bytes[at + n] !== prefix.charCodeAt(n)) return false;
  return mayFollow(prefix, bytes, at + prefix.length, end);
}

/** The prefixes that stand at the start of a run, or behind what is between its words, by their first two bytes. */
const RUN_PREFIXES = new Map<number, string[]>();
const STARTS = new Uint8Array(1 << 14);
/** The others: what stands in front of a run, in the middle of a word, or of what may be shorter. */
const OTHER_PREFIXES: string[] = [];
for (const prefix of TOKEN_PREFIXES) {
  if (!isOfRun(prefix, MIN_RUN) || prefix.includes("/")) OTHER_PREFIXES.push(prefix);
  else {
    const pair = startOf(prefix.charCodeAt(0), prefix.charCodeAt(1));
    RUN_PREFIXES.set(pair, [...RUN_PREFIXES.get(pair) ?? [], prefix]);
    STARTS[pair] = 1;
  }
}

function startOf(first: number, second: number): number {
  return (first & 0x7f) << 7 | second & 0x7f;
}

/** Whether a run is, or has in it, what may be a token or a text in base64. */
function mayHoldSecret(bytes: Uint8Array, run: number, to: number, end: number): boolean {
  // The first letters may belong to an escape: `\nghp_…`, `\u00e9ghp_…`.
  const escape = bytes[run - 1] === BACKSLASH ? run + 5 : bytes[run - 1] === PERCENT ? run + 2 : run;
  for (let at = run; to - at >= MIN_RUN; at++) {
    if (at > escape && !IS_SEPARATOR[bytes[at - 1]!]) continue;
    const pair = startOf(bytes[at]!, bytes[at + 1]!);
    if (STARTS[pair] === 1 && RUN_PREFIXES.get(pair)!.some((prefix) => isPrefix(prefix, bytes, at, end))) return true;
    if (mayBeBase64(bytes, at, to)) return true;
  }
  return false;
}

/** What stands between the words of a token, or in front of it. */
const IS_SEPARATOR = Uint8Array.from({ length: 256 }, (_, code) => /[_.~+/-]/.test(String.fromCharCode(code)) ? 1 : 0);

/** Letters, digits and what stands between the words of a name. */
function isNameByte(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a || byte >= 0x41 && byte <= 0x5a || byte >= 0x30 && byte <= 0x39 ||
    byte === 0x5f ||
    byte === DASH || byte === 0x2e;
}

/** Whether it is a name in the query of a URL, in which `=` may be spelled `%3D`. */
function isParameter(bytes: Uint8Array, start: number, from: number, to: number): boolean {
  const before = bytes[from - 1];
  return bytes[to] === PERCENT || bytes[to] === 0x3d && (from === start || before === 0x3f || before === 0x26);
}

/** Whether what follows a name is a colon or an equals sign, or the end of what is in quotes and one of these. */
function isBeforeValue(bytes: Uint8Array, at: number, end: number): boolean {
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === COLON || byte === 0x3d || byte === PERCENT) return true;
    // An escape that is no quote may be a letter of the name.
    if (byte === BACKSLASH && bytes[at + 1] === 0x75) return true;
    if (byte !== QUOTE && byte !== 0x27 && byte !== BACKSLASH && byte !== 0x20 && byte !== 0x09) {
      // `["Authorization", "Bearer abc"]`, `{"name": "API_KEY", "value": "abc"}`
      return byte === COMMA || byte === 0x7d;
    }
  }
  return false;
}

const COMMA = 0x2c;
const PERCENT = 0x25;

function isUser(bytes: Uint8Array, at: number, end: number): boolean {
  const last = Math.min(end, at + MAX_USER);
  for (; at < last; at++) {
    const byte = bytes[at]!;
    if (byte === 0x40 || byte === PERCENT && bytes[at + 1] === 0x34 && bytes[at + 2] === 0x30) return true;
    if (byte <= 0x20 || byte === 0x2f || byte === 0x3f || byte === 0x23 || byte === QUOTE || byte === 0x27) {
      return false;
    }
  }
  // A user as long as that is none that a person has typed; but it may be one.
  return at < end;
}

function isPrivate(bytes: Uint8Array, _start: number, at: number, end: number): boolean {
  const last = Math.min(end, at + 64);
  for (let from = at + 10; from + 4 < last; from++) {
    if (bytes[from] === 0x50 && bytes[from + 1] === 0x52 && bytes[from + 2] === 0x49 && bytes[from + 3] === 0x56) {
      return true;
    }
  }
  return false;
}
