import type { InitRecord } from "../../../records/record.ts";
import { parseQuery, type Query } from "../../../query/query.ts";
import { UsageError } from "../../command.ts";

/** A range as it stands behind the colon of a term: no more than one word. */
const ONE_WORD = /^[^\s()"]+$/;

/**
 * Which numbers of frames lie in a range, as the term `seq:` of a query has it.
 *
 * @throws {UsageError} it is none
 * @throws {TapeError} code `invalid_argument`: it is none
 */
export function seqTest(option: string, range: string): (seq: number) => boolean {
  const query = rangeQuery(option, "seq", range);
  return (seq) => query.matches({ type: "frame", seq, ts: 0, dir: "client_to_server", env: { raw: "" } });
}

/**
 * Which times of a tape lie in a range, as the term `at:` of a query has it.
 *
 * @throws {UsageError} it is none
 * @throws {TapeError} code `invalid_argument`: it is none
 */
export function timeTest(option: string, range: string, { created_at }: InitRecord): (ts: number) => boolean {
  const query = rangeQuery(option, "at", range);
  const startedAt = Date.parse(created_at);
  return (ts) => {
    const at = new Date(startedAt + ts);
    const timestamp = Number.isNaN(at.getTime()) ? undefined : at.toISOString();
    return query.matches({ type: "frame", seq: 0, ts, dir: "client_to_server", env: { raw: "", timestamp } });
  };
}

function rangeQuery(option: string, term: string, range: string): Query {
  if (!ONE_WORD.test(range)) throw new UsageError(`${option} must be one range, such as 100..200, without spaces`);
  return parseQuery(`${term}:${range}`);
}
