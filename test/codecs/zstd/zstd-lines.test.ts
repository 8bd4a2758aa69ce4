import { test } from "uvu";
import * as assert from "uvu/assert";
import { unzstdLines, zstdLines } from "../../../src/zstd.ts";
import { isTapeError } from "../../../src/errors.ts";
import {
  encodeRecord,
  lineSplit,
  memorySource,
  memoryStore,
  parseRecord,
  pipe,
  StreamingTapeReader,
  StreamingTapeWriter,
  type TapeRecord,
  verifyTape,
} from "../../../src/mod.ts";
import { chunkings } from "../../helpers/bytes.ts";
import { collect } from "../../helpers/streams.ts";
import { answer, request } from "../../helpers/tapes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

async function tape(calls = 20): Promise<Bytes> {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", checkpointEveryFrames: 10 });
  for (let id = 0; id < calls; id++) {
    await writer.writeFrame(request(id, "tools/list"));
    await writer.writeFrame(answer(id, { tools: [{ name: "read_file", description: "Reads a file, all of it" }] }));
  }
  await writer.finalize();
  return (await store.get("demo.jsonl"))!;
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Bytes> {
  return Uint8Array.from((await collect(chunks)).flatMap((chunk) => [...chunk]));
}

function compressed(bytes: Bytes, dictionaryBytes = 300): Promise<Bytes> {
  return joined(pipe(memorySource(bytes), zstdLines({ dictionaryBytes })));
}

async function findings(bytes: Bytes): Promise<string[]> {
  const store = memoryStore();
  await store.put("demo.jsonl", bytes);
  const codes: string[] = [];
  await verifyTape(store, "demo", { onFinding: ({ code }) => void codes.push(code) });
  return codes;
}

test("zstdLines() makes a tape of a tape, wherever its bytes are cut", async () => {
  const bytes = await tape(6);
  const whole = await compressed(bytes);
  assert.ok(whole.length < bytes.length, `${whole.length} against ${bytes.length}`);
  for (const { how, chunks } of chunkings(bytes)) {
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    assert.equal(await joined(source.pipeThrough(zstdLines({ dictionaryBytes: 300 }))), whole, how);
  }
  assert.equal(await findings(whole), await findings(bytes));
  const store = memoryStore();
  await store.put("demo.jsonl", whole);
  const reader = await StreamingTapeReader.open(store, "demo");
  assert.is((await collect(reader.frames())).length, 12);
});

test("zstdLines() vouches for nothing that the tape did not vouch for", async () => {
  const damaged = new TextEncoder().encode(
    new TextDecoder().decode(await tape()).replace("Reads a file", "Reads a fine"),
  );
  const before = await findings(damaged);
  assert.ok(before.length > 0);
  assert.equal(await findings(await compressed(damaged)), before);
});

test("zstdLines() leaves a line that is torn or no record as it is", async () => {
  for (
    const line of [
      "no record\n",
      '{"type":"frame","seq":-1}\n',
      '{"type":"log","ts":1,"text":"' + "again and ".repeat(30),
      '{"type":"init"}\r\n',
    ]
  ) {
    assert.is(new TextDecoder().decode(await compressed(new TextEncoder().encode(line))), line);
  }
});

test("zstdLines() refuses a tape that is compressed already", async () => {
  const once = await compressed(await tape());
  for (const bytes of [once, once.subarray(once.indexOf(0x0a) + 1)]) {
    await compressed(bytes).then(
      () => assert.unreachable(),
      (error: unknown) => assert.ok(isTapeError(error, "invalid_tape"), String(error)),
    );
  }
});

test("unzstdLines() gives the lines that there were, at the places where they are", async () => {
  const bytes = await tape();
  const stored = await compressed(bytes, 1000);
  const stay = ({ type }: { type: string | undefined }) => type !== "init" && type !== "checkpoint";
  const lines = await collect(pipe(memorySource(stored), lineSplit(), unzstdLines()));
  const plain = await collect(pipe(memorySource(bytes), lineSplit()));
  assert.equal(lines.filter(stay).map((line) => line.text()), plain.filter(stay).map((line) => line.text()));
  assert.equal(
    lines.map(({ type, seq, ts, dir }) => [type, seq, ts, dir]),
    plain.map(({ type, seq, ts, dir }) => [type, seq, ts, dir]),
  );
  for (const { offset, nextOffset, stored: line } of lines) {
    assert.equal(stored.subarray(offset, nextOffset - 1), line);
    assert.is(stored[nextOffset - 1], 0x0a);
  }
});

test("zstdLines() and unzstdLines() are stages of a pipeline", async () => {
  const written = pipe(memorySource(await tape()), lineSplit(), parseRecord(), encodeRecord(), zstdLines());
  const records = pipe(written, lineSplit(), unzstdLines(), parseRecord());
  assert.is((await collect(records)).filter(({ type }) => type === "frame").length, 40);
  const log: TapeRecord = { type: "log", ts: 0, stream: "stderr", text: "again and again ".repeat(20) };
  assert.equal(await collect(pipe([log], encodeRecord(), zstdLines(), lineSplit(), unzstdLines(), parseRecord())), [
    log,
  ]);
});

test("zstdLines() refuses options that mean nothing", () => {
  const wrong = [{ level: 0 }, { level: 1.5 }, { level: 20 }, { dictionaryBytes: -1 }, { dictionaryBytes: 2 ** 21 }];
  for (const options of [...wrong, { levle: 3 }]) {
    assert.throws(() => zstdLines(options as object), (error: unknown) => isTapeError(error, "invalid_argument"));
  }
});

test.run();
