import { OldestFirst } from "../oldest-first.ts";

/** A request that waits for its answer. */
export interface OpenRequest {
  /** Who asked, and under which id. */
  readonly key: string;
  readonly seq: number;
  readonly ts: number;
  readonly us: number | undefined;
  /** Whether it is known when it was asked. */
  readonly isTimed: boolean;
  readonly method: string | undefined;
  /** `request_seq` of the request that this one goes on from. */
  readonly continues: number | undefined;
  /** Whether it says `jsonrpc`. */
  readonly isVersioned: boolean;
  isCancelled: boolean;
  /** Whether its id was in use when it came, or was used again before its answer: then any answer may be another's. */
  isAmbiguous: boolean;
}

/**
 * The requests that wait for their answers, by their keys, and those that have waited too long. Peers that use an id
 * again too early are borne with: all of its requests are kept, each as ambiguous.
 */
export class OpenRequests {
  readonly #limit: number;
  /** The first request of a key stands under the key itself, any further one under a name of its own. */
  readonly #open = new OldestFirst<string, OpenRequest>();
  /** Those names by their key, the oldest first. Hardly ever there are any. */
  readonly #further = new Map<string, string[]>();
  #furtherCount = 0;
  readonly #timedOut = new OldestFirst<string, OpenRequest>();

  /** @param limit how many may be open, and how many that have timed out are remembered */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether there is room for one more. */
  get isFull(): boolean {
    return this.#open.size >= this.#limit;
  }

  /** Adds a request, which is ambiguous from then on if an answer may be that of an earlier one. */
  add(request: OpenRequest): void {
    const { key } = request;
    const first = this.#open.get(key);
    const further = this.#furtherOf(key);
    const timedOut = this.#timedOut.size === 0 ? undefined : this.#timedOut.get(key);
    if (first === undefined && further === undefined && timedOut === undefined) return this.#open.add(key, request);
    for (const other of [request, first, timedOut]) if (other !== undefined) other.isAmbiguous = true;
    if (first === undefined && further === undefined) return this.#open.set(key, request);
    // No key looks like this: one with a space in it belongs to an id that is a text, and ends with a quote.
    const name = `${key} #${this.#furtherCount++}`;
    if (further === undefined) this.#further.set(key, [name]);
    else further.push(name);
    this.#open.set(name, request);
  }

  /** Takes out the oldest open request of that key, else the last one that has timed out. */
  take(key: string): { readonly request: OpenRequest; readonly isLate: boolean } | undefined {
    const first = this.#open.get(key);
    if (first !== undefined) {
      this.#open.delete(key);
      return { request: first, isLate: false };
    }
    const further = this.#furtherOf(key)?.[0];
    if (further !== undefined) return { request: this.#remove(further, this.#open.get(further)!), isLate: false };
    const timedOut = this.#timedOut.get(key);
    if (timedOut === undefined) return undefined;
    this.#timedOut.delete(key);
    return { request: timedOut, isLate: true };
  }

  /** Notes that the sender wants no answer any more. */
  cancel(key: string): void {
    const names = [key, ...this.#furtherOf(key) ?? []];
    for (const request of [...names.map((name) => this.#open.get(name)), this.#timedOut.get(key)]) {
      if (request !== undefined) request.isCancelled = true;
    }
  }

  /** The request that has been open longest. */
  oldest(): OpenRequest | undefined {
    return this.#open.oldest()?.[1];
  }

  /** Takes out the request that has been open longest. */
  giveUpOldest(): OpenRequest {
    const [name, request] = this.#open.oldest()!;
    return this.#remove(name, request);
  }

  /** The same, and an answer that still comes is known as late. */
  timeOutOldest(): OpenRequest {
    const request = this.giveUpOldest();
    this.#timedOut.set(request.key, request);
    if (this.#timedOut.size > this.#limit) this.#timedOut.delete(this.#timedOut.oldest()![0]);
    return request;
  }

  /** Takes out all that does not say `jsonrpc`. */
  forgetUnversioned(): void {
    for (const [name, request] of this.#open.entries()) if (!request.isVersioned) this.#remove(name, request);
    for (const [name, request] of this.#timedOut.entries()) if (!request.isVersioned) this.#timedOut.delete(name);
  }

  #furtherOf(key: string): string[] | undefined {
    return this.#further.size === 0 ? undefined : this.#further.get(key);
  }

  #remove(name: string, request: OpenRequest): OpenRequest {
    this.#open.delete(name);
    if (name !== request.key) {
      const names = this.#further.get(request.key)!;
      if (names.length === 1) this.#further.delete(request.key);
      else names.splice(names.indexOf(name), 1);
    }
    return request;
  }
}
