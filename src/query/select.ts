import { checkOptions, isThenable, kindOf, type OptionNames } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import type { TapeLine } from "../lines/line.ts";
import type { TapeRecord } from "../records/record.ts";
import type { Stage } from "../streams/stage.ts";
import { LineMatcher } from "./match/line-matcher.ts";
import { type Plan, planOfPredicate, type SelectOptions } from "./match/plan.ts";
import type { Survey } from "./operations/survey.ts";
import { ParsedQuery, parseQuery, type Query, selecting } from "./query.ts";

const OPTIONS: OptionNames<SelectOptions> = { startedAt: true, survey: true };

/**
 * Lets the lines of a tape through that a query asks for, or a function of yours. It stands between {@linkcode lineSplit} and
 * {@linkcode parseRecord}, and looks at no more of each line than it takes: what it has to parse, `parseRecord` does not parse again.
 *
 * Frames, logs and records of unknown types must fit. What a tape cannot do without passes as well: the `init` record, gaps, the end, and
 * the correlations of frames that pass. Other records pass where a `kind:` of the query, or the function, asks for them.
 *
 * An answer knows its request here: `method:`, `tool:` and `dur:` fit the answer too. Where a line is damaged so that it
 * cannot be parsed, it passes if a whole record on it fits.
 *
 * @param what a query, as `parseQuery` reads it, or a function that is asked for each record
 * @throws {TapeError} code `invalid_argument`: it is none of these, or the query cannot be read
 *
 * @example The slow calls of one tool
 * ```ts
 * import { frames, lineSplit, memorySource, parseRecord, pipe, select } from "tapeline";
 *
 * const slow = select("method:tools/call tool:search dur:>200ms");
 * for await (const frame of pipe(memorySource(""), lineSplit(), slow, parseRecord(), frames())) console.log(frame.seq);
 * ```
 */
export function select(
  what: Query | string | ((record: TapeRecord) => boolean),
  options: SelectOptions = {},
): Stage<TapeLine, TapeLine> {
  checkOptions("select", options, OPTIONS);
  const { startedAt } = options;
  if (startedAt !== undefined && !Number.isFinite(startedAt)) {
    throw new TapeError(
      "invalid_argument",
      `Cannot select: startedAt must be milliseconds since 1970, not ${startedAt}`,
    );
  }
  const asked = askedOf(what, "select");
  return asked instanceof ParsedQuery ? asked.stage(options) : selecting(asked, options);
}

/** What a reading is asked for, which decides on lines one by one and on blocks by their entries in an index. */
export interface Selection {
  /** What has to see all lines before, where the query asks what becomes of a request later on. */
  survey(): Survey | undefined;
  matcher(survey: Survey | undefined): LineMatcher;
}

/**
 * As {@linkcode select}, for who reads a tape and may pass over parts of it.
 *
 * @param task what cannot be done without it, as in "Cannot <task>"
 * @throws {TapeError} code `invalid_argument`
 */
export function selectionOf(
  what: Query | string | ((record: TapeRecord) => boolean),
  startedAt: number | undefined,
  task: string,
): Selection {
  const asked = askedOf(what, task);
  if (!(asked instanceof ParsedQuery)) {
    return { survey: () => undefined, matcher: () => new LineMatcher(asked, { startedAt }) };
  }
  return {
    survey: () => asked.survey({ startedAt }),
    matcher: (survey) => asked.matcher({ startedAt, survey }),
  };
}

function askedOf(what: Query | string | ((record: TapeRecord) => boolean), task: string): ParsedQuery | Plan {
  const query = typeof what === "string" ? parseQuery(what) : what;
  if (query instanceof ParsedQuery) return query;
  if (typeof query === "function") return planOfPredicate((record) => isTrue(query(record)));
  throw new TapeError("invalid_argument", `Cannot ${task}: it takes a query or a function, not ${kindOf(what)}`);
}

function isTrue(verdict: unknown): boolean {
  if (isThenable(verdict)) throw new TapeError("invalid_argument", "Cannot select: the function returned a promise");
  return Boolean(verdict);
}
