import { readParts } from "../../lines/line-parts.ts";
import { handOn, type LineLook, lookAt, type TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import { OldestFirst } from "../../oldest-first.ts";
import { CANCELLED, cancelledRequestKey } from "../../records/jsonrpc.ts";
import type { FrameRecord, TapeRecord } from "../../records/record.ts";
import { Exchanges, nameOf } from "./exchanges.ts";
import { FramePeek } from "./frame-peek.ts";
import type { Plan, SelectOptions } from "./plan.ts";
import { type Asked, messagesOf, Subject } from "../terms/subject.ts";
import { MAYBE, NO, YES } from "../terms/truth.ts";

/** So many frames that were let through wait for the records that tell of their exchanges. */
const MAX_PASSED = 65_536;
const CORRELATION_START = /^\{"type":"correlation","id":"corr-(\d{1,15})-(\d{1,15}|none)"/;
/** As much of a correlation as its numbers can reach. */
const CORRELATION_BYTES = 72;

/**
 * Decides on the lines of a tape, one after the other in their order, and looks at no more of each than it takes: first at its
 * header, then at the first bytes of its message, at last at all of it. It knows the request of each answer that comes by.
 */
export class LineMatcher {
  readonly #plan: Plan;
  readonly #subject = new Subject();
  readonly #peek = new FramePeek();
  readonly #exchanges = new Exchanges();
  /** `seq` of frames that were let through. */
  readonly #passed = new OldestFirst<number, true>();
  readonly #look: LineLook<boolean>;

  constructor(plan: Plan, { startedAt }: SelectOptions = {}) {
    this.#plan = plan;
    this.#subject.startedAt = startedAt;
    this.#look = (block, start, end) => this.#peek.read(this.#subject, block, start, end);
  }

  /** Whether the line is selected, or needed with what is. */
  takes(line: TapeLine): boolean {
    this.#subject.ofLine(line);
    switch (line.type) {
      case "frame":
        return this.#takesFrame(line);
      case undefined:
        return this.#takesDamaged(line);
      default:
        return this.#takesOther(line, line.type);
    }
  }

  #takesFrame(line: TapeLine): boolean {
    const { evaluate, knowsExchange } = this.#plan;
    const subject = this.#subject;
    let truth = evaluate(subject);
    if (truth === MAYBE || knowsExchange) {
      if (!lookAt(line, this.#look) || this.#needsAll(subject)) return this.#takesParsed(line, truth === NO);
      if (knowsExchange && !this.#follow(this.#peek.requestSeq)) return this.#takesParsed(line, truth === NO);
      if (truth === MAYBE) truth = evaluate(subject);
      if (truth === MAYBE) return this.#takesParsed(line, false, true);
    }
    if (truth === YES) this.#pass(subject.seq);
    return truth === YES;
  }

  /** Whether a message must be parsed for what an answer will be asked. */
  #needsAll({ kind, isToolKnown, method }: Subject): boolean {
    const { knowsExchange, knowsCancelled } = this.#plan;
    return kind === "request"
      ? knowsCancelled || knowsExchange && !isToolKnown
      : knowsCancelled && method === CANCELLED;
  }

  /**
   * @param isDecided whether it is known that the frame is not selected, and only what it says of its exchange matters
   * @param isFollowed whether its exchange has been noted
   */
  #takesParsed(line: TapeLine, isDecided: boolean, isFollowed = false): boolean {
    let record: TapeRecord;
    try {
      record = parseLine(line);
    } catch {
      return this.#takesDamaged(line);
    }
    const subject = this.#subject;
    subject.setRecord(record);
    const isTaken = record.type === "frame" ? this.#takesFrameRecord(record, isFollowed) : this.#takesRecord(record);
    if (!isTaken || isDecided) return false;
    handOn(line, record);
    if (record.type === "frame") this.#pass(record.seq);
    return true;
  }

  #takesFrameRecord(frame: FrameRecord, isFollowed: boolean): boolean {
    const { evaluate, predicate, knowsExchange } = this.#plan;
    if (predicate !== undefined) return predicate(frame);
    const subject = this.#subject;
    const messages = messagesOf(frame);
    const known = isFollowed ? subject.request : undefined;
    let isTaken = false;
    for (const [message, header] of messages) {
      subject.ofMessage(message, header);
      if (isFollowed) subject.request = known;
      else if (knowsExchange) this.#followRecord(frame, messages.length > 1);
      isTaken ||= evaluate(subject) === YES;
    }
    return isTaken;
  }

  #takesRecord(record: TapeRecord): boolean {
    const { predicate, evaluate } = this.#plan;
    return predicate === undefined ? evaluate(this.#subject) === YES : predicate(record);
  }

  /** Notes a request by its number, or finds that of an answer; false if it may be known by its id only. */
  #follow(requestSeq: number): boolean {
    const subject = this.#subject;
    if (subject.kind === "request") this.#exchanges.add(requestSeq, askedBy(subject));
    else if (subject.kind === "response") {
      subject.request = this.#exchanges.answer(requestSeq);
      return subject.request !== undefined || !this.#exchanges.hasNames;
    }
    return true;
  }

  /** The same of a frame that was parsed. */
  #followRecord(frame: FrameRecord, isBatch: boolean): void {
    const subject = this.#subject;
    const exchanges = this.#exchanges;
    const { kind, idKey = "null", message } = subject;
    const told = frame.correlation_id ?? undefined;
    const seq = told === undefined ? undefined : numberOf(told);
    if (kind === "request") {
      const request = askedBy(subject);
      const name = nameOf(frame, frame.dir, idKey);
      // Of a batch only the first request is told of.
      const isTold = !isBatch && told !== undefined;
      if (isTold && seq !== undefined) exchanges.add(seq, request);
      else exchanges.addNamed(isTold ? `#${told}` : name, request);
      if (isTold && this.#plan.knowsCancelled) exchanges.addNamed(name, request);
    } else if (kind === "response") {
      const asker = frame.dir === "client_to_server" ? "server_to_client" : "client_to_server";
      const name = nameOf(frame, asker, idKey);
      subject.request = isBatch || told === undefined
        ? exchanges.answer(undefined, name)
        : exchanges.answer(seq, `#${told}`, name);
    } else if (kind === "notification" && subject.method === CANCELLED) {
      const cancelled = cancelledRequestKey(message);
      if (cancelled !== undefined) exchanges.cancel(nameOf(frame, frame.dir, cancelled));
    }
  }

  /** Of records that are no frames, the tape needs some; the others are asked for as frames are. */
  #takesOther(line: TapeLine, type: string): boolean {
    const { types, predicate } = this.#plan;
    if (type === "init") {
      this.#begin(line);
      return true;
    }
    if (type === "gap" || type === "end") return true;
    if (type === "correlation" && this.#isOfPassed(line)) return true;
    const isAsked = predicate !== undefined || types.has(type) || type !== "correlation" && type !== "checkpoint";
    if (!isAsked) return false;
    const truth = this.#plan.evaluate(this.#subject);
    return truth === MAYBE ? this.#takesParsed(line, false) : truth === YES;
  }

  #begin(line: TapeLine): void {
    try {
      const record = parseLine(line);
      handOn(line, record);
      if (record.type !== "init") return;
      const startedAt = Date.parse(record.created_at);
      if (!Number.isNaN(startedAt)) this.#subject.startedAt = startedAt;
    } catch {
      // Whoever reads it says so.
    }
  }

  #pass(seq: number | undefined): void {
    if (seq === undefined) return;
    this.#passed.set(seq, true);
    if (this.#passed.size > MAX_PASSED) this.#passed.delete(this.#passed.oldest()![0]);
  }

  /** Whether a correlation tells of a frame that was let through. */
  #isOfPassed(line: TapeLine): boolean {
    if (this.#passed.size === 0) return false;
    const numbers = lookAt(line, readNumbers) ?? parsedNumbers(line);
    return numbers.filter((seq) => this.#passed.delete(seq)).length > 0;
  }

  /** What stands on a line that is no record as a whole. */
  #takesDamaged(line: TapeLine): boolean {
    const subject = this.#subject;
    return readParts(line).filter(({ record }) => {
      if (record === undefined) return false;
      subject.setRecord(record);
      subject.type = record.type;
      subject.line = undefined;
      return record.type === "frame" ? this.#takesFrameRecord(record, false) : this.#takesRecord(record);
    }).length > 0;
  }
}

function askedBy({ seq, ts, us, dir, method, tool }: Subject): Asked {
  return { seq: seq!, ts: ts!, us, dir: dir!, method, tool, isCancelled: false };
}

/** The number of the request in a correlation id as this library makes them: 17 in `corr-17`. */
function numberOf(correlationId: string): number | undefined {
  const number = /^corr-(0|[1-9]\d{0,14})$/.exec(correlationId)?.[1];
  return number === undefined ? undefined : Number(number);
}

function readNumbers(block: Uint8Array, start: number, end: number): readonly number[] | undefined {
  const text = String.fromCharCode(...block.subarray(start, Math.min(end, start + CORRELATION_BYTES)));
  const found = CORRELATION_START.exec(text);
  return found === null ? undefined : [Number(found[1]), Number(found[2])];
}

function parsedNumbers(line: TapeLine): readonly number[] {
  try {
    const record = parseLine(line);
    return record.type === "correlation" ? [record.request_seq, record.response_seq ?? -1] : [];
  } catch {
    return [];
  }
}
