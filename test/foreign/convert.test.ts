import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import { convertTape } from "../../src/foreign/convert.ts";
import type { GapRecord } from "../../src/records/record.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { verifyTape } from "../../src/tape/verify/verify.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { unlock } from "../../src/crypto.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { identity, recipient } from "../codecs/codings.ts";
import { collect } from "../helpers/streams.ts";
import { textOf } from "../helpers/tapes.ts";
import { utf8 } from "../helpers/bytes.ts";
import { faultyStore } from "../helpers/strange/faulty-store.ts";
import { converted, sample, streamOf } from "./converted.ts";

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n';

async function failure(act: Promise<unknown>): Promise<Error> {
  try {
    await act;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

test("convertTape() says why it cannot convert something, and makes no tape of it", async () => {
  const cases: [bytes: Uint8Array | string, why: RegExp, from?: string][] = [
    ["", /^Cannot convert it: it is empty$/],
    [" \n\r\n", /it is blank$/],
    [new Uint8Array([0x1f, 0x8b, 8, 0]), /it is compressed with gzip; unpack it first$/],
    [new Uint8Array([0xff, 0xfe, 0x7b, 0]), /it is UTF-16, not UTF-8$/],
    ["hello\n", /it looks like none of monolithic \(.*; where it is one all the same, name it$/],
    ['{"type":"init","version":"2.0","tape_id":"x"}\n', /it is a tape already/],
    ["{".repeat(300_000), /it looks like none of/],
    ["[".repeat(300_000), /it looks like none of/],
    [
      '{"level":30}\n',
      /there is no message in a log of JSON-RPC .*\(1 parts? of the file could not be read\)$/,
      "jsonrpc",
    ],
    ["hello\n", /there is no such format/, "hat"],
  ];
  for (const [bytes, why, from] of cases) {
    const store = memoryStore();
    const source = streamOf([typeof bytes === "string" ? utf8(bytes) : bytes]);
    const error = await failure(convertTape(source, store, { name: "it", from }));
    assert.ok(isTapeError(error, "invalid_argument"), error.message);
    assert.match(error.message, why);
    for await (const { key } of store.list()) assert.unreachable(key);
  }
  assert.match(
    (await failure(convertTape("x" as never, memoryStore()))).message,
    /must be a ReadableStream, not a string$/,
  );
  assert.match(
    (await failure(convertTape(streamOf([]), memoryStore(), { form: "har" } as never))).message,
    /did you mean from/,
  );
});

test("convertTape() ends early with a whole tape when its signal is aborted, though no more bytes come", async () => {
  const abort = new AbortController();
  const store = memoryStore();
  let isCancelled = false;
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(utf8(PING.repeat(5000))),
    cancel: () => void (isCancelled = true),
  });
  const onProgress = () => abort.abort();
  const { isComplete, messages, metadata, tapeId } = await convertTape(source, store, {
    signal: abort.signal,
    onProgress,
  });
  assert.equal([isComplete, messages, isCancelled], [false, 5000, true]);
  assert.match(
    metadata.converted_from!.notes!.join(),
    /this is not all of it: the conversion was ended after 205000 bytes/,
  );
  const { damageCount, isFinalized } = await verifyTape(store, tapeId);
  assert.equal([damageCount, isFinalized], [0, true]);
});

test("convertTape() leaves a whole tape of what came before its source has failed", async () => {
  const store = memoryStore();
  let count = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (count++ < 3) controller.enqueue(utf8(PING.repeat(2000)));
      else controller.error(new Error("gone"));
    },
  });
  const error = await failure(convertTape(source, store, { tapeId: "t" }));
  assert.is(error.message, "gone");
  const { damageCount, isFinalized, records } = await verifyTape(store, "t");
  assert.equal([damageCount, isFinalized, records.frame], [0, true, 6000]);
});

test("convertTape() fails where the tape cannot be written", async () => {
  let writes = 0;
  const store = faultyStore({
    write() {
      if (writes++ > 0) throw new Error("disk full");
    },
  });
  const error = await failure(convertTape(streamOf([utf8(PING)]), store));
  assert.match(error.message, /disk full/);
});

test("a message that is too long for a line of the tape is a gap that says what it was", async () => {
  const long = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":"${"x".repeat(3000)}"}\n`;
  const { records, isComplete, notes, verified } = await converted(PING + long + PING, { maxLineBytes: 2000 });
  const gap = records.find((record): record is GapRecord => record.type === "gap")!;
  assert.equal([gap.count, gap.dir, gap.id, gap.method, gap.length], [
    1,
    "client_to_server",
    7,
    "tools/call",
    long.length - 1,
  ]);
  assert.equal([isComplete, verified.damageCount], [false, 0]);
  assert.match(notes.join(), /1 message is too long/);
});

test("what a document says of itself behind its messages is in the metadata", async () => {
  const text = new TextDecoder().decode(sample("monolithic-recorder.json"));
  const { metadata, ...rest } = JSON.parse(text);
  const turned = await converted(JSON.stringify({ ...rest, metadata }));
  assert.equal([turned.metadata.name, turned.metadata.tags], ["notes session", ["notes", "debug"]]);
});

test("one part, message or gap is told of as one", async () => {
  const { notes } = await convertTape(streamOf([utf8(`${PING}no json\n`)]), memoryStore());
  assert.ok(notes.includes("1 part of the file could not be read"), notes.join());
});

test("convertTape() compresses and encrypts the tape as is asked", async () => {
  const [raw, plain] = [memoryStore(), memoryStore()];
  const bytes = utf8(PING.repeat(50));
  const coding = { compress: true, encryptTo: { recipients: [recipient] } };
  await convertTape(streamOf([bytes]), raw, { tapeId: "demo", ...coding });
  await convertTape(streamOf([bytes]), plain, { tapeId: "demo" });
  for (const key of ["demo.jsonl", "demo.meta.json"]) assert.not.match(await textOf(raw, key), /ping/);
  const store = unlock(raw, { identities: [identity] });
  assert.is((await verifyTape(store, "demo")).isIntact, true);
  const framesIn = async (store: TapeStore) =>
    await collect((await StreamingTapeReader.open(store, "demo")).frames({ where: "method:ping" }));
  assert.equal(await framesIn(store), await framesIn(plain));
});

test.run();
