import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import type { FrameRecord } from "../../../src/records/record.ts";
import { messageText } from "../../../src/records/recorded-text.ts";
import { lineReading } from "../../../src/stores/line-limit.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import type { TapeSink } from "../../../src/streams/sink.ts";
import { derive } from "../../../src/tape/derive/derive.ts";
import { type Part, type SplitBy, splitTape } from "../../../src/tape/derive/split.ts";
import { readInit } from "../../../src/tape/first-record.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { sessions, tapeOf } from "../../helpers/strange/random-tape.ts";
import { frameLine, framesOf, initLine, linesOf, putTape, recordsOf } from "../../helpers/tapes.ts";

async function sourceOf(store: TapeStore, id: string) {
  const key = `${id}.jsonl`;
  const [init, size] = [await readInit(store, key), (await store.size(key))!];
  return { ...await lineReading(store, key), key, size, init, name: id };
}

/** The ids of the parts, in the order in which they were begun. */
async function split(store: TapeStore, id: string, by: SplitBy, withContext = false): Promise<string[]> {
  const ids: string[] = [];
  const sinks = new Map<string, TapeSink>();
  const closed: string[] = [];
  await splitTape({
    source: await sourceOf(store, id),
    by,
    withContext,
    open: async (tapeId) => {
      ids.push(tapeId);
      const sink = await store.openSink(`${tapeId}.jsonl`);
      sinks.set(tapeId, sink);
      return sink;
    },
    close: async ({ init }: Part) => {
      closed.push(init.tape_id);
      await sinks.get(init.tape_id)!.close();
    },
    onError: (error) => {
      throw error;
    },
  });
  assert.equal([...closed].sort(), [...ids].sort());
  return ids;
}

async function check(store: TapeStore, id: string, ids: readonly string[]): Promise<FrameRecord[][]> {
  const parts: FrameRecord[][] = [];
  for (const part of ids) {
    const found: string[] = [];
    await verifyTape(store, part, { onFinding: ({ message }) => found.push(message) });
    assert.equal(found, []);
    parts.push(await framesOf(store, part));
  }
  const source = await framesOf(store, id);
  const bySeq = new Map(source.map((frame) => [frame.seq, frame]));
  const seqs = parts.flat().map(({ origin }) => origin!.seq!);
  assert.equal([...seqs].sort((a, b) => a - b), source.map(({ seq }) => seq));
  for (const frame of parts.flat()) {
    const { ts, env } = bySeq.get(frame.origin!.seq!)!;
    assert.equal([frame.ts, messageText(frame)], [ts, messageText({ env })]);
  }
  return parts;
}

test("a tape that is split by size or by time is whole in every part, and nothing is missing", async () => {
  const by = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 1500, max: 6000 }) }),
    fc.record({ ms: fc.constantFrom(1, 100, 60_000, 100_000_000) }),
  );
  await fc.assert(
    fc.asyncProperty(sessions, by, async (session, how) => {
      const store = memoryStore();
      await putTape(store, "a", tapeOf("a", session));
      const ids = await split(store, "a", how);
      const parts = await check(store, "a", ids);
      const seqs = parts.flat().map(({ origin }) => origin!.seq!);
      assert.equal(seqs, [...seqs].sort((a, b) => a - b));
      for (const [at, id] of ids.entries()) {
        if ("bytes" in how) assert.ok((await store.size(`${id}.jsonl`))! <= how.bytes || parts[at]!.length <= 1);
        else assert.ok(new Set(parts[at]!.map(({ ts }) => Math.floor(ts / how.ms))).size <= 1);
      }
    }),
    { numRuns: 60 },
  );
});

test("the sessions of a merged tape are parted again, each with its correlations", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sessions, { minLength: 2, maxLength: 3 }), async (given) => {
      const store = memoryStore();
      for (const [at, session] of given.entries()) await putTape(store, `t${at}`, tapeOf(`t${at}`, session));
      const target = await store.openSink("merged.jsonl");
      const sources = await Promise.all(given.map((_, at) => sourceOf(store, `t${at}`)));
      await derive({ sources, order: "time", target, by: "merge", tapeId: "merged" });
      await target.close();
      const ids = await split(store, "merged", { sessions: true });
      const parts = await check(store, "merged", ids);
      const told = async (id: string) =>
        (await recordsOf(store, id)).flatMap((record) =>
          record.type === "correlation" ? [`${record.status} ${record.rtt_us}`] : []
        );
      for (const [at, id] of ids.entries()) {
        if (parts[at]!.length === 0) continue;
        const tapes = new Set(parts[at]!.map(({ origin }) => (origin!.origin as { tape: number }).tape));
        assert.is(tapes.size, 1);
        const [tape] = tapes;
        assert.equal(
          parts[at]!.map((frame) => messageText(frame)),
          (await framesOf(store, `t${tape}`)).map((frame) => messageText(frame)),
        );
        assert.equal((await told(id)).sort(), (await told(`t${tape}`)).sort());
      }
    }),
    { numRuns: 40 },
  );
});

test("a session begins with each initialize request of a client", async () => {
  const store = memoryStore();
  const call = (id: number, method: string) => `{"jsonrpc":"2.0","id":${id},"method":"${method}"}`;
  const lines = [call(0, "initialize"), call(1, "ping"), call(0, "initialize"), call(1, "ping"), call(2, "ping")];
  await putTape(store, "a", initLine("a") + lines.map((message, seq) => frameLine(seq, seq, message)).join(""));
  const ids = await split(store, "a", { sessions: true });
  assert.equal((await check(store, "a", ids)).map((frames) => frames.length), [2, 3]);
  const [init] = await recordsOf(store, ids[1]!);
  assert.equal((init as { derived_from?: object[] }).derived_from!.map((from) => (from as { query: string }).query), [
    "part 2",
  ]);
  assert.ok((await linesOf(store, ids[1]!)).length > 4);
});

test("each part begins with what had set the session up by then, where that is asked for", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, {
    sessionId: "s",
    tapeId: "a",
    elapsedUs: () => us += 50_000,
  });
  let us = 0;
  const say = (direction: "client_to_server" | "server_to_client", message: object) =>
    void writer.writeFrame({ message: { jsonrpc: "2.0", ...message }, direction });
  const ask = (id: number | string, method: string, params: object, result: object) => {
    say("client_to_server", { id, method, params });
    say("server_to_client", { id, result });
  };
  const call = (id: number) => ask(id, "tools/call", { name: "a", pad: "x".repeat(100) }, { content: [] });
  ask(0, "initialize", {}, { serverInfo: {} });
  say("client_to_server", { method: "notifications/initialized" });
  ask("t1", "tools/list", {}, { tools: ["old"], nextCursor: "p2" });
  ask("t2", "tools/list", { cursor: "p2" }, { tools: ["older"] });
  for (let id = 1; id <= 20; id++) call(id);
  ask("t3", "tools/list", {}, { tools: ["new"] });
  for (let id = 21; id <= 40; id++) call(id);
  await writer.finalize();

  for (const by of [{ bytes: 6000 }, { ms: 1500 }, { bytes: 100 }]) {
    const ids = await split(store, "a", by, true);
    const own: number[] = [];
    for (const [n, id] of ids.entries()) {
      const found: string[] = [];
      await verifyTape(store, id, { onFinding: ({ message }) => found.push(message) });
      assert.equal(found, []);
      const frames = await framesOf(store, id);
      const seqs = frames.map(({ origin }) => origin!.seq!);
      // Seven frames set the session up; the later list is two, in the place of four.
      const first = own.length === 0 ? 0 : Math.max(...own) + 1;
      const context = first < 7
        ? seqs.filter((seq) => seq < first)
        : first <= 47
        ? [0, 1, 2, 3, 4, 5, 6]
        : [0, 1, 2, 47, 48];
      if (first !== 48) assert.equal(seqs.slice(0, context.length), context, `part ${n} from ${first}`);
      own.push(...seqs.filter((seq) => seq >= first));
      const pairs = (await recordsOf(store, id)).filter(({ type }) => type === "correlation").length;
      const answered = frames.filter(({ dir }) => dir === "server_to_client").length;
      assert.ok(pairs >= answered - 1, `${pairs} pairs of ${answered} answers`);
      if ("bytes" in by && by.bytes > 1000) assert.ok((await store.size(`${id}.jsonl`))! <= by.bytes);
    }
    assert.ok(ids.length > 2);
    assert.equal(own, (await framesOf(store, "a")).map(({ seq }) => seq));
  }
});

test("a tape without frames is one part", async () => {
  const store = memoryStore();
  await putTape(store, "a", initLine("a"));
  for (const by of [{ bytes: 100 }, { ms: 5 }, { sessions: true as const }]) {
    assert.is((await split(store, "a", by)).length, 1);
  }
});

test("splitTape() lets no part be larger, whatever stands between the frames", async () => {
  const text = "x".repeat(500);
  for (
    const [between, least] of [
      [`{"type":"log","ts":1,"stream":"stderr","text":"${text}"}`, 5],
      [`{"type":"weather","note":"${text}"}`, 5],
      [`{"type":"gap","ts":1,"from_seq":null,"to_seq":null,"count":0,"reason":"${text}"}`, 5],
    ] as const
  ) {
    const store = memoryStore();
    const lines = [
      initLine("a"),
      frameLine(0, 0),
      ...new Array<string>(20).fill(between),
      frameLine(1, 1),
      frameLine(2, 2),
    ];
    await putTape(store, "a", lines.map((line) => line.endsWith("\n") ? line : `${line}\n`).join(""));
    const ids = await split(store, "a", { bytes: 3000 });
    assert.ok(ids.length >= least, between.slice(0, 20));
    for (const id of ids) assert.ok((await store.size(`${id}.jsonl`))! <= 3000);
    await check(store, "a", ids);
    const all = (await Promise.all(ids.map((id) => recordsOf(store, id)))).flat();
    assert.is(all.filter(({ type }) => type === JSON.parse(between).type).length, 20);
  }
});

test("a time of a record that is not known makes no checkpoint that is none", async () => {
  for (const ts of ["1.5", "1e300", "-3", '"noon"']) {
    const store = memoryStore();
    await putTape(store, "a", `${initLine("a")}${frameLine(0, 0)}{"type":"weather","ts":${ts}}\n`);
    const [id] = await split(store, "a", { ms: 1000 });
    await check(store, "a", [id!]);
  }
});

test.run();
