import { readdir } from "node:fs/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeError, type TapeErrorCode } from "../../../src/errors.ts";
import { jsonText } from "../../../src/json/json-text.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import type { MessageEnvelope, TransportMetadata } from "../../../src/records/record.ts";
import { messageText } from "../../../src/records/recorded-text.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import type { WriterOptions } from "../../../src/tape/write/writer-options.ts";
import { faultyStore, Gate } from "../../helpers/strange/faulty-store.ts";
import { assertSameList } from "../../helpers/same-list.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect, settled } from "../../helpers/streams.ts";
import {
  answer,
  checkpoints,
  framesOf,
  linesOf,
  messageOf,
  metadataOf,
  recordsOf,
  recount,
  request,
} from "../../helpers/tapes.ts";
import { eventually, reasonOf, rejection, within } from "../../helpers/within.ts";

function create(store: TapeStore, options: WriterOptions = {}): Promise<StreamingTapeWriter> {
  return StreamingTapeWriter.create(store, { ...options, sessionId: "session", tapeId: "demo" });
}

async function keysOf(store: TapeStore): Promise<string[]> {
  return (await collect(store.list())).map(({ key }) => key).sort();
}

async function textsOf(store: TapeStore): Promise<string[]> {
  const reader = await StreamingTapeReader.open(store, "demo");
  return (await collect(reader.frames())).map(messageText);
}

// create()

test("StreamingTapeWriter.create() writes the init record and puts the metadata before it settles", async () => {
  const store = memoryStore();
  const before = Date.now();
  const writer = await StreamingTapeWriter.create(store, {
    sessionId: "session 1",
    tapeId: "demo",
    protocolVersion: "2026-07-28",
    metadata: { name: "First", tags: ["a"], transport: { type: "stdio", command: "x" }, extra: { kept: true } },
  });
  assert.is(writer.tapeId, "demo");
  const [init, ...rest] = await recordsOf(store, "demo");
  assert.equal(rest, []);
  assert.equal(init, {
    type: "init",
    version: "2.0",
    tape_id: "demo",
    session_id: "session 1",
    created_at: (init as { created_at: string }).created_at,
    protocol_version: "2026-07-28",
  });
  const createdAt = Date.parse((init as { created_at: string }).created_at);
  assert.ok(createdAt >= before && createdAt <= Date.now());

  const metadata = await metadataOf(store, "demo");
  assert.is(metadata.status, "recording");
  assert.is(metadata.created_at, (init as { created_at: string }).created_at);
  assert.equal([metadata.name, metadata.tags], ["First", ["a"]]);
  assert.equal((metadata as unknown as { extra: unknown }).extra, { kept: true });
  assert.ok(metadata.environment?.runtime && metadata.environment.tapeline_version);
  await writer.close();
});

test("StreamingTapeWriter.create() makes an id of its own, and another for each tape", async () => {
  const store = memoryStore();
  const ids = [];
  for (let n = 0; n < 3; n++) {
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s" });
    ids.push(writer.tapeId);
    await writer.finalize();
  }
  assert.ok(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id)));
  assert.equal([...new Set(ids)].sort(), ids);
});

test("StreamingTapeWriter.create() refuses ids that may name no tape, before it asks the store", async () => {
  const untouched = new Proxy({}, {
    get: (_, name) => () => assert.unreachable(`the store was asked for ${String(name)}`),
  }) as TapeStore;
  for (const tapeId of ["", "../x", "a.b", "a/b", "x".repeat(129), "ä", "a\0", 7 as unknown as string]) {
    await rejection(StreamingTapeWriter.create(untouched, { sessionId: "s", tapeId }), "invalid_argument");
    await rejection(StreamingTapeWriter.resume(untouched, tapeId), "invalid_argument");
  }
});

test("StreamingTapeWriter.create() refuses an id that has a tape, and one that is being written", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await rejection(create(store), "locked");
  await writer.writeFrame(request(1));
  await writer.finalize();
  await rejection(create(store), "invalid_argument");
  assert.is((await framesOf(store, "demo")).length, 1);
});

test("StreamingTapeWriter.create() that fails leaves nothing behind, then or later", async () => {
  const puts: string[] = [];
  let fails = true;
  const store = faultyStore({
    write() {
      if (fails) throw new TapeError("io", "Cannot write: no room");
    },
    put: (key) => void puts.push(key),
  });
  await rejection(create(store, { metadataEveryMs: 1 }), "io");
  assert.equal(await keysOf(store), []);
  // A timer that was set before this one would have been heard by then.
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(puts, []);
  fails = false;
  await (await create(store)).finalize();
});

test("StreamingTapeWriter.create() that fails leaves no file and no lock", async () => {
  await inScratch(async (folder) => {
    let fails = true;
    const faults = {
      write() {
        if (fails) throw new TapeError("io", "Cannot write: no room");
      },
    };
    const store = faultyStore(faults, fileStore(folder));
    await rejection(create(store), "io");
    await rejection(create(store, { checkpointEveryFrames: -1 }), "invalid_argument");
    assert.equal(await readdir(folder), []);
    fails = false;
    await (await create(store)).finalize();
  });
});

test("StreamingTapeWriter.create() refuses a session id that is no text", async () => {
  const store = memoryStore();
  const sessionId = undefined as unknown as string;
  await rejection(StreamingTapeWriter.create(store, { sessionId, tapeId: "demo" }), "invalid_argument");
  assert.equal(await keysOf(store), []);
});

// writeFrame()

test("writeFrame() counts up from 0 and writes in the order of the calls, however many wait", async () => {
  const sizes: number[] = [];
  const store = faultyStore({ write: (chunks) => void sizes.push(chunks.length) });
  const writer = await create(store);
  const seqs = await Promise.all(Array.from({ length: 2000 }, (_, n) => writer.writeFrame(messageOf(n % 50, n))));
  assertSameList(seqs, Array.from({ length: 2000 }, (_, n) => n));
  const frames = await framesOf(store, "demo");
  assertSameList(frames.map((frame) => frame.seq), seqs);
  assertSameList(frames.map((frame) => (frame.env.message as { params: { n: number } }).params.n), seqs);
  for (const [at, frame] of frames.entries()) {
    assert.is(frame.ts, Math.floor(frame.ts_us! / 1000));
    assert.ok(at === 0 || frame.ts_us! >= frames[at - 1]!.ts_us!, "time does not go back");
  }
  assert.ok(sizes.length < 20, `calls that do not wait for each other share writes, not ${sizes.length} of them`);
  await writer.finalize();
});

test("writeFrame() records the very text of a message", async () => {
  const texts = [
    '{"jsonrpc":"2.0","id":12345678901234567890,"method":"a","params":{"x":1.0,"y":1e400,"z":-0}}',
    '{ "id" : 1 ,\t"id" : 2 , "method":"twice" }',
    '{"__proto__":{"x":1},"constructor":null,"toJSON":1}',
    '["\\ud800","\\u2028\u2028\u2029","é","é","\\/","\\u0000"]',
    "null",
    "false",
    '"text"',
    "-12.50e+3",
    "[]",
    "[".repeat(20_000) + "]".repeat(20_000),
  ];
  const store = memoryStore();
  const writer = await create(store);
  for (const text of texts) await writer.writeFrame({ message: jsonText(text), direction: "client_to_server" });
  assert.equal(await textsOf(store), texts);
  // What a line cannot hold is spelled otherwise, and means the same.
  await writer.writeFrame({ message: jsonText('{\r\n "a":\n1}'), direction: "client_to_server" });
  await writer.writeFrame({ message: jsonText('"\ud83d \udc00"'), direction: "client_to_server" });
  await writer.writeFrame({ message: "\ud83d", direction: "client_to_server" });
  assert.equal((await textsOf(store)).slice(texts.length), ['{   "a": 1}', '"\\ud83d \\udc00"', '"\\ud83d"']);
  await writer.finalize();
});

test("writeFrame() records values as JSON.stringify writes them", async () => {
  const values = [
    {
      id: 1,
      method: "a",
      params: { undef: undefined, nan: NaN, date: new Date(0), nested: { toJSON: () => "short" } },
    },
    { toJSON: () => ({ id: 1, method: "made" }) },
    null,
    0,
    "text",
    [1, , 3],
    Object.assign(Object.create(null), { id: 2, method: "bare" }),
  ];
  const store = memoryStore();
  const writer = await create(store);
  for (const message of values) await writer.writeFrame({ message, direction: "server_to_client" });
  assert.equal(await textsOf(store), values.map((value) => JSON.stringify(value)));
  await writer.finalize();
});

test("writeFrame() keeps what comes with a message, and lets the argument override its transport", async () => {
  const store = memoryStore();
  const writer = await create(store);
  const envelope: MessageEnvelope = {
    message: { method: "x" },
    direction: "server_to_client",
    timestamp: "2026-03-01T10:00:00Z",
    session_id: 'é"',
    transport: { stdio: { process_id: 7 } },
    action: { kind: "delay", ms: 3 },
    flags: { is_error: true },
  };
  await writer.writeFrame(envelope);
  await writer.writeFrame(envelope, { http: { path: "/mcp", custom: [1] } });
  await writer.writeFrame({
    ...envelope,
    transport: null,
    action: null,
    flags: null,
    timestamp: null,
    session_id: null,
  });
  const [own, overridden, none] = await framesOf(store, "demo");
  assert.is(own!.dir, "server_to_client");
  assert.equal([own!.env.timestamp, own!.env.session_id], ["2026-03-01T10:00:00Z", 'é"']);
  assert.equal([own!.transport, own!.action], [{ stdio: { process_id: 7 } }, { kind: "delay", ms: 3 }]);
  assert.equal(own!.flags, { is_error: true, is_notification: true });
  assert.equal(overridden!.transport, { http: { path: "/mcp", custom: [1] } });
  assert.equal([none!.transport ?? null, none!.env.timestamp ?? null], [null, null]);
  assert.is((await writer.finalize()).stats?.error_count, 2);
});

test("writeFrame() keeps what was no JSON, marked as invalid", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await writer.writeFrame({ raw: "Segmentation fault\u0007\n", direction: "server_to_client" });
  await writer.writeFrame({ raw: "/wA=", encoding: "base64", direction: "server_to_client" });
  const [text, binary] = await framesOf(store, "demo");
  assert.equal(text!.env, { raw: "Segmentation fault\u0007\n" });
  assert.equal(text!.flags, { is_invalid: true });
  assert.equal(binary!.env, { raw: "/wA=", encoding: "base64" });
  await writer.finalize();
});

test("writeFrame() refuses what it cannot record, without using up a sequence number", async () => {
  const cyclic: Record<string, unknown> = { method: "x" };
  cyclic.self = cyclic;
  const to = { direction: "client_to_server" };
  const cases: [unknown, TapeErrorCode, RegExp][] = [
    [undefined, "invalid_argument", /./],
    [null, "invalid_argument", /./],
    ["text", "invalid_argument", /./],
    [[], "invalid_argument", /./],
    [{}, "invalid_argument", /./],
    [{ message: {} }, "invalid_argument", /direction/],
    [{ message: {}, direction: "up" }, "invalid_argument", /direction/],
    [to, "invalid_argument", /message/],
    [{ ...to, message: undefined }, "invalid_argument", /message/],
    [{ ...to, message: {}, raw: "x" }, "invalid_argument", /./],
    [{ ...to, raw: 7 }, "invalid_argument", /./],
    [{ ...to, raw: "x", encoding: "hex" }, "invalid_argument", /encoding/],
    [{ ...to, message: {}, timestamp: 7 }, "invalid_argument", /timestamp/],
    [{ ...to, message: {}, session_id: {} }, "invalid_argument", /session_id/],
    [{ ...to, message: {}, transport: "stdio" }, "invalid_argument", /transport/],
    [{ ...to, message: {}, transport: { stdio: { process_id: -1 } } }, "invalid_argument", /process_id/],
    [{ ...to, message: {}, action: "block" }, "invalid_argument", /action/],
    [{ ...to, message: {}, flags: { is_error: 1 } }, "invalid_argument", /is_error/],
    [{ ...to, message: 1n }, "serialization", /BigInt/i],
    [{ ...to, message: { id: 1n, method: "x" } }, "serialization", /BigInt/i],
    [{ ...to, message: cyclic }, "serialization", /./],
    [{ ...to, message: () => {} }, "serialization", /function has no JSON text/],
    [{ ...to, message: Symbol("x") }, "serialization", /symbol has no JSON text/],
    [{ ...to, message: { toJSON: () => undefined } }, "serialization", /no JSON text/],
    [{ ...to, message: { toJSON: () => assert.unreachable() } }, "serialization", /./],
    [{ ...to, message: jsonText("") }, "serialization", /is not JSON/],
    [{ ...to, message: jsonText("{") }, "serialization", /is not JSON/],
    [{ ...to, message: jsonText("{} {}") }, "serialization", /is not JSON/],
    [{ ...to, message: jsonText("{'a':1}") }, "serialization", /is not JSON/],
    [{ ...to, message: {}, transport: { custom: 1n } }, "serialization", /transport/],
    [{ ...to, message: {}, action: { self: cyclic } }, "serialization", /action/],
    [{ ...to, message: {}, flags: { extra: 1n } }, "serialization", /flags/],
  ];
  const store = memoryStore();
  const writer = await create(store);
  for (const [envelope, code, why] of cases) {
    const error = await rejection(writer.writeFrame(envelope as MessageEnvelope), code);
    assert.match(error.message, /^Cannot (record a message|encode) ?.*: ./);
    assert.match(error.message, why);
  }
  await rejection(writer.writeFrame(request(1), "stdio" as unknown as TransportMetadata), "invalid_argument");
  assert.is(await writer.writeFrame(request(1)), 0);
  const { stats } = await writer.finalize();
  assert.is(stats?.frame_count, 1);
  assert.equal((await framesOf(store, "demo")).map((frame) => frame.seq), [0]);
  assert.equal(stats, recount(await linesOf(store, "demo")));
});

test("writeFrame() takes values nested deeper than the stack, or says that it cannot, and goes on", async () => {
  let deep: unknown = [];
  for (let n = 1; n < 1_000_000; n++) deep = [deep];
  const store = memoryStore();
  const writer = await create(store);
  // Only the newest engines have a JSON.stringify that does not recurse.
  const outcome = await writer.writeFrame({ message: deep, direction: "client_to_server" }).catch((error) =>
    error.code
  );
  assert.ok(outcome === 0 || outcome === "serialization", String(outcome));
  const text = "[".repeat(1_000_000) + "]".repeat(1_000_000);
  await writer.writeFrame({ message: jsonText(text), direction: "client_to_server" });
  await writer.finalize();
  const texts = await textsOf(store);
  assert.ok(texts.every((each) => each === text));
  assert.is(texts.length, outcome === 0 ? 2 : 1);
});

test("writeFrame() refuses a line that is too long, whichever part of it is, again and again", async () => {
  const store = memoryStore();
  const writer = await create(store, { maxLineBytes: 4000 });
  const long = "x".repeat(5000);
  const transport = { stdio: { command: long } };
  const cases: MessageEnvelope[] = [
    { message: { long }, direction: "client_to_server" },
    { message: jsonText(JSON.stringify(long)), direction: "client_to_server" },
    { message: "é".repeat(1900), direction: "client_to_server" },
    { raw: long, direction: "client_to_server" },
    { raw: "\u0001".repeat(700), direction: "client_to_server" },
    { message: {}, direction: "client_to_server", session_id: long },
    { message: {}, direction: "client_to_server", timestamp: long },
    { message: {}, direction: "client_to_server", action: { long } },
    { message: {}, direction: "client_to_server", flags: { long } as object },
    { message: {}, direction: "client_to_server", transport },
    { message: "x".repeat(2000), direction: "client_to_server", transport: { stdio: { command: "x".repeat(2000) } } },
  ];
  for (const envelope of [...cases, ...cases]) {
    const error = await rejection(writer.writeFrame(envelope), "line_too_long");
    assert.match(error.message, /the limit is 4000$/);
    assert.ok(error.length! > 4000);
  }
  for (let n = 0; n < 3; n++) await rejection(writer.writeFrame(request(1), transport), "line_too_long");
  assert.is(await writer.writeFrame({ message: "x".repeat(3000), direction: "client_to_server" }), 0);
  assert.is(await writer.writeFrame({ message: "é".repeat(1500), direction: "client_to_server" }), 1);
  const lines = await linesOf(store, "demo");
  assert.ok(lines.every((line) => new TextEncoder().encode(line).length <= 4001));
  await writer.finalize();
});

test("writeFrame() lets a transport that grows between two messages not break the writer", async () => {
  const store = memoryStore();
  const writer = await create(store, { maxLineBytes: 4000 });
  const transport = { http: { path: "/" } };
  assert.is(await writer.writeFrame(request(1), transport), 0);
  transport.http.path = "x".repeat(5000);
  await writer.writeFrame(request(2), transport).catch(() => {});
  const [last] = await Promise.all([writer.writeFrame(request(3))]);
  assert.ok(last === 1 || last === 2);
  await writer.finalize();
});

// What is not a frame

test("writeLog() writes what was said beside the protocol", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await writer.writeLog("stderr", "ready\n\u2028\ud800");
  const log = (await recordsOf(store, "demo"))[1]!;
  assert.equal(log, { type: "log", ts: (log as { ts: number }).ts, stream: "stderr", text: "ready\n\u2028\ud800" });
  await writer.finalize();
});

test("writeLog(), writeCorrelation() and writeGap() refuse what makes no record, and the writer goes on", async () => {
  const store = memoryStore();
  const writer = await create(store, { maxLineBytes: 4000 });
  await writer.writeFrame(request(1));
  await writer.writeFrame(request(2));
  const unchecked = writer as unknown as Record<string, (...args: unknown[]) => Promise<void>>;
  const long = "x".repeat(5000);
  const cases: [() => Promise<void>, TapeErrorCode][] = [
    [() => writer.writeLog("stderr", long), "line_too_long"],
    [() => writer.writeLog(long, ""), "line_too_long"],
    [() => unchecked.writeLog!("stderr", 7), "invalid_argument"],
    [() => unchecked.writeLog!(undefined, "x"), "invalid_argument"],
    [() => writer.writeCorrelation(0, 2), "invalid_argument"],
    [() => writer.writeCorrelation(-1, 1), "invalid_argument"],
    [() => writer.writeCorrelation(0, 0.5), "invalid_argument"],
    [() => writer.writeCorrelation(0, 1, { rtt_ms: -1 }), "invalid_argument"],
    [() => writer.writeCorrelation(0, 1, { rtt_ms: NaN }), "invalid_argument"],
    [() => writer.writeCorrelation(0, 1, { status: long }), "line_too_long"],
    [() => unchecked.writeCorrelation!(0, 1, { extra: 1n }), "serialization"],
    [() => writer.writeGap(0, "x"), "invalid_argument"],
    [() => writer.writeGap(-1, "x"), "invalid_argument"],
    [() => writer.writeGap(1.5, "x"), "invalid_argument"],
    [() => writer.writeGap(Infinity, "x"), "invalid_argument"],
    [() => writer.writeGap(1, long), "line_too_long"],
    [() => unchecked.writeGap!(1, 7), "invalid_argument"],
  ];
  for (const [call, code] of cases) {
    assert.match((await rejection(call(), code)).message, /^Cannot (record|write|correlate|encode) .*: ./);
  }
  assert.is(await writer.writeFrame(request(3)), 2);
  const { stats } = await writer.finalize();
  const lines = await linesOf(store, "demo");
  assert.equal(lines.map((line) => JSON.parse(line).type), [
    "init",
    ...["frame", "frame", "frame"],
    ...["correlation", "correlation", "correlation"],
    "checkpoint",
  ]);
  assert.equal(stats, recount(lines));
});

test("writeCorrelation() writes what the caller knows", async () => {
  const store = memoryStore();
  const writer = await create(store);
  for (const n of [0, 1, 2]) await writer.writeFrame(messageOf(1, n));
  await writer.writeCorrelation(0, 2, { status: "error", rtt_ms: 5, rtt_us: 5100, request_ts: 1, response_ts: 6 });
  await writer.writeCorrelation(1, 2);
  const [first, second] = (await recordsOf(store, "demo")).slice(-2);
  assert.equal(first, {
    type: "correlation",
    id: "corr-0-2",
    request_seq: 0,
    response_seq: 2,
    status: "error",
    rtt_ms: 5,
    rtt_us: 5100,
    request_ts: 1,
    response_ts: 6,
  });
  assert.equal(second, { type: "correlation", id: "corr-1-2", request_seq: 1, response_seq: 2, status: "success" });
  assert.is((await writer.finalize()).stats?.correlation_count, 2);
});

test("writeGap() leaves out sequence numbers and says so", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await writer.writeFrame(request(1));
  await writer.writeGap(3, "memory bound reached");
  assert.is(await writer.writeFrame(request(2)), 4);
  const gap = (await recordsOf(store, "demo"))[2]!;
  const { ts } = gap as { ts: number };
  assert.equal(gap, { type: "gap", ts, from_seq: 1, to_seq: 3, count: 3, reason: "memory bound reached" });
  const { stats } = await writer.finalize();
  assert.is(stats?.lost_frame_count, 3);
  assert.equal(stats, recount(await linesOf(store, "demo")));
});

// Correlations and checkpoints

test("StreamingTapeWriter matches answers to requests, and reports what stays open when it finalizes", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await writer.writeFrame(request(1));
  await writer.writeFrame(request("1"));
  await writer.writeFrame(answer("1"));
  await writer.writeFrame({
    message: { jsonrpc: "2.0", id: 1, error: { code: -1, message: "no" } },
    direction: "server_to_client",
  });
  await writer.writeFrame(request(3));
  const metadata = await writer.finalize();
  const records = await recordsOf(store, "demo");
  const correlations = records.filter((record) => record.type === "correlation");
  assert.equal(correlations.map(({ id, status }) => [id, status]), [
    ["corr-1-2", "success"],
    ["corr-0-3", "error"],
    ["corr-4-none", "orphan"],
  ]);
  assert.equal(records.map(({ type }) => type).slice(-2), ["correlation", "checkpoint"]);
  assert.equal([metadata.stats?.correlation_count, metadata.stats?.error_count], [2, 1]);
  const frames = await framesOf(store, "demo");
  assert.equal(frames.map((frame) => frame.correlation_id), ["corr-0", "corr-1", "corr-1", "corr-0", "corr-4"]);
});

test("StreamingTapeWriter looks at what JSON.stringify wrote, where a part of a message says itself what that is", async () => {
  const store = memoryStore();
  const writer = await create(store);
  const from = (message: unknown) => ({ message, direction: "server_to_client" as const });
  await writer.writeFrame(from({ id: 1, result: { toJSON: () => ({ isError: true }) } }));
  await writer.writeFrame(from({ id: 2, result: { isError: true, toJSON: () => ({}) } }));
  await writer.finalize();
  assert.equal((await framesOf(store, "demo")).map(({ flags }) => flags?.is_tool_error ?? false), [true, false]);
});

test("StreamingTapeWriter writes a checkpoint after so many frames, true each time, and a final one last", async () => {
  const store = memoryStore();
  const writer = await create(store, { checkpointEveryFrames: 4 });
  for (let n = 0; n < 9; n++) {
    await writer.writeFrame(n % 2 ? answer(n - 1) : request(n));
    if (n === 5) await writer.writeGap(2, "x");
  }
  const metadata = await writer.finalize();
  const lines = await linesOf(store, "demo");
  const all = checkpoints(lines);
  assert.is(all.length, 3);
  for (const { claimed, counted } of all) assert.equal(claimed, counted);
  assert.equal(metadata.stats, recount(lines));
  const records = await recordsOf(store, "demo");
  const finals = records.filter((record) => record.type === "checkpoint").map(({ final = false, seq }) => [final, seq]);
  assert.equal(finals, [[false, 3], [false, 9], [true, 10]]);
  assert.is(records.at(-1)!.type, "checkpoint");
});

test("StreamingTapeWriter writes a checkpoint after so much time, if anything is written", async () => {
  const store = memoryStore();
  const writer = await create(store, { checkpointEveryMs: 5 });
  await eventually("a checkpoint", async () => {
    await writer.writeFrame(messageOf(1));
    return checkpoints(await linesOf(store, "demo")).length === 2;
  });
  for (const { claimed, counted } of checkpoints(await linesOf(store, "demo"))) assert.equal(claimed, counted);
  await writer.finalize();
});

test("StreamingTapeWriter refuses options that cannot work", async () => {
  const store = memoryStore();
  const cases: WriterOptions[] = [
    { checkpointEveryFrames: 0 },
    { checkpointEveryMs: NaN },
    { correlation: { timeoutMs: 0 } },
    { correlation: { maxPending: 0 } },
  ];
  for (const options of cases) await rejection(create(store, options), "invalid_argument");
  assert.equal(await keysOf(store), []);
  await (await create(store)).close();
  for (const options of cases) {
    await rejection(StreamingTapeWriter.resume(store, "demo", options), "invalid_argument");
  }
  await (await StreamingTapeWriter.resume(store, "demo")).close();
});

// Durability

test("writeFrame() at `buffered` settles when the frame is accepted, and waits where too much is", async () => {
  const gate = new Gate();
  const store = faultyStore({ write: () => gate.pass() });
  const writer = await create(store, { durability: "buffered", maxPendingBytes: 10_000 });
  gate.shut();
  const accepted: number[] = [];
  const writes = Array.from(
    { length: 20 },
    (_, n) => writer.writeFrame(messageOf(1000, n)).then((seq) => accepted.push(seq)),
  );
  await eventually("a write", () => gate.waiting > 0);
  await settled();
  assert.equal(accepted, [0, 1, 2, 3, 4, 5, 6, 7], "about 1130 bytes each");
  assert.ok(writer.pendingBytes > 20_000);
  assert.is((await framesOf(store, "demo")).length, 0);
  gate.open();
  await within(Promise.all(writes), "the writes");
  await writer.finalize();
  assert.is((await framesOf(store, "demo")).length, 20);
  assert.is(writer.pendingBytes, 0);
});

test("writeFrame() at `flushed` settles when the sink has the frame, and syncs nothing", async () => {
  const gate = new Gate();
  let syncs = 0;
  const store = faultyStore({ write: () => gate.pass(), sync: () => void syncs++ });
  const writer = await create(store);
  gate.shut();
  let isDone = false;
  const write = writer.writeFrame(request(1)).then(() => isDone = true);
  await eventually("a write", () => gate.waiting > 0);
  await settled();
  assert.is(isDone, false);
  gate.open();
  await write;
  assert.is((await framesOf(store, "demo")).length, 1);
  assert.is(syncs, 0);
  await writer.finalize();
});

test("writeFrame() at `synced` settles when the sink has synced; many share one sync", async () => {
  const gate = new Gate();
  let syncs = 0;
  const store = faultyStore({
    sync: () => {
      syncs++;
      return gate.pass();
    },
  });
  const writer = await create(store, { durability: "synced" });
  const before = syncs;
  assert.is(before, 1, "the init record");
  gate.shut();
  let done = 0;
  const writes = Array.from({ length: 500 }, (_, n) => writer.writeFrame(messageOf(10, n)).then(() => done++));
  await eventually("a sync", () => gate.waiting > 0);
  await settled();
  assert.is(done, 0);
  gate.open();
  await within(Promise.all(writes), "the writes");
  assert.ok(syncs - before <= 3, `${syncs - before} syncs`);
  await writer.finalize();
});

test("writeFrame() at `synced` rejects where the sync fails, with every frame that waited for it", async () => {
  let fails = false;
  const store = faultyStore({
    sync() {
      if (fails) throw new TapeError("io", "Cannot sync: EIO");
    },
  });
  const writer = await create(store, { durability: "synced" });
  await writer.writeFrame(request(1));
  fails = true;
  const writes = [writer.writeFrame(request(2)), writer.writeFrame(request(3))];
  for (const write of writes) assert.match((await rejection(write, "io")).message, /EIO/);
  await reasonOf(writer.finalize()).catch(() => {});
  assert.equal((await framesOf(store, "demo")).map(({ seq }) => seq), [0, 1, 2], "written, but perhaps not safe");
});

test("close() and finalize() close the sink, which syncs, at every level", async () => {
  for (const durability of ["buffered", "flushed", "synced"] as const) {
    for (const end of ["close", "finalize"] as const) {
      let closes = 0;
      const store = faultyStore({ close: () => void closes++ });
      const writer = await create(store, { durability });
      void writer.writeFrame(request(1));
      await writer[end]();
      assert.is(closes, 1);
      assert.is((await framesOf(store, "demo")).length, 1);
      await (await StreamingTapeWriter.resume(store, "demo")).close();
    }
  }
});

test("finalize() says so where the sink cannot be closed, and frees the tape's metadata of the claim", async () => {
  const store = faultyStore({
    close() {
      throw new TapeError("io", "Cannot sync: EIO");
    },
  });
  const writer = await create(store);
  await writer.writeFrame(request(1));
  const error = await rejection(writer.finalize(), "io");
  assert.is(await rejection(writer.finalize(), "io"), error, "a second call gives the same answer");
  assert.equal((await metadataOf(store, "demo")).status, { error: "Cannot sync: EIO" });
  assert.is((await metadataOf(store, "demo")).finalized_at ?? null, null);
});

// writable

test("writable is the end of a pipeline, and leaves the tape open", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await pipe(Array.from({ length: 300 }, (_, n) => messageOf(n, n)), writer.writable);
  assert.is((await framesOf(store, "demo")).length, 300);
  assert.is(await writer.writeFrame(request(1)), 300);
  assert.is((await writer.finalize()).stats?.frame_count, 301);
});

test("writable takes messages one by one too, in order with writeFrame()", async () => {
  const store = memoryStore();
  const writer = await create(store, { durability: "synced" });
  const stream = writer.writable.getWriter();
  await stream.write(messageOf(1, 0));
  const direct = writer.writeFrame(messageOf(1, 1));
  void stream.write(messageOf(1, 2));
  await stream.close();
  await direct;
  await writer.finalize();
  assert.equal((await framesOf(store, "demo")).map(({ seq }) => seq), [0, 1, 2]);
});

test("writable pushes back where the sink does not keep up, in bounded memory", async () => {
  const gate = new Gate();
  const store = faultyStore({ write: () => gate.pass() });
  const writer = await create(store, { maxPendingBytes: 50_000 });
  gate.shut();
  let produced = 0;
  const messages = async function* () {
    for (; produced < 5000; produced++) yield messageOf(1000, produced);
  };
  const piping = pipe(messages(), writer.writable);
  for (let n = 0; n < 200; n++) await settled();
  assert.ok(produced >= 40 && produced < 100, `${produced} messages were taken`);
  assert.ok(writer.pendingBytes < 100_000);
  gate.open();
  await within(piping, "the pipeline");
  await writer.finalize();
  assert.is((await framesOf(store, "demo")).length, 5000);
});

test("ready settles at once, or when there is room again", async () => {
  const gate = new Gate();
  const writer = await create(faultyStore({ write: () => gate.pass() }), { maxPendingBytes: 1000 });
  await writer.ready;
  gate.shut();
  const write = writer.writeFrame(messageOf(2000));
  let isReady = false;
  const ready = Promise.all([writer.ready, writer.ready]).then(() => isReady = true);
  await eventually("a write", () => gate.waiting > 0);
  await settled();
  assert.is(isReady, false);
  gate.open();
  await within(ready, "room");
  await write;
  await writer.finalize();
});

test("writable fails with a message that is invalid; what came before is written and the writer goes on", async () => {
  const store = memoryStore();
  const writer = await create(store);
  const messages = [request(1), { message: 1n, direction: "client_to_server" as const }, request(2)];
  await rejection(pipe(messages, writer.writable), "serialization");
  assert.is(await writer.writeFrame(request(3)), 1);
  await writer.finalize();
  assert.equal((await framesOf(store, "demo")).map(({ env }) => (env.message as { id: number }).id), [1, 3]);
});

test("writable fails where the sink does; the writer goes on, and the tape says what is missing", async () => {
  let fails = false;
  const store = faultyStore({
    write() {
      if (fails) throw new TapeError("io", "Cannot write: no room");
    },
  });
  const writer = await create(store, { maxPendingBytes: 1 });
  fails = true;
  assert.match((await rejection(pipe([request(1), request(2)], writer.writable), "io")).message, /no room/);
  fails = false;
  assert.is(await writer.writeFrame(request(3)), 2);
  await writer.finalize();
  const gap = (await recordsOf(store, "demo"))[1] as unknown as Record<string, unknown>;
  assert.equal([gap.type, gap.from_seq, gap.to_seq, gap.count], ["gap", 0, 1, 2]);
});

test("writable learns of a loss at its end at the latest, and of its own losses only", async () => {
  let fails = false;
  const store = faultyStore({
    write() {
      if (fails) throw new TapeError("io", "Cannot write: no room");
    },
  });
  const writer = await create(store);
  fails = true;
  await rejection(writer.writeFrame(request(1)), "io");
  fails = false;
  await pipe([request(2)], writer.writable);
  const other = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "other" });
  const stream = other.writable.getWriter();
  await stream.write(request(1));
  fails = true;
  await stream.write(request(2));
  await rejection(stream.close(), "io");
  fails = false;
  await Promise.all([writer.finalize(), other.finalize()]);
});

// The end

test("finalize() ends a tape once, whoever calls it how often", async () => {
  const store = memoryStore();
  const writer = await create(store);
  await writer.writeFrame(request(1));
  await writer.writeFrame(answer(1));
  const [first, second] = await Promise.all([writer.finalize(), writer.finalize()]);
  assert.is(first, second);
  assert.is(await writer.finalize(), first);
  await writer.close();
  await writer[Symbol.asyncDispose]();
  assert.is(first.status, "finalized");
  assert.ok(Date.parse(first.finalized_at!) >= Date.parse(first.created_at!));
  const lines = await linesOf(store, "demo");
  assert.equal(lines.map((line) => JSON.parse(line).type), ["init", "frame", "frame", "correlation", "checkpoint"]);
  assert.equal(first.stats, recount(lines));
  const { updated_at: _, ...stored } = await metadataOf(store, "demo");
  const { updated_at: __, ...answered } = first;
  assert.equal(stored, answered);
});

test("finalize() waits for what was accepted before it", async () => {
  const store = memoryStore();
  const writer = await create(store);
  const writes = Array.from({ length: 100 }, (_, n) => writer.writeFrame(messageOf(10, n)));
  const ending = writer.finalize();
  await rejection(writer.writeFrame(request(1)), "closed");
  assert.is((await ending).stats?.frame_count, 100);
  assert.equal(await Promise.all(writes), Array.from({ length: 100 }, (_, n) => n));
  assert.is(JSON.parse((await linesOf(store, "demo")).at(-1)!).final, true);
});

test("close() writes no final checkpoint and leaves open requests open", async () => {
  const store = memoryStore();
  {
    await using writer = await create(store);
    await writer.writeFrame(request(1));
  }
  assert.equal((await recordsOf(store, "demo")).map(({ type }) => type), ["init", "frame"]);
  const metadata = await metadataOf(store, "demo");
  assert.equal([metadata.status, metadata.finalized_at ?? null], ["paused", null]);
  assert.equal(metadata.stats, recount(await linesOf(store, "demo")));
});

test("StreamingTapeWriter takes nothing after its end", async () => {
  for (const end of ["close", "finalize"] as const) {
    const store = memoryStore();
    const writer = await create(store);
    const stream = writer.writable.getWriter();
    await writer.writeFrame(request(1));
    await writer[end]();
    const before = await linesOf(store, "demo");
    const calls = [
      () => writer.writeFrame(request(2)),
      () => writer.writeLog("stderr", "x"),
      () => writer.writeGap(1, "x"),
      () => writer.writeCorrelation(0, 0),
      () => stream.write(request(2)),
    ];
    for (const call of calls) {
      const error = await rejection(call(), "closed");
      assert.is(error.message, "Cannot write to tape demo: the writer is closed");
    }
    assert.equal(await linesOf(store, "demo"), before);
  }
});

test("metadata() and describe() say what is known, also of how fast the session is", async () => {
  const store = memoryStore();
  const writer = await create(store);
  for (let n = 0; n < 50; n++) {
    await writer.writeFrame(request(n));
    await writer.writeFrame(answer(n));
  }
  writer.describe({ name: "named later", tags: ["x"], environment: { user: "me" }, tape_id: "other", status: "x" });
  const metadata = writer.metadata();
  assert.equal([metadata.name, metadata.tags, metadata.tape_id, metadata.status], [
    "named later",
    ["x"],
    "demo",
    "recording",
  ]);
  assert.is(metadata.environment?.user, "me");
  assert.ok(metadata.environment?.runtime);
  const { performance } = await writer.finalize();
  const { avg_rtt_ms, min_rtt_ms, max_rtt_ms, p50_rtt_ms, p95_rtt_ms, p99_rtt_ms } = performance!;
  for (const ms of [avg_rtt_ms, min_rtt_ms, max_rtt_ms, p50_rtt_ms, p95_rtt_ms, p99_rtt_ms]) {
    assert.type(ms, "number");
  }
  assert.ok(min_rtt_ms! <= p50_rtt_ms! && p50_rtt_ms! <= p95_rtt_ms!);
  assert.ok(p95_rtt_ms! <= p99_rtt_ms! && p99_rtt_ms! <= max_rtt_ms!);
  assert.is((await metadataOf(store, "demo")).name, "named later");
});

test.run();
