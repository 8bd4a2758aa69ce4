import { readFile } from "node:fs/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Finding,
  isTapeError,
  lineSplit,
  memoryStore,
  pipe,
  StreamingTapeWriter,
  type TapeLine,
  type TapeStore,
  type VerifyOptions,
  type VerifyResult,
  verifyTape,
} from "../../../src/mod.ts";
import {
  type Damaged,
  drops,
  flips,
  movedLines,
  sealedTape,
  spansOf,
  swappedBlocks,
  untouchedLines,
  zeroed,
} from "../../helpers/strange/damage.ts";
import { inChunks, utf8 } from "../../helpers/bytes.ts";
import { answer, frameLine, initLine, messageOf, putTape, request } from "../../helpers/tapes.ts";
import { Fused } from "../../../src/streams/fuse.ts";
import { NONE } from "../../../src/streams/stage-spec.ts";
import { specOf } from "../../../src/streams/stage.ts";
import { parseLine } from "../../../src/lines/parse-line.ts";
import { reasonOf, rejection } from "../../helpers/within.ts";

const whole = sealedTape();

interface Verified extends VerifyResult {
  readonly findings: readonly Finding[];
}

async function verify(store: TapeStore, options: VerifyOptions = {}): Promise<Verified> {
  const findings: Finding[] = [];
  const result = await verifyTape(store, "demo", { ...options, onFinding: (finding) => findings.push(finding) });
  assert.is(result.damageCount, findings.filter(({ severity }) => severity === "damage").length);
  assert.is(result.noticeCount, findings.filter(({ severity }) => severity === "notice").length);
  assert.is(result.isIntact, result.damageCount === 0);
  return { ...result, findings };
}

async function verifyBytes(bytes: string | Uint8Array, metadata?: string | Uint8Array): Promise<Verified> {
  const store = memoryStore();
  await putTape(store, "demo", bytes);
  if (metadata !== undefined) {
    await store.put("demo.meta.json", typeof metadata === "string" ? utf8(metadata) : metadata);
  }
  return await verify(store);
}

/** The findings of a tape, each as code, line and offset. */
async function found(bytes: string | Uint8Array, metadata?: string | Uint8Array): Promise<unknown[]> {
  const { findings } = await verifyBytes(bytes, metadata);
  return findings.map(({ code, line, offset }) => line === undefined ? [code] : [code, line, offset]);
}

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** What a reader still gets of a damaged tape: the lines that are records. */
function readable(bytes: Uint8Array): Set<string> {
  const texts = new Set<string>();
  const lines = new Fused<Uint8Array, TapeLine>([specOf(lineSplit())]);
  lines.push(bytes);
  lines.end();
  for (let line = lines.shift(); line !== NONE; line = lines.shift()) {
    try {
      parseLine(line);
      texts.add(line.text());
    } catch (error) {
      if (!isTapeError(error, "corrupted_record")) throw error;
    }
  }
  return texts;
}

/** Checks that damage is found, and that all lines it did not touch can still be read. */
async function checkDamaged(damaged: Damaged): Promise<void> {
  const { how, bytes } = damaged;
  const { damageCount } = await verifyBytes(bytes);
  if (damageCount === 0) assert.unreachable(`${how}: nothing was found`);
  const texts = readable(bytes);
  for (const span of untouchedLines(whole.bytes, damaged)) {
    const text = textOf(whole.bytes.subarray(span.start, span.end)).trimEnd();
    if (!texts.has(text)) assert.unreachable(`${how}: the line at ${span.start} is lost`);
  }
}

// What is whole

test("verifyTape() finds nothing on a tape as it was written, and tells how far it is sealed", async () => {
  const { findings, ...result } = await verifyBytes(whole.bytes, whole.metadata);
  assert.equal(findings, []);
  assert.equal(result, {
    tapeId: "demo",
    isIntact: true,
    damageCount: 0,
    noticeCount: 0,
    lineCount: spansOf(whole.bytes).length,
    byteCount: whole.bytes.length,
    records: { init: 1, frame: 7, correlation: 5, checkpoint: 3, gap: 1, log: 1, end: 0, other: 0 },
    lostFrameCount: 2,
    isFinalized: true,
    sealedBytes: whole.bytes.length,
    sealedToLine: spansOf(whole.bytes).length,
    sealedToOffset: whole.bytes.length,
  });
});

test("verifyTape() finds nothing on a tape that was not ended, whole lines of it, or that was gone on with", async () => {
  const spans = spansOf(whole.bytes);
  for (const { end } of spans) assert.equal(await found(whole.bytes.subarray(0, end)), [], `cut at ${end}`);
  const store = memoryStore();
  await putTape(store, "demo", whole.bytes);
  for (let round = 0; round < 3; round++) {
    const writer = await StreamingTapeWriter.resume(store, "demo");
    await writer.writeFrame(answer(5));
    assert.equal((await verify(store)).findings.filter(({ severity }) => severity === "damage"), []);
    await (round === 1 ? writer.close() : writer.finalize());
    const { findings, sealedToOffset, byteCount, isFinalized } = await verify(store);
    assert.equal(findings, []);
    assert.equal([sealedToOffset === byteCount, isFinalized], round === 1 ? [false, false] : [true, true]);
  }
});

test("verifyTape() finds nothing on tapes of other writers", async () => {
  const minimal = new URL("../../../../shared/data/shadowcat/example-minimal.jsonl", import.meta.url);
  const store = memoryStore();
  await store.put("550e8400-e29b-41d4-a716-446655440000.jsonl", utf8(await readFile(minimal, "utf8")));
  const findings: Finding[] = [];
  await verifyTape(store, "550e8400-e29b-41d4-a716-446655440000", { onFinding: (finding) => findings.push(finding) });
  assert.equal(findings, []);
  const correlation = { type: "correlation", id: "c", request_seq: 0, response_seq: 1, rtt_ms: 2.5, status: "success" };
  const stats = { frame_count: 3, message_counts: null, file_size_bytes: 0, error_count: null };
  const foreign = [
    initLine("demo").replaceAll(":", ": "),
    frameLine(0, 5).replace("{", "{ "),
    frameLine(1, 5).replace("client_to_server", "server_to_client").replace("\n", "\r\n"),
    `${JSON.stringify(correlation)}\n`,
    `${JSON.stringify({ type: "correlation", id: "d", request_seq: 1, response_seq: null, request_ts: null })}\n`,
    `{"type":"bookmark","crc32":"deadbeef","note":"of another writer"}\n`,
    frameLine(2, 7),
    `${JSON.stringify({ type: "checkpoint", checkpoint_at: 17, seq: null, stats })}\n`,
    `${JSON.stringify({ type: "checkpoint", checkpoint_at: "now", stats: {}, build: "deadbeef" })}\n`,
    `{"type":"gap","ts":9,"from_seq":null,"to_seq":null,"count":2,"reason":null}\n`,
    frameLine(5, 9),
    frameLine(7, 9),
    `{"type":"gap","ts":9,"from_seq":6,"to_seq":6,"count":1}\n`,
  ];
  const { records, sealedBytes } = await verifyBytes(foreign.join(""));
  assert.equal([await found(foreign.join("")), sealedBytes], [[], 0]);
  assert.equal(records, { init: 1, frame: 5, correlation: 2, checkpoint: 2, gap: 2, log: 0, end: 0, other: 1 });
});

test("verifyTape() checks checksums however the blocks of the tape are cut", async () => {
  for (const size of [1, 2, 3, 63, 64, 65, 100, 511, 512]) {
    const store: TapeStore = {
      ...memoryStore(),
      size: (key) => Promise.resolve(key === "demo.jsonl" ? whole.bytes.length : undefined),
      openSource: () => pipe(inChunks(whole.bytes, size) as Uint8Array<ArrayBuffer>[]),
    };
    const { findings, sealedBytes } = await verify(store);
    assert.equal([findings, sealedBytes], [[], whole.bytes.length], `blocks of ${size}`);
  }
});

test("verifyTape() does so for ranges larger than a block, and behind lines that are too long", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  for (let n = 0; n < 20; n++) await writer.writeFrame(messageOf(n === 7 ? 400_000 : 70_000, n));
  await writer.finalize();
  const { byteCount, sealedBytes, findings } = await verify(store);
  assert.equal([findings, sealedBytes], [[], byteCount]);
  // The frame is not there for whoever reads no longer lines; its bytes are.
  const short = await verify(store, { maxLineBytes: 100_000 });
  assert.equal(short.findings.map(({ code }) => code), [
    "line_too_long",
    "frames_missing",
    "counts_differ",
    "metadata_differ",
  ]);
  assert.is(short.sealedBytes, byteCount);
  await putTape(store, "demo", initLine("demo") + "x".repeat(500));
  for (const key of ["demo.meta.json", "demo.index"]) await store.delete(key);
  const { findings: last } = await verify(store, { maxLineBytes: 200 });
  assert.equal(last.map(({ code, line, length }) => [code, line, length]), [["line_too_long", 2, 500]]);
});

// Damage

test("verifyTape() finds every single bit that was flipped, and no neighbour is lost", async () => {
  let count = 0;
  for (const damaged of flips(whole.bytes)) {
    await checkDamaged(damaged);
    count++;
  }
  assert.is(count, whole.bytes.length * 8);
});

test("verifyTape() finds bytes that were dropped, blocks that were zeroed or swapped, and no neighbour is lost", async () => {
  for (const damages of [drops, zeroed, swappedBlocks]) {
    for (const damaged of damages(whole.bytes)) {
      // Behind whole lines up to a checkpoint nothing tells that there were more of them.
      if (isCutAtLine(damaged.bytes)) continue;
      await checkDamaged(damaged);
    }
  }
});

test("verifyTape() finds lines that were removed, repeated or swapped", async () => {
  for (const damaged of movedLines(whole.bytes)) {
    const { damageCount } = await verifyBytes(damaged.bytes);
    const texts = textOf(damaged.bytes).trimEnd().split("\n");
    if (damaged.bytes.every((byte, at) => byte === whole.bytes[at])) continue;
    // What was added behind the last checkpoint is sealed no more, and logs may say the same twice.
    const isHarmless = damaged.how.endsWith("at the end") && /^\{"type":"(log|gap|correlation)"/.test(texts.at(-1)!);
    if (damageCount === 0 && !isHarmless) assert.unreachable(`${damaged.how}: nothing was found`);
  }
});

/** Whether bytes are the beginning of the tape, up to the end of a line, whose `\n` may be missing. */
function isCutAtLine(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || !bytes.every((byte, at) => byte === whole.bytes[at])) return false;
  return bytes.at(-1) === 0x0a || whole.bytes[bytes.length] === 0x0a;
}

test("verifyTape() finds a tape that was cut at any byte, with the metadata also at the end of a line", async () => {
  for (let length = 0; length < whole.bytes.length - 1; length++) {
    const cut = whole.bytes.slice(0, length);
    const { damageCount } = await verifyBytes(cut);
    assert.is(damageCount > 0, !isCutAtLine(cut), `cut at ${length}`);
    const { findings } = await verifyBytes(cut, whole.metadata);
    assert.ok(findings.some(({ code }) => code === "cut_off"), `cut at ${length}, with metadata`);
  }
});

// What is said of it

const init = initLine("demo");

const gap = (from: number | null, to: number | null, count: number) =>
  `${JSON.stringify({ type: "gap", ts: 1, from_seq: from, to_seq: to, count })}\n`;

test("verifyTape() says what is wrong with which line", async () => {
  const at = init.length;
  const frame = frameLine(0, 1);
  assert.equal(await found(""), [["no_init", 1, 0]]);
  assert.equal(await found(frame), [["no_init", 1, 0]]);
  assert.equal(await found("#!?\n"), [["no_init", 1, 0], ["bad_line", 1, 0]]);
  assert.equal(await found(init + init), [["second_init", 2, at]]);
  assert.equal(await found(`${init}{"type":"frame"}\n\n`), [["bad_line", 2, at], ["bad_line", 3, at + 17]]);
  assert.equal(await found(init + frame.slice(0, -9)), [["torn_end", 2, at]]);
  assert.equal(await found(init + frame.trimEnd()), []);
  assert.equal(await found(`${init}${"\0".repeat(100)}`), [["torn_end", 2, at]]);
  const { findings } = await verifyBytes(`${init}{"type":"log","ts":-1,"stream":"a","text":"\\u001b"}\n`);
  assert.match(findings[0]!.message, /^the line is no record: ts: /);
  assert.is(findings[0]!.length, 51);
});

test("verifyTape() finds frames that are missing, repeated, misplaced, or earlier, each once", async () => {
  const frames = (...seqs: number[]) => init + seqs.map((seq) => frameLine(seq, 1)).join("");
  const codes = async (tape: string) => (await verifyBytes(tape)).findings.map(({ code, line }) => [code, line]);
  assert.equal(await codes(frames(1)), [["frames_missing", 2]]);
  assert.equal(await codes(frames(0, 1, 4, 5)), [["frames_missing", 4]]);
  assert.equal(await codes(frames(0, 1, 1, 2)), [["frame_repeated", 4]]);
  assert.equal(await codes(frames(0, 1, 4, 5, 2, 3, 6)), [["frames_missing", 4], ["frame_misplaced", 6]]);
  assert.equal(await codes(frames(0, 1, 50_000_002, 3, 4)), [["frames_missing", 4], ["frame_misplaced", 5]]);
  assert.equal(await codes(init + frameLine(0, 9) + frameLine(1, 8) + frameLine(2, 8)), [["time_back", 3]]);
  const behind = (...gaps: string[]) => init + frameLine(0, 1) + gaps.join("") + frameLine(4, 1);
  assert.equal(await codes(behind(gap(1, 3, 3))), []);
  assert.equal(await codes(behind(gap(1, 2, 2), gap(3, 3, 1))), []);
  assert.equal(await codes(behind(gap(1, null, 3))), []);
  assert.equal(await codes(behind(gap(null, 3, 3))), []);
  assert.equal(await codes(behind(gap(null, null, 3))), []);
  assert.equal(await codes(`${behind()}${gap(1, 3, 3)}`), []);
  assert.equal(await codes(behind(gap(null, null, 2))), [["frames_missing", 4]]);
  assert.equal(await codes(behind(gap(1, 2, 2))), [["frames_missing", 4]]);
  assert.equal(await codes(behind(gap(2, 3, 2))), [["frames_missing", 4]]);
  assert.equal(await codes(behind(gap(1, 4, 4))), [["gap_wrong", 4]]);
  assert.equal(await codes(behind(gap(3, 1, 3))), [["gap_wrong", 3], ["frames_missing", 4]]);
  const { findings } = await verifyBytes(`${behind()}${gap(1, 1, 1)}`);
  assert.equal(findings.map(({ message }) => message), [
    "frames 2 to 3 are missing before it, and no gap record says so",
  ]);
});

test("verifyTape() finds correlations that do not fit their frames", async () => {
  const frames = init + frameLine(0, 1) + frameLine(1, 4).replace("client_to_server", "server_to_client") +
    frameLine(2, 6) + `{"type":"gap","ts":6,"from_seq":3,"to_seq":3,"count":1}\n`;
  const fits = (correlation: object) =>
    found(`${frames}${JSON.stringify({ type: "correlation", id: "c", status: "success", ...correlation })}\n`);
  const wrong = [["correlation_wrong", 6, utf8(frames).length]];
  assert.equal(await fits({ request_seq: 0, response_seq: 1, request_ts: 1, response_ts: 4 }), []);
  assert.equal(await fits({ request_seq: 1, response_seq: 3, request_ts: 4, response_ts: 99 }), []);
  assert.equal(await fits({ request_seq: 0, response_seq: null, request_ts: 1, response_ts: null }), []);
  assert.equal(await fits({ request_seq: 0, response_seq: 1, request_ts: 2, response_ts: 4 }), wrong);
  assert.equal(await fits({ request_seq: 0, response_seq: 1, request_ts: 1, response_ts: 5 }), wrong);
  assert.equal(await fits({ request_seq: 1, response_seq: 0 }), wrong);
  assert.equal(await fits({ request_seq: 0, response_seq: 2 }), wrong);
  assert.equal(await fits({ request_seq: 0, response_seq: 4 }), wrong);
  assert.equal(await fits({ request_seq: 4, response_seq: null }), wrong);
});

test("verifyTape() finds wrong counts once, and more than frames only where they are sealed", async () => {
  const checkpoint = (stats: object) =>
    `${JSON.stringify({ type: "checkpoint", checkpoint_at: "now", seq: 0, stats })}\n`;
  const severities = async (...stats: object[]) => {
    const tape = init + frameLine(0, 1) + stats.map(checkpoint).join("");
    return (await verifyBytes(tape)).findings.map(({ code, severity, line }) => [code, severity, line]);
  };
  assert.equal(await severities({ frame_count: 1, last_sequence: 0, checkpoint_count: 0 }), []);
  const damage = [["counts_differ", "damage", 3]];
  assert.equal(await severities({ frame_count: 2 }, { frame_count: 2 }), damage);
  assert.equal(await severities({ last_sequence: 1 }), damage);
  // Frames 1 and 2 were on their way when it was written, and are told of as lost.
  const lost = init + frameLine(0, 1) + gap(1, 4, 4);
  for (const [number, findings] of [[0, 0], [2, 0], [4, 0], [5, 1]] as const) {
    assert.is((await verifyBytes(lost + checkpoint({ last_sequence: number }))).findings.length, findings, `${number}`);
  }
  assert.equal(await severities({ message_counts: { client_to_server: 0 } }), damage);
  for (const count of ["duration_ms", "file_size_bytes", "error_count", "correlation_count", "checkpoint_count"]) {
    assert.equal(await severities({ [count]: 7 }), [["counts_differ", "notice", 3]], count);
  }
  assert.equal(await severities({ frame_count: 2 }, { frame_count: 3 }), [...damage, ["counts_differ", "damage", 4]]);
});

test("verifyTape() tells of metadata that do not fit as notices", async () => {
  const metadata = JSON.parse(textOf(whole.metadata));
  const notices = async (more: object, bytes: Uint8Array = whole.bytes) => {
    const { findings, isIntact } = await verifyBytes(bytes, JSON.stringify({ ...metadata, ...more }));
    assert.ok(isIntact);
    return findings.map(({ code }) => code);
  };
  assert.equal(await notices({ status: "recording", stats: {} }), []);
  assert.equal(await notices({ stats: null }), []);
  assert.equal(await notices({ tape_id: "other" }), ["id_differs"]);
  assert.equal(await notices({ stats: { frame_count: 6 } }), ["metadata_differ"]);
  assert.equal(await notices({ status: "recording", stats: { frame_count: 9 } }), ["metadata_differ"]);
  assert.equal(await notices({ tags: 7 }), ["metadata_unreadable"]);
  const others = utf8(initLine("other"));
  assert.equal(await notices({ status: "recording", stats: {} }, others), ["id_differs"]);
  const store = memoryStore();
  await putTape(store, "demo", whole.bytes);
  await store.put("demo.index", utf8("?"));
  assert.equal((await verify(store)).findings.map(({ code, severity }) => [code, severity]), [[
    "index_wrong",
    "notice",
  ]]);
});

test("verifyTape() looks at what was there when it began, stops on a signal, and refuses what is not there", async () => {
  const store = memoryStore();
  await rejection(verify(store), "tape_not_found");
  await rejection(verifyTape(store, "../x"), "invalid_argument");
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  await writer.writeFrame(request(1));
  const size = await store.size("demo.jsonl");
  const offsets: number[] = [];
  const { byteCount } = await verify(store, {
    onProgress(offset) {
      offsets.push(offset);
      void writer.writeFrame(request(2));
    },
  });
  assert.equal([byteCount, offsets.at(-1)], [size, size]);
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  assert.is(await reasonOf(verify(store, { signal: stop.signal })), stop.signal.reason);
  await writer.close();
});

test.run();
