import { searchesBytes } from "../../bytes/block-search.ts";
import { readParts } from "../../lines/line-parts.ts";
import { handOn, type LineLook, type Loan, lookAt, type TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import { OldestFirst } from "../../oldest-first.ts";
import { CANCELLED } from "../../records/jsonrpc.ts";
import type { IndexEntry } from "../../index/index-entry.ts";
import { GAP, OTHER_RECORD } from "../../index/kinds.ts";
import type { FrameRecord, TapeRecord } from "../../records/record.ts";
import { Exchanges } from "../operations/exchanges.ts";
import { CorrelationPeek } from "./correlation-peek.ts";
import { mayHoldCancelled } from "./decide.ts";
import { FramePeek } from "./frame-peek.ts";
import { LineSearch } from "./line-search.ts";
import type { Plan, SelectOptions } from "./plan.ts";
import { type Foresight, messagesOf, Subject } from "../terms/subject.ts";
import { MAYBE, NO, YES } from "../terms/truth.ts";

/** So many frames that were let through wait for the records that tell of their exchanges. */
const MAX_PASSED = 65_536;
/** Where more of them wait, any block may have what some wait for. */
const MAX_LOOKED_AT = 256;
/** A line of a block that is this long is searched as fast as its first bytes are read, where bytes are searched fast. */
const SHORT_LINE = 700;
/** Where the first letter of a type stands in a line that this library has written: behind `{"type":"`. */
const INITIAL_AT = 9;
const INITIAL_C = 0x63;
const INITIAL_F = 0x66;
const INITIAL_L = 0x6c;

/** What becomes of a line, as far as its first bytes tell. */
type Verdict = "drop" | "take" | "parse" | "parse what was noted" | "only note" | "other";

/**
 * Decides on the lines of a tape, one after the other in their order, and looks at no more of each than it takes: first at its
 * header, then at the first bytes of its message, at last at all of it. It knows the request of each answer that comes by.
 */
export class LineMatcher {
  readonly #plan: Plan;
  readonly #subject = new Subject();
  readonly #peek = new FramePeek();
  readonly #exchanges: Exchanges;
  /** `seq` of frames that were let through. */
  readonly #passed = new OldestFirst<number, true>();
  /** Whether the last line was a frame that was let through. */
  #endsWithTaken = false;
  readonly #pair = new CorrelationPeek();
  readonly #search: LineSearch | undefined;
  /** How long the last lines were, in bytes. */
  #average = 0;
  /** What was found out of the next line, before it was made. */
  #verdict: Verdict | undefined;
  readonly #look: LineLook<Verdict>;
  readonly #lookAtPair: LineLook<boolean>;
  readonly #lookForNeedle: LineLook<boolean>;

  constructor(plan: Plan, { startedAt }: SelectOptions = {}, foresight?: Foresight) {
    this.#plan = plan;
    this.#subject.foresight = foresight;
    this.#exchanges = new Exchanges(plan);
    this.#subject.startedAt = startedAt;
    this.#search = plan.needles && new LineSearch(plan.needles.words);
    this.#look = (block, start, end, loan) => this.#decide(block, start, end, loan);
    this.#lookAtPair = (block, start, end) => this.#pair.read(block, start, end);
    this.#lookForNeedle = (block, start, end, loan) => this.#search!.isOn(block, start, end, loan);
  }

  /**
   * Whether lines of a block must be looked at: something in it may be selected, or is needed for what is, as far as its entry in
   * an index tells. Ask in the order of the tape, between the lines before the block and those behind it.
   */
  mayTake(entry: IndexEntry): boolean {
    const { mayHold, mayAsk, knowsExchange, knowsCancelled, predicate } = this.#plan;
    if (predicate !== undefined || entry.isDamaged || entry.hasKind(GAP | OTHER_RECORD)) return true;
    // The correlation of a frame comes behind its answer.
    if (this.#endsWithTaken || this.#mayComplete(entry)) return true;
    const { startedAt } = this.#subject;
    const context = { startedAt, hasKnownAnswer: knowsExchange && this.#exchanges.mayBeAnswered(entry) };
    if (mayHold(entry, context)) return true;
    return knowsExchange && mayAsk(entry, context) || knowsCancelled && mayHoldCancelled(entry);
  }

  #mayComplete(entry: IndexEntry): boolean {
    if (this.#passed.size > MAX_LOOKED_AT) return true;
    for (const [seq] of this.#passed.entries()) if (entry.mayAnswer(seq)) return true;
    return false;
  }

  /** Whether the line is selected, or needed with what is. */
  takes(line: TapeLine): boolean {
    const isTaken = this.#takes(line);
    this.#endsWithTaken = isTaken && this.#subject.type === "frame";
    return isTaken;
  }

  /**
   * Whether a line, of which only bytes are at hand yet, is not selected. Where it may be, {@linkcode LineMatcher.takes} has to be called
   * for it next.
   */
  drops(block: Uint8Array, start: number, end: number, loan: Loan): boolean {
    const subject = this.#subject;
    subject.request = subject.record = subject.line = undefined;
    const verdict = this.#decide(block, start, end, loan);
    if (verdict !== "drop") {
      this.#verdict = verdict;
      return false;
    }
    this.#endsWithTaken = false;
    return true;
  }

  #takes(line: TapeLine): boolean {
    const subject = this.#subject;
    let verdict = this.#verdict;
    this.#verdict = undefined;
    if (verdict === undefined) {
      subject.request = subject.record = undefined;
      verdict = lookAt(line, this.#look);
    }
    subject.line = line;
    switch (verdict) {
      case "drop":
        return false;
      case "take":
        this.#pass(subject.seq);
        return true;
      case "parse":
        return this.#takesParsed(line, false, false);
      case "parse what was noted":
        return this.#takesParsed(line, false, true);
      case "only note":
        return this.#takesParsed(line, true, false);
      case "other":
        subject.ofLine(line);
        return line.type === "frame"
          ? this.#takesForeign(line)
          : line.type === undefined
          ? this.#takesDamaged(line)
          : this.#takesOther(line, line.type);
    }
  }

  /** Decides on a frame by its first bytes, where it is spelled as this library spells them. */
  #decide(block: Uint8Array, start: number, end: number, loan: Loan | undefined): Verdict {
    const { evaluate, knowsExchange, needles, needsRequest, wantsId } = this.#plan;
    const subject = this.#subject;
    const peek = this.#peek;
    // Of a line without a needle, all that can matter is the exchange it belongs to.
    const isSearched = needles !== undefined && (!needles.isPeeked || this.#hasShortLines(end - start));
    const isOn = !isSearched || this.#search!.isOn(block, start, end, loan);
    // The answer of a tool does not name it.
    const canWait = !knowsExchange || needles?.isPeeked === true && this.#exchanges.isEmpty;
    if (!isOn && canWait && isEvent(block, start)) return "drop";
    const hasNeedle = isOn || needles?.isPeeked === true;
    if (!peek.readHeader(subject, block, start)) return this.#isDropped(block, start) ? "drop" : "other";
    let truth = hasNeedle ? evaluate(subject) : NO;
    if (truth !== MAYBE && !knowsExchange) {
      if (truth === NO) return "drop";
      // Nothing more will be said of a notification.
      if (!peek.readKind(subject)) subject.kind = undefined;
      return "take";
    }
    const inFull = truth === NO ? "only note" : "parse";
    if (!peek.readKind(subject)) return inFull;
    const { kind } = subject;
    if (needsRequest && kind === "response" && !this.#exchanges.mayKnow(peek.requestSeq)) return "drop";
    if (!peek.readMessage(subject, wantsId, end) || this.#needsAll(subject)) return inFull;
    if (knowsExchange && !this.#exchanges.note(subject, peek.requestSeq)) return inFull;
    if (truth === MAYBE) truth = evaluate(subject);
    return truth === YES ? "take" : truth === NO ? "drop" : "parse what was noted";
  }

  /** Whether lines have been so short that to search them costs less than a look at the first bytes of each. */
  #hasShortLines(length: number): boolean {
    if (!searchesBytes) return false;
    this.#average += (length - this.#average) / 64;
    return this.#average < SHORT_LINE;
  }

  /** Whether a line is one of those records that nobody needs. */
  #isDropped(block: Uint8Array, start: number): boolean {
    if (block[start + INITIAL_AT] !== INITIAL_C || this.#passed.size > 0) return false;
    const { types, predicate } = this.#plan;
    if (predicate !== undefined || types.has("correlation") || types.has("checkpoint")) return false;
    return this.#pair.isCorrelationOrCheckpoint(block, start);
  }

  /** Decides on a frame that somebody else has spelled. */
  #takesForeign(line: TapeLine): boolean {
    const { evaluate, knowsExchange, needles } = this.#plan;
    const hasNeedle = needles === undefined || lookAt(line, this.#lookForNeedle);
    // The answer of a tool does not name it.
    if (!hasNeedle && needles.isPeeked && this.#exchanges.isEmpty) return false;
    const truth = hasNeedle ? evaluate(this.#subject) : needles.isPeeked ? MAYBE : NO;
    if (truth !== MAYBE && !knowsExchange) {
      if (truth === YES) this.#pass(this.#subject.seq);
      return truth === YES;
    }
    return this.#takesParsed(line, truth === NO, false);
  }

  /** Whether a message must be parsed for what an answer will be asked. */
  #needsAll(subject: Subject): boolean {
    const { knowsExchange, knowsCancelled, answersTo } = this.#plan;
    const { kind, isToolKnown, method } = subject;
    if (kind !== "request") return knowsCancelled && method === CANCELLED;
    return knowsCancelled || knowsExchange && !isToolKnown && answersTo(subject) !== NO;
  }

  /**
   * @param isDecided whether it is known that the frame is not selected, and only what it says of its exchange matters
   * @param isFollowed whether its exchange has been noted
   */
  #takesParsed(line: TapeLine, isDecided: boolean, isFollowed: boolean): boolean {
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
      else if (knowsExchange) this.#exchanges.noteParsed(subject, frame, messages.length > 1);
      isTaken ||= evaluate(subject) === YES;
    }
    return isTaken;
  }

  #takesRecord(record: TapeRecord): boolean {
    const { predicate, evaluate } = this.#plan;
    return predicate === undefined ? evaluate(this.#subject) === YES : predicate(record);
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
    return truth === MAYBE ? this.#takesParsed(line, false, false) : truth === YES;
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
    if (seq === undefined || this.#subject.kind === "notification") return;
    this.#passed.set(seq, true);
    if (this.#passed.size > MAX_PASSED) this.#passed.delete(this.#passed.oldest()![0]);
  }

  /** Whether a correlation tells of a frame that was let through. */
  #isOfPassed(line: TapeLine): boolean {
    if (this.#passed.size === 0) return false;
    const pair = this.#pair;
    if (!lookAt(line, this.#lookAtPair)) readPair(line, pair);
    const isOfRequest = this.#passed.delete(pair.requestSeq);
    return this.#passed.delete(pair.answerSeq) || isOfRequest;
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

/** Whether a frame or a log stands there, or something else that no tape needs. */
function isEvent(block: Uint8Array, start: number): boolean {
  const initial = block[start + INITIAL_AT];
  return (initial === INITIAL_F || initial === INITIAL_L) && block[start + 1] === 0x22 && block[start + 8] === 0x22;
}

/** Reads which frames a correlation is about, where it is spelled in another way. */
function readPair(line: TapeLine, pair: CorrelationPeek): void {
  pair.requestSeq = pair.answerSeq = -1;
  try {
    const record = parseLine(line);
    if (record.type !== "correlation") return;
    pair.requestSeq = record.request_seq;
    pair.answerSeq = record.response_seq ?? -1;
  } catch {
    // What is no record tells of no frame.
  }
}
