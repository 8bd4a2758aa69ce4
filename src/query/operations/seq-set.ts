/** Numbers of one part of the set. */
const PART_NUMBERS = 1024;

/** A set of sequence numbers, of which there may be millions: it takes little more than a bit for each. */
export class SeqSet {
  readonly #parts = new Map<number, Uint32Array>();

  /** Adds a whole number, 0 or more. */
  add(seq: number): void {
    const part = Math.floor(seq / PART_NUMBERS);
    let bits = this.#parts.get(part);
    if (bits === undefined) this.#parts.set(part, bits = new Uint32Array(PART_NUMBERS / 32));
    const at = seq - part * PART_NUMBERS;
    bits[at >>> 5]! |= 1 << (at & 31);
  }

  /** Whether it was added. */
  has(seq: number): boolean {
    const part = Math.floor(seq / PART_NUMBERS);
    const bits = this.#parts.get(part);
    if (bits === undefined) return false;
    const at = seq - part * PART_NUMBERS;
    return (bits[at >>> 5]! & 1 << (at & 31)) !== 0;
  }
}
