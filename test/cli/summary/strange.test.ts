import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Direction,
  encodeRecord,
  type FrameEnv,
  jsonText,
  lineSplit,
  parseRecord,
  pipe,
  type TapeRecord,
} from "../../../src/mod.ts";
import { strangeTable } from "../../../src/cli/report/info-tables.ts";
import { TapeSummary } from "../../../src/cli/summary/tape-summary.ts";

const CLIENT = "client_to_server";
const SERVER = "server_to_client";

/** What is strange about these frames: kind, direction, count, first frame, ids. */
function strangeOf(frames: readonly (readonly [Direction, FrameEnv])[], others: readonly TapeRecord[] = []): unknown[] {
  const summary = new TapeSummary(5);
  for (const [seq, [dir, env]] of frames.entries()) {
    const flags = env.message === undefined ? { is_invalid: true } : undefined;
    summary.add({ type: "frame", seq, ts: seq, dir, env, flags });
  }
  for (const record of others) summary.add(record);
  summary.end();
  return summary.strange.list().map(({ kind, dir, count, firstSeq, ids }) => [kind, dir, count, firstSeq, ...ids]);
}

const says = (message: object) => ({ message: { jsonrpc: "2.0", ...message } });
const asks = (id: unknown, method = "ping") => [CLIENT, says({ id, method })] as const;
const answers = (id: unknown) => [SERVER, says({ id, result: {} })] as const;
const raw = (text: string, encoding?: "base64") => [SERVER, { raw: text, encoding }] as const;

test("info finds nothing strange about a session as it should be", () => {
  const session = [asks(0, "initialize"), answers(0), asks(1), answers(1), asks(1), answers(1)];
  assert.equal(strangeOf([...session, [CLIENT, says({ method: "n" })]]), []);
});

test("info tells of lines that are no protocol, each kind with its count and its first place", () => {
  assert.equal(
    strangeOf([
      asks(1),
      raw("Server ready"),
      raw("Server busy"),
      raw(""),
      raw("Content-Length: 52"),
      raw("/w==", "base64"),
      raw("\\u0000{".replace("\\u0000", "\0")),
      raw('\ufeff{"jsonrpc":"2.0"}'),
      [SERVER, { message: { level: 50, id: 1, error: {} } }],
      [SERVER, says({})],
      [SERVER, { message: { jsonrpc: "1.0", id: 1, result: {} }, line_end: "\r\n" }],
    ]),
    [
      ["not_json", SERVER, 2, 1],
      ["blank_line", SERVER, 1, 3],
      ["foreign_framing", SERVER, 1, 4],
      ["encoding", SERVER, 2, 5],
      ["byte_order_mark", SERVER, 1, 7],
      ["stray", SERVER, 1, 8],
      ["no_message", SERVER, 1, 9],
      ["line_end", SERVER, 1, 10],
      ["other_version", SERVER, 1, 10],
    ],
  );
  assert.equal(strangeOf([[CLIENT, { message: { id: 1, method: "ping" } }]]), [["no_version", CLIENT, 1, 0]]);
});

test("info tells of ids that are used wrongly", () => {
  assert.equal(
    strangeOf([
      asks(1),
      asks(1),
      answers(1),
      answers(1),
      answers(1),
      answers("nobody"),
      answers("nobody"),
      answers(9),
      asks(2),
      answers("2"),
      asks(null),
    ]),
    [
      ["reused_id", CLIENT, 1, 1, "1"],
      ["second_answer", SERVER, 1, 4, "1"],
      ["answer_to_nothing", SERVER, 3, 5, '"nobody"', "9"],
      ["other_id_type", SERVER, 1, 9, '"2"'],
      ["null_id", CLIENT, 1, 10],
    ],
  );
});

test("info takes ids past 2^53 for what stands on the tape", async () => {
  const session = [
    { dir: CLIENT, message: '{"jsonrpc":"2.0","id":12345678901234567890,"method":"m"}' },
    { dir: CLIENT, message: '[{"jsonrpc":"2.0","id":12345678901234567891,"method":"m"}]' },
    { dir: SERVER, message: '{"jsonrpc":"2.0","id":12345678901234567892,"result":1}' },
  ] as const;
  const frames = session.map(({ dir, message }, seq) => {
    return { type: "frame" as const, seq, ts: seq, dir, env: { message: jsonText(message) } };
  });
  const summary = new TapeSummary(5);
  for await (const record of pipe(frames, encodeRecord(), lineSplit(), parseRecord())) summary.add(record);
  summary.end();
  assert.equal(summary.strange.list().map(({ kind, ids }) => [kind, ...ids]), [
    ["answer_to_nothing", "12345678901234567892"],
  ]);
});

test("info tells of what comes at the wrong time, and of what was too long", () => {
  const cancels = [CLIENT, says({ method: "notifications/cancelled", params: { requestId: 2 } })] as const;
  assert.equal(
    strangeOf([asks(1, "tools/list"), asks("p", "ping"), asks(0, "initialize"), asks(2), cancels, answers(2)], [
      { type: "correlation", id: "corr-0-9", request_seq: 0, response_seq: 9, late: true },
      { type: "gap", ts: 9, count: 1, from_seq: 10, to_seq: 10, dir: SERVER, length: 20_000_000 },
    ]),
    [
      ["before_initialize", CLIENT, 1, 0],
      ["answer_after_cancellation", SERVER, 1, 5],
      ["late_answer", SERVER, 1, 9],
      ["too_long", SERVER, 1, 10],
    ],
  );
});

test("info keeps few ids, and few requests in mind", () => {
  const many = Array.from({ length: 30_000 }, (_, id) => answers(id));
  const [found] = strangeOf(many) as [unknown[]];
  assert.equal(found, ["answer_to_nothing", SERVER, 30_000, 0, "0", "1", "2", "3", "4"]);
  const plain = (text: string) => text;
  const style = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, out: plain };
  const lines = strangeTable(
    [{ kind: "line_end", dir: SERVER, count: 2, firstSeq: 3, ids: ["\u001b[31m"] }],
    5,
    style as unknown as Parameters<typeof strangeTable>[2],
    80,
  );
  assert.match(lines.join("\n"), "lines that end with");
  assert.not.match(lines.join("\n"), "\u001b");
});

test.run();
