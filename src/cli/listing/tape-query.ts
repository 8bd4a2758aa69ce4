import { parseExpression } from "../../query/syntax/parse-expression.ts";
import type { Expression, NamedTerm, Value } from "../../query/syntax/expression.ts";
import type { Vocabulary } from "../../query/syntax/term-names.ts";
import { amountTest, textTest } from "../../query/terms/value-tests.ts";
import type { TapeRow } from "./tape-row.ts";

type TapeTerm =
  | "name"
  | "id"
  | "tag"
  | "status"
  | "server"
  | "client"
  | "command"
  | "method"
  | "tool"
  | "started"
  | "changed"
  | "age"
  | "dur"
  | "size"
  | "frames"
  | "errors"
  | "text";

const TAPES: Vocabulary<TapeTerm> = {
  terms: {
    name: { values: "pattern" },
    id: { values: "pattern" },
    tag: { values: "pattern" },
    status: { values: "pattern" },
    server: { values: "pattern" },
    client: { values: "pattern" },
    command: { values: "pattern" },
    method: { values: "pattern" },
    tool: { values: "pattern" },
    started: { values: "date" },
    changed: { values: "date" },
    age: { values: "age" },
    dur: { values: "duration" },
    size: { values: "size" },
    frames: { values: "number" },
    errors: { values: "number" },
    text: { values: "text" },
  },
  aliases: { tape: "id", state: "status", url: "command", duration: "dur", created: "started", modified: "changed" },
  bare: "text",
  hasMessages: false,
};

/** What `--where` takes of a list: a part of its help. */
export const WHERE_HELP = `QUERY is written as for other commands, see "tapeline help query", with terms
for tapes:
  name: id: tag: status: server: client: command: method: tool:
                exactly this, with * for any characters, or a /regex/; a server
                and a client with or without their version
  started: changed:
                2026-11-24, >=2026-11-24T14:05, 2026-11-01..2026-11-07
  age: dur: size: frames: errors:
                age:>7d (since the last change, with a unit: m, h, d), dur:<10s,
                size:>1m, errors:1..
  any other text
                in the name, the id, the tags, the server, client or command
`;

/**
 * Decides whether a tape is meant, by what lists know of it.
 *
 * @throws {TapeError} code `invalid_argument`: the query cannot be read
 */
export function parseTapeQuery(text: string, nowMs: number): (row: TapeRow) => boolean {
  return compile(parseExpression(text, TAPES), nowMs);
}

function compile(expression: Expression<TapeTerm>, nowMs: number): (row: TapeRow) => boolean {
  switch (expression.is) {
    case "all": {
      const parts = expression.of.map((part) => compile(part, nowMs));
      return (row) => parts.every((fits) => fits(row));
    }
    case "any": {
      const parts = expression.of.map((part) => compile(part, nowMs));
      return (row) => parts.some((fits) => fits(row));
    }
    case "not": {
      const fits = compile(expression.of, nowMs);
      return (row) => !fits(row);
    }
    case "term":
      return compileTerm(expression, nowMs);
    default:
      // Only messages are asked so.
      return () => false;
  }
}

function compileTerm({ name, values }: NamedTerm<TapeTerm>, nowMs: number): (row: TapeRow) => boolean {
  switch (name) {
    case "name":
      return ofText(values, ({ name }) => [name]);
    case "id":
      return ofText(values, ({ tapeId }) => [tapeId]);
    case "tag":
      return ofText(values, ({ tags }) => tags);
    case "status":
      return ofText(values, ({ state, failure }) => [state, failure]);
    case "server":
      return ofText(values, ({ server }) => withoutVersion(server));
    case "client":
      return ofText(values, ({ client }) => withoutVersion(client));
    case "command":
      return ofText(values, ({ command }) => [command]);
    case "method":
      return ofText(values, ({ methods }) => methods);
    case "tool":
      return ofText(values, ({ tools }) => tools);
    case "started":
      return ofNumber(amountTest("date", values), ({ startedMs }) => startedMs);
    case "changed":
      return ofNumber(amountTest("date", values), ({ changedMs }) => changedMs);
    case "age":
      return ofNumber(amountTest("duration", values), ({ changedMs }) => Math.max(0, nowMs - changedMs) * 1000);
    case "dur":
      return ofNumber(
        amountTest("duration", values),
        ({ durationMs }) => durationMs === null ? null : durationMs * 1000,
      );
    case "size":
      return ofNumber(amountTest("size", values), ({ sizeBytes }) => sizeBytes);
    case "frames":
      return ofNumber(amountTest("number", values), ({ frames }) => frames);
    case "errors":
      return ofNumber(
        amountTest("number", values),
        ({ errors, toolErrors }) => errors === null && toolErrors === null ? null : (errors ?? 0) + (toolErrors ?? 0),
      );
    case "text":
      return ofAnyText(values);
  }
}

function ofText(values: readonly Value[], textsOf: (row: TapeRow) => readonly string[]): (row: TapeRow) => boolean {
  const fits = textTest(values);
  return (row) => textsOf(row).some((text) => text !== "" && fits(text));
}

function ofNumber(
  fits: (amount: number) => boolean,
  numberOf: (row: TapeRow) => number | null,
): (row: TapeRow) => boolean {
  return (row) => {
    const number = numberOf(row);
    return number !== null && fits(number);
  };
}

/** A text that stands somewhere, in capitals or not; a regular expression says itself. */
function ofAnyText(values: readonly Value[]): (row: TapeRow) => boolean {
  const needles = values.flatMap((value) => value.is === "text" ? [value.text.toLowerCase()] : []);
  const others = values.filter((value) => value.is !== "text");
  const fits = others.length === 0 ? () => false : textTest(others);
  return ({ name, tapeId, tags, server, client, command }) =>
    [name, tapeId, server, client, command, ...tags].some((text) =>
      needles.some((needle) => text.toLowerCase().includes(needle)) || fits(text)
    );
}

/** `everything 1.0.0`, and `everything`. */
function withoutVersion(peer: string): readonly string[] {
  const space = peer.lastIndexOf(" ");
  return space < 0 ? [peer] : [peer, peer.slice(0, space)];
}
