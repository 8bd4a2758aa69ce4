import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import { positionOf } from "../../../src/lines/record-position.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { memorySource } from "../../../src/sources/memory.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { TapeManager } from "../../../src/tape/manager.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { repairTape } from "../../../src/tape/repair/repair.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { lineSplit } from "../../../src/transforms/line-split.ts";
import { parseRecord } from "../../../src/transforms/parse-record.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect, settled } from "../../helpers/streams.ts";
import { answer, frameLine, initLine, putTape, request } from "../../helpers/tapes.ts";
import { rejection, within } from "../../helpers/within.ts";

const LOG = '{"type":"log","ts":1,"stream":"stderr","text":"é"}\n';
/** Something of everything: a damaged line, CRLF, two records on a line, a torn record and a whole one. */
const TAPE = initLine("demo") + frameLine(0, 1, '"é"') + "#!?\n" + LOG.replace("\n", "\r\n") +
  frameLine(1, 2).trimEnd() + frameLine(2, 3) + frameLine(3, 4).slice(0, 50) + frameLine(4, 5) + LOG;

async function open(content: string, from?: string, onError: () => void = () => {}) {
  const store = memoryStore();
  await putTape(store, "demo", content);
  const options = { onError, from };
  return { store, reader: await StreamingTapeReader.open(store, "demo", options) };
}

function names(records: readonly TapeRecord[]): string {
  return records.map((record) => record.type === "frame" ? `${record.seq}` : record.type).join(" ");
}

function tokenOf(record: TapeRecord | undefined): string {
  return positionOf(record!)!.resumeToken;
}

test("positionOf() tells where each record stands, to the byte, however it was read", async () => {
  const bytes = new TextEncoder().encode(TAPE);
  const { reader } = await open(TAPE);
  const lines: unknown[] = [];
  for await (const record of reader.records()) {
    const { offset, length, line } = positionOf(record)!;
    const text = new TextDecoder().decode(bytes.subarray(offset, offset + length));
    assert.equal(JSON.parse(text), JSON.parse(JSON.stringify(record)));
    lines.push(line);
  }
  assert.equal(lines, [1, 2, 4, 5, 5, 6, 7]);
  await reader.reset();
  const places = async (records: AsyncIterable<TapeRecord>) => {
    const all = (await collect(records)).map((record) => {
      const { offset, length } = positionOf(record)!;
      return [offset, length];
    });
    return all.sort(([a = 0], [b = 0]) => a - b);
  };
  const expected = await places(reader.records());
  assert.is(expected.length, 7);
  assert.equal(await places(reader.records({ reverse: true })), expected);
  assert.equal(await places(reader.records({ toTime: 9 })), expected);
  assert.equal(await places(pipe(memorySource(TAPE), lineSplit(), parseRecord({ onError: () => {} }))), expected);
});

test("positionOf() knows no line where nobody has counted, and nothing of what was not read from a tape", async () => {
  const { reader } = await open(TAPE);
  const [last] = await collect(reader.frames({ reverse: true, limit: 1 }));
  assert.is(positionOf(last!)!.line, undefined);
  assert.is(positionOf(structuredClone(last!)), undefined);
  assert.is(positionOf({ type: "log", ts: 1, stream: "stderr", text: "" }), undefined);
  assert.is(positionOf(reader.init)?.offset, 0);
  assert.equal(Object.keys(last!), ["type", "seq", "ts", "dir", "env"], "it does not show");
});

test("a reader that is opened with a token goes on exactly behind its record, wherever that stands", async () => {
  for (const tape of [TAPE, TAPE.trimEnd(), TAPE.replaceAll("\r", "")]) {
    const { reader } = await open(tape);
    const all = await collect(reader.records());
    await reader.reset();
    const ranged = await collect(reader.records({ fromSeq: 2 }));
    for (const record of [...all, ...ranged]) {
      const at = all.findIndex((each) => positionOf(each)!.offset === positionOf(record)!.offset);
      const { reader: later } = await open(tape, tokenOf(record));
      const rest = await collect(later.records());
      assert.is(names(rest), names(all.slice(at + 1)), `behind record ${at}`);
      const counted = positionOf(record)!.line !== undefined;
      assert.equal(
        rest.map((record) => positionOf(record)!.line),
        all.slice(at + 1).map((record) => counted ? positionOf(record)!.line : undefined),
      );
      assert.is(await later.nextRecord(), undefined);
    }
  }
});

test("a token of the last record, which had no end yet, goes on behind it when the end has come", async () => {
  const head = initLine("demo") + frameLine(0, 1);
  for (const ending of ["\n", "\r\n"]) {
    const { reader } = await open(head + frameLine(1, 2).trimEnd());
    const from = tokenOf((await collect(reader.records())).at(-1));
    const nothing = () => assert.unreachable("nothing is damaged");
    const { store, reader: later } = await open(head + frameLine(1, 2).trimEnd(), from, nothing);
    assert.is(await later.nextRecord(), undefined);
    await putTape(store, "demo", head + frameLine(1, 2).trimEnd() + ending + frameLine(2, 3));
    assert.is(names(await collect(later.records())), "2");
    const whole = head + frameLine(1, 2).trimEnd() + ending + frameLine(2, 3);
    const { reader: afterwards } = await open(whole, from, nothing);
    assert.is(names(await collect(afterwards.records())), "2");
  }
});

test("a record that was changed after it was read still names its place", async () => {
  const { reader } = await open(TAPE);
  await reader.nextRecord();
  const frame = await reader.nextRecord() as unknown as { env: { message: unknown }; seq: number };
  frame.seq = 99;
  frame.env.message = {};
  const { reader: later } = await open(TAPE, tokenOf(frame as unknown as TapeRecord));
  assert.is(names(await collect(later.records())), "log 1 2 4 log");
});

test("followers go on behind a token, in another process as in this one, with nothing twice and nothing missing", async () => {
  await inScratch(async (folder) => {
    const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "demo" });
    for (let n = 0; n < 5; n++) await writer.writeFrame(n % 2 ? answer(n - 1) : request(n));
    const seen: string[] = [];
    let from: string | undefined;
    for (let round = 0; round < 6; round++) {
      // A store of its own each time, as another process would have.
      await using reader = await StreamingTapeReader.open(fileStore(folder), "demo");
      let taken = 0;
      for await (const record of reader.follow({ from })) {
        seen.push(names([record]));
        from = tokenOf(record);
        if (++taken === 2) break;
      }
      await writer.writeFrame(request(10 + round));
    }
    await writer.finalize();
    const rest = new TapeManager(fileStore(folder)).followTape("demo", { from });
    for await (const record of rest) seen.push(names([record]));
    await using reader = await StreamingTapeReader.open(fileStore(folder), "demo");
    assert.is(seen.join(" "), names(await collect(reader.records())));
  });
});

test("a shared record knows its place too, with its line as long as somebody has counted", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  await writer.writeFrame(request(1));
  await writer.finalize();
  await using reader = await StreamingTapeReader.open(store, "demo");
  const followed = (await collect(reader.follow())).map((record) => positionOf(record)!);
  await reader.reset();
  assert.equal(followed, (await collect(reader.records())).map((record) => positionOf(record)!));
  assert.equal(followed.map(({ line }) => line), followed.map((_, at) => at + 1));
});

// What is not there any more

test("a tape that was repaired, replaced or cut back says so", async () => {
  const store = memoryStore();
  await putTape(store, "demo", TAPE);
  const open = (from: string) => StreamingTapeReader.open(store, "demo", { from, onError: () => {} });
  const reader = await StreamingTapeReader.open(store, "demo", { onError: () => {} });
  const records = await collect(reader.records());
  const [early, late] = [tokenOf(records[1]), tokenOf(records.at(-1))];
  await repairTape(store, "demo", { inPlace: true });
  const repaired = await rejection(open(late), "invalid_tape");
  assert.match(
    repaired.message,
    /^Cannot go on with tape demo behind byte \d+: the record that was read last does not stand there any more, as the tape was repaired$/,
  );
  assert.is((await (await open(early)).nextRecord())?.type, "log", "what a repair has not moved is still there");
  await store.delete("demo.jsonl.bak");
  await putTape(store, "demo", initLine("demo") + frameLine(0, 2).repeat(20));
  const replaced = await rejection(open(early), "invalid_tape");
  assert.match(replaced.message, /as the tape was repaired, or replaced by another$/);
  await putTape(store, "demo", initLine("demo"));
  const cut = await rejection(open(late), "invalid_tape");
  assert.match(cut.message, /: it has \d+ bytes only, as it was cut back or replaced by another$/);
  const followed = await StreamingTapeReader.open(store, "demo");
  await rejection(collect(followed.follow({ from: late })), "invalid_tape");
});

test("what is no token is refused, and so is that of another tape", async () => {
  const { store, reader } = await open(TAPE);
  const token = tokenOf(await reader.nextRecord());
  for (const from of ["", "after", token.slice(0, -1), `${token} `, 7 as unknown as string]) {
    const error = await rejection(StreamingTapeReader.open(store, "demo", { from }), "invalid_argument");
    assert.match(
      error.message,
      /^Cannot go on with tape demo: from must be the resumeToken of a record, as positionOf\(\)/,
    );
  }
  await putTape(store, "other", TAPE);
  const error = await rejection(StreamingTapeReader.open(store, "other", { from: token }), "invalid_argument");
  assert.is(error.message, "Cannot go on with tape other: the resumeToken is one of tape demo");
  await rejection(reader.seekBehind("x"), "invalid_argument");
  await reader.close();
  await rejection(reader.seekBehind(token), "closed");
  await rejection(reader.mayGrow(), "closed");
});

test("a token from a pipeline, which does not know its tape, is good for the tape", async () => {
  const [, frame] = await collect(pipe(memorySource(TAPE), lineSplit(), parseRecord({ onError: () => {} })));
  const { reader } = await open(TAPE, tokenOf(frame));
  assert.is(names(await collect(reader.frames())), "1 2 4");
});

// Nothing yet, and nothing more

async function follow(store: TapeStore, onWaiting: () => void): Promise<string[]> {
  const reader = await StreamingTapeReader.open(store, "demo");
  const seen: string[] = [];
  for await (const record of reader.follow({ onWaiting })) seen.push(names([record]));
  return seen;
}

test("a follower is told when nothing is there yet, and not when nothing more comes", async () => {
  for (const inFiles of [false, true]) {
    await inScratch(async (folder) => {
      const store = inFiles ? fileStore(folder) : memoryStore();
      const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
      let waits = 0;
      let seen: Promise<string[]> | undefined;
      for (let n = 0; n < 3; n++) {
        await writer.writeFrame(request(n));
        await within(
          new Promise<void>((resolve) => {
            const before = waits;
            const told = () => {
              waits++;
              onTold();
            };
            onTold = () => waits > before && resolve();
            seen ??= follow(store, told);
          }),
          "being told",
        );
      }
      onTold = () => {};
      const before = waits;
      await writer.finalize();
      assert.is((await seen)?.filter((name) => /\d/.test(name)).join(" "), "0 1 2");
      assert.ok(waits - before <= 1, `${waits - before} times`);
      waits = 0;
      await follow(store, () => waits++);
      assert.is(waits, 0, "a tape that is finalized");
    });
  }
});

let onTold: () => void = () => {};

test("a follower waits before a last line that has no end yet, too", async () => {
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo") + frameLine(0, 1) + frameLine(1, 2).slice(0, 30));
  const reader = await StreamingTapeReader.open(store, "demo");
  const stop = new AbortController();
  const seen: string[] = [];
  const onWaiting = () => stop.abort();
  for await (const record of reader.follow({ onWaiting, signal: stop.signal })) seen.push(names([record]));
  assert.equal(seen, ["init", "0"]);
});

test("a follower is not told so while lines are there that it was not handed yet", async () => {
  const inner = memoryStore();
  await putTape(inner, "demo", initLine("demo") + frameLine(0, 1));
  const gate = deferred<void>();
  const slow = () =>
    new TransformStream({
      async transform(chunk, controller) {
        await gate.promise;
        controller.enqueue(chunk);
      },
    });
  const openSource: TapeStore["openSource"] = (key, options) => {
    const source = inner.openSource(key, options);
    return options?.follow === true ? source.pipeThrough(slow()) : source;
  };
  const reader = await StreamingTapeReader.open({ ...inner, openSource }, "demo");
  const stop = new AbortController();
  let waits = 0;
  const records = reader.follow({ onWaiting: () => waits++, signal: stop.signal });
  const first = records.next();
  for (let turn = 0; turn < 20; turn++) await settled();
  assert.is(waits, 0);
  gate.resolve();
  assert.is((await first).value?.type, "init");
  stop.abort();
  await records.return();
});

test("mayGrow() tells nothing yet from nothing more", async () => {
  await inScratch(async (folder) => {
    const store = fileStore(folder);
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
    await using reader = await StreamingTapeReader.open(store, "demo");
    await collect(reader.records());
    assert.is(await reader.mayGrow(), true);
    await writer.close();
    assert.is(await reader.mayGrow(), true, "paused");
    const again = await StreamingTapeWriter.resume(store, "demo");
    await again.finalize();
    assert.is(await reader.mayGrow(), false);
    await store.delete("demo.meta.json");
    assert.is(await reader.mayGrow(), false, "its end says so too");
  });
});

test.run();
