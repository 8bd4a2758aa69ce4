import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseQuery } from "../../../src/query/query.ts";
import { select } from "../../../src/query/select.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { lineSplit } from "../../../src/transforms/line-split.ts";
import { parseRecord } from "../../../src/transforms/parse-record.ts";
import { collect } from "../../helpers/streams.ts";
import { answer, frameLine, initLine, putTape } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

/** A session with calls of several tools, some of them rare, as the writer writes it. */
async function session(calls: number): Promise<TapeStore> {
  const store = memoryStore();
  let us = 0;
  const writer = await StreamingTapeWriter.create(store, {
    sessionId: "s",
    tapeId: "demo",
    elapsedUs: () => us += 1500,
  });
  for (let n = 0; n < calls; n++) {
    const name = n % 97 === 5 ? "rare" : n % 3 === 0 ? "search" : "fetch";
    void writer.writeFrame({
      message: { jsonrpc: "2.0", id: n, method: "tools/call", params: { name, text: "x".repeat(n % 500) } },
      direction: "client_to_server",
    });
    if (n % 7 === 0) void writer.writeLog("stderr", `said ${n}`);
    // Every answer comes one call later.
    if (n > 0 && n % 50 !== 1) {
      void writer.writeFrame(answer(n - 1, { content: [{ type: "text", text: `answer ${n}` }] }));
    }
  }
  await writer.finalize();
  return store;
}

/** What a pipeline over the whole tape selects. */
async function selected(store: TapeStore, where: Parameters<typeof select>[0]): Promise<TapeRecord[]> {
  return await collect(pipe(store.openSource("demo.jsonl"), lineSplit(), select(where), parseRecord()));
}

const QUERIES = [
  "tool:rare",
  "tool:rare kind:request",
  "method:tools/call status:ok",
  "-method:tools/call kind:request",
  "kind:log",
  "id:77",
  "text:answer text:41",
  "seq:100..140",
  "at:+200ms..+300ms",
  "op:(tool:rare)",
  "status:pending",
  "dur:>1s",
  "kind:correlation",
  "kind:correlation status:timeout,pending",
  "-tool:rare kind:response",
  "tool:rare OR text:needle",
];

const texts = (records: readonly TapeRecord[]) => records.map((record) => JSON.stringify(record));

test("records({ where }) gives what select() lets through, with and without an index", async () => {
  const store = await session(1500);
  for (const isIndexed of [false, true]) {
    if (isIndexed) await buildIndex(store, "demo");
    const reader = await StreamingTapeReader.open(store, "demo");
    for (const query of QUERIES) {
      const said = `${query}, ${isIndexed ? "with" : "without"} index`;
      const expected = await selected(store, query);
      assert.equal(texts(await collect(reader.records({ where: query }))), texts(expected), said);
      const frames = expected.filter(({ type }) => type === "frame");
      assert.equal(texts(await collect(reader.frames({ where: parseQuery(query) }))), texts(frames), said);
      assert.equal(texts(await collect(reader.frames({ where: query, limit: 3 }))), texts(frames.slice(0, 3)), said);
      assert.equal(
        texts(await collect(reader.frames({ where: query, limit: 3, reverse: true }))),
        texts(frames.reverse().slice(0, 3)),
        said,
      );
    }
    const where = (record: TapeRecord) => record.type === "frame" && record.seq % 100 === 7;
    assert.equal(texts(await collect(reader.records({ where }))), texts(await selected(store, where)));
  }
});

test("a block that holds nothing but correlations is looked at for their statuses", async () => {
  const store = memoryStore();
  const pairs = [...Array(3000).keys()].map((n) =>
    `{"type":"correlation","id":"corr-${n}-none","request_seq":${n},"response_seq":null,"status":"timeout"}`
  );
  await putTape(store, "demo", `${[initLine("demo").trimEnd(), ...pairs].join("\n")}\n`);
  await buildIndex(store, "demo");
  const reader = await StreamingTapeReader.open(store, "demo");
  for (
    const query of ["kind:correlation status:timeout request:2998..", "kind:correlation status:pending -request:..2997"]
  ) {
    const expected = await selected(store, query);
    assert.is(expected.length, 3);
    assert.equal(texts(await collect(reader.records({ where: query }))), texts(expected), query);
  }
});

test("the correlation of a request without an answer is found behind blocks that are passed over", async () => {
  const store = memoryStore();
  const pairs = [...Array(3000).keys()].map((n) =>
    `{"type":"correlation","id":"corr-${n}-none","request_seq":${n},"response_seq":null,"status":"timeout"}`
  );
  const asked = [...Array(3000).keys()].map((n) => frameLine(n, n, `{"jsonrpc":"2.0","id":${n},"method":"ping"}`));
  await putTape(store, "demo", [initLine("demo"), ...asked, ...pairs].map((line) => `${line.trimEnd()}\n`).join(""));
  await buildIndex(store, "demo");
  const reader = await StreamingTapeReader.open(store, "demo");
  for (const query of ["seq:5..7", "id:5,6,7"]) {
    const expected = await selected(store, query);
    assert.is(expected.length, 7);
    assert.equal(texts(await collect(reader.records({ where: query }))), texts(expected), query);
  }
});

test("records({ where }) looks within bounds, where an answer knows the requests that are there too", async () => {
  const store = await session(900);
  await buildIndex(store, "demo");
  const reader = await StreamingTapeReader.open(store, "demo");
  const all = await selected(store, "tool:rare");
  for (const [fromSeq, toSeq] of [[0, 300], [10, 12], [200, 900], [11, 11]] as const) {
    const asked = new Map<unknown, number>();
    for (const record of all) {
      if (record.type === "frame" && record.dir === "client_to_server") asked.set(record.correlation_id, record.seq);
    }
    const expected = all.flatMap((record) => record.type === "frame" ? [record] : []).filter((frame) =>
      frame.seq >= fromSeq && frame.seq <= toSeq && asked.get(frame.correlation_id)! >= fromSeq
    );
    const found = await collect(reader.frames({ where: "tool:rare", fromSeq, toSeq }));
    assert.equal(texts(found), texts(expected), `${fromSeq}..${toSeq}`);
  }
});

test("an index lets what cannot fit be passed over, and what came after it was made is read", async () => {
  const inner = await session(3000);
  await buildIndex(inner, "demo");
  let read = 0;
  const openSource: TapeStore["openSource"] = (key, options) =>
    inner.openSource(key, options).pipeThrough(
      new TransformStream(
        {
          transform(chunk, controller) {
            if (key === "demo.jsonl") read += chunk.length;
            controller.enqueue(chunk);
          },
        },
        undefined,
        { highWaterMark: 0 },
      ),
    );
  const store = { ...inner, openSource };
  const size = await inner.size("demo.jsonl") ?? 0;
  const reader = await StreamingTapeReader.open(store, "demo");
  read = 0;
  assert.equal((await collect(reader.frames({ where: "id:1234" }))).length, 2);
  assert.ok(read < size / 3, `${read} of ${size} bytes`);
  const tape = new TextDecoder().decode((await inner.get("demo.jsonl"))!);
  await putTape(inner, "demo", tape + frameLine(90_000, 90_000, '{"jsonrpc":"2.0","id":1234,"method":"ping"}'));
  assert.equal((await collect(reader.frames({ where: "id:1234" }))).map(({ seq }) => seq).at(-1), 90_000);
});

test("records({ where }) refuses what is no query, and an endless answer in reverse", async () => {
  const reader = await StreamingTapeReader.open(await session(5), "demo");
  const broken = await rejection(collect(reader.records({ where: "tool:" })), "invalid_argument");
  assert.match(broken.message, /tool:/);
  const wrong = await rejection(collect(reader.records({ where: 7 as unknown as string })), "invalid_argument");
  assert.is(wrong.message, "Cannot read records where: it takes a query or a function, not a number");
  const endless = await rejection(collect(reader.frames({ where: "tool:rare", reverse: true })), "invalid_argument");
  assert.is(
    endless.message,
    "Cannot read frames: what a query asks for is found forwards, so in reverse it needs a limit",
  );
});

test("records({ where }) leaves the position", async () => {
  const reader = await StreamingTapeReader.open(await session(20), "demo");
  await reader.nextRecord();
  await collect(reader.frames({ where: "tool:search", limit: 2 }));
  assert.is((await reader.nextRecord() as unknown as { seq: number }).seq, 0);
});

test.run();
