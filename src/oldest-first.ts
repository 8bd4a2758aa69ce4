/**
 * A map that knows its oldest entry. `Map` keeps the order too, but looking for its first entry walks over everything
 * that was deleted before it, so that giving up the oldest of many again and again takes quadratic time.
 */
export class OldestFirst<K, V> {
  readonly #map = new Map<K, V>();
  /** Goes from one oldest entry to the next: all that it has passed, but the head, is deleted. */
  #rest: Iterator<[K, V], undefined> | undefined;
  #head: readonly [key: K, value: V] | undefined;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  /** Adds an entry as the youngest; one of the same key is gone. */
  set(key: K, value: V): void {
    this.delete(key);
    this.add(key, value);
  }

  /** The same, for a key that is not there. */
  add(key: K, value: V): void {
    this.#map.set(key, value);
  }

  /** Whether there was such an entry. */
  delete(key: K): boolean {
    if (this.#head !== undefined && this.#head[0] === key) this.#head = undefined;
    return this.#map.delete(key);
  }

  /** The entry that was set longest ago. */
  oldest(): readonly [key: K, value: V] | undefined {
    if (this.#map.size === 0) this.#rest = undefined;
    else this.#head ??= (this.#rest ??= this.#map.entries()).next().value;
    return this.#head;
  }

  /** Oldest first. */
  values(): IterableIterator<V> {
    return this.#map.values();
  }

  /** Oldest first. What is deleted meanwhile does not come any more. */
  entries(): IterableIterator<[K, V]> {
    return this.#map.entries();
  }

  clear(): void {
    this.#map.clear();
    this.#head = undefined;
    this.#rest = undefined;
  }
}
