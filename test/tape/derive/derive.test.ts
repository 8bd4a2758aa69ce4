import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import type { TapeError } from "../../../src/errors.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { lineReading } from "../../../src/stores/line-limit.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { messageText } from "../../../src/records/recorded-text.ts";
import type { FrameRecord, TapeRecord } from "../../../src/records/record.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { readInit } from "../../../src/tape/first-record.ts";
import type { Choice } from "../../../src/tape/derive/choice/choice.ts";
import { type Derivation, derive, type Derived } from "../../../src/tape/derive/derive.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, framesOf, initLine, linesOf, putTape, recordsOf } from "../../helpers/tapes.ts";
import { sessions, tapeOf } from "../../helpers/strange/random-tape.ts";

interface Made extends Derived {
  readonly errors: readonly TapeError[];
}

/** Makes a tape called `out` of tapes of a store. */
async function make(
  store: TapeStore,
  ids: readonly string[],
  options: Partial<Derivation> & { readonly choice?: Choice } = {},
): Promise<Made> {
  const sources = await Promise.all(ids.map(async (id) => {
    const key = `${id}.jsonl`;
    const [init, size] = [await readInit(store, key), (await store.size(key))!];
    return { ...await lineReading(store, key), key, size, init, name: id, choice: options.choice };
  }));
  await store.delete("out.jsonl");
  const target = await store.openSink("out.jsonl");
  const errors: TapeError[] = [];
  const derived = await derive({
    sources,
    target,
    by: "test",
    tapeId: "out",
    onError: (error) => errors.push(error),
    ...options,
  });
  await target.close();
  return { ...derived, errors };
}

/** All that verifying finds, and that is to be nothing. */
async function findings(store: TapeStore, id = "out"): Promise<string[]> {
  const found: string[] = [];
  await verifyTape(store, id, { onFinding: ({ line, message }) => found.push(`line ${line}: ${message}`) });
  return found;
}

async function framesRead(store: TapeStore, id: string): Promise<FrameRecord[]> {
  const reader = await StreamingTapeReader.open(store, id, { onError: () => {} });
  return await collect(reader.frames());
}

const choiceOf = (accepts: (record: TapeRecord) => boolean): Choice => ({
  takes: (candidate) => candidate.type !== "frame" || accepts(candidate.record()),
});

async function storeWith(tapes: Readonly<Record<string, string>>): Promise<TapeStore> {
  const store = memoryStore();
  for (const [id, text] of Object.entries(tapes)) await putTape(store, id, text);
  return store;
}

test("whatever is taken of a tape, the result is whole, its messages are to the letter, and its numbers say where they were", async () => {
  await fc.assert(
    fc.asyncProperty(sessions, fc.array(fc.boolean(), { minLength: 1 }), async (session, picks) => {
      const store = await storeWith({ a: tapeOf("a", session) });
      const choice = choiceOf((record) => picks[(record as FrameRecord).seq % picks.length]!);
      const { errors, stats } = await make(store, ["a"], { choice });
      assert.equal(errors, []);
      assert.equal(await findings(store), []);
      const before = new Map((await framesRead(store, "a")).map((frame) => [frame.seq, frame]));
      const wanted = [...before.values()].filter(({ seq }) => picks[seq % picks.length]);
      const frames = await framesRead(store, "out");
      assert.equal(frames.map(({ origin }) => origin!.seq), wanted.map(({ seq }) => seq));
      assert.is(stats.frame_count, frames.length);
      for (const frame of frames) {
        const source = before.get(frame.origin!.seq!)!;
        assert.is(messageText(frame), messageText(source));
        assert.equal([frame.ts, frame.ts_us, frame.dir, frame.flags], [
          source.ts,
          source.ts_us,
          source.dir,
          source.flags,
        ]);
      }
    }),
    { numRuns: 150 },
  );
});

test("correlations and their ids lead to the same frames as on the source, as far as these are there", async () => {
  await fc.assert(
    fc.asyncProperty(sessions, fc.array(fc.boolean(), { minLength: 1 }), async (session, picks) => {
      const store = await storeWith({ a: tapeOf("a", session) });
      const isPicked = (seq: number) => picks[seq % picks.length]!;
      const { leftCorrelations, otherCorrelations, wrongCorrelations } = await make(store, ["a"], {
        choice: choiceOf((record) => isPicked((record as FrameRecord).seq)),
      });
      const [source, made] = [await recordsOf(store, "a"), await recordsOf(store, "out")];
      const originOf = new Map(
        made.flatMap((record) => record.type === "frame" ? [[record.seq, record.origin!.seq!] as const] : []),
      );
      const pairsOf = (records: readonly TapeRecord[], seqOf: (seq: number) => number | undefined) =>
        records.flatMap((record) => {
          if (record.type !== "correlation") return [];
          const { request_seq, response_seq, status, rtt_us } = record;
          return [[seqOf(request_seq), response_seq == null ? null : seqOf(response_seq), status, rtt_us]];
        });
      const all = pairsOf(source, (seq) => seq);
      const wanted = all.filter(([request, response]) =>
        isPicked(request as number) && (response === null || isPicked(response as number))
      );
      assert.equal(pairsOf(made, (seq) => originOf.get(seq)), wanted);
      const halves = all.filter(([request, response]) =>
        response !== null && isPicked(request as number) !== isPicked(response as number)
      );
      assert.equal([leftCorrelations, wrongCorrelations], [halves.length, 0]);
      assert.is(otherCorrelations, all.length - wanted.length - halves.length);
      const idsOf = (records: readonly TapeRecord[], seqOf: (seq: number) => number | undefined) =>
        records.flatMap((record) =>
          record.type !== "frame" || record.correlation_id == null
            ? []
            : [[seqOf(record.seq), seqOf(Number(record.correlation_id.slice("corr-".length)))]]
        );
      assert.equal(
        idsOf(made, (seq) => originOf.get(seq)),
        idsOf(source, (seq) => seq).filter(([seq, request]) => isPicked(seq!) && isPicked(request!)),
      );
    }),
    { numRuns: 100 },
  );
});

test("a tape of which all is taken says the same, record for record", async () => {
  await fc.assert(
    fc.asyncProperty(sessions, async (session) => {
      const store = await storeWith({ a: tapeOf("a", session) });
      const { missingFrames, retimedFrames, leftCorrelations } = await make(store, ["a"]);
      const plain = (records: readonly TapeRecord[]) =>
        records.filter(({ type }) => type !== "init" && type !== "checkpoint").map((record) => {
          const { origin: _, ...rest } = record as FrameRecord;
          return rest as TapeRecord;
        });
      assert.equal(plain(await recordsOf(store, "out")), plain(await recordsOf(store, "a")));
      assert.equal([missingFrames, retimedFrames, leftCorrelations], [0, 0, 0]);
    }),
    { numRuns: 100 },
  );
});

test("merged tapes come in the order of their times, and every record stays when it was", async () => {
  const start = Date.parse("2026-03-01T10:00:00.000Z");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(sessions, fc.integer({ min: 0, max: 3000 })), { minLength: 2, maxLength: 4 }),
      async (given) => {
        const ids = given.map((_, at) => `t${at}`);
        const starts = given.map(([, later]) => start + later);
        const store = await storeWith(Object.fromEntries(
          given.map(([session], at) => [ids[at]!, tapeOf(ids[at]!, session, new Date(starts[at]!).toISOString())]),
        ));
        const { init, errors, retimedFrames } = await make(store, ids, { order: "time" });
        assert.equal([errors, retimedFrames], [[], 0]);
        assert.equal(await findings(store), []);
        const base = Date.parse(init.created_at);
        assert.is(base, Math.min(...starts));
        assert.equal(
          init.derived_from!.map(({ tape_id, offset_ms }) => [tape_id, offset_ms ?? 0]),
          ids.map((id, at) => [id, starts[at]! - base]),
        );
        const merged = await framesRead(store, "out");
        for (const [at, id] of ids.entries()) {
          const own = merged.filter(({ origin }) => origin!.tape === at);
          const source = await framesRead(store, id);
          assert.equal(own.map(({ origin }) => origin!.seq), source.map(({ seq }) => seq));
          assert.equal(own.map((frame) => messageText(frame)), source.map((frame) => messageText(frame)));
          assert.equal(own.map(({ ts }) => base + ts), source.map(({ ts }) => starts[at]! + ts));
          assert.equal(
            own.map(({ ts_us }) => base * 1000 + ts_us!),
            source.map(({ ts_us }) => starts[at]! * 1000 + ts_us!),
          );
        }
        const logs = (await recordsOf(store, "out")).filter(({ type }) => ["log", "note"].includes(type));
        for (const record of logs) assert.type((record as { origin?: { tape?: number } }).origin!.tape, "number");
      },
    ),
    { numRuns: 60 },
  );
});

test("lines that are spelled in another way are taken, and so is what stands on damaged ones", async () => {
  const message = '{ "id" : 1.0, "big":12345678901234567890 ,"b":"\\u00e9"}';
  const tape = [
    initLine("a").trimEnd(),
    `{ "env": { "message": ${message} }, "dir": "client_to_server", "ts": 5, "seq": 0, "type": "frame", "x": [1e400] }`,
    frameLine(1, 6).trimEnd() + frameLine(2, 7).trimEnd(),
    `${frameLine(3, 8).slice(0, 50)}${frameLine(4, 9).trimEnd()}`,
    "no record",
    frameLine(5, 9).replace('"message":', '"message":{').trimEnd(),
    frameLine(6, 9).trimEnd(),
    frameLine(7, 9).slice(0, 40),
  ].join("\n");
  const store = await storeWith({ a: tape });
  const { errors, missingFrames, unfinished } = await make(store, ["a"]);
  assert.equal(await findings(store), []);
  const frames = await framesRead(store, "out");
  assert.equal(frames.map(({ origin }) => origin), [0, 1, 2, 4, 6].map((seq) => ({ seq })));
  assert.is(messageText(frames[0]!), message);
  assert.equal(errors.map(({ line }) => line), [4, 5, 6]);
  assert.equal([missingFrames, unfinished.length], [2, 1]);
  const gaps = (await recordsOf(store, "out")).filter(({ type }) => type === "gap");
  assert.equal(gaps.map((gap) => (gap as { from_seq?: number }).from_seq), [3, 5]);
});

test("who decides is asked once for each frame, however its line is spelled", async () => {
  const other = frameLine(1, 6).replace('"n1"}}', '"n1"},"raw":null}');
  assert.is((JSON.parse(other) as FrameRecord).env.raw, null);
  const store = await storeWith({ a: initLine("a") + frameLine(0, 5) + other + frameLine(2, 7) });
  const asked: number[] = [];
  const { errors } = await make(store, ["a"], {
    choice: {
      takes({ seq }) {
        asked.push(seq!);
        return true;
      },
    },
  });
  assert.equal([errors, asked], [[], [0, 1, 2]]);
  assert.equal((await framesOf(store, "out")).map(({ origin }) => origin!.seq), [0, 1, 2]);
});

test("times that go back are set right, and kept as they were", async () => {
  const store = await storeWith({ a: initLine("a") + frameLine(0, 5) + frameLine(1, 3) + frameLine(2, 7) });
  const { retimedFrames } = await make(store, ["a"]);
  assert.is(retimedFrames, 1);
  assert.equal(await findings(store), []);
  const frames = await framesOf(store, "out");
  assert.equal(frames.map(({ ts, origin }) => [ts, origin]), [[5, { seq: 0 }], [5, { seq: 1, ts: 3 }], [7, {
    seq: 2,
  }]]);
});

test("a tape that was made of one that was made of others tells of both", async () => {
  const first = await storeWith({
    a: initLine("a") + frameLine(0, 5) + frameLine(1, 6),
    b: initLine("b") + frameLine(0, 5),
  });
  await make(first, ["a", "b"], { order: "time" });
  const text = (await linesOf(first, "out")).join("");
  const second = await storeWith({ m: text });
  await make(second, ["m"], { choice: choiceOf((record) => (record as FrameRecord).seq > 0) });
  assert.equal((await framesOf(second, "out")).map(({ seq, origin }) => [seq, origin]), [
    [0, { seq: 1, origin: { tape: 1, seq: 0 } }],
    [1, { seq: 2, origin: { tape: 0, seq: 1 } }],
  ]);
  const [init] = await recordsOf(second, "out");
  assert.equal(
    (init as { derived_from?: { tape_id: string; derived_from?: { tape_id: string }[] }[] }).derived_from!.map((
      each,
    ) => [
      each.tape_id,
      each.derived_from!.map(({ tape_id }) => tape_id),
    ]),
    [["out", ["a", "b"]]],
  );
  await putTape(second, "out2", (await linesOf(second, "out")).join(""));
  const third = await make(second, ["out2"]);
  assert.equal([third.errors, third.stats.frame_count], [[], 2]);
});

test("tapes one behind the other keep their times, and those that overlap are moved behind the one before", async () => {
  const at = (second: number) => `2026-03-01T10:00:0${second}.000Z`;
  const store = await storeWith({
    a: initLine("a", at(0)) + frameLine(0, 5) + frameLine(1, 2500),
    b: initLine("b", at(5)) + frameLine(0, 5),
    c: initLine("c", at(1)) + frameLine(0, 7),
    d: initLine("d", "some day") + frameLine(0, 9),
  });
  const { init, moved } = await make(store, ["a", "b", "c", "d"].map((id) => id));
  assert.equal(await findings(store), []);
  assert.equal(moved.map(({ tape, why }) => [tape, why]), [[2, "overlap"], [3, "unknown"]]);
  assert.is(init.created_at, at(0));
});

test("a signal ends the reading, and the tape is whole all the same", async () => {
  const store = await storeWith({
    a: initLine("a") + Array.from({ length: 5000 }, (_, seq) => frameLine(seq, seq)).join(""),
  });
  const abort = new AbortController();
  const { isInterrupted, stats } = await make(store, ["a"], {
    signal: abort.signal,
    choice: {
      takes({ seq }) {
        if (seq === 700) abort.abort();
        return true;
      },
    },
  });
  assert.is(isInterrupted, true);
  assert.is(stats.frame_count, 701);
  assert.equal(await findings(store), []);
  const records = await recordsOf(store, "out");
  assert.equal(records.at(-2)!.type, "gap");
  assert.ok(records.at(-1)!.type === "checkpoint");
});

test("lines longer than a block, and longer than the limit of the source, are taken as they are", async () => {
  const long = (seq: number, length: number) =>
    frameLine(seq, seq, `{"jsonrpc":"2.0","method":"${"x".repeat(length)}"}`);
  const limit = 10 * 1024 * 1024;
  const full = long(3, limit - long(3, 0).length + 1);
  assert.is(full.length - 1, limit);
  const store = await storeWith({
    a: initLine("a") + long(0, 10) + long(1, 100_000) + long(2, 700_000) + full + long(4, 20),
  });
  const { errors, init } = await make(store, ["a"]);
  assert.equal(errors, []);
  assert.ok(init.max_line_bytes! > limit);
  assert.equal(await findings(store), []);
  assert.equal(
    (await framesRead(store, "out")).map((frame) => messageText(frame).length),
    (await framesRead(store, "a")).map((frame) => messageText(frame).length),
  );
});

test.run();
