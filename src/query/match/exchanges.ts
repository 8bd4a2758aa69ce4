import { OldestFirst } from "../../oldest-first.ts";
import type { Direction, FrameRecord } from "../../records/record.ts";
import type { Asked } from "../terms/subject.ts";

/** So many requests wait for their answers; beyond that the oldest is forgotten. */
const MAX_OPEN = 65_536;

/**
 * The requests that wait for their answers. A tape mostly says itself which answer is for which request, in `correlation_id`;
 * where it does not, an answer belongs to the last request of its id, of the other side, and over HTTP in the same exchange.
 */
export class Exchanges {
  readonly #bySeq = new OldestFirst<number, Asked>();
  readonly #byName = new OldestFirst<string, Asked>();

  /** Whether there are requests that are known by their ids. */
  get hasNames(): boolean {
    return this.#byName.size > 0;
  }

  /** A request was seen of which the tape says by what number its answer will know it. */
  add(seq: number, request: Asked): void {
    this.#bySeq.set(seq, request);
    if (this.#bySeq.size > MAX_OPEN) this.#bySeq.delete(this.#bySeq.oldest()![0]);
  }

  /** A request was seen that is known by this name. */
  addNamed(name: string, request: Asked): void {
    this.#byName.set(name, request);
    if (this.#byName.size > MAX_OPEN) this.#byName.delete(this.#byName.oldest()![0]);
  }

  /** The request that is answered now: that of this number, or else of one of these names. */
  answer(seq: number | undefined, ...names: readonly (string | undefined)[]): Asked | undefined {
    let request = seq === undefined ? undefined : this.#bySeq.get(seq);
    if (request !== undefined) this.#bySeq.delete(seq!);
    for (const name of names) {
      const known = name === undefined ? undefined : this.#byName.get(name);
      request ??= known;
      // A request may have several names.
      if (known !== undefined && known === request) this.#byName.delete(name!);
    }
    return request;
  }

  /** The sender of a request wants no answer any more. */
  cancel(name: string): void {
    const request = this.#byName.get(name);
    if (request !== undefined) request.isCancelled = true;
  }
}

/** The name of a request of that sender, by its id. */
export function nameOf({ transport }: FrameRecord, sender: Direction, idKey: string): string {
  const http = transport?.http;
  const scope = http == null ? "" : JSON.stringify([http.connection, http.exchange]);
  return `${scope}${sender === "client_to_server" ? "c" : "s"}${idKey}`;
}
