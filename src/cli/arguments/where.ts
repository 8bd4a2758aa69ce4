import type { TapeLine } from "../../lines/line.ts";
import type { LineMatcher } from "../../query/match/line-matcher.ts";
import { recordOn } from "../../lines/parse-line.ts";
import { ParsedQuery, parseQuery, type Query } from "../../query/query.ts";
import { selectionOf } from "../../query/select.ts";
import type { OpenedTape } from "./tape-argument.ts";
import type { TapeReading } from "./tape-reading.ts";

/** What a tape cannot do without is selected with everything. */
const NEEDED: ReadonlySet<string> = new Set([
  ...["init", "gap", "end", "correlation", "checkpoint", "epoch", "dictionary"],
]);

/** What `--where` asks for; without it, everything. Made before a tape is opened, as the query may be none. */
export class Where {
  readonly query: Query | undefined;

  /** @throws {TapeError} code `invalid_argument`: it is no query */
  constructor(text: string | undefined) {
    this.query = text === undefined ? undefined : parseQuery(text);
  }

  /** Whether a selected line is one that the query asks for, and not only one that a tape needs. */
  isAskedFor(line: TapeLine): boolean {
    const { type } = line;
    if (type === undefined || !NEEDED.has(type)) return true;
    if (!(this.query instanceof ParsedQuery) || !this.query.types.has(type)) return false;
    const record = recordOn(line);
    return record !== undefined && this.query.matches(record);
  }

  /**
   * What decides on the lines of a tape, in their order. A tape is read once before where the query asks what becomes of requests
   * later on. For one who goes back to an earlier line it begins anew.
   */
  async test(tape: OpenedTape, reading: TapeReading): Promise<(line: TapeLine) => boolean> {
    const newMatcher = await this.#matchers(tape, reading);
    if (newMatcher === undefined) return () => true;
    let matcher: LineMatcher | undefined;
    let last = -1;
    return (line) => {
      if (matcher === undefined || line.offset < last) matcher = newMatcher();
      last = line.offset;
      return matcher.takes(line);
    };
  }

  /** The lines of a tape for who needs no other than those that are selected: where it has an index, not all of it is read. */
  async read(tape: OpenedTape, reading: TapeReading): Promise<AskedLines> {
    const newMatcher = await this.#matchers(tape, reading);
    if (newMatcher === undefined) return { lines: reading.lines(), isSelected: () => true };
    const matcher = newMatcher();
    return {
      lines: reading.linesOfBlocks((entry) => matcher.mayTake(entry)),
      isSelected: (line) => matcher.takes(line),
    };
  }

  async #matchers(tape: OpenedTape, reading: TapeReading): Promise<(() => LineMatcher) | undefined> {
    if (this.query === undefined) return undefined;
    const selection = selectionOf(this.query, startOf(tape), "select");
    const survey = selection.survey();
    if (survey !== undefined) {
      const size = await tape.store.size(tape.key) ?? 0;
      for await (const line of reading.linesBetween(0, size)) survey.add(line);
      survey.end();
    }
    return () => selection.matcher(survey);
  }
}

/** Lines of a tape in their order, with all that are selected. */
export interface AskedLines {
  readonly lines: AsyncIterable<TapeLine>;
  /** To be asked for each of them, before the next one is taken. */
  readonly isSelected: (line: TapeLine) => boolean;
}

/** When a tape began; undefined where it does not say so. */
export function startOf({ init }: OpenedTape): number | undefined {
  const ms = Date.parse(init.created_at);
  return Number.isNaN(ms) ? undefined : ms;
}
