import { printable, TapeError } from "../../errors.ts";

/** So much of a long query is shown. */
const SHOWN = 72;

/**
 * The error for a query that cannot be read: it shows the text, with carets under the part that is wrong.
 *
 * @param why what is wrong, and what would do
 * @param start where in the text the wrong part starts
 * @param end where it ends; at least one caret is shown
 */
export function queryError(text: string, why: string, start: number, end: number): TapeError {
  const from = text.length <= SHOWN ? 0 : Math.max(0, Math.min(start - SHOWN / 2, text.length - SHOWN));
  const to = Math.min(text.length, from + SHOWN);
  const before = shown(text.slice(from, start));
  const wrong = shown(text.slice(start, Math.min(end, to)));
  const lead = from > 0 ? "…" : "";
  const line = `${lead}${before}${wrong}${shown(text.slice(Math.max(start, Math.min(end, to)), to))}${
    to < text.length ? "…" : ""
  }`;
  const carets = "^".repeat(Math.max(1, [...wrong].length));
  return new TapeError(
    "invalid_argument",
    `Cannot read the query: ${why}\n  ${line}\n  ${" ".repeat([...lead, ...before].length)}${carets}`,
    { offset: start },
  );
}

/** A part of a query as a message may name it. */
export function named(part: string): string {
  return `"${printable(part, 40)}"`;
}

/** One character for each, so that the carets stand where they should. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "�");
}
