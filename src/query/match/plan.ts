import type { TapeRecord } from "../../records/record.ts";
import type { Expression, NamedTerm } from "../syntax/expression.ts";
import { compile } from "../terms/compile.ts";
import { ALL } from "../terms/subject.ts";
import { type Evaluate, MAYBE, truthOf } from "../terms/truth.ts";

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
  /** Whether it must be known which requests were cancelled. */
  readonly knowsCancelled: boolean;
  /** The types of records that the query asks for by name. */
  readonly types: ReadonlySet<string>;
}

/** The plan of a query. */
export function planOf(expression: Expression): Plan {
  const terms = termsOf(expression);
  const named = new Set(terms.map(({ name }) => name));
  const words = (name: string) =>
    terms.filter((term) => term.name === name).flatMap(({ values }) =>
      values.flatMap((value) => value.is === "text" ? [value.text] : [])
    );
  const plan = {
    predicate: undefined,
    knowsExchange: named.has("method") || named.has("tool") || named.has("dur") || named.has("request") ||
      words("status").includes("cancelled"),
    knowsCancelled: words("status").includes("cancelled"),
    types: new Set(words("kind")),
  };
  const evaluate = compile(expression, (part) => compile(part, () => () => MAYBE));
  return { ...plan, evaluate };
}

/** The plan of a function. */
export function planOfPredicate(predicate: (record: TapeRecord) => boolean): Plan {
  return {
    evaluate: ({ level, record }) => level < ALL ? MAYBE : truthOf(predicate(record!)),
    predicate,
    knowsExchange: false,
    knowsCancelled: false,
    types: new Set(),
  };
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
