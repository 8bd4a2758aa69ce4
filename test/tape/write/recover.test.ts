import { test } from "uvu";
import * as assert from "uvu/assert";
import { concat } from "../../../src/bytes/bytes.ts";
import type { CorrelationRecord, FrameRecord, TapeRecord } from "../../../src/records/record.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import type { WriterOptions } from "../../../src/tape/write/writer-options.ts";
import { Child } from "../../helpers/child.ts";
import { assertSameList } from "../../helpers/same-list.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import {
  answer,
  checkpoints,
  frameLine,
  framesOf,
  initLine,
  linesOf,
  messageOf,
  metadataOf,
  putTape,
  recordsOf,
  recount,
  request,
  textOf,
} from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

const utf8 = new TextEncoder();

function create(store: TapeStore, options: WriterOptions = {}): Promise<StreamingTapeWriter> {
  return StreamingTapeWriter.create(store, { ...options, sessionId: "session", tapeId: "demo" });
}

function resume(store: TapeStore, options?: WriterOptions): Promise<StreamingTapeWriter> {
  return StreamingTapeWriter.resume(store, "demo", options);
}

/** A tape with something of everything, as bytes. */
async function smallTape(): Promise<Uint8Array> {
  const store = memoryStore();
  const writer = await create(store, { checkpointEveryFrames: 3 });
  await writer.writeFrame(request(1, "héllo \u2028"));
  await writer.writeFrame(answer(1));
  await writer.writeLog("stderr", "ready ☃");
  await writer.writeFrame(request(2));
  await writer.writeGap(2, "dropped");
  await writer.writeFrame(answer(2));
  await writer.close();
  return (await store.get("demo.jsonl"))!;
}

function isWhole(line: Uint8Array): boolean {
  try {
    const record = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
    return typeof record === "object" && record !== null && "type" in record;
  } catch {
    return false;
  }
}

// Going on

test("resume() goes on after close(): with the next number, later, and with the requests that are open", async () => {
  const store = memoryStore();
  const first = await StreamingTapeWriter.create(store, {
    sessionId: "s",
    tapeId: "demo",
    metadata: { name: "kept", tags: ["a"], extra: 1 },
  });
  await first.writeFrame(request(1));
  await first.writeFrame(request(2));
  await first.writeFrame(answer(1));
  await first.close();
  const before = await linesOf(store, "demo");

  const second = await resume(store);
  assert.is(second.tapeId, "demo");
  assert.is((await metadataOf(store, "demo")).status, "recording");
  assert.is(await second.writeFrame(answer(2)), 3);
  assert.is(await second.writeFrame(request(1)), 4);
  const metadata = await second.finalize();
  const lines = await linesOf(store, "demo");
  assert.equal(lines.slice(0, before.length), before, "what was there stays as it was");
  const records = await recordsOf(store, "demo");
  assert.equal(records.map(({ type }) => type), [
    "init",
    ...["frame", "frame", "frame", "correlation"],
    ...["frame", "correlation", "frame", "correlation", "checkpoint"],
  ]);
  const correlations = records.filter((record) => record.type === "correlation");
  assert.equal(correlations.map(({ id, status }) => [id, status]), [
    ["corr-0-2", "success"],
    ["corr-1-3", "success"],
    ["corr-4-none", "orphan"],
  ]);
  const times = (await framesOf(store, "demo")).map(({ ts_us }) => ts_us!);
  assert.equal(times, times.toSorted((a, b) => a - b));
  assert.equal(metadata.stats, recount(lines));
  assert.equal([metadata.name, metadata.tags, metadata.status], ["kept", ["a"], "finalized"]);
  // Counted anew from the tape: the metadata of whoever crashed were older.
  assert.equal(metadata.methods, { ping: 3 });
  assert.is((metadata as unknown as { extra: number }).extra, 1);
});

test("resume() goes on after finalize(), and the tape is finalized no more until it is again", async () => {
  const store = memoryStore();
  const first = await create(store);
  await first.writeFrame(request(1));
  await first.finalize();
  const second = await resume(store);
  const metadata = await metadataOf(store, "demo");
  assert.equal([metadata.status, metadata.finalized_at], ["recording", null]);
  assert.is(await second.writeFrame(request(2)), 1);
  const { finalized_at, stats } = await second.finalize();
  assert.ok(finalized_at);
  const lines = await linesOf(store, "demo");
  assert.is(stats?.checkpoint_count, 2);
  assert.equal(stats, recount(lines));
  for (const { claimed, counted } of checkpoints(lines)) assert.equal(claimed, counted);
});

test("resume() again and again counts on", async () => {
  const store = memoryStore();
  await (await create(store)).close();
  for (let n = 0; n < 20; n++) {
    const writer = await resume(store);
    assert.is(await writer.writeFrame(n % 2 ? answer(n - 1) : request(n)), n);
    await writer.close();
  }
  const correlations = (await recordsOf(store, "demo")).filter(({ type }) => type === "correlation");
  assert.is(correlations.length, 10, "no correlation is written twice");
  assert.equal((await metadataOf(store, "demo")).stats, recount(await linesOf(store, "demo")));
});

test("resume() goes on behind numbers that a gap or a foreign writer has used up", async () => {
  for (const line of [frameLine(41, 7), '{"type":"gap","ts":7,"from_seq":40,"to_seq":41,"count":2,"reason":"x"}\n']) {
    const store = memoryStore();
    await putTape(store, "demo", initLine("demo") + frameLine(3, 5) + line);
    const writer = await resume(store);
    assert.is(await writer.writeFrame(request(1)), 42);
    await writer.finalize();
  }
});

test("resume() never goes back in time, whatever the clock says", async () => {
  const lines = [
    frameLine(0, 5_000_000_000),
    '{"type":"log","ts":5000000000,"stream":"stderr","text":"x"}\n',
    '{"type":"gap","ts":5000000000,"from_seq":1,"to_seq":1,"count":1,"reason":"x"}\n',
    '{"type":"note","ts":5000000000}\n',
  ];
  const future = new Date(Date.now() + 3_600_000).toISOString();
  for (const createdAt of [future, "not a date", new Date().toISOString()]) {
    for (const line of lines) {
      const store = memoryStore();
      await putTape(store, "demo", initLine("demo", createdAt) + line);
      const writer = await resume(store);
      await writer.writeFrame(request(1));
      await writer.finalize();
      const { ts } = (await framesOf(store, "demo")).at(-1)!;
      assert.ok(ts >= 5_000_000_000 && ts < 5_000_100_000, `${createdAt} ${line}: ${ts}`);
    }
  }
  // The wall clock only counts the time in which nobody wrote.
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo", new Date(Date.now() - 60_000).toISOString()) + frameLine(0, 5));
  const writer = await resume(store);
  await writer.writeFrame(request(1));
  await writer.finalize();
  const { ts } = (await framesOf(store, "demo")).at(-1)!;
  assert.ok(ts >= 60_000 && ts < 120_000, String(ts));
});

test("resume() writes frames that can be read, also behind times that cannot be true", async () => {
  const line = frameLine(0, 5);
  const tapes = [
    initLine("demo", "0001-01-01T00:00:00Z") + line,
    initLine("demo") + line.replace('"ts":5', `"ts":${Number.MAX_SAFE_INTEGER}`),
    initLine("demo") + line.replace('"ts":5', `"ts":5,"ts_us":${Number.MAX_SAFE_INTEGER}`),
  ];
  for (const tape of tapes) {
    const store = memoryStore();
    await putTape(store, "demo", tape);
    const writer = await resume(store);
    await writer.writeFrame(request(1));
    await writer.finalize();
    const reader = await StreamingTapeReader.open(store, "demo");
    assert.is((await collect(reader.frames())).at(-1)?.seq, 1);
  }
});

test("resume() keeps what it does not know, and counts past damaged lines", async () => {
  const store = memoryStore();
  const content = `${initLine("demo")}${frameLine(0, 1)}#!?\n{"type":"note","x":1}\n\n${frameLine(1, 2)}`;
  await putTape(store, "demo", content);
  const writer = await resume(store);
  assert.is(await writer.writeFrame(request(1)), 2);
  assert.is(writer.stats.frame_count, 3);
  await writer.close();
  assert.ok((await textOf(store, "demo.jsonl")).startsWith(content));
});

// Where it cannot

test("resume() refuses what is not there, what is being written, and what is no tape, and changes nothing", async () => {
  const store = memoryStore();
  await rejection(resume(store), "tape_not_found");
  const contents = [
    "",
    initLine("demo").slice(0, 40),
    frameLine(0, 1),
    frameLine(0, 1) + initLine("demo"),
    `${frameLine(0, 1)}${frameLine(1, 2)}torn`,
    "just\nsome\ntext without an end",
    "\n",
    "\0".repeat(100),
  ];
  for (const content of contents) {
    await putTape(store, "demo", content);
    const error = await rejection(resume(store), "invalid_tape");
    assert.match(error.message, /^Cannot resume demo: its first line is not an init record$/);
    assert.is(await textOf(store, "demo.jsonl"), content);
    assert.is(await store.get("demo.torn"), undefined);
    assert.is(await store.get("demo.meta.json"), undefined);
  }
  await store.delete("demo.jsonl");
  const writer = await create(store);
  await rejection(resume(store), "locked");
  await writer.close();
  const resumed = await Promise.allSettled([resume(store), resume(store), resume(store)]);
  assert.equal(resumed.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
});

test("resume() needs no metadata, and no metadata that can be read", async () => {
  for (const meta of [undefined, "", "{", '{"tape_id":7}', '{"tape_id":"other","name":"x"}']) {
    const store = memoryStore();
    const writer = await create(store);
    await writer.writeFrame(request(1));
    await writer.close();
    if (meta === undefined) await store.delete("demo.meta.json");
    else await store.put("demo.meta.json", utf8.encode(meta));
    await (await resume(store)).finalize();
    const metadata = await metadataOf(store, "demo");
    assert.equal([metadata.tape_id, metadata.status, metadata.stats?.frame_count], ["demo", "finalized", 1]);
  }
});

// Torn tails

/** Resumes a tape that was cut off, and checks all that must hold. */
async function resumeCut(store: TapeStore, whole: Uint8Array, cut: number): Promise<void> {
  const content = whole.subarray(0, cut);
  await putTape(store, "demo", content);
  const lastEnd = content.lastIndexOf(0x0a) + 1;
  const tail = content.subarray(lastEnd);
  const keepsTail = tail.length > 0 && isWhole(tail);
  const kept = keepsTail ? concat([content.slice(), utf8.encode("\n")]) : content.slice(0, lastEnd);
  const keptRecords = new TextDecoder().decode(kept).split("\n").slice(0, -1).map((line): TapeRecord =>
    JSON.parse(line)
  );

  const writer = await resume(store);
  const numbers = keptRecords.flatMap((record) =>
    record.type === "frame" ? [record.seq] : record.type === "gap" ? [record.to_seq!] : []
  );
  const next = Math.max(-1, ...numbers) + 1;
  assert.is(await writer.writeFrame(messageOf(3)), next);
  const metadata = await writer.finalize();

  const torn = await store.get("demo.torn");
  assert.equal([...torn ?? []], keepsTail ? [] : [...tail]);
  const after = (await store.get("demo.jsonl"))!;
  assert.equal([...after.subarray(0, kept.length)], [...kept]);
  const reader = await StreamingTapeReader.open(store, "demo");
  const records = await collect(reader.records());
  assert.equal(records.slice(0, keptRecords.length).map(plain), keptRecords.map(plain));
  const added = records.slice(keptRecords.length);
  const frame = added.find((record): record is FrameRecord => record.type === "frame");
  assert.is(frame?.seq, next);
  assert.is(added.at(-1)?.type, "checkpoint");
  assertCorrelated(records);
  const lines = await linesOf(store, "demo");
  assert.equal(metadata.stats, recount(lines));
}

function plain(record: TapeRecord): unknown {
  return JSON.parse(JSON.stringify(record));
}

/** Each answer on the tape has its correlation, once. */
function assertCorrelated(records: readonly TapeRecord[]): void {
  const answers = records.filter((record): record is FrameRecord =>
    record.type === "frame" && record.dir === "server_to_client"
  );
  const matched = records.filter((record): record is CorrelationRecord =>
    record.type === "correlation" && record.response_seq != null
  );
  assert.equal(matched.map(({ response_seq }) => response_seq).sort(), answers.map(({ seq }) => seq).sort());
}

test("resume() after a cut at every byte keeps the whole lines, and what was cut through is kept aside", async () => {
  const whole = await smallTape();
  const initEnd = whole.indexOf(0x0a);
  for (let cut = 0; cut <= whole.length; cut++) {
    try {
      const store = memoryStore();
      if (cut >= initEnd) await resumeCut(store, whole, cut);
      else {
        await putTape(store, "demo", whole.subarray(0, cut));
        await rejection(resume(store), "invalid_tape");
        assert.equal([...(await store.get("demo.jsonl"))!], [...whole.subarray(0, cut)]);
      }
    } catch (error) {
      if (error instanceof Error) error.message = `cut at ${cut}: ${error.message}`;
      throw error;
    }
  }
});

test("resume() does so with files too", async () => {
  const whole = await smallTape();
  for (let cut = whole.indexOf(0x0a); cut <= whole.length; cut += 17) {
    await inScratch((folder) => resumeCut(fileStore(folder), whole, cut));
  }
});

test("resume() writes a correlation that the crash came before", async () => {
  const whole = new TextDecoder().decode(await smallTape()).split(/(?<=\n)/);
  const at = whole.findIndex((line) => line.startsWith('{"type":"correlation"'));
  const store = memoryStore();
  await putTape(store, "demo", whole.slice(0, at).join(""));
  await (await resume(store)).close();
  assert.equal(await linesOf(store, "demo"), whole.slice(0, at + 1));
  // Also where a later one is there.
  const without = [...whole.slice(0, at), ...whole.slice(at + 1)];
  assert.ok(without.some((line) => line.startsWith('{"type":"correlation"')));
  await putTape(store, "demo", without.join(""));
  await (await resume(store)).close();
  assert.equal(await linesOf(store, "demo"), [...without, whole[at]]);
});

test("resume() writes every correlation of a batch that the crash came before", async () => {
  const batch = (...messages: object[]) => JSON.stringify(messages);
  const asked = batch({ jsonrpc: "2.0", id: 1, method: "a" }, { jsonrpc: "2.0", id: 2, method: "b" });
  const answered = batch({ jsonrpc: "2.0", id: 1, result: {} }, { jsonrpc: "2.0", id: 2, error: { code: 1 } });
  const written: string[] = [initLine("demo"), frameLine(0, 1, asked), frameLine(1, 3, answered)];
  written[2] = written[2]!.replace("client_to_server", "server_to_client");
  const correlationLine = (status: string) =>
    `{"type":"correlation","id":"corr-0-1","request_seq":0,"response_seq":1,"request_ts":1,"response_ts":3,"rtt_ms":2,"status":"${status}"}\n`;
  const both = [correlationLine("success"), correlationLine("error")];
  for (let kept = 0; kept <= 2; kept++) {
    const store = memoryStore();
    await putTape(store, "demo", [...written, ...both.slice(0, kept)].join(""));
    await (await resume(store)).finalize();
    assert.equal((await linesOf(store, "demo")).filter((line) => line.includes('"correlation"')), both, `kept ${kept}`);
  }
});

test("resume() does not write again that a request ran out of time", async () => {
  const store = memoryStore();
  const writer = await create(store, { correlation: { timeoutMs: 1 } });
  await writer.writeFrame(request(1));
  for (const startedAt = Date.now(); Date.now() - startedAt < 5;);
  await writer.writeFrame({ message: { method: "later" }, direction: "client_to_server" });
  await writer.close();
  await (await resume(store, { correlation: { timeoutMs: 1 } })).finalize();
  const correlations = (await recordsOf(store, "demo")).filter((record) => record.type === "correlation");
  assert.equal(correlations.map(({ status }) => status), ["timeout"]);
});

test("resume() does not report again what finalize() has reported, and still knows its answer", async () => {
  const store = memoryStore();
  let writer = await create(store);
  for (const id of [1, 2, 3]) await writer.writeFrame(request(id));
  await writer.finalize();
  writer = await resume(store);
  await writer.writeFrame(request(4));
  await writer.writeFrame(answer(2));
  await writer.finalize();
  const correlations = (await recordsOf(store, "demo")).filter((record) => record.type === "correlation");
  assert.equal(correlations.map(({ id, status, late }) => [id, status, late]), [
    ["corr-0-none", "orphan", undefined],
    ["corr-1-none", "orphan", undefined],
    ["corr-2-none", "orphan", undefined],
    ["corr-1-4", "success", true],
    ["corr-3-none", "orphan", undefined],
  ]);
});

test("resume() keeps aside any other tail: NUL bytes, what is no record, no UTF-8, too long, larger than a block", async () => {
  const head = initLine("demo") + frameLine(0, 1);
  const tails: (string | Uint8Array)[] = [
    "\0",
    "\0".repeat(5000),
    `{"type":"frame","seq":1,${"\0".repeat(100)}`,
    "null",
    "17",
    "[]",
    "{}",
    " ",
    "\r",
    '{"type":7}',
    '{"type":"frame","seq":1}',
    '{"type":"log","ts":-1,"stream":"stderr","text":"x"}',
    Uint8Array.of(0xff, 0xfe),
    concat([utf8.encode('{"type":"note","x":"'), Uint8Array.of(0xc3), utf8.encode('"}')]),
    `{"type":"note","x":"${"x".repeat(200_000)}`,
  ];
  for (const tail of tails) {
    const store = memoryStore();
    const bytes = typeof tail === "string" ? utf8.encode(tail) : tail;
    await putTape(store, "demo", concat([utf8.encode(head), bytes.slice()]));
    const writer = await resume(store);
    assert.is(await writer.writeFrame(request(1)), 1);
    await writer.close();
    assert.equal([...(await store.get("demo.torn"))!], [...bytes]);
    assert.is((await linesOf(store, "demo")).slice(0, 2).join(""), head);
    assert.is((await linesOf(store, "demo")).length, 3);
  }
});

test("resume() keeps the whole records of a last line, and keeps aside what stands behind them", async () => {
  const [first, second] = [frameLine(1, 2).trimEnd(), frameLine(2, 3).trimEnd()];
  const head = initLine("demo") + frameLine(0, 1);
  const torn = first.slice(0, 40);
  const tails: [kept: string, aside: string, nextSeq: number][] = [
    [first, "\0\0\0", 2],
    [first, second.slice(0, 30), 2],
    [first + second, "", 3],
    [torn + second, "", 3],
    [torn + second, "\ufeff", 3],
    [first, "{", 2],
  ];
  for (const [kept, aside, nextSeq] of tails) {
    const store = memoryStore();
    await putTape(store, "demo", head + kept + aside);
    const writer = await resume(store);
    assert.is(await writer.writeFrame(request(1)), nextSeq);
    await writer.close();
    const [tape, moved] = [await textOf(store, "demo.jsonl"), await store.get("demo.torn")];
    assert.ok(tape.startsWith(`${head}${kept}\n{"type":"frame","seq":${nextSeq},`), tape);
    assert.equal([...moved ?? []], [...utf8.encode(aside)]);
  }
});

test("resume() goes on with the checksum behind a checkpoint that shares the last line", async () => {
  const store = memoryStore();
  const first = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  await first.writeFrame(request(1));
  await first.finalize();
  const whole = await textOf(store, "demo.jsonl");
  for (const tail of ["", "\n", frameLine(1, 2).slice(0, 30), "\0\0", frameLine(1, 2).trimEnd()]) {
    await putTape(store, "demo", whole.trimEnd() + tail);
    await store.delete("demo.meta.json");
    const writer = await resume(store);
    await writer.writeFrame(request(2));
    await writer.finalize();
    const findings: string[] = [];
    await verifyTape(store, "demo", { onFinding: ({ code }) => findings.push(code) });
    assert.is(findings.includes("seal_broken"), false, JSON.stringify(tail));
  }
});

test("resume() keeps a last line that lacks only its end, also a long one and one with a carriage return", async () => {
  const long = frameLine(1, 2, JSON.stringify("x".repeat(300_000))).trimEnd();
  for (const last of [long, `${frameLine(1, 2).trimEnd()}\r`, '{"type":"note"}', ` ${frameLine(1, 2).trimEnd()} `]) {
    const store = memoryStore();
    await putTape(store, "demo", initLine("demo") + frameLine(0, 1) + last);
    await (await resume(store)).close();
    assert.is(await textOf(store, "demo.jsonl"), `${initLine("demo")}${frameLine(0, 1)}${last}\n`);
    assert.is(await store.get("demo.torn"), undefined);
  }
  // A last line that is longer than allowed cannot be told to be whole.
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo") + long);
  await (await resume(store, { maxLineBytes: 100_000 })).close();
  assert.is(await textOf(store, "demo.jsonl"), initLine("demo"));
  assert.is(await textOf(store, "demo.torn"), long);
});

test("resume() adds to what earlier crashes left aside", async () => {
  const store = memoryStore();
  await putTape(store, "demo", `${initLine("demo")}{"one`);
  await (await resume(store)).close();
  await putTape(store, "demo", `${await textOf(store, "demo.jsonl")}{"two`);
  await (await resume(store)).close();
  assert.is(await textOf(store, "demo.torn"), '{"one{"two');
});

test("resume() goes on with the tape of a killed process: all that was acknowledged is there", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`create ${folder} demo`);
    assert.is(await child.line(), "done");
    child.tell("forever");
    let acknowledged = -1;
    while (acknowledged < 300) acknowledged = Number(await child.line());
    const store = fileStore(folder);
    await rejection(resume(store), "locked");
    await child.kill();

    const writer = await resume(store);
    const next = await writer.writeFrame(request("after"));
    assert.ok(next > acknowledged);
    const { stats } = await writer.finalize();
    const reader = await StreamingTapeReader.open(store, "demo");
    const frames = await collect(reader.frames());
    assertSameList(frames.map(({ seq }) => seq), Array.from({ length: next + 1 }, (_, seq) => seq));
    assert.equal(stats, recount(await linesOf(store, "demo")));
  });
});

test.run();
