import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { isTapeError } from "../../src/errors.ts";
import { jsonText } from "../../src/json/json-text.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { CorrelationRecord, FrameRecord, TapeRecord } from "../../src/records/record.ts";
import { isTapeRecord } from "../../src/records/record-guard.ts";
import { correlator, type CorrelatorOptions } from "../../src/transforms/correlator.ts";
import { encodeRecord } from "../../src/transforms/encode-record.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { collect } from "../helpers/streams.ts";

/** A message and which way it goes, with whatever else is not the default. */
interface Sent
  extends Partial<Pick<FrameRecord, "dir" | "ts" | "ts_us" | "transport" | "flags" | "correlation_id" | "origin">> {
  readonly message: unknown;
}

const client = (message: unknown, more: Partial<Sent> = {}): Sent => ({ dir: "client_to_server", message, ...more });
const server = (message: unknown, more: Partial<Sent> = {}): Sent => ({ dir: "server_to_client", message, ...more });
const request = (id: unknown, method = "ping", params?: unknown) => ({ jsonrpc: "2.0", id, method, params });
const answer = (id: unknown, result: unknown = {}) => ({ jsonrpc: "2.0", id, result });
const failure = (id: unknown) => ({ jsonrpc: "2.0", id, error: { code: -32000, message: "no" } });
const notification = (method: string, params?: unknown) => ({ jsonrpc: "2.0", method, params });
const cancellation = (requestId: unknown) => notification("notifications/cancelled", { requestId });

/** Frames of what was sent, numbered from 0, ten milliseconds apart where no time is given. */
function framesOf(session: readonly Sent[]): FrameRecord[] {
  return session.map(({ message, ...more }, seq) => ({
    type: "frame",
    seq,
    ts: seq * 10,
    dir: "client_to_server",
    ...more,
    env: { message },
  }));
}

async function correlated(session: readonly Sent[], options?: CorrelatorOptions): Promise<TapeRecord[]> {
  const records = await collect(pipe(framesOf(session) as TapeRecord[], correlator(options)));
  assert.ok(records.every(isTapeRecord));
  return records;
}

/** A record in short: the number of a frame, or the id and the status of a correlation. */
function short(record: TapeRecord): string {
  if (record.type === "frame") return String(record.seq);
  if (record.type !== "correlation") return record.type;
  const { id, status, late, ambiguous, continues } = record;
  const marks = `${late ? " late" : ""}${ambiguous ? " ambiguous" : ""}`;
  return `${id.replace("corr-", "")} ${status}${marks}${continues == null ? "" : ` continues ${continues}`}`;
}

/** The same for messages as values and as text. */
async function check(
  session: readonly Sent[],
  expected: readonly string[],
  options?: CorrelatorOptions,
): Promise<void> {
  const asText = session.map((sent) => ({ ...sent, message: jsonText(JSON.stringify(sent.message)) }));
  for (const each of [session, asText]) assert.equal((await correlated(each, options)).map(short), expected);
}

/** The same for messages that only a text can spell, and for those read from a tape. */
async function checkTexts(session: readonly Sent[], expected: readonly string[]): Promise<void> {
  const asText = session.map((sent) => ({ ...sent, message: jsonText(sent.message as string) }));
  assert.equal((await correlated(asText)).map(short), expected);
  const tape = pipe(framesOf(asText), encodeRecord(), lineSplit(), parseRecord());
  assert.equal((await collect(pipe(tape, correlator()))).map(short), expected, "from a tape");
}

const correlations = (records: readonly TapeRecord[]) =>
  records.filter((record): record is CorrelationRecord => record.type === "correlation");

test("correlator() follows an answer with a correlation, and gives both frames the same correlation_id", async () => {
  const records = await correlated([
    client(request(1), { ts: 5, ts_us: 5900 }),
    client(notification("other"), { ts: 6 }),
    server(answer(1), { ts: 18, ts_us: 18_150 }),
  ]);
  assert.equal(records.map(short), ["0", "1", "2", "0-2 success"]);
  assert.equal(records[3], {
    type: "correlation",
    id: "corr-0-2",
    request_seq: 0,
    response_seq: 2,
    request_ts: 5,
    response_ts: 18,
    rtt_ms: 13,
    status: "success",
    rtt_us: 12_250,
  });
  const [asked, between, answered] = records as FrameRecord[];
  assert.is(asked!.correlation_id, "corr-0");
  assert.is(answered!.correlation_id, "corr-0");
  assert.is(between!.correlation_id, undefined);
});

test("correlator() leaves out microseconds where a frame has none", async () => {
  for (const [asked, answered] of [[{ ts_us: 5 }, {}], [{}, { ts_us: 5 }], [{ ts_us: null }, { ts_us: 5 }]]) {
    const [correlation] = correlations(await correlated([client(request(1), asked), server(answer(1), answered)]));
    assert.not("rtt_us" in correlation!);
    assert.is(correlation!.rtt_ms, 10);
  }
});

test("correlator() never tells of a negative time", async () => {
  const [correlation] = correlations(
    await correlated([client(request(1), { ts: 9, ts_us: 9000 }), server(answer(1), { ts: 5, ts_us: 5000 })]),
  );
  assert.equal([correlation!.rtt_ms, correlation!.rtt_us], [0, 0]);
});

test("correlator() matches in both directions, each with ids of its own", async () => {
  await check([
    client(request(1)),
    server(request(1, "sampling/createMessage")),
    client(answer(1)),
    server(answer(1)),
  ], ["0", "1", "2", "1-2 success", "3", "0-3 success"]);
});

test("correlator() takes no answer from the side that asked", async () => {
  await check([client(request(1)), client(answer(1)), server(answer(1))], ["0", "1", "2", "0-2 success"]);
});

test("correlator() matches answers in any order", async () => {
  await check([
    client(request(1)),
    client(request(2)),
    client(request(3)),
    server(answer(2)),
    server(answer(3)),
    server(answer(1)),
  ], ["0", "1", "2", "3", "1-3 success", "4", "2-4 success", "5", "0-5 success"]);
});

test("correlator() tells ids of every type apart", async () => {
  const ids = [1, "1", 0, "", null, "null", -1, 1.5, "a", "A", "ä", '"1"', "corr-0", 9007199254740991];
  const asked = ids.map((id) => client(request(id)));
  const answered = ids.toReversed().map((id) => server(answer(id)));
  const expected = ids.map((_, at) => String(at));
  for (const at of ids.keys()) {
    const seq = ids.length + at;
    expected.push(String(seq), `${ids.length - 1 - at}-${seq} success`);
  }
  await check([...asked, ...answered], expected);
});

test("correlator() takes ids that are the same number, or the same string, for the same however they are spelled", async () => {
  const spellings = [["1", "1.0"], ["1", "10e-1"], ["100", "1E+2"], ["0", "-0.0"], ['"a"', '"\\u0061"'], [
    "1.50",
    "1.5",
  ]];
  for (const [asked, answered] of spellings) {
    await checkTexts(
      [client(`{"id":${asked},"method":"m"}`), server(`{"id":${answered},"result":1}`)],
      ["0", "1", "0-1 success"],
    );
  }
});

test("correlator() tells ids past 2^53 apart where messages are text", async () => {
  const ids = ["9007199254740992", "9007199254740993", "12345678901234567890", "12345678901234567891", "1e400"];
  const asked = ids.map((id) => client(`{"id":${id},"method":"m"}`));
  const answered = ids.map((id) => server(`{"id":${id},"result":1}`));
  const expected = ids.map((_, at) => String(at));
  for (const at of ids.keys()) expected.push(String(5 + at), `${at}-${5 + at} success`);
  await checkTexts([...asked, ...answered], expected);
  await checkTexts(
    [
      client(`[{"id":${ids[2]},"method":"m"},{"id":${ids[3]},"method":"m"}]`),
      client(`{"method":"notifications/cancelled","params":{"requestId":${ids[3]}}}`),
      server(`[{"id":${ids[3]},"result":1},{"id":${ids[2]},"result":1}]`),
    ],
    ["0", "1", "2", "0-2 cancelled", "0-2 success"],
  );
});

test("correlator() passes on what is no request and no answer", async () => {
  const messages = [
    request({}),
    request([1]),
    request(true),
    answer({}),
    {},
    { id: 1 },
    { method: 5, id: 1 },
    [],
    "text",
    5,
    null,
    notification("notifications/cancelled"),
    notification("notifications/cancelled", { requestId: {} }),
    failure(null),
    { error: { code: 1 } },
  ];
  await check(messages.map((message) => client(message)), messages.map((_, at) => String(at)));
});

test("correlator() passes on other records, and frames without a message, untouched", async () => {
  const others: TapeRecord[] = [
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x" },
    { type: "log", ts: 5, stream: "stderr", text: "x" },
    { type: "frame", seq: 7, ts: 8, dir: "client_to_server", env: { raw: "oops" }, flags: { is_invalid: true } },
    { type: "gap", ts: 9, count: 3 },
    { type: "correlation", id: "corr-1-2", request_seq: 1 },
  ];
  const before = structuredClone(others);
  const out = await collect(pipe(others, correlator()));
  assert.ok(out.every((record, at) => record === others[at]));
  assert.equal(out, before);
});

test("correlator() reports an error as one, and flags its frame", async () => {
  const records = await correlated([
    client(request(1)),
    server(failure(1)),
    client(request(2)),
    server({ jsonrpc: "2.0", id: 2, result: {}, error: null }),
    client(request(3)),
    server(answer(3, { isError: true })),
  ]);
  assert.equal(records.map(short), ["0", "1", "0-1 error", "2", "3", "2-3 success", "4", "5", "4-5 success"]);
  const flags = records.flatMap((record) => record.type === "frame" ? [record.flags] : []);
  assert.equal(flags, [
    { requires_response: true },
    { is_error: true },
    { requires_response: true },
    undefined,
    { requires_response: true },
    { is_tool_error: true },
  ]);
});

test("correlator() flags requests, notifications and errors, and keeps the flags that are there", async () => {
  const records = await correlated([
    client(request(1), { flags: { is_notification: false, extra: 1 } as FrameRecord["flags"] }),
    client(notification("n"), { flags: null }),
    server(failure(9)),
    client({ jsonrpc: "2.0" }),
  ]) as FrameRecord[];
  assert.equal(records.slice(0, 4).map(({ flags }) => flags), [
    { is_notification: false, extra: 1, requires_response: true },
    { is_notification: true },
    { is_error: true },
    undefined,
  ]);
});

test("correlator() gives no two frames flags that a change to one could spoil", async () => {
  const [first, second] = await correlated([client(request(1)), client(request(2))]) as FrameRecord[];
  try {
    Object.assign(first!.flags!, { requires_response: false, is_error: true });
  } catch {
    // A refused change spoils nothing.
  }
  assert.equal(second!.flags, { requires_response: true });
});

test("correlator() keeps a correlation_id that is there", async () => {
  const [asked, answered] = await correlated([
    client(request(1), { correlation_id: "own" }),
    server(answer(1), { correlation_id: "other" }),
  ]) as FrameRecord[];
  assert.equal([asked!.correlation_id, answered!.correlation_id], ["own", "other"]);
});

test("correlator() passes on an answer to nothing that was asked, and a second answer", async () => {
  await check([
    server(answer(1)),
    client(request(1)),
    server(answer("1")),
    server(answer(1)),
    server(answer(1)),
  ], ["0", "1", "2", "3", "1-3 success", "4"]);
});

test("correlator() takes an id again when its request was answered", async () => {
  await check([
    client(request(1)),
    server(answer(1)),
    client(request(1)),
    server(answer(1)),
  ], ["0", "1", "0-1 success", "2", "3", "2-3 success"]);
});

// Ids that a peer gets wrong

test("correlator() says that it does not know which of two requests with one id an answer is for", async () => {
  const session = [client(request(1)), client(request(1)), server(answer(1)), server(failure(1)), server(answer(1))];
  await check(session, ["0", "1", "2", "0-2 success ambiguous", "3", "1-3 error ambiguous", "4"]);
  for (const { rtt_ms, rtt_us } of correlations(await correlated(session))) {
    assert.equal([rtt_ms, rtt_us], [null, undefined]);
  }
  await check([
    client([request(1), request(1)]),
    server([answer(1), answer(1)]),
    client(request(1)),
    server(answer(1)),
  ], ["0", "1", "0-1 success ambiguous", "0-1 success ambiguous", "2", "3", "2-3 success"]);
});

test("correlator() doubts every request whose id was in use when it came, also when only one is answered", async () => {
  await check([
    client(request(1)),
    client(request(1)),
    client(request(2)),
    client(request(1)),
    server(answer(1)),
    server(answer(1)),
    client(request(1)),
    server(answer(2)),
  ], [
    ...["0", "1", "2", "3", "4", "0-4 success ambiguous", "5", "1-5 success ambiguous", "6", "7", "2-7 success"],
    ...["3-none orphan ambiguous", "6-none orphan ambiguous"],
  ]);
});

test("correlator() gives up requests with one id one by one, the oldest first", async () => {
  const twice = [client(request(1), { ts: 0 }), client(request(1), { ts: 50 })];
  await check([
    ...twice,
    client(notification("n"), { ts: 120 }),
    client(notification("n"), { ts: 160 }),
    server(answer(1), { ts: 170 }),
    server(answer(1), { ts: 180 }),
  ], [
    ...["0", "1", "0-none timeout ambiguous", "2", "1-none timeout ambiguous", "3"],
    ...["4", "1-4 success late ambiguous", "5"],
  ], { timeoutMs: 100 });
  await check(
    [...twice, client(request(2)), client(request(3)), server(answer(1))],
    [
      ...["0", "1", "0-none orphan ambiguous", "2", "1-none orphan ambiguous", "3", "4"],
      ...["2-none orphan", "3-none orphan"],
    ],
    { maxPending: 2 },
  );
});

test("correlator() takes a null id of an error for a doubt: whoever could not read a request answers null, too", async () => {
  await check([
    client(request(null)),
    server(failure(null)),
    client(request(null)),
    server(answer(null)),
  ], ["0", "1", "0-1 error ambiguous", "2", "3", "2-3 success"]);
});

// Messages that do not say "jsonrpc"

test("correlator() takes JSON that does not say jsonrpc for no message, once a message has said it", async () => {
  const session = [
    client(request(1)),
    server({ level: 50, id: 1, error: { message: "a line of a log" } }),
    server({ method: "GET", id: "req-9" }),
    server({ method: "notifications/progress" }),
    server({ level: 30 }),
    server("ready"),
    server([{ id: 1, result: {} }]),
    server([{ id: 1, result: {} }, answer(1)]),
    client({ method: "notifications/cancelled", params: { requestId: 1 } }),
  ];
  await check(session, ["0", "1", "2", "3", "4", "5", "6", "7", "0-7 success", "8"]);
  const flags = (await correlated(session)).flatMap((record) => record.type === "frame" ? [record.flags] : []);
  const stray = { is_stray: true };
  assert.equal(flags, [{ requires_response: true }, ...Array(6).fill(stray), undefined, stray]);
});

test("correlator() tells the errors of JSON-RPC and the results that say isError apart, in batches too", async () => {
  const failed = answer(2, { isError: true, content: [] });
  const session = [
    client([request(1), request(2), request(3)]),
    server(failure(1)),
    server(failed),
    server(answer(3, { content: [{ isError: true }] })),
    client([request(4), request(5)]),
    server([answer(4, { isError: true }), failure(5)]),
    client({ jsonrpc: "2.0", id: 6, method: "isError", result: { isError: true } }),
  ];
  for (const each of [session, session.map((sent) => ({ ...sent, message: jsonText(JSON.stringify(sent.message)) }))]) {
    const flags = (await correlated(each)).flatMap((record) => record.type === "frame" ? [record.flags] : []);
    assert.equal(flags, [
      ...[{ requires_response: true }, { is_error: true }, { is_tool_error: true }, undefined],
      ...[{ requires_response: true }, { is_error: true, is_tool_error: true }, { requires_response: true }],
    ]);
  }
});

test("correlator() takes messages as they are where none says jsonrpc", async () => {
  await check([
    client({ id: 1, method: "ping" }),
    client([{ id: 2, method: "ping" }]),
    server({ id: 1, error: {} }),
    server({ id: 2, result: {} }),
  ], ["0", "1", "2", "0-2 error", "3", "1-3 success"]);
});

test("correlator() forgets requests that did not say jsonrpc when a message does, but for one that is answered", async () => {
  await check([
    server({ method: "GET", id: "req-9" }),
    client({ method: "initialize", id: 0 }),
    client({ method: "initialize", id: 0 }),
    server(answer(0)),
    client(request(1)),
    server(answer(1)),
    client(answer("req-9")),
  ], ["0", "1", "2", "3", "1-3 success ambiguous", "4", "5", "4-5 success", "6"]);
  await check(
    [
      client({ id: 1, method: "ping" }, { ts: 0 }),
      client({ method: "n" }, { ts: 200 }),
      client([notification("n")], { ts: 210 }),
      server(answer(1), { ts: 220 }),
    ],
    ["0", "0-none timeout", "1", "2", "3"],
    { timeoutMs: 100 },
  );
});

test("correlator() takes any version for one: who says it means it", async () => {
  for (const jsonrpc of ["1.0", 2, null, "2.0 "]) {
    await check([client({ ...request(1), jsonrpc }), server({ ...answer(1), jsonrpc })], ["0", "1", "0-1 success"]);
  }
});

test("correlator() keeps to what a tape says of a frame", async () => {
  await check([
    client({ id: 1, method: "ping" }, { flags: { is_stray: true } }),
    server({ id: 1, result: {} }),
  ], ["0", "1"]);
});

test("correlator() reports requests without an answer at the end, oldest first", async () => {
  const session = [
    client(request(2)),
    server(request(1)),
    client(request(1)),
    client(answer(1)),
    client(cancellation(1)),
  ];
  await check(session, ["0", "1", "2", "3", "1-3 success", "4", "0-none orphan", "2-none cancelled"]);
  const [, orphan] = correlations(await correlated(session));
  assert.equal(orphan, {
    type: "correlation",
    id: "corr-0-none",
    request_seq: 0,
    response_seq: null,
    request_ts: 0,
    response_ts: null,
    rtt_ms: null,
    status: "orphan",
  });
});

// Batches

test("correlator() matches the answers in a batch one by one, to requests in batches and alone", async () => {
  await check([
    client([request(1), request(2), notification("n")]),
    client(request(3)),
    server([answer(3), failure(1)]),
    server(answer(2)),
  ], ["0", "1", "2", "1-2 success", "0-2 error", "3", "0-3 success"]);
});

test("correlator() flags a batch by what is in it", async () => {
  const records = await correlated([
    client([request(1), notification("n")]),
    server([answer(1), failure(2)]),
    client([notification("n")]),
    client([{ jsonrpc: "2.0" }]),
    client([[request(1)], 5]),
  ]);
  const flags = records.flatMap((record) => record.type === "frame" ? [record.flags] : []);
  assert.equal(flags, [{ requires_response: true }, { is_error: true }, undefined, undefined, { is_stray: true }]);
  const [asked, answered] = records as FrameRecord[];
  assert.equal([asked!.correlation_id, answered!.correlation_id], ["corr-0", "corr-0"]);
});

test("correlator() reports the requests of a batch that are never answered", async () => {
  await check(
    [client([request(1), request(2)]), server(answer(1))],
    ["0", "1", "0-1 success", "0-none orphan"],
  );
});

// Time

test("correlator() gives up a request after 5 minutes of the tape's time, before the frame that shows it", async () => {
  const waited = (ms: number) => [
    client(request(1), { ts: 1000 }),
    client(notification("n"), { ts: 1000 + ms }),
  ];
  await check(waited(299_999), ["0", "1", "0-none orphan"]);
  await check(waited(300_000), ["0", "0-none timeout", "1"]);
  const [timeout] = correlations(await correlated(waited(300_000)));
  assert.equal([timeout!.response_seq, timeout!.response_ts, timeout!.rtt_ms], [null, null, null]);
});

test("correlator() gives up only what is too old, oldest first, whatever the tape's clock began with", async () => {
  for (const start of [0, 1_000_000]) {
    const at = (ms: number) => ({ ts: start + ms });
    await check([
      client(request(1), at(0)),
      client(request(2), at(40)),
      server(request(1), at(60)),
      client(request(3), at(99)),
      client(notification("n"), at(140)),
      client(notification("n"), at(160)),
      client(notification("n"), at(300)),
    ], [
      ...["0", "1", "2", "3", "0-none timeout", "1-none timeout", "4", "2-none timeout", "5", "3-none timeout", "6"],
    ], { timeoutMs: 100 });
  }
});

test("correlator() matches an answer that comes after the timeout, and marks it as late", async () => {
  const session = [
    client(request(1), { ts: 0 }),
    client(notification("n"), { ts: 200 }),
    server(answer(1), { ts: 250 }),
    server(answer(1), { ts: 260 }),
  ];
  await check(session, ["0", "0-none timeout", "1", "2", "0-2 success late", "3"], { timeoutMs: 100 });
  const [, late] = correlations(await correlated(session, { timeoutMs: 100 }));
  assert.is(late!.rtt_ms, 250);
  assert.is(late!.late, true);
});

test("correlator() matches an answer that is itself what shows the timeout", async () => {
  await check(
    [client(request(1), { ts: 0 }), server(failure(1), { ts: 100 })],
    ["0", "0-none timeout", "1", "0-1 error late"],
    { timeoutMs: 100 },
  );
});

test("correlator() matches the answer to the newer request where an id is used again after a timeout", async () => {
  await check(
    [
      client(request(1), { ts: 0 }),
      client(request(1), { ts: 200 }),
      server(answer(1), { ts: 210 }),
      server(answer(1), { ts: 220 }),
    ],
    ["0", "0-none timeout", "1", "2", "1-2 success ambiguous", "3", "0-3 success late ambiguous"],
    { timeoutMs: 100 },
  );
});

// Cancellation

test("correlator() reports a cancelled request as such, when its answer comes or at the end", async () => {
  await check([
    client(request(1)),
    client(request("2")),
    client(cancellation(1)),
    client(cancellation("2")),
    server(answer(1)),
  ], ["0", "1", "2", "3", "4", "0-4 cancelled", "1-none cancelled"]);
});

test("correlator() takes a cancellation from the side that asked only, and of a request that is open only", async () => {
  await check([
    client(request(1)),
    server(cancellation(1)),
    client(cancellation("1")),
    client(cancellation(2)),
    client(notification("notifications/other", { requestId: 1 })),
    server(answer(1)),
    client(cancellation(1)),
  ], ["0", "1", "2", "3", "4", "5", "0-5 success", "6"]);
});

test("correlator() reports a cancelled request that times out as cancelled", async () => {
  await check(
    [
      client(request(1), { ts: 0 }),
      client(cancellation(1), { ts: 10 }),
      client(notification("n"), { ts: 200 }),
    ],
    ["0", "1", "0-none cancelled", "2"],
    { timeoutMs: 100 },
  );
});

test("correlator() sees a cancellation in a batch, and one that comes after the timeout", async () => {
  await check([
    client([request(1), request(2)]),
    client([notification("n"), cancellation(1)]),
    server(answer(1)),
    server(answer(2)),
  ], ["0", "1", "2", "0-2 cancelled", "3", "0-3 success"]);
  await check(
    [
      client(request(1), { ts: 0 }),
      client(notification("n"), { ts: 200 }),
      client(cancellation(1), { ts: 201 }),
      server(answer(1), { ts: 202 }),
    ],
    ["0", "0-none timeout", "1", "2", "3", "0-3 cancelled late"],
    { timeoutMs: 100 },
  );
});

test("correlator() takes a cancellation for all requests that share the id", async () => {
  await check([
    client(request(1)),
    client(request(1)),
    client(cancellation(1)),
    server(answer(1)),
  ], ["0", "1", "2", "3", "0-3 cancelled ambiguous", "1-none cancelled ambiguous"]);
});

// Bounds

test("correlator() remembers maxPending requests and gives up the oldest beyond", async () => {
  await check(
    [
      client(request(1)),
      server(request(1)),
      client(request(2)),
      server(answer(1)),
      server(answer(2)),
      client(answer(1)),
    ],
    ["0", "1", "0-none orphan", "2", "3", "4", "2-4 success", "5", "1-5 success"],
    { maxPending: 2 },
  );
});

test("correlator() remembers as many requests that have timed out", async () => {
  await check([
    client(request(1), { ts: 0 }),
    client(request(2), { ts: 0 }),
    client(request(3), { ts: 200 }),
    client(notification("n"), { ts: 400 }),
    server(answer(1), { ts: 401 }),
    server(answer(2), { ts: 402 }),
    server(answer(3), { ts: 403 }),
  ], [
    ...["0", "1", "0-none timeout", "1-none timeout", "2", "2-none timeout", "3"],
    ...["4", "5", "1-5 success late", "6", "2-6 success late"],
  ], { timeoutMs: 100, maxPending: 2 });
});

test("correlator() throws invalid_argument for bounds that cannot be", () => {
  for (
    const options of [{ timeoutMs: 0 }, { timeoutMs: -1 }, { timeoutMs: NaN }, { maxPending: 0 }, { maxPending: NaN }]
  ) {
    assert.throws(() => correlator(options), (error: unknown) => isTapeError(error, "invalid_argument"));
  }
});

// HTTP

const over = (connection: string | number, exchange: string | number) => ({
  transport: { http: { connection, exchange } },
});

test("correlator() takes the ids of each HTTP exchange for themselves", async () => {
  await check([
    client(request(1), over("a", 1)),
    client(request(1), over("a", 2)),
    client(request(1), over("b", 1)),
    client(request(1)),
    server(answer(1), over("b", 1)),
    server(answer(1), over("a", 1)),
    server(answer(1)),
    server(answer(1), over("a", 2)),
    server(answer(1), over("c", 1)),
  ], ["0", "1", "2", "3", "4", "2-4 success", "5", "0-5 success", "6", "3-6 success", "7", "1-7 success", "8"]);
});

test("correlator() tells HTTP exchanges apart whatever they are called", async () => {
  const scopes: [string | number, string | number][] = [["a b", "c"], ["a", "b c"], ["", "a b c"], ["a b c", ""], [
    1,
    2,
  ], ["1 2", ""]];
  const asked = scopes.map((scope) => client(request(1), over(...scope)));
  const answered = scopes.map((scope) => server(answer(1), over(...scope)));
  const expected = scopes.map((_, at) => String(at));
  for (const at of scopes.keys()) expected.push(String(6 + at), `${at}-${6 + at} success`);
  await check([...asked, ...answered], expected);
});

// Requests that go on from one that needed more input (MCP 2026-07-28)

const asks = (id: unknown, requestState?: string) =>
  answer(id, { resultType: "input_required", inputRequests: {}, requestState });
const goesOn = (id: unknown, requestState?: string, method = "tools/call") =>
  request(id, method, { name: "x", inputResponses: {}, requestState });

test("correlator() links a request to the one that it goes on from, along a chain", async () => {
  await check([
    client(request(1, "tools/call")),
    server(asks(1, "state 1")),
    client(goesOn(2, "state 1")),
    server(asks(2, "state 2")),
    client(goesOn(3, "state 2")),
    server(answer(3)),
  ], ["0", "1", "0-1 success", "2", "3", "2-3 success continues 0", "4", "5", "4-5 success continues 2"]);
});

test("correlator() links over HTTP, where every step is an exchange of its own", async () => {
  await check([
    client(request(1, "tools/call"), over("a", 1)),
    server(asks(1, "s"), over("a", 1)),
    client(goesOn(1, "s"), over("a", 2)),
    server(answer(1), over("a", 2)),
  ], ["0", "1", "0-1 success", "2", "3", "2-3 success continues 0"]);
});

test("correlator() links by state, method, connection and direction", async () => {
  const begin = (
    id: number,
    state: string,
  ) => [client(request(id, "tools/call"), over("a", id)), server(asks(id, state), over("a", id))];
  const rest = [
    client(goesOn(3, "t"), over("a", 3)), // another state
    client(goesOn(4, "s", "prompts/get"), over("a", 4)), // another method
    client(goesOn(5, "s"), over("b", 5)), // another connection
    server(goesOn(6, "s"), over("a", 6)), // another direction
    client(request(7, "tools/call", { name: "x" }), over("a", 7)), // does not go on
    client(goesOn(8, "s"), over("a", 8)),
    client(goesOn(9, "s"), over("a", 9)), // gone on from already
  ];
  const records = await correlated([...begin(1, "s"), ...rest]);
  const links = correlations(records).map(({ request_seq, continues }) => [request_seq, continues]);
  assert.equal(links, [[0, undefined], [2, undefined], [3, undefined], [4, undefined], [5, undefined], [6, undefined], [
    7,
    0,
  ], [8, undefined]]);
});

test("correlator() links by the method alone where the server gave no state", async () => {
  await check([
    client(request(1, "tools/call")),
    server(asks(1)),
    client(goesOn(2)),
    server(answer(2)),
  ], ["0", "1", "0-1 success", "2", "3", "2-3 success continues 0"]);
});

test("correlator() keeps the link of a request that has no good end", async () => {
  await check([
    client(request(1, "tools/call"), { ts: 0 }),
    server(asks(1, "s"), { ts: 1 }),
    client(goesOn(2, "s"), { ts: 2 }),
    client(notification("n"), { ts: 500 }),
    server(failure(2), { ts: 501 }),
  ], [
    ...["0", "1", "0-1 success", "2", "2-none timeout continues 0", "3", "4", "2-4 error late continues 0"],
  ], { timeoutMs: 100 });
});

// All of it at random

interface Open {
  readonly key: string;
  readonly seq: number;
  cancelled: boolean;
  ambiguous: boolean;
}

/** The same in the plainest way: a list of what is open, searched from its start. */
function oracle(session: readonly Sent[]): string[] {
  const open: Open[] = [];
  const out: string[] = [];
  const keyOf = (dir: string, id: unknown) => `${dir} ${JSON.stringify(id)}`;
  const doubt = (open: Open) => open.ambiguous ? " ambiguous" : "";
  const takeOut = (key: string) => {
    const at = open.findIndex((each) => each.key === key);
    return at < 0 ? undefined : open.splice(at, 1)[0]!;
  };
  for (const [seq, { dir, message }] of session.entries()) {
    const matched: string[] = [];
    for (const each of (Array.isArray(message) ? message : [message]) as Record<string, unknown>[]) {
      if ("id" in each && "method" in each) {
        const key = keyOf(dir!, each.id);
        const same = open.filter((other) => other.key === key);
        for (const other of same) other.ambiguous = true;
        open.push({ key, seq, cancelled: false, ambiguous: same.length > 0 });
      } else if ("id" in each) {
        const asked = takeOut(keyOf(dir === "client_to_server" ? "server_to_client" : "client_to_server", each.id));
        if (asked) {
          if (each.id === null && "error" in each) asked.ambiguous = true;
          const status = asked.cancelled ? "cancelled" : "error" in each ? "error" : "success";
          matched.push(`${asked.seq}-${seq} ${status}${doubt(asked)}`);
        }
      } else {
        const { requestId } = each.params as { requestId: unknown };
        for (const one of open) if (one.key === keyOf(dir!, requestId)) one.cancelled = true;
      }
    }
    out.push(String(seq), ...matched);
  }
  return [...out, ...open.map((one) => `${one.seq}-none ${one.cancelled ? "cancelled" : "orphan"}${doubt(one)}`)];
}

test("correlator() matches what belongs together in any session", async () => {
  const id = fc.constantFrom<unknown>(1, 2, "1", null);
  const one = fc.oneof(id.map((id) => request(id)), id.map((id) => answer(id)), id.map(failure), id.map(cancellation));
  const message = fc.oneof({ weight: 4, arbitrary: one }, fc.array(one, { minLength: 1, maxLength: 4 }));
  const sent = fc.record({ dir: fc.constantFrom("client_to_server" as const, "server_to_client" as const), message });
  await fc.assert(
    fc.asyncProperty(fc.array(sent, { maxLength: 40 }), (session) => check(session, oracle(session))),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test("correlator() keeps the ids of the tapes apart that a tape was made of", async () => {
  const of = (tape: number) => ({ origin: { tape, seq: 0 } });
  const nested = { origin: { tape: 0, seq: 0, origin: { tape: 1, seq: 0 } } };
  const records = await correlated([
    client(request(1), of(0)),
    client(request(1), of(1)),
    client(request(1), nested),
    server(answer(1), of(1)),
    server(answer(1), nested),
    server(answer(1), of(0)),
    client(request(2), { origin: { seq: 7 } }),
    server(answer(2), { origin: { seq: 8 } }),
  ]);
  const pairs = records.flatMap((record) => record.type === "correlation" ? [[record.id, record.ambiguous]] : []);
  assert.equal(pairs, [["corr-1-3", undefined], ["corr-2-4", undefined], ["corr-0-5", undefined], [
    "corr-6-7",
    undefined,
  ]]);
});

test.run();
