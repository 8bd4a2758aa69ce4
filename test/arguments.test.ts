// Calls from plain JavaScript, which no compiler has looked at: each gets one sentence that says what is wrong. None may
// do something else in silence, or hang.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { kindOf } from "../src/arguments.ts";
import { TapeError } from "../src/errors.ts";
import * as files from "../src/file.ts";
import { recordStdio } from "../src/mcp.ts";
import * as root from "../src/mod.ts";
import { testStore } from "../src/testing.ts";
import { settled } from "./helpers/streams.ts";
import { reasonOf } from "./helpers/within.ts";

/** Anything goes, as it does in JavaScript. */
// deno-lint-ignore no-explicit-any
type Anything = any;
const js: Anything = { ...root, ...files, recordStdio };
const { pipe, compose, stage, source, sink, filter, memorySink, memorySource, lineSplit, parseRecord } = js;
const store = root.memoryStore();
const bytes = new TextEncoder().encode("one\n");
const record = { type: "log", ts: 0, stream: "stderr", text: "x" };
const identity = () => stage({ transform: (chunk: unknown, emit: root.Emit<unknown>) => emit(chunk) });

/** What a call throws, or its promise or stream fails with. */
async function failureOf(call: () => unknown): Promise<Error> {
  const made = (async () => {
    const result = await call();
    if (result instanceof ReadableStream || Object(result)[Symbol.asyncIterator] !== undefined) {
      for await (const _ of result as AsyncIterable<unknown>);
    }
  })();
  const reason = await reasonOf(made);
  assert.instance(reason, Error);
  return reason as Error;
}

const typeErrors: Record<string, [call: () => unknown, message: string]> = {
  "a text as a source": [
    () => pipe("path"),
    "Cannot pipe a string: its characters would be the chunks; use memorySource(text), or fileSource(path) of a file",
  ],
  "bytes as a source": [
    () => pipe(bytes, identity()),
    "Cannot pipe a Uint8Array: its numbers would be the chunks; use memorySource(bytes)",
  ],
  "a buffer as a source": [
    () => pipe(bytes.buffer),
    "Cannot pipe an ArrayBuffer: its numbers would be the chunks; use memorySource(bytes)",
  ],
  "a promise as a source": [() => pipe(Promise.resolve([])), "Cannot pipe a promise: await it first"],
  "a function as a source": [() => pipe(memorySource), "Cannot pipe the function memorySource: call it"],
  "a response as a source": [
    () => pipe(new Response("x")),
    "Cannot pipe a Response: it is no ReadableStream and no iterable",
  ],
  "nothing as a source": [() => pipe(), "Cannot pipe undefined: it is no ReadableStream and no iterable"],
  "a stage that was not called": [
    () => pipe([bytes], lineSplit),
    "Cannot pipe through the function lineSplit: call it, as in lineSplit()",
  ],
  "a stage that was not called before others": [
    () => pipe([bytes], lineSplit, parseRecord()),
    "Cannot pipe through the function lineSplit: call it, as in lineSplit()",
  ],
  "a sink that was not called": [
    () => pipe([bytes], memorySink),
    "Cannot pipe through the function memorySink: call it, as in memorySink()",
  ],
  "a sink that was not awaited": [
    () => pipe([bytes], store.openSink("a.jsonl")),
    "Cannot pipe through a promise: await it first",
  ],
  "a sink in the middle": [
    () => pipe([bytes], memorySink(), identity()),
    "Cannot pipe through a MemorySink: a sink can only stand at the end of pipe()",
  ],
  "a stream of Node": [
    () => pipe([bytes], { write() {}, end() {} }),
    "Cannot pipe through an object: it is a stream of Node; use Writable.toWeb() of node:stream",
  ],
  "nothing as a transform": [() => pipe([bytes], undefined), "Cannot pipe through undefined: it is no transform"],
  "a stream as a transform": [
    () => pipe([bytes], new ReadableStream()),
    "Cannot pipe through a ReadableStream: it is no transform",
  ],
  "compose() of a function": [
    () => compose(identity(), lineSplit),
    "Cannot compose the function lineSplit: call it, as in lineSplit()",
  ],
  "compose() with a sink": [
    () => compose(identity(), memorySink()),
    "Cannot compose a MemorySink: a sink can only stand at the end of pipe()",
  ],
  "stage() of a function": [
    () => stage(function double() {}),
    "Cannot make a stage: it takes an object with a function transform(), not the function double",
  ],
  "stage() of nothing": [
    () => stage(),
    "Cannot make a stage: it takes an object with a function transform(), not undefined",
  ],
  "stage() without transform": [
    () => stage({ flush() {} }),
    "Cannot make a stage: it takes an object with a function transform(), not an object without",
  ],
  "stage() with a wrong flush": [
    () => stage({ transform() {}, flush: 1 }),
    "Cannot make a stage: flush must be a function, not a number",
  ],
  "source() of a function": [
    () => source(() => {}),
    "Cannot make a source: it takes an object with a function pull(), not a function",
  ],
  "source() whose pull gives a chunk": [
    () => source({ pull: () => "chunk" }),
    "Cannot read a source: pull() must give an array of chunks, or undefined, not a string",
  ],
  "source() whose pull gives null": [
    () => source({ pull: () => null }),
    "Cannot read a source: pull() must give an array of chunks, or undefined, not null",
  ],
  "sink() without write": [
    () => sink({}),
    "Cannot make a sink: it takes an object with a function write(), not an object without",
  ],
};
for (const name of ["transform", "start", "flush"]) {
  typeErrors[`a stage with an async ${name}`] = [
    () =>
      pipe(["a"], identity(), stage({ transform() {}, [name]: () => Promise.reject(new Error("later")) }), identity()),
    `Cannot run a stage: its ${name}() returned a promise, and a stage cannot wait; use new TransformStream({ ${name} })`,
  ];
}

const stores: Record<string, (store: Anything) => unknown> = {
  "verify a tape": (store) => js.verifyTape(store),
  "repair a tape": (store) => js.repairTape(store, "id"),
  "manage tapes": (store) => new js.TapeManager(store),
  "read a tape": (store) => js.StreamingTapeReader.open(store, "id"),
  "write a tape": (store) => js.StreamingTapeWriter.create(store, { sessionId: "s" }),
  "go on with a tape": (store) => js.StreamingTapeWriter.resume(store, "id"),
  "record a session": (store) => recordStdio({ store, command: "true", args: [] }),
};

const options: Record<string, (options: Anything) => unknown> = {
  "split lines": (options) => lineSplit(options),
  "parse records": (options) => parseRecord(options),
  "encode records": (options) => js.encodeRecord(options),
  "stamp frames": (options) => js.stampFrames(options),
  correlate: (options) => js.correlator(options),
  checkpoint: (options) => js.checkpointInjector(options),
  pace: (options) => js.pace(options),
  "join calls": (options) => js.calls(options),
  "make a source": (options) => memorySource("text", options),
  "read x": (options) => js.fileSource("x", options),
  "write x": (options) => js.fileSink("x", options),
  "verify a tape": (options) => js.verifyTape(store, "id", options),
  "repair a tape": (options) => js.repairTape(store, "id", options),
  "read a tape": (options) => js.StreamingTapeReader.open(store, "id", options),
  "follow a tape": (options) => new js.TapeManager(store).followTape("id", options),
  "write a tape": (options) => js.StreamingTapeWriter.create(store, options),
  "go on with a tape": (options) => js.StreamingTapeWriter.resume(store, "id", options),
  "record a session": (options) => recordStdio(options),
  "test a store": (options) => testStore("mine", () => store, options),
  "write a.jsonl": (options) => store.openSink("a.jsonl", options),
  "write b.jsonl": (options) => js.fileStore("tapes").openSink("b.jsonl", options),
  "read a.jsonl": (options) => store.openSource("a.jsonl", options),
  "read c.jsonl": (options) => root.tapeSource("c.jsonl", {} as Anything, options),
};

const tapeErrors: Record<string, [call: () => unknown, message: string | RegExp]> = {
  "a store without a folder": [() => js.fileStore(), "Cannot open a store: the folder must be a text, not undefined"],
  "a store with an empty folder": [
    () => js.fileStore(""),
    "Cannot open a store: the folder must be a text, not an empty one",
  ],
  "a sink without a path": [() => js.fileSink(), "Cannot write a file: the path must be a text, not undefined"],
  "a source of a URL": [
    () => js.fileSource(new URL("file:///x")),
    "Cannot read a file: the path must be a text, not a URL",
  ],
  "a durability that there is none of": [
    () => js.StreamingTapeWriter.create(store, { sessionId: "s", durability: "sync" }),
    'Cannot write a tape: its durability must be one of buffered, flushed, synced, not "sync"',
  ],
  "a durability of a session": [
    () => recordStdio({ store, command: "true", args: [], durability: "sync" } as Anything),
    'Cannot write a tape: its durability must be one of buffered, flushed, synced, not "sync"',
  ],
  "a durability to go on with": [
    () => js.StreamingTapeWriter.resume(store, "id", { durability: true }),
    "Cannot write a tape: its durability must be one of buffered, flushed, synced, not a boolean",
  ],
  "no session id": [
    () => js.StreamingTapeWriter.create(store, {}),
    "Cannot write a tape: sessionId must be a text, not undefined",
  ],
  "a misspelt option": [
    () => lineSplit({ maxLineByte: 1 }),
    "Cannot split lines: there is no option maxLineByte, did you mean maxLineBytes?",
  ],
  "an option of another stage": [
    () => js.correlator({ onError() {} }),
    /^Cannot correlate: there is no option onError, the options are timeoutMs, maxPending$/,
  ],
  "a source of no bytes": [() => memorySource(5), "Cannot make a source: it takes text or a Uint8Array, not a number"],
  "a source in pieces of nothing": [
    () => memorySource("a", { chunkBytes: 0 }),
    "Cannot make a source: chunkBytes must be 1 or more, not 0",
  ],
  "a filter of a word": [() => filter("frame"), "Cannot filter: it takes a function, not a string"],
  "a filter that waits": [
    () => pipe([1], filter(() => Promise.resolve(false))),
    "Cannot filter: the function returned a promise",
  ],
  "texts to lineSplit()": [
    () => pipe(["a\n"], lineSplit()),
    "Cannot split lines: it takes Uint8Array chunks, not a string",
  ],
  "bytes to parseRecord()": [
    () => pipe([bytes], parseRecord()),
    "Cannot parse records: it takes the lines of lineSplit(), not a Uint8Array",
  ],
  "texts to parseRecord()": [
    () => pipe(["{}"], parseRecord({ onError() {} })),
    "Cannot parse records: it takes the lines of lineSplit(), not a string",
  ],
  "null to parseRecord()": [
    () => pipe([null], parseRecord()),
    "Cannot parse records: it takes the lines of lineSplit(), not null",
  ],
  "texts to a memory sink": [
    () => pipe(["text"], memorySink()),
    "Cannot write a tape: it takes Uint8Array chunks, as encodeRecord() makes them, not a string",
  ],
  "records to a memory sink": [() => pipe([record], memorySink()), /not an object$/],
  "texts to the sink of a store": [
    async () => pipe(["text"], await store.openSink("b.jsonl") as Anything),
    /not a string$/,
  ],
};
for (
  const [stageName, wanted] of Object.entries({
    frames: "records",
    correlator: "records",
    checkpointInjector: "records",
    calls: "records",
    encodeRecord: "",
    stampFrames: "",
    pace: "",
  })
) {
  for (const [kind, chunk] of Object.entries({ bytes, text: "text", null: null, number: 5 })) {
    tapeErrors[`${kind} to ${stageName}()`] = [
      () => pipe([chunk], js[stageName]()),
      wanted === "" ? /^Cannot / : /it takes the records of parseRecord\(\), not/,
    ];
  }
}
const frameLine = '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":{}}}\n';
for (const name of ["frames", "correlator", "checkpointInjector", "calls"]) {
  tapeErrors[`lines that were not parsed to ${name}()`] = [
    () => pipe(memorySource(frameLine), lineSplit(), js[name]()),
    /it takes the records of parseRecord\(\), not a TapeLine$/,
  ];
}
for (const [what, call] of Object.entries(stores)) {
  tapeErrors[`${what} in no store`] = [
    () => call("tapes"),
    `Cannot ${what}: the store must be a TapeStore, not a string; open a folder with fileStore() of tapeline/file`,
  ];
  tapeErrors[`${what} in nothing`] = [
    () => call(undefined),
    `Cannot ${what}: the store must be a TapeStore, not undefined`,
  ];
}
for (const [what, call] of Object.entries(options)) {
  tapeErrors[`${what} with an unknown option`] = [
    () => call({ zzzzzzzzzz: 1 }),
    new RegExp(`^Cannot ${what}: there is no option zzzzzzzzzz, the options are `),
  ];
  tapeErrors[`${what} with a text for options`] = [
    () => call("fast"),
    `Cannot ${what}: its options must be an object, not a string`,
  ];
  tapeErrors[`${what} with null for options`] = [
    () => call(null),
    `Cannot ${what}: its options must be an object, not null`,
  ];
}

for (const [name, [call, message]] of Object.entries(typeErrors)) {
  test(`a TypeError for ${name}`, async () => {
    const failure = await failureOf(call);
    assert.instance(failure, TypeError);
    assert.is(failure.message, message);
  });
}
for (const [name, [call, message]] of Object.entries(tapeErrors)) {
  test(`a TapeError for ${name}`, async () => {
    const failure = await failureOf(call);
    assert.instance(failure, TapeError, String(failure));
    if (typeof message === "string") assert.is(failure.message, message);
    else assert.match(failure.message, message);
  });
}

test("a writer refuses what is no message, and goes on", async () => {
  const writer = await root.StreamingTapeWriter.create(root.memoryStore(), { sessionId: "s" });
  for (const wrong of ["text", 5, null, undefined, [], {}]) {
    const failure = await failureOf(() => (writer as Anything).writeFrame(wrong));
    assert.ok(root.isTapeError(failure, "invalid_argument"), String(failure));
    assert.match(failure.message, /^Cannot record a message: /);
  }
  assert.is(await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" }), 0);
  await writer.finalize();
});

test("a wrong argument leaves the others as they were", async () => {
  const free = identity();
  const stream = root.memorySource("a");
  const end = memorySink();
  assert.throws(() => pipe(stream, free, lineSplit, end));
  assert.not(stream.locked);
  assert.not(end.locked);
  await pipe(stream, free, end);
  assert.is(end.text(), "a");
});

test("a stage with an async transform delivers what it emitted before, and ends the process with nothing", async () => {
  const got: unknown[] = [];
  const failing = stage({
    async transform(chunk: unknown, emit: root.Emit<unknown>) {
      emit(chunk);
      await settled();
      throw new Error("later");
    },
  });
  const failure = await failureOf(async () => {
    for await (const chunk of pipe([1, 2], failing)) got.push(chunk);
  });
  assert.instance(failure, TypeError);
  assert.equal(got, [1]);
  await settled();
  await settled();
});

test("a stage may return anything else", async () => {
  const got: unknown[] = [];
  for await (const _ of pipe([1, 2], stage({ transform: (chunk: unknown) => got.push(chunk) })));
  assert.equal(got, [1, 2]);
});

test("kindOf() finds words for any value", () => {
  const values = [
    Object.create(null),
    Symbol("x"),
    1n,
    new Map(),
    async () => {},
    class Thing {},
    new (class Odd {})(),
  ];
  const words = ["an object", "a symbol", "a bigint", "a Map", "a function", "the function Thing", "an Odd"];
  assert.equal(values.map(kindOf), words);
});

test.run();
