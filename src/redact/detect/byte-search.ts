/**
 * Looks for many texts at once in bytes. Capitals count as small letters.
 *
 * Of each text three bytes are looked for that are rare. Two neighbours of these stand at every second place, so that it is enough to
 * look there; and where four such places have nothing, which is nearly everywhere, it takes one question.
 */
export class ByteSearch {
  readonly #literals: readonly Uint8Array[];
  /** Whether two neighbours belong to one of the texts. */
  readonly #isWanted = new Uint8Array(1 << 14);
  /** What they may belong to: the first of its entries below, or -1. */
  readonly #first = new Int16Array(1 << 14).fill(-1);
  /** Of each entry the text, where in it the neighbours stand, and the next entry for the same neighbours. */
  readonly #entries: { readonly literal: number; readonly offset: number; readonly next: number }[] = [];

  /** @param literals texts of ASCII, of three characters at least */
  constructor(literals: readonly string[]) {
    this.#literals = literals.map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0) | 0x20));
    for (const [literal, bytes] of this.#literals.entries()) {
      const window = rarePart(literals[literal]!);
      for (const offset of [window, window + 1]) {
        const pair = pairOf(bytes[offset]!, bytes[offset + 1]!);
        this.#isWanted[pair] = 1;
        this.#entries.push({ literal, offset, next: this.#first[pair]! });
        this.#first[pair] = this.#entries.length - 1;
      }
    }
  }

  /**
   * Whether one of the texts is there that `accepts` says yes to.
   *
   * @param accepts gets which one it is, and where it starts
   */
  some(bytes: Uint8Array, start: number, end: number, accepts: (literal: number, at: number) => boolean): boolean {
    const wanted = this.#isWanted;
    let at = start;
    for (; at + 7 < end; at += 8) {
      const found = wanted[pairOf(bytes[at]!, bytes[at + 1]!)]! | wanted[pairOf(bytes[at + 2]!, bytes[at + 3]!)]! |
        wanted[pairOf(bytes[at + 4]!, bytes[at + 5]!)]! | wanted[pairOf(bytes[at + 6]!, bytes[at + 7]!)]!;
      if (found !== 0 && this.#someOf(bytes, start, end, at, at + 8, accepts)) return true;
    }
    return this.#someOf(bytes, start, end, at, end - 1, accepts);
  }

  /** The same at every second place from `from` on. */
  #someOf(
    bytes: Uint8Array,
    start: number,
    end: number,
    from: number,
    to: number,
    accepts: (literal: number, at: number) => boolean,
  ): boolean {
    for (let at = from; at < to; at += 2) {
      let entry = this.#first[pairOf(bytes[at]!, bytes[at + 1]!)]!;
      while (entry >= 0) {
        const { literal, offset, next } = this.#entries[entry]!;
        const text = this.#literals[literal]!;
        const first = at - offset;
        if (first >= start && first + text.length <= end && isThere(text, bytes, first) && accepts(literal, first)) {
          return true;
        }
        entry = next;
      }
    }
    return false;
  }
}

/** So many bytes of each text are looked for before the rest is. */
const WINDOW = 3;

/** What two neighbours are known by. It is asked of half of all bytes, and of more than ASCII it need not know. */
function pairOf(first: number, second: number): number {
  return ((first | 0x20) & 0x7f) << 7 | (second | 0x20) & 0x7f;
}

function isThere(literal: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let n = 0; n < literal.length; n++) if ((bytes[at + n]! | 0x20) !== literal[n]) return false;
  return true;
}

/** Neighbours by how often they come in English, and in JSON. */
const COMMON =
  ('": ", ": ," // :/ th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ' +
    "ld ur ro ri io ic ne me ll ns co ce ta el ho no li la ut il us ec wi om ct ac di ol em tr pe ma ot so pr po ss ca pa ch op")
    .split(" ");

/** Where in a text three neighbours stand of which two are as rare as can be. */
function rarePart(text: string): number {
  const weight = (at: number) => {
    const place = COMMON.indexOf(text.slice(at, at + 2).toLowerCase());
    return place < 0 ? 1 : 2 * COMMON.length - place;
  };
  let [best, least] = [0, Infinity];
  for (let at = 0; at + WINDOW <= text.length; at++) {
    const sum = weight(at) + weight(at + 1);
    if (sum < least) [best, least] = [at, sum];
  }
  return best;
}
