/** So many ranges are remembered; the rest count as not declared. */
const MAX_RANGES = 65_536;

/** The numbers of frames that the gap records of a tape say are missing. */
export class DeclaredGaps {
  readonly #ranges: { from: number; to: number }[] = [];
  /** How many numbers stand in the ranges before each. */
  #before: number[] | undefined;

  add(from: number, to: number): void {
    if (from <= to && this.#ranges.length < MAX_RANGES) this.#ranges.push({ from, to });
  }

  /** How many of the numbers from one to another are declared. */
  count(from: number, to: number): number {
    return from > to ? 0 : this.#below(to + 1) - this.#below(from);
  }

  #below(seq: number): number {
    const before = this.#before ??= this.#merge();
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.from < seq) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const { from, to } = this.#ranges[low - 1]!;
    return before[low - 1]! + Math.min(to + 1, seq) - from;
  }

  /** Puts the ranges in order, without what they have in common. */
  #merge(): number[] {
    const ranges = this.#ranges.splice(0).sort((a, b) => a.from - b.from);
    const before: number[] = [];
    let count = 0;
    let end = -1;
    for (const range of ranges) {
      const from = Math.max(range.from, end + 1);
      if (from > range.to) continue;
      this.#ranges.push({ from, to: range.to });
      before.push(count);
      count += range.to - from + 1;
      end = range.to;
    }
    return before;
  }
}
