import { test } from "uvu";
import * as assert from "uvu/assert";
import { SessionRecorder } from "../../../src/mcp/record/session-recorder.ts";
import { TapeFeed } from "../../../src/mcp/record/tape-feed.ts";
import {
  type CorrelationRecord,
  type FrameRecord,
  type GapRecord,
  memoryStore,
  StreamingTapeReader,
  StreamingTapeWriter,
  type TapeRecord,
  type TapeStore,
  verifyTape,
} from "../../../src/mod.ts";

const CLIENT = "client_to_server";
const SERVER = "server_to_client";
const LIMIT = 4096;

const bytesOf = (text: string) => new TextEncoder().encode(text);
const requestOf = (id: unknown) => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call"}\n`;

/** An answer of exactly so many bytes. */
function answerOf(id: unknown, length: number): string {
  const [start, end] = [`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"text":"`, '"}}'];
  return `${start}${"x".repeat(length - start.length - end.length)}${end}`;
}

/** What is on the tape of a session; `pieces` is what each side said, in the order in which it was heard. */
async function recorded(
  pieces: readonly (readonly [typeof CLIENT | typeof SERVER | "stderr", string | Uint8Array])[],
  maxLineBytes: number = LIMIT,
  store: TapeStore = memoryStore(),
): Promise<TapeRecord[]> {
  const open = () => StreamingTapeWriter.create(store, { sessionId: "test", tapeId: "tape", maxLineBytes });
  const feed = new TapeFeed({ open, goOn: open, maxPendingBytes: 100_000_000, onTrouble: () => {} });
  const recorder = new SessionRecorder(feed, maxLineBytes);
  await feed.start(1000);
  for (const [stream, said] of pieces) recorder.push(stream, typeof said === "string" ? bytesOf(said) : said);
  for (const stream of [CLIENT, SERVER, "stderr"] as const) recorder.end(stream);
  await feed.finish(10_000);
  const result = await verifyTape(store, "tape", { onFinding: ({ message }) => assert.unreachable(message) });
  assert.is(result.isIntact, true);
  await using reader = await StreamingTapeReader.open(store, "tape");
  const records: TapeRecord[] = [];
  for await (const record of reader.records()) records.push(record);
  return records;
}

const gapsOf = (records: readonly TapeRecord[]) => records.filter((one): one is GapRecord => one.type === "gap");
const framesOf = (records: readonly TapeRecord[]) => records.filter((one): one is FrameRecord => one.type === "frame");
/** Correlations in short: `0-1 success`. */
const answersOf = (records: readonly TapeRecord[]) =>
  records.filter((one): one is CorrelationRecord => one.type === "correlation")
    .map(({ request_seq, response_seq, status, rtt_ms }) => {
      assert.is(typeof rtt_ms === "number", response_seq !== null);
      return `${request_seq}-${response_seq} ${status}`;
    });

test("SessionRecorder keeps a message that fits into a line with what stands around it", async () => {
  const limit = 10 * 1024 * 1024;
  const message = answerOf(1, limit - 960);
  const records = await recorded([[CLIENT, requestOf(1)], [SERVER, `${message}\n`]], limit);
  assert.equal(gapsOf(records), []);
  assert.equal(answersOf(records), ["0-1 success"]);
  for (const [less, isKept] of [[256, true], [1, false], [0, false], [-1, false]] as const) {
    assert.is(framesOf(await recorded([[SERVER, `${answerOf(1, LIMIT - less)}\n`]])).length, isKept ? 1 : 0, `${less}`);
  }
});

test("SessionRecorder says of a message that is too long what it was, in its place, and it answers its request", async () => {
  for (const length of [LIMIT - 100, LIMIT, LIMIT + 1, 50_000]) {
    const answer = `${answerOf("a", length)}\n`;
    for (const cut of [1, 10, 4000, length]) {
      const pieces: [typeof CLIENT | typeof SERVER, string][] = [[CLIENT, requestOf("a") + requestOf("b")]];
      for (let at = 0; at < answer.length; at += cut) {
        const piece = answer.slice(at, at + cut);
        pieces.push([SERVER, at === 0 ? `{"jsonrpc":"2.0","method":"n"}\n${piece}` : piece]);
      }
      pieces[pieces.length - 1]![1] += `${answerOf("b", 100)}\n`;
      if (cut === 1 && length > LIMIT + 1) continue;
      const records = await recorded(pieces);
      const [gap, ...others] = gapsOf(records);
      assert.equal(others, []);
      const { ts: _, reason, ...rest } = gap!;
      assert.equal(rest, { type: "gap", from_seq: 3, to_seq: 3, count: 1, dir: SERVER, id: "a", length });
      assert.is(reason, `a message of ${length} bytes is too long for the tape, which takes ${LIMIT - 256}`);
      assert.equal(answersOf(records), ["0-3 success", "1-4 success"]);
    }
  }
});

test("SessionRecorder finds id and method of a long message wherever they stand", async () => {
  const long = `"${"x".repeat(20_000)}"`;
  const records = await recorded([
    [CLIENT, `{"params":{"id":7,"a":${long}},"method":"tools/call","id":7,"jsonrpc":"2.0"}\n`],
    [SERVER, `{"error":{"code":1,"message":${long}},"id":7,"jsonrpc":"2.0"}\n`],
    [SERVER, `{"jsonrpc":"2.0","method":"notifications/message","params":${long}}\n`],
    [SERVER, `${long}\n`],
    [SERVER, `{"jsonrpc":"2.0","id":8,"result":${long}`],
  ]);
  const facts = gapsOf(records).map(({ dir, id, method, flags }) => ({ dir, id, method, flags }));
  assert.equal(facts, [
    { dir: CLIENT, id: 7, method: "tools/call", flags: { requires_response: true } },
    { dir: SERVER, id: 7, method: undefined, flags: { is_error: true } },
    { dir: SERVER, id: undefined, method: "notifications/message", flags: { is_notification: true } },
    { dir: SERVER, id: undefined, method: undefined, flags: undefined },
    { dir: SERVER, id: undefined, method: undefined, flags: undefined },
  ]);
  assert.equal(answersOf(records), ["0-1 error"]);
});

test("SessionRecorder knows a long line that is no message of the session", async () => {
  const log = `{"level":50,"id":1,"error":{"text":"${"x".repeat(20_000)}"}}\n`;
  const strict = await recorded([[CLIENT, requestOf(1)], [SERVER, log]]);
  assert.equal(gapsOf(strict)[0]!.flags, { is_stray: true });
  assert.equal(answersOf(strict), ["0-null orphan"]);
  const lenient = await recorded([[CLIENT, '{"id":1,"method":"ping"}\n'], [SERVER, log]]);
  assert.equal(answersOf(lenient), ["0-1 error"]);
});

test("SessionRecorder lets an answer that is no JSON to the letter answer its request", async () => {
  const latin1 = Uint8Array.of(...bytesOf('{"jsonrpc":"2.0","id":1,"result":{"text":"caf'), 0xe9, ...bytesOf('"}}\n'));
  const records = await recorded([
    [CLIENT, requestOf(1) + requestOf(2) + requestOf(3)],
    [SERVER, latin1],
    [SERVER, '{"jsonrpc":"2.0","id":2,"error":{"code":1,"data":NaN}}\n'],
    [SERVER, '{"jsonrpc":"2.0","id":3,"result":{"text":"torn'],
  ]);
  assert.equal(answersOf(records), ["0-3 success", "1-4 error", "2-null orphan"]);
  assert.equal(framesOf(records).slice(3).map(({ flags }) => flags), [
    { is_invalid: true },
    { is_invalid: true, is_error: true },
    { is_invalid: true },
  ]);
});

test("SessionRecorder tells of raw text that becomes too long by its escapes", async () => {
  const raw = "\u0001".repeat(1000);
  const binary = new Uint8Array(3500).fill(0xff);
  const records = await recorded([[SERVER, `${raw}\nx\n`], [SERVER, binary], [SERVER, "\ny\n"]]);
  assert.equal(gapsOf(records).map(({ from_seq, length }) => [from_seq, length]), [[0, 1000], [2, 3500]]);
  const why = `a message of 1000 bytes is too long for the tape, which takes ${
    LIMIT - 256
  }, and this one becomes longer there`;
  assert.is(gapsOf(records)[0]!.reason, why);
  assert.equal(framesOf(records).map(({ seq, env }) => [seq, env.raw]), [[1, "x"], [3, "y"]]);
});

test("SessionRecorder counts lines of stderr that are too long as logs", async () => {
  const records = await recorded([["stderr", `${"e".repeat(5000)}\nshort\n`]]);
  const logs = records.flatMap((one) => one.type === "log" ? [one.text] : []);
  assert.equal(logs, [
    `1 lines of stderr are missing here: a line of 5000 bytes is too long for the tape (${LIMIT})`,
    "short",
  ]);
});

test("a tape with longer lines says so, and is read, gone on with, and verified", async () => {
  const store = memoryStore();
  const length = 11_000_000;
  const records = await recorded([[CLIENT, requestOf(1)], [SERVER, `${answerOf(1, length)}\n`]], 12_000_000, store);
  const [init] = records;
  assert.is(init?.type === "init" && init.max_line_bytes, 12_000_000);
  assert.equal(answersOf(records), ["0-1 success"]);
  await using writer = await StreamingTapeWriter.resume(store, "tape");
  const message = "x".repeat(length);
  assert.is(await writer.writeFrame({ message, direction: SERVER }), 2);
  await writer.finalize();
  assert.is((await verifyTape(store, "tape")).isIntact, true);
});

test.run();
