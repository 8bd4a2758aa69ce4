import { takeApart } from "../../lines/line-parts.ts";
import type { TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { TapeError } from "../../errors.ts";
import type { TapeRecord } from "../../records/record.ts";
import { YES } from "../terms/truth.ts";
import type { Operation, OperationPlan } from "./operation.ts";
import { Operations } from "./operations.ts";
import { SeqSet } from "./seq-set.ts";

/** Frames whose operation is not decided yet: so many are remembered of one operation. */
const MAX_MEMBERS = 1_000_000;

/**
 * What a query has to know of a tape before it can select of it, found out by reading the tape once: which frames belong to the
 * operations that fit, and which requests get no answer. Add all lines, call `end`, and hand it to the stage that reads the tape
 * again.
 */
export class Survey {
  readonly #operations: Operations;
  readonly #selected: readonly SeqSet[];
  readonly #outcomes = new Map<number, string>();
  /** The frames of operations that are not decided. */
  readonly #members = new Map<Operation, number[]>();

  /** Made by the query whose operations are asked for. */
  constructor(plans: readonly OperationPlan[], startedAt: number | undefined) {
    this.#selected = plans.map(() => new SeqSet());
    const onOutcome = (seq: number, outcome: string) => void this.#outcomes.set(seq, outcome);
    this.#operations = new Operations(plans, { onOutcome }, startedAt);
  }

  /** Takes note of the next line of the tape. */
  add(line: TapeLine): void {
    switch (line.type) {
      case "checkpoint":
      case "log":
      case "gap":
      case "end":
        return;
    }
    let record: TapeRecord;
    try {
      record = parseLine(line);
    } catch (error) {
      for (const part of takeApart(line, error as TapeError)) if (part.record !== undefined) this.#see(part.record);
      return;
    }
    this.#see(record);
  }

  /** All lines have been added. */
  end(): void {
    this.#operations.end();
    for (const operation of this.#members.keys()) operation.end();
    this.#settle();
  }

  /** Whether a frame belongs to an operation that fits the `op:(…)` of that number. */
  holds(at: number, seq: number): boolean {
    return this.#selected[at]!.has(seq);
  }

  /** What becomes of a request that gets no answer. */
  outcomeOf(requestSeq: number): string | undefined {
    return this.#outcomes.get(requestSeq);
  }

  #see(record: TapeRecord): void {
    if (record.type === "init") {
      const startedAt = Date.parse(record.created_at);
      if (!Number.isNaN(startedAt)) this.#operations.startedAt = startedAt;
    } else if (record.type === "correlation") this.#operations.tell(record);
    else if (record.type === "frame") {
      for (const operation of this.#operations.see(record)) this.#addMember(operation, record.seq);
    }
  }

  #addMember(operation: Operation, seq: number): void {
    const members = this.#members.get(operation) ?? [];
    if (members.length < MAX_MEMBERS) members.push(seq);
    if (operation.isDecided) {
      this.#members.delete(operation);
      this.#note(operation, members);
    } else {
      this.#members.set(operation, members);
      if (this.#members.size % 1024 === 0) this.#settle();
    }
  }

  /** Lets go of the frames of all operations that have been decided meanwhile. */
  #settle(): void {
    for (const [operation, members] of this.#members) {
      if (!operation.isDecided) continue;
      this.#members.delete(operation);
      this.#note(operation, members);
    }
  }

  #note({ truths }: Operation, members: readonly number[]): void {
    for (const [at, truth] of truths.entries()) {
      if (truth === YES) { for (const seq of members) this.#selected[at]!.add(seq); }
    }
  }
}
