import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import {
  type Finding,
  isTapeError,
  memoryStore,
  messageText,
  type RepairOptions,
  type RepairResult,
  repairTape,
  StreamingTapeReader,
  StreamingTapeWriter,
  TapeManager,
  TapeSink,
  type TapeStore,
  verifyTape,
} from "../../../src/mod.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { latin1Text, utf8 } from "../../helpers/bytes.ts";
import {
  cuts,
  type Damaged,
  drops,
  flips,
  movedLines,
  sealedTape,
  spansOf,
  splice,
  swappedBlocks,
  untouchedLines,
  zeroed,
} from "../../helpers/strange/damage.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, framesOf, initLine, linesOf, putTape, recordsOf, request, textOf } from "../../helpers/tapes.ts";
import { reasonOf, rejection } from "../../helpers/within.ts";

const whole = sealedTape();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const same = (a: Uint8Array | undefined, b: Uint8Array | undefined) =>
  a?.length === b?.length && !!a?.every((byte, at) => byte === b![at]);

async function storeOf(bytes: string | Uint8Array, metadata?: Uint8Array | string): Promise<TapeStore> {
  const store = memoryStore();
  await putTape(store, "demo", bytes);
  if (metadata !== undefined) {
    await store.put("demo.meta.json", typeof metadata === "string" ? utf8(metadata) : metadata);
  }
  return store;
}

/** Repairs a tape, and checks what holds of every repair. */
async function repair(store: TapeStore, options: RepairOptions = {}): Promise<RepairResult> {
  const before = await store.get("demo.jsonl");
  const result = await repairTape(store, "demo", options);
  if (!options.inPlace) assert.ok(same(await store.get("demo.jsonl"), before), "the damaged tape was changed");
  const { tapeId, after } = result;
  const findings: Finding[] = [];
  const verified = await verifyTape(store, tapeId, { onFinding: (finding) => findings.push(finding) });
  assert.equal(findings, []);
  assert.equal(verified, after);
  const repaired = await store.get(`${tapeId}.jsonl`);
  const again = await repairTape(store, tapeId);
  assert.is(again.isChanged, false);
  assert.ok(same(await store.get(`${tapeId}.jsonl`), repaired), "a second repair has changed the tape");
  return result;
}

/** Repairs a damaged tape, and checks that every frame that was not touched by the damage is there, letter by letter. */
async function checkRepaired(damaged: Damaged): Promise<RepairResult | undefined> {
  const { how, bytes } = damaged;
  const store = await storeOf(bytes);
  let result: RepairResult;
  try {
    result = await repair(store);
  } catch (error) {
    if (spansOf(bytes).length < 2) return undefined;
    throw new Error(`${how}: ${String(error)}`, { cause: error });
  }
  const kept = new Set((await textOf(store, `${result.tapeId}.jsonl`)).split(/(?<=\n)/));
  for (const { start: at, end: to } of untouchedLines(whole.bytes, damaged)) {
    const line = text(whole.bytes.subarray(at, to));
    if (line.startsWith('{"type":"frame"') && !kept.has(line)) assert.unreachable(`${how}: the frame at ${at} is lost`);
  }
  return result;
}

test("repairTape() leaves a tape without damage as it is", async () => {
  for (const options of [{}, { to: "other" }, { inPlace: true }]) {
    const store = await storeOf(whole.bytes, whole.metadata);
    const { isChanged, tapeId, after, before } = await repairTape(store, "demo", options);
    assert.equal([isChanged, tapeId, before], [false, "demo", after]);
    assert.ok(same(await store.get("demo.jsonl"), whole.bytes));
    const keys = (await collect(store.list())).map(({ key }) => key);
    assert.equal(keys.sort(), ["demo.jsonl", "demo.meta.json"]);
  }
});

test("repairTape() keeps all frames that a flipped bit has not touched", async () => {
  let at = 0;
  for (const damaged of flips(whole.bytes)) {
    // Bits of the numbers in a line all count; of the other bytes a few are enough.
    const isDigit = /[\d:,]/.test(String.fromCharCode(whole.bytes[damaged.start]!));
    if (at++ % (isDigit ? 3 : 17) === 0) await checkRepaired(damaged);
  }
});

test("repairTape() keeps all frames that were not dropped, zeroed or cut off", async () => {
  for (const [damages, step] of [[drops, 23], [zeroed, 17], [cuts, 7]] as const) {
    let at = 0;
    for (const damaged of damages(whole.bytes)) {
      if (at++ % step === 0) await checkRepaired(damaged);
    }
  }
});

test("repairTape() puts blocks and lines back in their order", async () => {
  for (const damaged of swappedBlocks(whole.bytes)) await checkRepaired(damaged);
  for (const damaged of movedLines(whole.bytes)) {
    const isMoved = !damaged.how.endsWith("removed");
    const result = await checkRepaired(isMoved ? { ...damaged, start: 0, end: 0 } : damaged);
    const isRemoved = /frame/.test(text(whole.bytes.subarray(damaged.start, damaged.start + 20))) &&
      damaged.how.endsWith("removed");
    // A gap record that stands elsewhere is replaced.
    const isGap = text(damaged.bytes).indexOf('{"type":"gap"') !== text(whole.bytes).indexOf('{"type":"gap"');
    if (!isGap) assert.is(result?.missingFrames, isRemoved ? 1 : 0, damaged.how);
  }
});

const init = initLine("demo");
const log = (text: string) => `{"type":"log","ts":1,"stream":"stderr","text":"${text}"}\n`;

test("repairTape() says what was recovered and what was left out, and keeps that aside", async () => {
  const long = log("x".repeat(2000));
  const tape = [
    init,
    frameLine(0, 1),
    "#!?\n",
    frameLine(1, 2),
    "\n",
    long,
    frameLine(1, 2),
    log("kept"),
    '{"type":"fra',
  ];
  const store = await storeOf(tape.join(""));
  const result = await repair(store, { maxLineBytes: 1000 });
  assert.equal(
    await framesOf(store, "demo-repaired"),
    [frameLine(0, 1), frameLine(1, 2)].map((line) => JSON.parse(line)),
  );
  assert.equal(
    await textOf(store, "demo-repaired.dropped"),
    ["#!?\n", "\n", long, frameLine(1, 2), '{"type":"fra'].join(""),
  );
  const endless = await storeOf(init + frameLine(0, 1) + long.trimEnd());
  assert.is((await repair(endless, { maxLineBytes: 1000 })).droppedBytes, long.length - 1);
  const { dropped, unreadableLines, droppedBytes, droppedKey, isEnded, missingFrames, init: how, after } = result;
  assert.equal(dropped, { init: 0, frame: 1, correlation: 0, checkpoint: 0, gap: 0, log: 0, end: 0, other: 0 });
  assert.equal([unreadableLines, droppedKey], [4, "demo-repaired.dropped"]);
  assert.is(droppedBytes, await store.size("demo-repaired.dropped"));
  assert.equal([isEnded, missingFrames, how, after.isFinalized, after.records.log], [true, 0, "changed", true, 1]);
});

test("repairTape() makes the init record that is missing from the metadata, or finds it elsewhere", async () => {
  const metadata = JSON.stringify({ tape_id: "demo", created_at: "2025-01-02T03:04:05.000Z", name: "kept", extra: 1 });
  const store = await storeOf(`#${init.slice(1)}${frameLine(0, 1)}`, metadata);
  assert.is((await repair(store, { to: "made" })).init, "made");
  const made = JSON.parse((await linesOf(store, "made"))[0]!);
  assert.equal([made.type, made.tape_id, made.created_at], ["init", "made", "2025-01-02T03:04:05.000Z"]);
  const { name, extra, stats, status } = JSON.parse(await textOf(store, "made.meta.json"));
  assert.equal([name, extra, stats.frame_count, status], ["kept", 1, 1, "finalized"]);
  const late = await storeOf(frameLine(0, 1) + init + frameLine(1, 1) + init);
  const { init: how, dropped } = await repair(late, { inPlace: true });
  assert.equal([how, dropped.init, (await linesOf(late, "demo"))[0]], ["kept", 1, init]);
  const renamed = await storeOf(initLine("damo") + frameLine(1, 1), metadata);
  assert.is((await repair(renamed, { inPlace: true })).init, "changed");
});

test("repairTape() writes the gap records that are missing, also behind a tape that was cut", async () => {
  const cut = whole.bytes.slice(0, spansOf(whole.bytes)[6]!.end);
  const store = await storeOf(cut, whole.metadata);
  assert.is((await repair(store)).missingFrames, 6);
  const gap = (await recordsOf(store, "demo-repaired")).find((record) => record.type === "gap");
  assert.equal(gap && [gap.from_seq, gap.to_seq, gap.count], [3, 8, 6]);
});

test("repairTape() says on the tape for which lines no checksum vouches", async () => {
  const at = latin1Text(whole.bytes).indexOf("ready");
  const store = await storeOf(splice(whole.bytes, at, at + 5, utf8("wrong")));
  assert.equal((await repair(store)).unverified, [{ from: 1, to: 7 }]);
  const notes = (await linesOf(store, "demo-repaired")).filter((line) => /"gap".*"count":0/.test(line));
  assert.match(notes[0]!, /no checksum vouched for lines 1 to 7 of the damaged tape/);
  assert.is(notes.length, 1);
});

test("repairTape() says so too of lines behind the last checkpoint that is left", async () => {
  const last = spansOf(whole.bytes).at(-1)!;
  const store = await storeOf(whole.bytes.slice(0, last.end - 5));
  const { unverified, isEnded } = await repair(store);
  assert.equal([unverified, isEnded], [[{ from: 14, to: 18 }], true]);
});

test("repairTape() keeps correlations that stand before their frames, behind them, and a checkpoint only once", async () => {
  const correlation = (request: number, response: number) =>
    `{"type":"correlation","id":"c","request_seq":${request},"response_seq":${response},"status":"success"}\n`;
  const reply = frameLine(1, 2).replace("client_to_server", "server_to_client");
  const good = correlation(0, 1);
  const store = await storeOf([init, good, frameLine(0, 1), reply, correlation(0, 7)].join(""));
  const { dropped } = await repair(store);
  assert.is(dropped.correlation, 1);
  assert.equal((await linesOf(store, "demo-repaired")).slice(1, 4), [frameLine(0, 1), reply, good]);
  const checkpoint = spansOf(whole.bytes)[6]!;
  const line = whole.bytes.subarray(checkpoint.start, checkpoint.end);
  const twice = await storeOf(splice(whole.bytes, checkpoint.end, checkpoint.end, line));
  assert.is((await repair(twice)).dropped.checkpoint, 1);
});

test("repairTape() leaves the times of frames alone that only stand in the wrong place", async () => {
  const frames = Array.from({ length: 12 }, (_, seq) => frameLine(seq, 10 * seq));
  const store = await storeOf(
    [init, ...frames.slice(0, 5), ...frames.slice(7, 10), ...frames.slice(5, 7), ...frames.slice(10)].join(""),
  );
  const { movedFrames, retimedFrames } = await repair(store);
  assert.equal([movedFrames, retimedFrames], [2, 0]);
  assert.equal((await linesOf(store, "demo-repaired")).slice(1, 13), frames);
});

test("repairTape() sets a time right that contradicts its neighbours, and never the neighbours", async () => {
  const times = async (lines: string[]) => {
    const store = await storeOf(init + lines.join(""));
    const { retimedFrames } = await repair(store);
    return [retimedFrames, ...(await framesOf(store, "demo-repaired")).map(({ ts }) => ts)];
  };
  const frames = (...ts: number[]) => ts.map((time, seq) => frameLine(seq, time));
  assert.equal(await times(frames(1, 2, 9000, 4, 5, 6)), [1, 1, 2, 2, 4, 5, 6]);
  assert.equal(await times(frames(1, 2, 0, 4, 5, 6)), [1, 1, 2, 2, 4, 5, 6]);
  assert.equal(await times(frames(10, 20, 30, 5, 6, 7)), [3, 10, 20, 30, 30, 30, 30]);
  const exact = (seq: number, ts: number, us: number) => frameLine(seq, ts).replace(',"env"', `,"ts_us":${us},"env"`);
  assert.equal(await times([exact(0, 1, 1500), exact(1, 92, 2500), exact(2, 3, 3500)]), [1, 1, 2, 3]);
  assert.equal(await times([exact(0, 1, 1500), exact(1, 8, 8500), exact(2, 3, 9500)]), [1, 1, 8, 9]);
  const spelled = exact(1, 92, 2500).replace("n1", "\\u006e1").replace("{}", '{"n":1.0}');
  const store = await storeOf(init + exact(0, 1, 1500) + spelled + exact(2, 3, 3500));
  await repair(store);
  assert.is((await linesOf(store, "demo-repaired"))[2], spelled.replace('"ts":92', '"ts":2'));
});

test("repairTape() keeps what it does not know, and lines of other writers as they are spelled", async () => {
  const foreign = frameLine(1, 2).replace("{", "{ ").replace('"ts":2', '"ts" : 2 , "more":[1.0]');
  const unknown = '{"type":"bookmark", "note":"\\u0041"}\n';
  const store = await storeOf(`${init}?\n${frameLine(0, 1)}${foreign.trimEnd()}\r\n${unknown.trimEnd()}`);
  await repair(store);
  const lines = await linesOf(store, "demo-repaired");
  assert.equal(lines.slice(1, 4), [frameLine(0, 1), foreign, unknown]);
});

test("repairTape() refuses what it cannot do, and changes nothing", async () => {
  const damaged = `${init}?\n${frameLine(0, 1)}`;
  const store = await storeOf(damaged);
  await putTape(store, "other", init);
  const refusal = async (options: RepairOptions) => await reasonOf(repairTape(store, "demo", options));
  await rejection(repairTape(store, "demo", { to: "other" }), "invalid_argument");
  await rejection(repairTape(store, "demo", { to: "../x" }), "invalid_argument");
  await rejection(repairTape(store, "demo", { to: "x", inPlace: true }), "invalid_argument");
  await rejection(repairTape(store, "none"), "tape_not_found");
  await rejection(repairTape(store, "none", { inPlace: true }), "tape_not_found");
  await store.put("demo.jsonl.bak", utf8("of an earlier repair"));
  assert.match(
    String(await refusal({ inPlace: true })),
    /demo\.jsonl\.bak is the backup of an earlier repair; move it away/,
  );
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  assert.is(await refusal({ signal: stop.signal }), stop.signal.reason);
  await putTape(store, "nothing", "hello\nworld\n");
  await rejection(repairTape(store, "nothing"), "invalid_tape");
  const writer = await StreamingTapeWriter.resume(store, "other");
  await rejection(repairTape(store, "other", { inPlace: true }), "locked");
  await writer.close();
  assert.is(await textOf(store, "demo.jsonl"), damaged);
  const keys = (await collect(store.list())).map(({ key }) => key).sort();
  const before = ["demo.jsonl", "demo.jsonl.bak", "nothing.jsonl", "other.jsonl", "other.meta.json"];
  assert.equal(keys, before);
});

for (const kind of ["memory", "file"]) {
  test(`repairTape() repairs a tape in its place, and keeps the damaged one (${kind})`, () =>
    inScratch(async (folder) => {
      const store = kind === "memory" ? memoryStore() : fileStore(folder);
      const damaged = splice(whole.bytes, 400, 420);
      await putTape(store, "demo", damaged);
      await store.put("demo.index", utf8("?"));
      const { tapeId, backupKey, droppedKey } = await repair(store, { inPlace: true });
      assert.equal([tapeId, backupKey, droppedKey], ["demo", "demo.jsonl.bak", "demo.dropped"]);
      assert.ok(same(await store.get("demo.jsonl.bak"), damaged));
      const keys = (await collect(store.list())).map(({ key }) => key).sort();
      assert.equal(keys, ["demo.dropped", "demo.jsonl", "demo.jsonl.bak", "demo.meta.json"]);
      assert.equal((await new TapeManager(store).list()).map(({ tape_id }) => tape_id), ["demo"]);
      // It can be gone on with, and read.
      const writer = await StreamingTapeWriter.resume(store, "demo");
      assert.is(await writer.writeFrame(request(9)), 9);
      await writer.finalize();
      assert.ok((await verifyTape(store, "demo")).isIntact);
    }));
}

test("repairTape() does not take a draft for a repaired tape that is none", async () => {
  for (const draft of [`${init}#\n`, init + frameLine(0, 1)]) {
    const store = await storeOf(init);
    await store.put("demo.jsonl.draft", utf8(draft));
    await store.put("demo.jsonl.bak", utf8("?"));
    const { isChanged, isFinished } = await repairTape(store, "demo", { inPlace: true });
    assert.equal([isChanged, isFinished, await textOf(store, "demo.jsonl")], [false, false, init]);
  }
});

/** A store whose process is killed before, or in the midst of, the call number `lives` that changes something. */
function mortalStore(inner: TapeStore, lives: number): TapeStore {
  let calls = 0;
  const live = () => {
    if (calls++ >= lives) throw new Error("killed");
  };
  return {
    ...inner,
    async openSink(key, options) {
      live();
      const sink = await inner.openSink(key, options);
      return new TapeSink({
        get offset() {
          return sink.offset;
        },
        open: () => Promise.resolve(),
        async write(chunks) {
          for (const chunk of chunks) {
            for (const part of [chunk.subarray(0, chunk.length >> 1), chunk.subarray(chunk.length >> 1)]) {
              live();
              await sink.append([part]);
            }
          }
        },
        check: () => sink.check(),
        sync: () => sink.sync(),
        async truncate(offset) {
          live();
          await sink.truncate(offset);
        },
        close: () => sink.close(),
        abort: () => Promise.resolve(),
      });
    },
    async put(key, bytes) {
      live();
      await inner.put(key, bytes);
    },
    async delete(key) {
      live();
      return await inner.delete(key);
    },
  };
}

test("repairTape() in place, killed at any moment, loses nothing, and the next one brings it to its end", async () => {
  const damaged = splice(whole.bytes, 400, 420);
  const reference = await storeOf(damaged);
  await repair(reference, { inPlace: true });
  const repaired = await reference.get("demo.jsonl");
  let lives = 0;
  for (let isKilled = true; isKilled; lives++) {
    const dying = await storeOf(damaged);
    isKilled = await repairTape(mortalStore(dying, lives), "demo", { inPlace: true }).then(() => false, () => true);
    // What a killed process has locked is free again.
    const store = memoryStore();
    for await (const { key } of dying.list()) await store.put(key, (await dying.get(key))!);
    const tape = await store.get("demo.jsonl");
    const isWhole = same(tape, damaged) || same(tape, repaired);
    assert.ok(isWhole || same(await store.get("demo.jsonl.bak"), damaged), `killed at ${lives}`);
    await repairTape(store, "demo", { inPlace: true });
    assert.ok(same(await store.get("demo.jsonl"), repaired), `killed at ${lives}`);
    assert.ok(same(await store.get("demo.jsonl.bak"), damaged), `killed at ${lives}`);
    assert.is(await store.size("demo.jsonl.draft"), undefined);
  }
  assert.ok(lives > 15, `only ${lives} calls`);
});

// Anything

const NUM_RUNS = 300;

test("a correlation stands behind what gap records say is missing, some of them without numbers", async () => {
  const gap = (from: number | null, to: number | null, count: number) =>
    `${JSON.stringify({ type: "gap", ts: 0, from_seq: from, to_seq: to, count })}\n`;
  const pair = '{"type":"correlation","id":"corr-6-7","request_seq":6,"response_seq":7,"status":"success"}\n';
  const tape = [initLine("demo"), gap(null, null, 1), gap(1, 7, 7), pair, frameLine(8, 9)].join("");
  const store = await storeOf(utf8(tape), undefined);
  const findings: Finding[] = [];
  const onFinding = (finding: Finding) => findings.push(finding);
  assert.is((await verifyTape(store, "demo", { onFinding })).isIntact, true, JSON.stringify(findings));
  // Where it stands before them, it is put behind them.
  const mixed = [initLine("demo"), pair, gap(null, null, 1), gap(1, 7, 7)].join("");
  const { after } = await repairTape(await storeOf(utf8(mixed), undefined), "demo");
  assert.is(after.isIntact, true);
});

test("a frame in microseconds behind the last time that microseconds can tell is repaired too", async () => {
  for (const ts of [9_007_199_254_740, 9_007_199_254_741, Number.MAX_SAFE_INTEGER]) {
    const late = `{"type":"frame","seq":1,"ts":7,"dir":"client_to_server","ts_us":7300,"env":{"message":{"n":1}}}\n`;
    const store = await storeOf(utf8(initLine("demo") + frameLine(0, ts) + late), undefined);
    const { after, retimedFrames } = await repairTape(store, "demo");
    assert.equal([after.isIntact, retimedFrames, after.records.frame], [true, 1, 2]);
  }
});

test("verifyTape(), repairTape() and resume() take any bytes, and fail with a TapeError if at all", async () => {
  const line = fc.oneof(
    fc.constantFrom(...text(whole.bytes).split(/(?<=\n)/)),
    fc.string().map((value) => `${value}\n`),
    fc.json().map((value) => `${value}\n`),
    fc.record({ seq: fc.nat(9), ts: fc.nat(9) }).map(({ seq, ts }) => frameLine(seq, ts)),
    fc.record({ seq: fc.maxSafeNat(), ts: fc.maxSafeNat() }).map(({ seq, ts }) => frameLine(seq, ts)),
    fc.record({
      type: fc.constantFrom("gap", "correlation", "checkpoint", "constructor"),
      id: fc.string(),
      ts: fc.nat(),
      count: fc.nat(),
      from_seq: fc.option(fc.oneof(fc.nat(9), fc.maxSafeNat())),
      to_seq: fc.option(fc.oneof(fc.nat(9), fc.maxSafeNat())),
      request_seq: fc.nat(9),
      response_seq: fc.option(fc.nat(9)),
      checkpoint_at: fc.string(),
      stats: fc.record({ frame_count: fc.nat(9) }),
      crc32: fc.option(fc.string()),
    }).map((record) => `${JSON.stringify(record)}\n`),
  );
  const tape = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(line, { maxLength: 12 }).map((lines) => utf8(lines.join(""))),
    fc.record({ at: fc.nat(whole.bytes.length), drop: fc.nat(200), add: fc.uint8Array({ maxLength: 50 }) })
      .map(({ at, drop, add }) => splice(whole.bytes, at, Math.min(at + drop, whole.bytes.length), add)),
  );
  await fc.assert(
    fc.asyncProperty(tape, fc.option(fc.json()), async (bytes, metadata) => {
      const store = await storeOf(bytes, metadata ?? undefined);
      const { isIntact } = await verifyTape(store, "demo");
      try {
        const { isChanged, after, tapeId } = await repairTape(store, "demo");
        assert.equal([isChanged, after.isIntact], [!isIntact, true]);
        const findings: Finding[] = [];
        await verifyTape(store, tapeId, { onFinding: (finding) => findings.push(finding) });
        if (isChanged) assert.equal(findings, []);
        assert.is((await repairTape(store, tapeId)).isChanged, false);
      } catch (error) {
        // Nothing on it is a record.
        if (!isTapeError(error, "invalid_tape")) throw error;
      }
      try {
        const writer = await StreamingTapeWriter.resume(store, "demo");
        await writer.writeFrame(request(1));
        await writer.finalize();
      } catch (error) {
        if (!isTapeError(error)) throw error;
      }
    }),
    { numRuns: NUM_RUNS },
  );
});

test("what was written is read again, whatever it was and wherever a crash has cut it", async () => {
  const message = fc.oneof(
    fc.jsonValue(),
    fc.record({ jsonrpc: fc.constant("2.0"), id: fc.nat(3), method: fc.string() }),
    fc.record({ jsonrpc: fc.constant("2.0"), id: fc.nat(3), result: fc.jsonValue() }),
  );
  const side = fc.constantFrom("client_to_server" as const, "server_to_client" as const);
  const envelopes = fc.array(fc.record({ message, direction: side }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(envelopes, fc.nat(), async (session, cut) => {
      const store = memoryStore();
      const options = { sessionId: "s", tapeId: "demo", checkpointEveryFrames: 3 };
      const writer = await StreamingTapeWriter.create(store, options);
      const start = (await store.size("demo.jsonl"))!;
      for (const envelope of session) await writer.writeFrame(envelope);
      await writer.finalize();
      const bytes = (await store.get("demo.jsonl"))!;
      const kept = bytes.subarray(0, start + cut % (bytes.length - start + 1));
      const crashed = await storeOf(kept);
      const before = text(kept).split("\n").filter((line) => line.startsWith('{"type":"frame"') && line.endsWith("}}"));
      const again = await StreamingTapeWriter.resume(crashed, "demo");
      await again.writeFrame(session[0]!);
      await again.finalize();
      assert.ok((await verifyTape(crashed, "demo")).isIntact);
      const reader = await StreamingTapeReader.open(crashed, "demo");
      const texts = (await collect(reader.frames())).map((frame) => messageText(frame));
      const isTorn = texts.length - 1 - before.length;
      assert.ok(isTorn === 0 || isTorn === -1, `${texts.length} frames of ${before.length}`);
      const written = [...session.slice(0, texts.length - 1), session[0]!].map((one) => JSON.stringify(one.message));
      assert.equal(texts, written);
    }),
    { numRuns: NUM_RUNS },
  );
});

test.run();
