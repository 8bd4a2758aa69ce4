import { createHash, type Hash } from "node:crypto";
import { jsonText } from "../../../src/json/json-text.ts";
import type { MessageEnvelope } from "../../../src/records/record.ts";

/** Every so many frames a message is one of these, the same on each runtime: [what is recorded, what is read back]. */
const ODD: readonly (readonly [message: unknown, text: string])[] = [
  verbatim('{"jsonrpc":"2.0","id":12345678901234567890,"result":{"n":-9007199254740993,"x":1.0,"y":1E400,"z":-0}}'),
  verbatim('{"id":1,"id":2,"method":"twice","method":"twice"}'),
  verbatim('{"s":"\\ud800","t":"\\uDFFF\\ud83d\\ude00","u":"\\u2028\\u0000"}'),
  verbatim('{"u2028":"\u2028","u2029":"\u2029","astral":"\u{1f600}","bom":"\ufeff","nel":"\u0085"}'),
  verbatim('{"__proto__":{"polluted":true},"constructor":{"prototype":{}},"toJSON":null}'),
  verbatim(' { "spaces" :\t[ 1 , 2 ] } '),
  [jsonText('{\r\n\t"a": 1,\n"b":2}'), '{  \t"a": 1, "b":2}'],
  [jsonText('"raw \ud800 and \udfff"'), '"raw \\ud800 and \\udfff"'],
  [{ lone: "\ud800", line: "\u2028" }, '{"lone":"\\ud800","line":"\u2028"}'],
  [JSON.parse('{"__proto__":{"x":1},"n":9007199254740993}'), '{"__proto__":{"x":1},"n":9007199254740992}'],
  verbatim("[]"),
  verbatim("null"),
  verbatim("[".repeat(1000) + "]".repeat(1000)),
];

function verbatim(text: string): readonly [unknown, string] {
  return [jsonText(text), text];
}

const LARGE = "é\u{1f600}x".repeat(5_000_000 / 7);
/** Where the messages of 5 MB stand. */
const LARGE_AT: readonly number[] = [10_007, 70_001];

/** The n-th message of the tape, and the text that must be read back. */
export function messageAt(n: number): readonly [envelope: MessageEnvelope, text: string] {
  const direction = n % 2 ? "server_to_client" : "client_to_server";
  const id = n - n % 2;
  if (LARGE_AT.includes(n)) {
    const text = `{"jsonrpc":"2.0","id":${id},"result":{"large":${JSON.stringify(LARGE)}}}`;
    return [{ message: jsonText(text), direction }, text];
  }
  if (n % 97 === 96) {
    const [message, text] = ODD[Math.floor(n / 97) % ODD.length]!;
    return [{ message, direction }, text];
  }
  const message = n % 2
    ? { jsonrpc: "2.0", id, result: { content: [{ type: "text", text: `answer ${n}` }] } }
    : { jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: { n } } };
  const text = JSON.stringify(message);
  return [{ message: n % 3 ? jsonText(text) : message, direction }, text];
}

/** What tells one sequence of messages from another. */
export class MessageDigest {
  readonly #hash: Hash = createHash("sha256");
  #count = 0;

  add(seq: number, direction: string, text: string): void {
    this.#hash.update(`${seq} ${direction} ${text.length} ${text}\n`);
    this.#count++;
  }

  toString(): string {
    return `${this.#count} ${this.#hash.copy().digest("hex")}`;
  }
}
