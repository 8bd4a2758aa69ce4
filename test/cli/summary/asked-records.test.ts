import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import type { OpenedTape } from "../../../src/cli/arguments/tape-argument.ts";
import { TapeReading } from "../../../src/cli/arguments/tape-reading.ts";
import { Where } from "../../../src/cli/arguments/where.ts";
import { describeRecord } from "../../../src/cli/report/describe-record.ts";
import { askedRecords } from "../../../src/cli/summary/asked-records.ts";
import { Calls } from "../../../src/cli/summary/calls.ts";
import { styleFor } from "../../../src/cli/terminal/text.ts";
import type { TapeLine } from "../../../src/lines/line.ts";
import type { InitRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { putTape } from "../../helpers/tapes.ts";
import { FakeIo } from "../fake-io.ts";
import { init, Session } from "../sample-tape.ts";

const PAD = "x".repeat(1000);

/** A store that counts the bytes that are read of its objects. */
function counting(inner: TapeStore): { readonly store: TapeStore; readonly read: () => number } {
  let read = 0;
  const openSource: TapeStore["openSource"] = (key, options) =>
    inner.openSource(key, options).pipeThrough(
      new TransformStream(
        {
          transform(chunk, controller) {
            read += chunk.length;
            controller.enqueue(chunk);
          },
        },
        undefined,
        { highWaterMark: 0 },
      ),
    );
  return { store: { ...inner, openSource }, read: () => read };
}

function opened(store: TapeStore): OpenedTape {
  const path = "demo.jsonl";
  return { store, key: path, tapeId: "demo", path, init: init("demo") as InitRecord, metadata: undefined };
}

/** What is told of the frames of a tape. */
async function told(store: TapeStore, query: string): Promise<string[]> {
  const tape = opened(store);
  const reading = new TapeReading(tape, new FakeIo());
  const texts: string[] = [];
  const isFrame = ({ type }: TapeLine) => type === "frame";
  for await (const { line, record, calls } of askedRecords(tape, reading, new Where(query), isFrame)) {
    texts.push(describeRecord(line, record, calls, styleFor(new FakeIo()), Infinity).slice(0, 120));
  }
  return texts;
}

/** The same by reading all. */
async function toldOfAll(store: TapeStore, query: string): Promise<string[]> {
  const tape = opened(store);
  const reading = new TapeReading(tape, new FakeIo());
  const calls = new Calls();
  const isSelected = await new Where(query).test(tape, reading);
  const texts: string[] = [];
  for await (const line of reading.lines()) {
    const isAccepted = isSelected(line) && line.type === "frame";
    const record = reading.parse(line);
    if (record === undefined) continue;
    const text = describeRecord(line, record, calls, styleFor(new FakeIo()), Infinity);
    if (isAccepted) texts.push(text.slice(0, 120));
  }
  return texts;
}

test("askedRecords() looks the requests of answers up, and reads no more of the tape than their blocks", async () => {
  const session = new Session("demo");
  const call = (id: number, name: string) =>
    session.client(id * 10, { jsonrpc: "2.0", id, method: "tools/call", params: { name, PAD } });
  call(100_000, "slow");
  for (let id = 0; id < 2000; id++) {
    call(id, "often");
    session.server(id * 10 + 5, { jsonrpc: "2.0", id, result: { PAD } });
    if (id === 1500) session.server(id * 10 + 6, { jsonrpc: "2.0", id: 100_000, error: { code: -1, message: "no" } });
  }
  const store = memoryStore();
  await putTape(store, "demo", await session.text());
  await buildIndex(store, "demo");
  const size = (await store.size("demo.jsonl"))!;
  const counted = counting(store);
  const [only, ...others] = await told(counted.store, "status:error");
  assert.equal(others, []);
  assert.match(only!, /tools\/call slow #100000 +\d.* error -1: no/);
  assert.ok(counted.read() < size / 8, `${counted.read()} bytes of ${size} were read`);
  assert.equal([only], await toldOfAll(store, "status:error"));
});

test("askedRecords() tells no round trip where several requests with the id were open, and no request where the tape names none", async () => {
  for (const isForeign of [false, true]) {
    const session = new Session("demo");
    const call = (id: number, name: string) =>
      session.client(id * 10, { jsonrpc: "2.0", id, method: "tools/call", params: { name, PAD } });
    for (let id = 0; id < 400; id++) {
      // Not in the first block, which is always read.
      if (id === 200) call(5000, "one");
      if (id === 200) call(5000, "two");
      call(id, "often");
      session.server(id * 10 + 5, { jsonrpc: "2.0", id, result: { PAD } });
    }
    for (let n = 0; n < 3; n++) {
      session.server(9000 + n, { jsonrpc: "2.0", id: 5000, error: { code: -1, message: "no" } });
    }
    const store = memoryStore();
    await putTape(store, "demo", isForeign ? session.plainText() : await session.text());
    await buildIndex(store, "demo");
    const texts = await told(store, "status:error");
    assert.equal(texts, await toldOfAll(store, "status:error"));
    assert.match(texts[0]!, /✗ tools\/call one #5000 +error -1/);
    assert.is(texts.length, 3);
  }
});

const NAMES = ["search", "fetch", "rare"];
const step = fc.record({
  what: fc.constantFrom("call", "call", "call", "answer", "answer", "answer", "fail", "noise", "batch", "lost", "ping"),
  id: fc.nat(9),
  name: fc.constantFrom(...NAMES),
});
const QUERIES = [
  "status:error",
  "kind:response id:3",
  "tool:rare",
  "text:oops",
  "seq:200..210",
  "kind:response seq:300..",
];

function sessionOf(steps: readonly { what: string; id: number; name: string }[], idsAgain: boolean): Session {
  const session = new Session("demo");
  for (let at = 0; at < 420; at++) {
    const { what, id: n, name } = steps[at % steps.length]!;
    // Ids are used again: by the time of an answer, several of them may be open.
    const id = idsAgain ? n : n + 10 * Math.floor(at / steps.length);
    const ts = at * 10;
    if (what === "call") session.client(ts, { jsonrpc: "2.0", id, method: "tools/call", params: { name, PAD } });
    if (what === "answer") session.server(ts, { jsonrpc: "2.0", id, result: { PAD } });
    if (what === "fail") session.server(ts, { jsonrpc: "2.0", id, error: { code: -7, message: "oops", data: PAD } });
    if (what === "noise") session.raw(ts, `oops ${PAD}`);
    if (what === "batch") session.server(ts, [{ jsonrpc: "2.0", id, error: { code: 1, message: "oops" } }]);
    if (what === "lost") session.gap(ts, 1, "the disk was full");
    if (what === "ping") session.client(ts, { jsonrpc: "2.0", id, method: "ping", params: { PAD } });
  }
  return session;
}

test("askedRecords() tells the same as if all had been read, on any tape", async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 10, maxLength: 60 }),
    fc.boolean(),
    fc.boolean(),
    fc.constantFrom(...QUERIES),
    fc.nat(),
    async (steps, idsAgain, isForeign, query, dice) => {
      const session = sessionOf(steps, idsAgain);
      const lines = (isForeign ? session.plainText() : await session.text()).split("\n");
      // One line is damaged, but no answer that says whose it is: who reads all cannot tell the request of a later one then.
      let at = 1 + dice % (lines.length - 2);
      while (/"dir":"server_to_client",.*"correlation_id":/.test(lines[at]!)) at--;
      lines[at] = lines[at]!.slice(0, 60);
      const store = memoryStore();
      await putTape(store, "demo", lines.join("\n"));
      await buildIndex(store, "demo");
      assert.equal(await told(store, query), await toldOfAll(store, query), query);
    },
  );
  await fc.assert(property, { numRuns: 25 });
});

test.run();
