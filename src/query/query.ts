import type { Loan, TapeLine } from "../lines/line.ts";
import type { TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";
import { DROPS, ONLY_PASSES, type StageSpec, type StageTraits } from "../streams/stage-spec.ts";
import { LineMatcher } from "./match/line-matcher.ts";
import { type Plan, planOf, type SelectOptions } from "./match/plan.ts";
import { messagesOf, Subject } from "./terms/subject.ts";
import { YES } from "./terms/truth.ts";
import { HeldLines } from "./operations/held-lines.ts";
import { Survey } from "./operations/survey.ts";
import type { Expression } from "./syntax/expression.ts";
import { parseExpression } from "./syntax/parse-expression.ts";
import { printExpression } from "./syntax/print-expression.ts";

/** A question to a tape. Make one with {@linkcode parseQuery}. */
export interface Query {
  /**
   * Whether a record fits, looked at alone: an answer does not know its request here, so that `method:`, `tool:` and `dur:` fit
   * none. {@linkcode Query.stage} knows.
   */
  matches(record: TapeRecord): boolean;
  /** The query in its one spelling: {@linkcode parseQuery} makes an equal one of it. */
  toString(): string;
  /** A stage that lets through what fits; see {@linkcode select}. */
  stage(options?: SelectOptions): Stage<TapeLine, TapeLine>;
  /**
   * Where a query asks what becomes of a request later on (`op:`, `status:pending`), a tape is best read twice: all its lines are
   * added to this, and what it has found out is handed to {@linkcode Query.stage}. Undefined where the query needs no such thing.
   */
  survey(options?: SelectOptions): Survey | undefined;
}

/** A query that was read. */
export class ParsedQuery implements Query {
  /** What is asked, as a tree. Queries that ask the same in the same words have equal trees. */
  readonly expression: Expression;
  readonly #plan: Plan;
  readonly #subject = new Subject();

  constructor(expression: Expression) {
    this.expression = expression;
    this.#plan = planOf(expression);
  }

  /** The types of records that it asks for by name, with `kind:`. */
  get types(): ReadonlySet<string> {
    return this.#plan.types;
  }

  matches(record: TapeRecord): boolean {
    const subject = this.#subject;
    const { evaluate } = this.#plan;
    subject.ofRecord(record);
    if (record.type !== "frame") return evaluate(subject) === YES;
    return messagesOf(record).some(([message, header]) => {
      subject.ofMessage(message, header);
      return evaluate(subject) === YES;
    });
  }

  toString(): string {
    return printExpression(this.expression);
  }

  stage(options: SelectOptions = {}): Stage<TapeLine, TapeLine> {
    return selecting(this.#plan, options);
  }

  survey({ startedAt }: SelectOptions = {}): Survey | undefined {
    return needsForesight(this.#plan) ? new Survey(this.#plan.operations, startedAt) : undefined;
  }

  /** What decides on lines one by one, and on blocks by their entries in an index; see {@linkcode LineMatcher}. */
  matcher(options: SelectOptions = {}): LineMatcher {
    return new LineMatcher(this.#plan, options, options.survey);
  }
}

/**
 * Reads a query: terms with spaces between them, which must all fit; `OR`, `NOT` or `-`, and parentheses.
 *
 * | term                                   | asks for                                                              |
 * | -------------------------------------- | --------------------------------------------------------------------- |
 * | `method:tools/call`, `method:resources/*` | messages of a method, and their answers                            |
 * | `tool:search,fetch`                    | calls of a tool, and their answers                                    |
 * | `dir:c2s`, `dir:s2c`                   | what the client has sent, or the server                               |
 * | `kind:request`                         | or `response`, `notification`, `batch`, `invalid`, `log`, …           |
 * | `id:7`, `request:12`                   | the id of a message; a request by its `seq`, with its answer          |
 * | `status:error`                         | answers by what they say: `ok`, `error`, `tool_error`, `-32601`, …    |
 * | `dur:>200ms`                           | answers by how long they took                                         |
 * | `size:>16k`, `seq:100..200`            | messages by their bytes, frames by their numbers                      |
 * | `at:+10s..+30s`, `at:14:05..`          | by their time since the start, by the time of day                     |
 * | `text:needle`, `"two words"`, `/regex/i` | by their text                                                       |
 * | `params.arguments.city:Paris`          | by what stands in the message; `/params/name:x` says the same         |
 * | `has:error`                            | messages that have something there                                    |
 *
 * @throws {TapeError} code `invalid_argument`: it shows the text, with carets under what is wrong
 *
 * @example
 * ```ts
 * import { parseQuery } from "tapeline";
 *
 * const slow = parseQuery("method:tools/call (dur:>200ms OR status:error)");
 * String(slow); // the same text
 * ```
 */
export function parseQuery(text: string): Query {
  return new ParsedQuery(parseExpression(text));
}

/** The stage of a plan. */
export function selecting(plan: Plan, options: SelectOptions): Stage<TapeLine, TapeLine> {
  const { survey, startedAt } = options;
  if (survey === undefined && needsForesight(plan)) return holding(plan, options);
  const matcher = new LineMatcher(plan, { startedAt }, survey);
  const spec: StageSpec<TapeLine, TapeLine> & StageTraits<TapeLine, TapeLine> = {
    transform(line, emit) {
      if (matcher.takes(line)) emit(line);
    },
    [ONLY_PASSES]: true,
    [DROPS]: (block, start, end, loan) => matcher.drops(block, start, end, loan as Loan),
  };
  return stage(spec);
}

/** A stage that holds lines back until it can decide on them. */
function holding(plan: Plan, { startedAt }: SelectOptions): Stage<TapeLine, TapeLine> {
  const held = new HeldLines(plan.operations, plan.wantsOutcome, startedAt);
  const matcher = new LineMatcher(plan, { startedAt }, held);
  const decideFor = (emit: (line: TapeLine) => void) => (line: TapeLine) => {
    if (matcher.takes(line)) emit(line);
  };
  return stage<TapeLine, TapeLine>({
    transform: (line, emit) => held.add(line, decideFor(emit)),
    flush: (emit) => held.end(decideFor(emit)),
  });
}

function needsForesight({ operations, wantsOutcome }: Plan): boolean {
  return operations.length > 0 || wantsOutcome;
}
