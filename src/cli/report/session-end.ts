import type { SessionEnd } from "../../records/metadata.ts";
import { formatOffset } from "../terminal/units.ts";

/** What became of a server. */
export interface Outcome {
  /** In a few words: `exit code 3`, `killed by SIGSEGV`, `not started`. Foreign text, not escaped. */
  readonly text: string;
  /** The same for a column of a table: `exit 3`, `SIGSEGV`. */
  readonly short: string;
  /** Whether it ended otherwise than servers do that did well or were told to end. */
  readonly isFailure: boolean;
}

/** By these a server is told to end, and shells add 128 to their numbers. */
const ASKED_TO_END: ReadonlySet<string> = new Set(["SIGHUP", "SIGINT", "SIGTERM"]);
const ASKED_CODES: ReadonlySet<number> = new Set([0, 128 + 1, 128 + 2, 128 + 15]);

/** What became of the server; undefined where the recorder did not see it. */
export function outcomeOf({ exit_code, signal, error }: SessionEnd): Outcome | undefined {
  if (error != null) {
    const text = exit_code == null ? "failed" : "not started";
    return { text, short: text, isFailure: true };
  }
  if (signal != null) return { text: `killed by ${signal}`, short: signal, isFailure: !ASKED_TO_END.has(signal) };
  if (exit_code == null) return undefined;
  return { text: `exit code ${exit_code}`, short: `exit ${exit_code}`, isFailure: !ASKED_CODES.has(exit_code) };
}

/** What led to it, in a few words: the error, or who closed the first stream. Empty where neither is known. Not escaped. */
export function causeOf({ closed, error }: SessionEnd): string {
  if (error != null) return error;
  const [first] = closed ?? [];
  if (first === undefined) return "";
  const by = first.by == null ? "" : `, by the ${first.by}`;
  return `${first.stream} closed first${by}${first.ts == null ? "" : ` at ${formatOffset(first.ts)}`}`;
}
