/** What is merged: each knows the key of what it has next, and that never goes back. */
export interface Merged {
  readonly key: number;
}

/**
 * Several in the order of their keys; of equal ones the one that was added first comes first. A heap: what it costs to go on
 * grows with the logarithm of how many there are.
 */
export class MergeOrder<T extends Merged> {
  readonly #heap: { readonly item: T; readonly rank: number }[] = [];
  #added = 0;

  /** The one with the least key. */
  get first(): T | undefined {
    return this.#heap[0]?.item;
  }

  add(item: T): void {
    this.#heap.push({ item, rank: this.#added++ });
    for (let at = this.#heap.length - 1; at > 0;) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  /** The key of the first one has grown. */
  update(): void {
    for (let at = 0;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  /** The first one has come to its end. */
  removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.update();
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a]!, this.#heap[b]!];
    return one.item.key < other.item.key || one.item.key === other.item.key && one.rank < other.rank;
  }

  #swap(a: number, b: number): void {
    const item = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = item;
  }
}
