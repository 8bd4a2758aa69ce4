import type { TapeStore } from "./store.ts";

/** Which tape a key names right now. Where two are the same, so are their bytes, and who writes them. */
export interface TapePlace {
  readonly within: object;
  readonly name: string;
}

/** The stores that know more of their tapes than that they are their own. Copies of a store do not: they may read otherwise. */
const known = new WeakMap<TapeStore, (key: string) => Promise<TapePlace | undefined>>();

/** Says for a store where a key leads: other stores may lead there too, and another tape may be put there. */
export function knowPlaces(store: TapeStore, placeOf: (key: string) => Promise<TapePlace | undefined>): TapeStore {
  known.set(store, placeOf);
  return store;
}

/** Which tape a key of a store names. */
export async function placeOf(store: TapeStore, key: string): Promise<TapePlace> {
  return await known.get(store)?.(key) ?? { within: store, name: key };
}

/** What there is one of for each place, as long as somebody keeps it there. */
export class Placed<T> {
  readonly #all = new WeakMap<object, Map<string, T>>();

  at({ within, name }: TapePlace): T | undefined {
    return this.#all.get(within)?.get(name);
  }

  put({ within, name }: TapePlace, value: T): void {
    let inside = this.#all.get(within);
    if (inside === undefined) this.#all.set(within, inside = new Map());
    inside.set(name, value);
  }

  /** Takes it away, unless another has taken its place. */
  remove({ within, name }: TapePlace, value: T): void {
    const inside = this.#all.get(within);
    if (inside?.get(name) === value) inside.delete(name);
  }
}
