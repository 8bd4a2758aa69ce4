import type { TapeRecord } from "../../records/record.ts";
import type { Expression, NamedTerm, Term, TermName } from "../syntax/expression.ts";
import { compile } from "../terms/compile.ts";
import { ALL, Subject } from "../terms/subject.ts";
import { type Evaluate, MAYBE, NO, truthOf } from "../terms/truth.ts";
import { type Needles, needlesOf } from "./needles.ts";

/** Options of {@linkcode select} and of a query's stage. */
export interface SelectOptions {
  /**
   * When the tape began, in milliseconds since 1970. Only needed for times of day and dates, where the tape's first record is not
   * among the lines.
   */
  readonly startedAt?: number | undefined;
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
  /** What stands on every line that fits. */
  readonly needles: Needles | undefined;
}

const maybe: Evaluate = () => MAYBE;
const no: Evaluate = () => NO;
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
  return {
    evaluate: compile(expression, (part) => compile(part, () => maybe)),
    predicate: undefined,
    knowsExchange: knowsCancelled || [...OF_REQUEST].some((name) => named.has(name as TermName)),
    needsRequest: ofUnknown(new Subject()) === NO,
    answersTo: compile(
      expression,
      () => maybe,
      (term) => nameOf(term) === "method" || nameOf(term) === "tool" ? undefined : maybe,
    ),
    knowsCancelled,
    wantsId: named.has("id"),
    types: new Set(words("kind")),
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
    needles: undefined,
  };
}

function nameOf(term: Term): string {
  return term.is === "term" ? term.name : term.is;
}

/** All terms with a name, wherever they stand. */
function termsOf(expression: Expression): readonly NamedTerm[] {
  switch (expression.is) {
    case "all":
    case "any":
      return expression.of.flatMap(termsOf);
    case "not":
    case "op":
      return termsOf(expression.of);
    case "term":
      return [expression];
    default:
      return [];
  }
}
