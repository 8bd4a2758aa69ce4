import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import type { CorrelationRecord, FrameRecord, TapeRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { deriveTape, type DeriveTapeOptions } from "../../../src/tape/derive/derive-tape.ts";
import { renumber } from "../../../src/tape/derive/renumber.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { checkpointInjector } from "../../../src/transforms/checkpoint-injector.ts";
import { encodeRecord } from "../../../src/transforms/encode-record.ts";
import { filter } from "../../../src/transforms/filter.ts";
import { lineSplit } from "../../../src/transforms/line-split.ts";
import { parseRecord } from "../../../src/transforms/parse-record.ts";
import { sessions, tapeOf } from "../../helpers/strange/random-tape.ts";
import { frameLine, framesOf, initLine, metadataOf, putTape, recordsOf } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

async function storeOf(): Promise<TapeStore> {
  const store = memoryStore();
  const ask = (id: number, method: string) => `{"jsonrpc":"2.0","id":${id},"method":"${method}"}`;
  const lines = [ask(0, "initialize"), ask(1, "ping"), ask(2, "tools/list"), ask(3, "ping")];
  await putTape(store, "a", initLine("a") + lines.map((message, seq) => frameLine(seq, seq, message)).join(""));
  await putTape(store, "b", initLine("b") + frameLine(0, 2, ask(0, "ping")));
  return store;
}

async function isIntact(store: TapeStore, id: string): Promise<boolean> {
  const { isIntact, isFinalized, noticeCount } = await verifyTape(store, id);
  return isIntact && isFinalized && noticeCount === 0;
}

test("deriveTape() makes a whole tape of what a query or a function selects, with metadata", async () => {
  const store = await storeOf();
  await store.put(
    "a.meta.json",
    new TextEncoder().encode('{"tape_id":"a","name":"n","tags":["t"],"stats":{"frame_count":9}}'),
  );
  const { tapeId, metadata } = await deriveTape(store, "a", { select: "method:ping", name: "pings" });
  assert.match(tapeId, ULID);
  assert.equal((await framesOf(store, tapeId)).map(({ seq, origin }) => [seq, origin]), [[0, { seq: 1 }], [1, {
    seq: 3,
  }]]);
  assert.ok(await isIntact(store, tapeId));
  assert.equal(await metadataOf(store, tapeId), metadata);
  assert.equal([metadata.name, metadata.tags, metadata.stats!.frame_count], ["pings", ["t"], 2]);
  const odd = (record: TapeRecord) => (record as FrameRecord).seq % 2 === 0;
  const second = await deriveTape(store, "a", { select: odd, to: "second" });
  assert.equal((await framesOf(store, "second")).map(({ origin }) => origin!.seq), [0, 2]);
  assert.equal([second.tapeId, second.metadata.name], ["second", undefined]);
});

test("deriveTape() takes several tapes, by time or as they are given, and keeps what sets a session up", async () => {
  const store = await storeOf();
  const originsOf = async (id: string) => (await framesOf(store, id)).map(({ origin }) => [origin!.tape, origin!.seq]);
  const merged = await deriveTape(store, ["a", "b"], { order: "time", select: "method:ping", withContext: true });
  assert.equal(await originsOf(merged.tapeId), [[0, 0], [0, 1], [0, 2], [1, 0], [0, 3]]);
  assert.ok(await isIntact(store, merged.tapeId));
  const joined = await deriveTape(store, ["b", "a"]);
  assert.equal(await originsOf(joined.tapeId), [[0, 0], [1, 0], [1, 1], [1, 2], [1, 3]]);
  const [init] = await recordsOf(store, joined.tapeId);
  assert.ok(init?.type === "init" && init.derived_from!.every(({ by }) => by === "concat"));
});

test("deriveTape() reads a tape twice where a query asks what becomes of a request later on", async () => {
  const store = memoryStore();
  const ask = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`;
  const failure = '{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"no"}}';
  const answer = frameLine(2, 2, failure).replace("client_to_server", "server_to_client");
  await putTape(store, "a", initLine("a") + frameLine(0, 0, ask(1)) + frameLine(1, 1, ask(2)) + answer);
  const { tapeId } = await deriveTape(store, "a", { select: "op:status:error" });
  assert.equal((await framesOf(store, tapeId)).map(({ origin }) => origin!.seq), [1, 2]);
});

test("a query to a merged tape does not take the answer of one of them for that of another", async () => {
  const store = memoryStore();
  const server = (line: string) => line.replace("client_to_server", "server_to_client");
  for (const [id, method] of [["a", "one"], ["b", "two"]] as const) {
    const ask = `{"jsonrpc":"2.0","id":1,"method":"${method}"}`;
    const answer = '{"jsonrpc":"2.0","id":1,"result":{}}';
    await putTape(store, id, initLine(id) + frameLine(0, 0, ask) + server(frameLine(1, 1, answer)));
  }
  const merged = await deriveTape(store, ["a", "b"], { order: "time" });
  for (const select of ["method:one", "op:method:one"]) {
    const { tapeId } = await deriveTape(store, merged.tapeId, { select });
    const from = (await framesOf(store, tapeId)).map(({ origin }) => (origin!.origin as { tape: number; seq: number }));
    assert.equal(from, [{ tape: 0, seq: 0 }, { tape: 0, seq: 1 }], select);
  }
});

test("of two frames on one line each is taken or left for itself", async () => {
  const store = memoryStore();
  const frames = [...Array(6).keys()].map((seq) => frameLine(seq, seq));
  frames[2] = frames[2]!.trimEnd();
  await putTape(store, "a", initLine("a") + frames.join(""));
  const origins = async (select: string) => {
    const { tapeId } = await deriveTape(store, "a", { select });
    assert.ok((await verifyTape(store, tapeId)).isIntact);
    return (await framesOf(store, tapeId)).map(({ origin }) => origin!.seq);
  };
  assert.equal(await origins("seq:3.."), [3, 4, 5]);
  assert.equal(await origins("seq:..2"), [0, 1, 2]);
  assert.equal(await origins("seq:2"), [2]);
  assert.equal(await origins("method:n3"), [3]);
});

test("deriveTape() refuses what cannot be, and leaves nothing behind", async () => {
  const store = await storeOf();
  await rejection(deriveTape(store, "none"), "tape_not_found");
  for (
    const work of [
      () => deriveTape(store, []),
      () => deriveTape(store, "a", { to: "b" }),
      () => deriveTape(store, "a", { select: "dur:>x" }),
      () => deriveTape(store, "a", { order: "size" as "time" }),
      () => deriveTape(store, "a", { filter: "x" } as object),
    ]
  ) await rejection(work(), "invalid_argument");
  const failing = deriveTape(store, "a", {
    to: "out",
    select: () => {
      throw new Error("mine");
    },
  });
  assert.is(await failing.catch((error: Error) => error.message), "mine");
  assert.is(await store.size("out.jsonl"), undefined);
  assert.equal((await framesOf(store, "b")).length, 1);
});

test("renumber() makes a whole tape of records that were chosen by whatever stage", async () => {
  await fc.assert(
    fc.asyncProperty(sessions, fc.array(fc.boolean(), { minLength: 1 }), async (session, picks) => {
      const store = memoryStore();
      await putTape(store, "a", tapeOf("a", session));
      const picked = filter((record: TapeRecord) => record.type !== "frame" || picks[record.seq % picks.length]!);
      const source = pipe(store.openSource("a.jsonl"), lineSplit(), parseRecord(), picked, renumber({ tapeId: "out" }));
      await pipe(source, checkpointInjector(), encodeRecord(), await store.openSink("out.jsonl"));
      assert.ok(await isIntact(store, "out"));
      await deriveTape(store, "a", {
        to: "other",
        select: (record) => record.type !== "frame" || picks[record.seq % picks.length]!,
      });
      const plain = async (id: string) =>
        (await recordsOf(store, id)).filter(({ type }) => type !== "init" && type !== "checkpoint");
      assert.equal(await plain("out"), await plain("other"));
    }),
    { numRuns: 60 },
  );
});

test("ids and tokens mean something within a connection only, however its messages travelled", async () => {
  const ask = (method: string) => ({ method, params: { _meta: { progressToken: 1 } } });
  const progress = { method: "notifications/progress", params: { progressToken: 1, progress: 1 } };
  for (const kind of ["http", "other"]) {
    const store = memoryStore();
    const frames = [
      ["client_to_server", "a", { id: 1, ...ask("tools/list") }],
      ["client_to_server", "b", { id: 1, ...ask("resources/read") }],
      ["server_to_client", "a", progress],
      ["server_to_client", "b", progress],
      ["server_to_client", "b", { id: 1, result: { of: "b" } }],
      ["server_to_client", "a", { id: 1, result: { of: "a" } }],
    ].map(([dir, connection, message], seq) => ({
      type: "frame",
      seq,
      ts: seq,
      dir,
      env: { message: { jsonrpc: "2.0", ...message as object } },
      transport: { [kind]: { connection } },
    }));
    const init = { type: "init", version: "2.0", tape_id: "a", session_id: "s", created_at: "2026-01-01T00:00:00Z" };
    const lines = [{ ...init, protocol_version: "x" }, ...frames].map((line) => `${JSON.stringify(line)}\n`);
    await store.put("a.jsonl", new TextEncoder().encode(lines.join("")));
    const taken = async (options: DeriveTapeOptions) => {
      const { tapeId } = await deriveTape(store, "a", options);
      return (await framesOf(store, tapeId)).map(({ origin }) => origin!.seq);
    };
    assert.equal(await taken({ select: "method:nothing", withContext: true }), [0, 5], kind);
    assert.equal(await taken({ select: "op:(method:resources/read)" }), [1, 3, 4], kind);
    assert.equal(await taken({ select: "method:resources/read" }), [1, 4], kind);
  }
});

test("renumber() says how long lines may be, where those of the source may be longer than usual", async () => {
  const init = {
    type: "init",
    version: "2.0",
    tape_id: "a",
    session_id: "s",
    created_at: "2026-01-01T00:00:00Z",
  } as const;
  for (const [max_line_bytes, least] of [[64 << 20, 64 << 20], [undefined, 0], [1000, 0]] as const) {
    const records: TapeRecord[] = [];
    const source = [{ ...init, protocol_version: "x", max_line_bytes }];
    for await (const record of pipe(source, renumber())) records.push(record);
    const first = records[0]!;
    assert.ok(first.type === "init" && (first.max_line_bytes ?? 0) >= least, String(max_line_bytes));
    assert.is(first.max_line_bytes === undefined, least === 0);
  }
});

test("numbers and times as large as numbers go make no tape that cannot be read", async () => {
  const last = Number.MAX_SAFE_INTEGER;
  const gap = `{"type":"gap","ts":1,"from_seq":1,"to_seq":${last - 1},"count":${last - 1},"reason":"forged"}\n`;
  for (const between of [gap, ""]) {
    const store = memoryStore();
    await putTape(store, "a", initLine("a") + frameLine(0, 0) + between + frameLine(last, last));
    await putTape(store, "b", initLine("b") + frameLine(0, 0) + frameLine(1, 5));
    for (const order of ["given", "time"] as const) {
      const { tapeId } = await deriveTape(store, ["a", "b", "a", "b", "a"], { order });
      assert.ok(await isIntact(store, tapeId), `${order} ${between}`);
      assert.equal((await framesOf(store, tapeId)).map(({ seq }) => seq), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      const again = await deriveTape(store, [tapeId, "a"], { order });
      assert.ok(await isIntact(store, again.tapeId), `${order} ${between} again`);
    }
  }
});

test("a correlation of a request that is missing gets no time that a reader does not take", async () => {
  const ts = 999_999_999_999_999;
  const missing = '{"type":"gap","ts":1,"from_seq":0,"to_seq":0,"count":1,"reason":"lost"}\n';
  const told =
    `"request_seq":0,"response_seq":null,"request_ts":${ts},"response_ts":null,"rtt_ms":null,"status":"error"}\n`;
  // As this library spells them, and with a space, so that it is read as a value.
  for (const start of ['{"type":"correlation","id":"corr-0-none",', '{"type":"correlation", "id":"corr-0-none",']) {
    const store = memoryStore();
    await putTape(store, "old", initLine("old", "1970-01-01T00:00:00.000Z") + frameLine(0, 0));
    await putTape(store, "new", initLine("new", "+275760-09-13T00:00:00.000Z") + missing + start + told);
    const { tapeId } = await deriveTape(store, ["old", "new"], { order: "time" });
    assert.ok(await isIntact(store, tapeId), start);
    const found = (await recordsOf(store, tapeId)).find(({ type }) => type === "correlation") as CorrelationRecord;
    assert.is(found.request_ts, Number.MAX_SAFE_INTEGER);
  }
});

test.run();
