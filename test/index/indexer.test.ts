import { test } from "uvu";
import * as assert from "uvu/assert";
import type { IndexEntry } from "../../src/index/index-entry.ts";
import { entryAt } from "../../src/index/index-entry.ts";
import { indexer } from "../../src/index/indexer.ts";
import * as kinds from "../../src/index/kinds.ts";
import { decodeHeader, ENTRY_BYTES } from "../../src/index/layout.ts";
import { methodHash, nameHash } from "../../src/index/names.ts";
import { JsonText } from "../../src/json/json-text.ts";
import { concat } from "../../src/bytes/bytes.ts";
import { readParts } from "../../src/lines/line-parts.ts";
import { batchMessages, isToolError, messageHeader } from "../../src/records/jsonrpc.ts";
import type { FrameRecord, TapeRecord } from "../../src/records/record.ts";
import { exactMessage } from "../../src/records/recorded-text.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { utf8 } from "../helpers/bytes.ts";
import { numbersFrom } from "../helpers/random.ts";
import { collect } from "../helpers/streams.ts";
import { damagedTape, writtenTape } from "../helpers/strange/strange-tapes.ts";
import { frameLine, initLine } from "../helpers/tapes.ts";

/** The index of a tape that comes in these chunks. */
async function indexOf(chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  return concat(await collect(pipe(chunks, indexer({ tapeId: "demo" }))));
}

function entriesOf(index: Uint8Array): IndexEntry[] {
  const header = decodeHeader(index, "demo");
  if ("why" in header) throw new Error(header.why);
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const entries: IndexEntry[] = [];
  for (let at = ENTRY_BYTES; at < index.length; at += ENTRY_BYTES) entries.push(entryAt(index, view, at, header.crc)!);
  return entries;
}

interface Placed {
  readonly record: TapeRecord;
  readonly offset: number;
  readonly line: number;
}

/** All records of a tape, found by reading all of it. */
async function scan(tape: Uint8Array): Promise<{ readonly records: Placed[]; readonly end: number }> {
  const records: Placed[] = [];
  let end = 0;
  for await (const line of pipe([tape], lineSplit({ onError: () => {} }))) {
    if (!line.terminated) continue;
    end = line.nextOffset;
    for (const { record } of readParts(line)) {
      if (record !== undefined) records.push({ record, offset: line.offset, line: line.number });
    }
  }
  return { records, end };
}

/** Whether the entry of a record's block lets it be found. */
function covers(entry: IndexEntry, record: TapeRecord): void {
  const { ts } = record as { ts?: unknown };
  if (["frame", "log", "gap"].includes(record.type)) {
    assert.ok(ts! as number >= entry.minTs && ts! as number <= entry.maxTs);
  }
  if (record.type === "log") assert.ok(entry.hasKind(kinds.LOG));
  if (record.type === "gap") assert.ok(entry.hasKind(kinds.GAP));
  if (record.type === "correlation" && record.status !== "success") assert.ok(entry.hasKind(kinds.FAILED_CALL));
  if (record.type === "frame") coversFrame(entry, record);
}

function coversFrame(entry: IndexEntry, frame: FrameRecord): void {
  const { seq, dir, correlation_id } = frame;
  assert.ok(seq >= entry.minSeq && seq <= entry.maxSeq, `${seq}: ${entry.minSeq} to ${entry.maxSeq}`);
  const message = exactMessage(frame);
  const header = messageHeader(message);
  const all = header.kind === "batch" ? batchMessages(message) : [[message, header] as const];
  for (const [each, { kind, method, idKey, isError }] of all) {
    assert.ok(entry.mayHold(kind, dir), `${kind} ${dir}`);
    assert.ok(entry.mayHold(undefined, dir));
    if (isError || isToolError(each)) assert.ok(entry.mayHoldError(), `${seq} fails`);
    if (method !== undefined) assert.ok(entry.mayHave(methodHash(method)), method);
    if (method === "tools/call") {
      const { params } = (each instanceof JsonText ? each.value() : each) as { params?: { name?: unknown } };
      if (typeof params?.name === "string") assert.ok(entry.mayHave(nameHash(params.name)), params.name);
    }
    if (idKey !== undefined) assert.ok(entry.mayHaveId(JSON.parse(idKey)), idKey);
    const request = /^corr-(\d+)$/.exec(correlation_id ?? "")?.[1];
    if (kind === "response" && request !== undefined) assert.ok(entry.mayAnswer(Number(request)), `${seq} answers`);
  }
}

async function check(tape: Uint8Array, what: string): Promise<IndexEntry[]> {
  const { records, end } = await scan(tape);
  const entries = entriesOf(await indexOf([tape]));
  try {
    let border = 0;
    let line = 1;
    let [seq, ts] = [-1, 0];
    for (const entry of entries) {
      assert.is(entry.offset, border);
      assert.is(entry.line, line);
      const own = records.filter(({ offset }) => offset >= entry.offset && offset < entry.end);
      for (const { record } of own) covers(entry, record);
      const frames = own.flatMap(({ record }) => record.type === "frame" ? [record] : []);
      seq = Math.max(seq, ...frames.map((frame) => frame.seq));
      ts = Math.max(ts, ...frames.map((frame) => frame.ts));
      assert.ok(entry.maxSeq >= seq && entry.maxTs >= ts);
      border = entry.end;
      line += entry.lines;
    }
    assert.is(border, end);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
  return entries;
}

test("indexer() covers all that stands on a tape that a writer has written", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = numbersFrom(seed);
    const tape = await writtenTape(random, 100 + random(900));
    const entries = await check(tape, `seed ${seed}`);
    const { records } = await scan(tape);
    const frames = records.filter(({ record }) => record.type === "frame").length;
    assert.is(entries.reduce((sum, entry) => sum + entry.frames, 0), frames, `seed ${seed}: frames`);
    assert.ok(entries.every((entry) => !entry.isDamaged), `seed ${seed}: nothing is damaged`);
    assert.ok(entries.slice(0, -1).every(({ length }) => length >= 32 * 1024), `seed ${seed}: no block is short`);
  }
});

test("indexer() covers all that stands on a damaged or foreign tape", async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = numbersFrom(seed);
    const tape = await writtenTape(random, 20 + random(seed % 10 === 0 ? 600 : 60));
    await check(damagedTape(random, tape, 1 + random(12)), `seed ${seed}`);
  }
});

test("indexer() gives the same for every way to cut a tape", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = numbersFrom(seed);
    const tape = damagedTape(random, await writtenTape(random, 150), random(8));
    const whole = await indexOf([tape]);
    const bytes = tape.length < 40_000 ? Array.from(tape, (byte) => Uint8Array.of(byte)) : [tape];
    assert.equal(await indexOf(bytes), whole, `seed ${seed}: byte by byte`);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < tape.length;) {
      const length = 1 + random(20_000);
      chunks.push(tape.slice(at, at += length));
    }
    assert.equal(await indexOf(chunks), whole, `seed ${seed}: in ${chunks.length} chunks`);
  }
});

/** A request as this library writes it. */
function ownLine(seq: number, tool: string): string {
  const frame = `{"type":"frame","seq":${seq},"ts":${seq * 10},"dir":"client_to_server","ts_us":${seq * 10_000}`;
  const marks = `"correlation_id":"corr-${seq}","flags":{"requires_response":true}`;
  const message = `{"jsonrpc":"2.0","id":${seq},"method":"tools/call","params":{"name":"${tool}","arguments":{}}}`;
  return `${frame},${marks},"env":{"message":${message}}}\n`;
}

const hidden: Readonly<Record<string, { readonly lines: string; readonly finds: (entry: IndexEntry) => boolean }>> = {
  "a frame behind a torn one": {
    lines: ownLine(0, "a") + ownLine(1, "b").slice(0, -20) + ownLine(2, "hidden") + ownLine(3, "c"),
    finds: (entry) => entry.mayHave(nameHash("hidden")),
  },
  "a frame behind a torn one, where no frame follows": {
    lines: ownLine(0, "a") + ownLine(1, "b").slice(0, -20) + ownLine(2, "hidden"),
    finds: (entry) => entry.mayHave(nameHash("hidden")) && entry.maxSeq === 2,
  },
  "a frame that lost the line ending before it": {
    lines: ownLine(0, "a").trimEnd() + ownLine(1, "hidden") + ownLine(2, "c"),
    finds: (entry) => entry.mayHave(nameHash("hidden")),
  },
  "a frame behind what became of a line ending": {
    lines: `${ownLine(0, "a").trimEnd()}J${ownLine(1, "hidden")}${ownLine(2, "c")}`,
    finds: (entry) => entry.mayHave(nameHash("hidden")),
  },
  "a frame of another writer behind a whole one": {
    lines: `\n${
      ownLine(0, "a").trimEnd()
    }{ "seq":0, "type":"frame", "ts":0, "dir":"client_to_server", "env":{"message":{"method":"hidden"}}}\n${
      ownLine(1, "b")
    }`,
    finds: (entry) => entry.mayHave(methodHash("hidden")),
  },
  "a log behind a torn frame": {
    lines: `${ownLine(0, "a").slice(0, -20)}{"type":"log","ts":77,"stream":"stderr","text":"x"}\n${ownLine(1, "b")}`,
    finds: (entry) => entry.hasKind(kinds.LOG) && entry.maxTs === 77,
  },
  "a correlation behind a torn frame": {
    lines: `${
      ownLine(0, "a").slice(0, -20)
    }{"type":"correlation","id":"corr-0-1","request_seq":0,"response_seq":1,"status":"error"}\n${ownLine(1, "b")}`,
    finds: (entry) => entry.hasKind(kinds.FAILED_CALL),
  },
  "an error that no flag tells of": {
    lines: ownLine(0, "a") +
      `{"type":"frame","seq":1,"ts":0,"dir":"server_to_client","correlation_id":"corr-0","env":{"message":{"jsonrpc":"2.0","id":0,"result":{"isError":true}}}}\n`,
    finds: (entry) => entry.mayHoldError(),
  },
  "a line with a carriage return": {
    lines: ownLine(0, "hidden").replace("\n", "\r\n") + ownLine(1, "b"),
    finds: (entry) => entry.mayHave(nameHash("hidden")) && !entry.isDamaged,
  },
};

for (const [what, { lines, finds }] of Object.entries(hidden)) {
  test(`indexer() finds ${what}`, async () => {
    const [entry] = await check(utf8(initLine("demo") + lines), what);
    assert.ok(finds(entry!));
    assert.not(entry!.mayHave(nameHash("nobody")));
  });
}

test("indexer() leaves out a last line that has no end, and learns the id from the init record", async () => {
  const tape = utf8(initLine("demo") + frameLine(0, 1) + frameLine(1, 2).trimEnd());
  const index = concat(await collect(pipe([tape], indexer())));
  assert.equal(index, await indexOf([tape]));
  const [entry, ...others] = entriesOf(index);
  assert.is(others.length, 0);
  assert.is(entry!.end, (initLine("demo") + frameLine(0, 1)).length);
  assert.is(entry!.firstSeq, 0);
  assert.is(entry!.frames, 1);
});

test.run();
