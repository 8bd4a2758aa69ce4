import { member } from "../../json/member.ts";
import { OldestFirst } from "../../oldest-first.ts";
import {
  CANCELLED,
  inputRequiredState,
  messageHeader,
  originScope,
  PROGRESS,
  transportScope,
} from "../../records/jsonrpc.ts";
import type { CorrelationRecord, Direction, FrameRecord } from "../../records/record.ts";
import { Exchanges } from "./exchanges.ts";
import { type Asked, messagesOf, Subject, valueOf } from "../terms/subject.ts";
import { MAYBE } from "../terms/truth.ts";
import { Operation, type OperationPlan } from "./operation.ts";

/** So many requests may be open; beyond that the oldest is taken to get no answer. */
const MAX_OPEN = 65_536;
/** So many tokens, and answers that ask for another request, are remembered. */
const MAX_LINKS = 16_384;

/** What becomes of requests. */
export interface OutcomeListener {
  /** A request gets no answer: `timeout`, `cancelled`, `orphan` as the tape says, or else `pending`. */
  onOutcome(requestSeq: number, outcome: string): void;
}

/** A request that waits. */
interface Open {
  readonly operation: Operation;
  readonly asked: Asked;
  outcome: string | undefined;
}

/** Puts the frames of a tape together to operations, in their order. */
export class Operations {
  readonly #plans: readonly OperationPlan[];
  readonly #listener: OutcomeListener;
  readonly #exchanges = new Exchanges({ answersTo: () => MAYBE, knowsCancelled: true });
  readonly #subject = new Subject();
  readonly #open = new OldestFirst<Asked, Open>();
  /** By the `seq` of the request; those of a batch share one. */
  readonly #bySeq = new Map<number, Set<Open>>();
  readonly #tokens = new OldestFirst<string, Operation>();
  readonly #continuations = new OldestFirst<string, Operation>();

  constructor(plans: readonly OperationPlan[], listener: OutcomeListener, startedAt: number | undefined) {
    this.#plans = plans;
    this.#listener = listener;
    this.#subject.startedAt = startedAt;
  }

  /** When the tape began, in milliseconds since 1970. */
  set startedAt(ms: number) {
    this.#subject.startedAt = ms;
  }

  /** Takes note of a frame, and tells to which operations it belongs: mostly to one or none. */
  see(frame: FrameRecord): readonly Operation[] {
    const subject = this.#subject;
    subject.ofRecord(frame);
    const messages = messagesOf(frame);
    const found = new Set<Operation>();
    for (const [message, header] of messages) {
      subject.ofMessage(message, header);
      const asked = this.#exchanges.noteParsed(subject, frame, messages.length > 1);
      const operation = this.#operationOf(frame, asked);
      if (operation === undefined) continue;
      found.add(operation);
      operation.see(subject);
      if (subject.kind === "response" && asked !== undefined) this.#answer(frame, asked);
    }
    return [...found];
  }

  /** Whether the request of that number still waits. */
  isOpen(requestSeq: number): boolean {
    return this.#bySeq.has(requestSeq);
  }

  /** Takes note of what the tape says of a request. */
  tell(record: CorrelationRecord): void {
    for (const open of this.#bySeq.get(record.request_seq) ?? []) {
      this.#subject.ofRecord(record);
      open.operation.see(this.#subject, true);
      if (record.response_seq == null) open.outcome = record.status ?? undefined;
    }
  }

  /** The tape is at its end. */
  end(): void {
    for (const [, open] of [...this.#open.entries()]) this.#giveUp(open);
    for (const [, operation] of [...this.#continuations.entries()]) operation.end();
  }

  #operationOf(frame: FrameRecord, asked: Asked | undefined): Operation | undefined {
    const { kind, message, method } = this.#subject;
    if (kind === "request") return this.#begin(frame, asked!);
    if (kind === "response" || method === CANCELLED) return asked && this.#open.get(asked)?.operation;
    if (method !== PROGRESS) return undefined;
    const asker = frame.dir === "client_to_server" ? "server_to_client" : "client_to_server";
    const token = member(member(valueOf(message), "params"), "progressToken");
    return this.#tokens.get(tokenName(frame, asker, token));
  }

  #begin(frame: FrameRecord, asked: Asked): Operation {
    const { message } = this.#subject;
    const header = messageHeader(message);
    const state = this.#continuations.size > 0 ? inputRequiredState(message, header) : undefined;
    const link = state && continuationName(frame, frame.dir, header.method, state.requestState);
    const earlier = link === undefined ? undefined : this.#continuations.get(link);
    if (link !== undefined) this.#continuations.delete(link);
    const operation = earlier ?? new Operation(this.#plans);
    // The answer that asked for this one was still owed.
    if (earlier === undefined) operation.open++;
    const open: Open = { operation, asked, outcome: undefined };
    this.#open.set(asked, open);
    const sameFrame = this.#bySeq.get(asked.seq);
    if (sameFrame === undefined) this.#bySeq.set(asked.seq, new Set([open]));
    else sameFrame.add(open);
    if (this.#open.size > MAX_OPEN) this.#giveUp(this.#open.oldest()![1]);
    const token = member(member(member(valueOf(message), "params"), "_meta"), "progressToken");
    if (token !== undefined) {
      this.#tokens.set(tokenName(frame, frame.dir, token), operation);
      if (this.#tokens.size > MAX_LINKS) this.#tokens.delete(this.#tokens.oldest()![0]);
    }
    return operation;
  }

  #answer(frame: FrameRecord, asked: Asked): void {
    const open = this.#open.get(asked);
    if (open === undefined) return;
    this.#forget(open);
    const { operation } = open;
    const { message } = this.#subject;
    const state = inputRequiredState(message);
    if (state === undefined) return this.#close(operation);
    const link = continuationName(frame, asked.dir, asked.method, state.requestState);
    this.#continuations.set(link, operation);
    if (this.#continuations.size <= MAX_LINKS) return;
    const [oldest, given] = this.#continuations.oldest()!;
    this.#continuations.delete(oldest);
    this.#close(given);
  }

  #giveUp(open: Open): void {
    this.#forget(open);
    const { operation, asked, outcome = "pending" } = open;
    this.#listener.onOutcome(asked.seq, outcome);
    const subject = this.#subject;
    subject.ofUnanswered(asked, outcome);
    operation.see(subject, true);
    this.#close(operation);
  }

  #forget(open: Open): void {
    this.#open.delete(open.asked);
    const { seq } = open.asked;
    const sameFrame = this.#bySeq.get(seq);
    sameFrame?.delete(open);
    if (sameFrame?.size === 0) this.#bySeq.delete(seq);
  }

  #close(operation: Operation): void {
    if (--operation.open <= 0) operation.end();
  }
}

function tokenName({ transport, origin }: FrameRecord, asker: Direction, token: unknown): string {
  return JSON.stringify([originScope(origin), transportScope(transport).connection, asker, token]);
}

/** A request goes on under a new id, and over HTTP in another exchange: it is known by its method and what it echoes. */
function continuationName(
  { transport, origin }: FrameRecord,
  asker: Direction,
  method: string | undefined,
  state: string | undefined,
): string {
  return JSON.stringify([originScope(origin), transportScope(transport).connection, asker, method, state]);
}
