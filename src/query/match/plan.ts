import type { CorrelationRecord, TapeRecord } from "../../records/record.ts";
import { OperationPlan } from "../operations/operation.ts";
import type { Survey } from "../operations/survey.ts";
import type { Expression, NamedTerm, Term, TermName } from "../syntax/expression.ts";
import { compile } from "../terms/compile.ts";
import { ALL, Subject } from "../terms/subject.ts";
import { type Evaluate, MAYBE, NO, truthOf } from "../terms/truth.ts";
import { askingBlockTest, blockTest, type MayHold } from "./decide.ts";
import { type Needles, needlesOf } from "./needles.ts";

/** Options of {@linkcode select} and of a query's stage. */
export interface SelectOptions {
  /**
   * When the tape began, in milliseconds since 1970. Only needed for times of day and dates, where the tape's first record is not
   * among the lines.
   */
  readonly startedAt?: number | undefined;
  /**
   * What {@linkcode Query.survey} has found out of the tape. Without one, where a query asks what becomes of a request later on,
   * lines are held back until it is known: 8192 of them, and 16 MiB, at most.
   */
  readonly survey?: Survey | undefined;
}

/** How a query is answered: what a function makes of it, and what has to be known for that. */
export interface Plan {
  readonly evaluate: Evaluate;
  /** Set where a function of JavaScript decides, which is asked for records as a whole. */
  readonly predicate: ((record: TapeRecord) => boolean) | undefined;
  /** Whether an answer must know its request. */
  readonly knowsExchange: boolean;
  /** Whether an answer can only fit if its request is known. */
  readonly needsRequest: boolean;
  /** As much as a request, of which the first bytes are known, tells of whether an answer to it can fit. */
  readonly answersTo: Evaluate;
  /** Whether it must be known which requests were cancelled. */
  readonly knowsCancelled: boolean;
  /** Whether ids are asked for. */
  readonly wantsId: boolean;
  /** The types of records that the query asks for by name. */
  readonly types: ReadonlySet<string>;
  /** What is asked of operations. */
  readonly operations: readonly OperationPlan[];
  /** Whether it must be known which requests get no answer. */
  readonly wantsOutcome: boolean;
  /** Whether a block of the tape may have something that fits, by its entry in an index. */
  readonly mayHold: MayHold;
  /** The same of requests that must be known for their answers. */
  readonly mayAsk: MayHold;
  /** What stands on every line that fits. */
  readonly needles: Needles | undefined;
}

const maybe: Evaluate = () => MAYBE;
const no: Evaluate = () => NO;
/** What may become of requests that get no answer. */
const OUTCOMES: ReadonlySet<string> = new Set(["pending", "timeout", "cancelled", "orphan"]);
/** Terms that an answer is asked of its request. */
const OF_REQUEST: ReadonlySet<string> = new Set(["method", "tool", "dur", "request"]);

/** The plan of a query. */
export function planOf(expression: Expression): Plan {
  const terms = termsOf(expression);
  const named = new Set(terms.map(({ name }) => name));
  const words = (name: string) =>
    terms.filter((term) => term.name === name).flatMap(({ values }) =>
      values.flatMap((value) => value.is === "text" ? [value.text] : [])
    );
  const knowsCancelled = words("status").includes("cancelled");
  const ofUnknown = compile(expression, () => maybe, (term) => OF_REQUEST.has(nameOf(term)) ? no : maybe);
  const needsRequest = ofUnknown(new Subject()) === NO;
  const types = new Set(words("kind"));
  const operations: OperationPlan[] = [];
  return {
    evaluate: compile(expression, (part) => {
      operations.push(new OperationPlan(part));
      return operationTerm(operations.length - 1, compile(part, () => no));
    }),
    operations,
    wantsOutcome: words("status").some((word) => OUTCOMES.has(word)),
    mayHold: blockTest(expression, types),
    mayAsk: askingBlockTest(expression),
    predicate: undefined,
    knowsExchange: knowsCancelled || [...OF_REQUEST].some((name) => named.has(name as TermName)),
    needsRequest,
    // Where an answer fits as long as its request is not known, every request must be: `-tool:search`.
    answersTo: needsRequest
      ? compile(
        expression,
        () => maybe,
        (term) => nameOf(term) === "method" || nameOf(term) === "tool" ? undefined : maybe,
      )
      : maybe,
    knowsCancelled,
    wantsId: named.has("id"),
    types,
    needles: needlesOf(expression),
  };
}

/** The plan of a function. */
export function planOfPredicate(predicate: (record: TapeRecord) => boolean): Plan {
  return {
    evaluate: ({ level, record }) => level < ALL ? MAYBE : truthOf(predicate(record!)),
    predicate,
    knowsExchange: false,
    needsRequest: false,
    answersTo: maybe,
    knowsCancelled: false,
    wantsId: false,
    types: new Set(),
    operations: [],
    wantsOutcome: false,
    mayHold: () => true,
    mayAsk: () => true,
    needles: undefined,
  };
}

/** The term `op:(…)`. A record that is looked at alone is all that is known of its operation. */
function operationTerm(at: number, alone: Evaluate): Evaluate {
  return (subject) => {
    const { foresight, type, seq, level, record } = subject;
    if (foresight === undefined) return alone(subject);
    if (type === "frame") return truthOf(seq !== undefined && foresight.holds(at, seq));
    if (type !== "correlation") return NO;
    return level < ALL ? MAYBE : truthOf(foresight.holds(at, (record as CorrelationRecord).request_seq));
  };
}

function nameOf(term: Term): string {
  return term.is === "term" ? term.name : term.is;
}

/** All terms with a name, but for those that are asked of operations. */
function termsOf(expression: Expression): readonly NamedTerm[] {
  switch (expression.is) {
    case "all":
    case "any":
      return expression.of.flatMap(termsOf);
    case "not":
      return termsOf(expression.of);
    case "term":
      return [expression];
    default:
      return [];
  }
}
