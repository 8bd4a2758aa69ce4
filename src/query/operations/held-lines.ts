import { handOn, type TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { TapeRecord } from "../../records/record.ts";
import type { Foresight } from "../terms/subject.ts";
import { MAYBE, YES } from "../terms/truth.ts";
import type { Operation, OperationPlan } from "./operation.ts";
import { Operations } from "./operations.ts";

/** So many lines, and so many bytes of them, are held back at most. */
const MAX_LINES = 8192;
const MAX_BYTES = 16 * 1024 * 1024;

/** A line that waits for its turn. */
interface Held {
  readonly line: TapeLine;
  readonly operations: readonly Operation[];
  /** Of a request whose outcome is asked for: whether it has one, or an answer. */
  readonly requestSeq: number | undefined;
}

/**
 * Holds lines back until it is known what becomes of the operations that they belong to, as far as there is room: then the
 * oldest is decided by what is known so far.
 */
export class HeldLines implements Foresight {
  readonly #operations: Operations;
  readonly #wantsOutcome: boolean;
  readonly #lines: Held[] = [];
  #head = 0;
  #bytes = 0;
  /** The line that is decided on now. */
  #current: Held | undefined;
  readonly #outcomes = new Map<number, string>();

  /** @param wantsOutcome whether it matters which requests get no answer */
  constructor(plans: readonly OperationPlan[], wantsOutcome: boolean, startedAt: number | undefined) {
    this.#wantsOutcome = wantsOutcome;
    const onOutcome = (seq: number, outcome: string) => void this.#outcomes.set(seq, outcome);
    this.#operations = new Operations(plans, { onOutcome }, startedAt);
  }

  /** Takes a line; `decide` is called for those whose turn it is. */
  add(line: TapeLine, decide: (line: TapeLine) => void): void {
    const record = recordOf(line);
    let operations: readonly Operation[] = [];
    if (record?.type === "frame") operations = this.#operations.see(record);
    else if (record?.type === "correlation") this.#operations.tell(record);
    else if (record?.type === "init") {
      const startedAt = Date.parse(record.created_at);
      if (!Number.isNaN(startedAt)) this.#operations.startedAt = startedAt;
    }
    const isRequest = this.#wantsOutcome && record?.type === "frame" && this.#operations.isOpen(record.seq);
    this.#lines.push({ line, operations, requestSeq: isRequest ? record.seq : undefined });
    this.#bytes += line.length;
    this.#release(decide);
  }

  /** No more lines come. */
  end(decide: (line: TapeLine) => void): void {
    this.#operations.end();
    this.#release(decide);
  }

  holds(at: number): boolean {
    return this.#current!.operations.some((operation) => operation.truthNow(at) === YES);
  }

  outcomeOf(requestSeq: number): string | undefined {
    return this.#outcomes.get(requestSeq) ?? (this.#operations.isOpen(requestSeq) ? "pending" : undefined);
  }

  #release(decide: (line: TapeLine) => void): void {
    while (this.#head < this.#lines.length) {
      const first = this.#lines[this.#head]!;
      const isFull = this.#lines.length - this.#head > MAX_LINES || this.#bytes > MAX_BYTES;
      if (!isFull && !this.#isDecided(first)) break;
      this.#head++;
      this.#bytes -= first.line.length;
      this.#current = first;
      decide(first.line);
      if (first.requestSeq !== undefined) this.#outcomes.delete(first.requestSeq);
    }
    // Not each time: that would move all that wait.
    if (this.#head > 64 && this.#head * 2 > this.#lines.length) this.#lines.splice(0, this.#head), this.#head = 0;
  }

  #isDecided({ operations, requestSeq }: Held): boolean {
    if (operations.some(({ truths }) => truths.includes(MAYBE))) return false;
    return requestSeq === undefined || !this.#operations.isOpen(requestSeq);
  }
}

function recordOf(line: TapeLine): TapeRecord | undefined {
  switch (line.type) {
    case "frame":
    case "correlation":
    case "init":
      try {
        const record = parseLine(line);
        handOn(line, record);
        return record;
      } catch {
        // Whoever reads it says so.
      }
  }
  return undefined;
}
