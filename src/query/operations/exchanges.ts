import type { IndexEntry } from "../../index/index-entry.ts";
import { OldestFirst } from "../../oldest-first.ts";
import { CANCELLED, cancelledRequestKey, originScope, transportScope } from "../../records/jsonrpc.ts";
import type { Direction, FrameRecord } from "../../records/record.ts";
import type { Asked, Subject } from "../terms/subject.ts";
import { type Evaluate, NO } from "../terms/truth.ts";

/** So many requests wait for their answers; beyond that the oldest is forgotten. */
const MAX_OPEN = 65_536;
/** Where more are open, some answer is likely to be in any block. */
const MAX_LOOKED_AT = 256;

/** What has to be known of exchanges. */
export interface ExchangeNeeds {
  /** As much as a request tells of whether it matters which one an answer belongs to. */
  readonly answersTo: Evaluate;
  /** Whether it must be known which requests were cancelled. */
  readonly knowsCancelled: boolean;
}

/**
 * The requests that wait for their answers. A tape mostly says itself which answer is for which request, in `correlation_id`;
 * where it does not, an answer belongs to the last request of its id, of the other side, and over HTTP in the same exchange.
 */
export class Exchanges {
  readonly #needs: ExchangeNeeds;
  readonly #bySeq = new OldestFirst<number, Asked>();
  readonly #byName = new OldestFirst<string, Asked>();

  constructor(needs: ExchangeNeeds) {
    this.#needs = needs;
  }

  /** Whether a block of a tape may hold the answer to one of the requests. */
  mayBeAnswered(entry: IndexEntry): boolean {
    if (this.#byName.size > 0 || this.#bySeq.size > MAX_LOOKED_AT) return entry.mayHold("response");
    for (const [seq] of this.#bySeq.entries()) if (entry.mayAnswer(seq)) return true;
    return false;
  }

  /** Whether no request waits. */
  get isEmpty(): boolean {
    return this.#byName.size === 0 && this.#bySeq.size === 0;
  }

  /** Whether the request of that number may be known here. */
  mayKnow(requestSeq: number): boolean {
    return this.#byName.size > 0 || this.#bySeq.size > 0 && this.#bySeq.get(requestSeq) !== undefined;
  }

  /**
   * Notes a request by its number, or finds that of an answer, of which the first bytes were read. False if the answer may be
   * to a request that is known by its id only.
   */
  note(subject: Subject, requestSeq: number): boolean {
    if (subject.kind === "request") {
      if (this.#matters(subject)) this.#add(this.#bySeq, requestSeq, askedBy(subject));
    } else if (subject.kind === "response") {
      const request = subject.request = this.#bySeq.size === 0 ? undefined : this.#bySeq.get(requestSeq);
      if (request === undefined) return this.#byName.size === 0;
      this.#bySeq.delete(requestSeq);
    }
    return true;
  }

  /**
   * The same of a message that was parsed. Gives the request, or that which is answered or cancelled, if it is known.
   *
   * @param isBatch whether it stands in a batch: what the frame tells is not about it then
   */
  noteParsed(subject: Subject, frame: FrameRecord, isBatch: boolean): Asked | undefined {
    const { kind, idKey = "null", message } = subject;
    const told = isBatch ? undefined : frame.correlation_id ?? undefined;
    const seq = told === undefined ? undefined : numberOf(told);
    if (kind === "request") return this.#ask(subject, nameOf(frame, frame.dir, idKey), told, seq);
    if (kind === "response") {
      const asker = frame.dir === "client_to_server" ? "server_to_client" : "client_to_server";
      return subject.request = this.#answer(seq, told, nameOf(frame, asker, idKey));
    }
    if (kind !== "notification" || subject.method !== CANCELLED) return undefined;
    const cancelled = cancelledRequestKey(message);
    const request = cancelled === undefined ? undefined : this.#byName.get(nameOf(frame, frame.dir, cancelled));
    if (request !== undefined) request.isCancelled = true;
    return request;
  }

  #ask(subject: Subject, name: string, told: string | undefined, seq: number | undefined): Asked | undefined {
    if (!this.#matters(subject)) {
      // It takes the place of an earlier one of its id all the same.
      if (told === undefined) this.#byName.delete(name);
      return undefined;
    }
    const request = askedBy(subject);
    if (seq !== undefined) this.#add(this.#bySeq, seq, request);
    else this.#add(this.#byName, told === undefined ? name : `#${told}`, request);
    if (told !== undefined && this.#needs.knowsCancelled) this.#add(this.#byName, name, request);
    return request;
  }

  /** Whether anything can come of knowing a request. */
  #matters(subject: Subject): boolean {
    return this.#needs.answersTo(subject) !== NO;
  }

  #add<K>(open: OldestFirst<K, Asked>, name: K, request: Asked): void {
    open.set(name, request);
    if (open.size > MAX_OPEN) open.delete(open.oldest()![0]);
  }

  #answer(seq: number | undefined, told: string | undefined, name: string): Asked | undefined {
    let request = seq === undefined ? undefined : this.#bySeq.get(seq);
    if (request !== undefined) this.#bySeq.delete(seq!);
    for (const each of told === undefined ? [name] : [`#${told}`, name]) {
      const known = this.#byName.get(each);
      request ??= known;
      // A request may have several names.
      if (known !== undefined && known === request) this.#byName.delete(each);
    }
    return request;
  }
}

function askedBy({ seq, ts, us, dir, method, tool }: Subject): Asked {
  return { seq: seq!, ts: ts!, us, dir: dir!, method, tool, isCancelled: false };
}

/** The name of a request of that sender, by its id. */
function nameOf({ transport, origin }: FrameRecord, sender: Direction, idKey: string): string {
  const { connection, exchange } = transportScope(transport);
  const scope = connection == null && exchange == null ? "" : JSON.stringify([connection, exchange]);
  return `${originScope(origin)}${scope}${sender === "client_to_server" ? "c" : "s"}${idKey}`;
}

/** The number of the request in a correlation id as this library makes them: 17 in `corr-17`. */
function numberOf(correlationId: string): number | undefined {
  const number = /^corr-(0|[1-9]\d{0,14})$/.exec(correlationId)?.[1];
  return number === undefined ? undefined : Number(number);
}
