import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TapeRecord } from "../../../src/records/record.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { WriterState } from "../../../src/streams/sink.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { TapeManager } from "../../../src/tape/manager.ts";
import type { FollowOptions } from "../../../src/tape/read/following.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { Child } from "../../helpers/child.ts";
import { assertSameList } from "../../helpers/same-list.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { answer, frameLine, initLine, messageOf, putTape, recordsOf, request, textOf } from "../../helpers/tapes.ts";
import { eventually, rejection, within } from "../../helpers/within.ts";

/** Follows a tape to its end and remembers what it saw. */
class Follower {
  readonly seen: TapeRecord[] = [];
  readonly stop: AbortController = new AbortController();
  readonly ended: Promise<void>;

  isInterrupted = false;

  constructor(store: TapeStore, options: FollowOptions = {}) {
    this.ended = within(this.#follow(store, options), "the end of a follower", 60_000);
    this.ended.catch(() => {});
  }

  /** Waits until it has seen so many records. */
  async has(count: number): Promise<void> {
    await Promise.race([
      eventually(`a follower to see ${count} records`, () => this.seen.length >= count),
      this.ended.then(() => {
        if (this.seen.length < count) throw new Error(`the follower ended with ${this.seen.length} records`);
      }),
    ]);
  }

  async #follow(store: TapeStore, options: FollowOptions): Promise<void> {
    await using reader = await StreamingTapeReader.open(store, "demo");
    const onInterrupted = () => this.isInterrupted = true;
    for await (const record of reader.follow({ ...options, signal: this.stop.signal, onInterrupted })) {
      this.seen.push(record);
    }
  }
}

function create(store: TapeStore): Promise<StreamingTapeWriter> {
  return StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
}

/** Runs a test on memory and on files. */
function onEachStore(title: string, body: (store: TapeStore) => Promise<void>): void {
  test(`${title} (memory)`, () => body(memoryStore()));
  test(`${title} (files)`, () => inScratch((folder) => body(fileStore(folder))));
}

onEachStore("follow() gives every record once and in order, to many at once, and ends at finalize()", async (store) => {
  const writer = await create(store);
  const followers = Array.from({ length: 5 }, () => new Follower(store));
  for (let n = 0; n < 400; n++) {
    const write = writer.writeFrame(n % 2 ? answer(n - 1) : messageOf(n * 37 % 3000, n));
    if (n % 7 === 0) await write;
    if (n % 40 === 20) followers.push(new Follower(store));
    if (n % 25 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  await writer.finalize();
  const expected = await recordsOf(store, "demo");
  for (const follower of followers) {
    await follower.ended;
    assertSameList(follower.seen, expected);
  }
});

onEachStore("follow() gives a record as soon as it is written", async (store) => {
  const writer = await create(store);
  const follower = new Follower(store);
  await follower.has(1);
  for (let n = 0; n < 20; n++) {
    await writer.writeFrame(messageOf(10, n));
    await follower.has(2 + n);
  }
  await writer.finalize();
  await follower.ended;
});

onEachStore("follow() ends at once on a tape that is finalized already", async (store) => {
  const writer = await create(store);
  await writer.writeFrame(request(1));
  await writer.finalize();
  const expected = await recordsOf(store, "demo");
  for (let n = 0; n < 2; n++) {
    const follower = new Follower(store);
    await follower.ended;
    assertSameList(follower.seen, expected);
  }
  // Without its metadata the final checkpoint tells.
  await store.delete("demo.meta.json");
  const follower = new Follower(store);
  await follower.ended;
  assertSameList(follower.seen, expected);
});

onEachStore("follow() goes past the final checkpoint of a tape that was gone on with", async (store) => {
  const first = await create(store);
  await first.writeFrame(request(1));
  await first.finalize();
  const second = await StreamingTapeWriter.resume(store, "demo");
  await second.writeFrame(request(2));
  const follower = new Follower(store);
  await follower.has(4);
  await second.writeFrame(answer(2));
  await second.finalize();
  await follower.ended;
  assertSameList(follower.seen, await recordsOf(store, "demo"));
  assert.is(follower.seen.filter(({ type }) => type === "checkpoint").length, 2);
});

onEachStore("follow() goes on when a writer closes, crashes, and another resumes", async (store) => {
  const first = await create(store);
  const follower = new Follower(store);
  await first.writeFrame(request(1));
  await follower.has(2);
  await first.close();
  const second = await StreamingTapeWriter.resume(store, "demo");
  await second.writeFrame(answer(1));
  await follower.has(4);
  await second.close();
  // A torn line that the next writer cuts off.
  const sink = await store.openSink("demo.jsonl", { mode: "append" });
  await sink.append([new TextEncoder().encode('{"type":"frame","seq":2,"ts":5,"dir":"client_to_')]);
  await sink.abort();
  const third = await StreamingTapeWriter.resume(store, "demo");
  await third.writeFrame(request(3));
  await third.finalize();
  await follower.ended;
  assertSameList(follower.seen, await recordsOf(store, "demo"));
});

onEachStore("follow() ends on the signal, in the middle of a burst too, and the reader can go on", async (store) => {
  const writer = await create(store);
  for (let n = 0; n < 500; n++) void writer.writeFrame(messageOf(100, n));
  await writer.writeFrame(messageOf(100, 500));
  await using reader = await StreamingTapeReader.open(store, "demo");
  const stop = new AbortController();
  const seen: TapeRecord[] = [];
  for await (const record of reader.follow({ signal: stop.signal })) {
    seen.push(record);
    if (seen.length === 100) stop.abort();
  }
  assert.is(seen.length, 100);
  assert.is((await reader.nextRecord() as { seq: number }).seq, 99, "behind the last one that was seen");

  assert.equal(await collect(reader.follow({ signal: AbortSignal.abort() })), [], "aborted before");
  const waiting = new AbortController();
  const rest: TapeRecord[] = [];
  const following = (async () => {
    for await (const record of reader.follow({ signal: waiting.signal })) rest.push(record);
  })();
  const follower = new Follower(store);
  await follower.has(502);
  await eventually("the rest is seen", () => rest.length === 401);
  waiting.abort();
  await within(following, "the end");
  follower.stop.abort();
  await follower.ended;
  await writer.finalize();
});

onEachStore("follow() can be left, and taken up again where it was left", async (store) => {
  const writer = await create(store);
  for (let n = 0; n < 10; n++) await writer.writeFrame(messageOf(1, n));
  await using reader = await StreamingTapeReader.open(store, "demo");
  const seen: TapeRecord[] = [];
  for (const until of [3, 4, 8]) {
    for await (const record of reader.follow()) {
      seen.push(record);
      if (seen.length === until) break;
    }
  }
  assertSameList(seen, (await recordsOf(store, "demo")).slice(0, seen.length));
  const ending = writer.finalize();
  for await (const record of reader.follow()) seen.push(record);
  await ending;
  assertSameList(seen, await recordsOf(store, "demo"));
});

onEachStore("follow() ends when the reader is closed", async (store) => {
  const writer = await create(store);
  const reader = await StreamingTapeReader.open(store, "demo");
  const following = collect(reader.follow());
  const follower = new Follower(store);
  await writer.writeFrame(request(1));
  await follower.has(2);
  await reader.close();
  assert.ok((await within(following, "the end")).length <= 2);
  follower.stop.abort();
  await follower.ended;
  await writer.finalize();
});

onEachStore("follow() ends when the tape is deleted", async (store) => {
  const writer = await create(store);
  const follower = new Follower(store);
  await writer.writeFrame(request(1));
  await follower.has(2);
  await writer.close();
  await new TapeManager(store).delete("demo");
  await follower.ended;
  assert.is(follower.seen.length, 2);
});

onEachStore("follow() reports damage like any reading, and goes on behind it", async (store) => {
  await putTape(store, "demo", `${initLine("demo")}#!?\n${frameLine(0, 1)}`);
  const errors: unknown[] = [];
  await using reader = await StreamingTapeReader.open(store, "demo", { onError: ({ line }) => errors.push(line) });
  const seen = [];
  for await (const record of reader.follow()) {
    seen.push(record.type);
    if (record.type === "frame") break;
  }
  assert.equal([seen, errors], [["init", "frame"], [2]]);

  await using strict = await StreamingTapeReader.open(store, "demo");
  await rejection(collect(strict.follow()), "corrupted_record");
  for await (const record of strict.follow()) {
    assert.is(record.type, "frame");
    break;
  }
});

onEachStore("follow() holds back a line until its end has come, and gives it once", async (store) => {
  const sink = await store.openSink("demo.jsonl");
  const append = (text: string) => sink.append([new TextEncoder().encode(text)]);
  await append(initLine("demo"));
  const follower = new Follower(store);
  await follower.has(1);
  await append(frameLine(0, 1).trimEnd());
  await append(`\n${frameLine(1, 2).slice(0, 20)}`);
  await follower.has(2);
  await append(frameLine(1, 2).slice(20));
  await follower.has(3);
  assert.equal(follower.seen.map((record) => record.type === "frame" ? record.seq : record.type), ["init", 0, 1]);

  // A reader that took a whole line without its end does not get it again.
  await append(frameLine(2, 3).trimEnd());
  await using reader = await StreamingTapeReader.open(store, "demo");
  assert.is((await collect(reader.records())).length, 4);
  const rest = collect(reader.follow());
  await append(`\n${frameLine(3, 4)}`);
  await follower.has(5);
  await append('{"type":"checkpoint","checkpoint_at":"x","seq":3,"stats":{},"final":true}\n');
  await sink.close();
  await follower.ended;
  assert.equal((await within(rest, "the end")).map((record) => record.type === "frame" ? record.seq : record.type), [
    3,
    "checkpoint",
  ]);
});

test("follow() of an older writer's tape, which has no final checkpoint, ends where its metadata says so", async () => {
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo") + frameLine(0, 1));
  await store.put("demo.meta.json", new TextEncoder().encode('{"tape_id":"demo","status":"finalized"}'));
  const follower = new Follower(store);
  await follower.ended;
  assert.is(follower.seen.length, 2);
});

const WAYS_TO_THE_END: [what: string, go: (reader: StreamingTapeReader) => Promise<unknown>][] = [
  ["reading", (reader) => collect(reader.records())],
  ["a seek behind the last frame", (reader) => reader.seekToFrame(9)],
  ["a seek behind the last time", (reader) => reader.seekToTime(9)],
];

for (const [what, go] of WAYS_TO_THE_END) {
  test(`follow() ends at once behind the end of a tape without metadata, where ${what} has led`, async () => {
    const store = memoryStore();
    const end = '{"type":"checkpoint","checkpoint_at":"x","seq":1,"stats":{},"final":true}\n';
    await putTape(store, "demo", initLine("demo") + frameLine(0, 1) + end);
    const reader = await StreamingTapeReader.open(store, "demo");
    await go(reader);
    assert.equal(await within(collect(reader.follow()), "the end"), []);
    await reader.close();
  });
}

test("follow() sees what another process writes, in bursts and one by one, through a resume, to the end", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    const tell = async (command: string) => {
      child.tell(command);
      assert.is(await child.line(), "done");
    };
    await tell(`create ${folder} demo`);
    const store = fileStore(folder);
    const followers = Array.from({ length: 3 }, () => new Follower(store));
    await tell("frames 0 50");
    await tell("burst 50 3000");
    followers.push(new Follower(store));
    await tell("close");
    await tell(`resume ${folder} demo`);
    await tell("burst 3000 6000");
    await tell("finalize");
    const expected = await recordsOf(store, "demo");
    for (const follower of followers) {
      await follower.ended;
      assertSameList(follower.seen, expected);
    }
    assert.is(followers[0]!.seen.filter(({ type }) => type === "frame").length, 6000);
  });
});

test("follow() that waits for a writer outlives one that is killed, and goes on with the next", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`create ${folder} demo`);
    assert.is(await child.line(), "done");
    const store = fileStore(folder);
    const follower = new Follower(store, { waitForWriter: true });
    child.tell("forever");
    while (Number(await child.line()) < 100) { /* acknowledged frames */ }
    await child.kill();
    // One that does not wait has ended by now.
    await new Follower(store).ended;
    const writer = await StreamingTapeWriter.resume(store, "demo");
    await writer.writeFrame(request("after"));
    await writer.finalize();
    await follower.ended;
    assertSameList(follower.seen, await recordsOf(store, "demo"));
    assert.is(follower.isInterrupted, false);
  });
});

test("follow() ends where its writer is killed, with all that was written, and says so", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`create ${folder} demo`);
    assert.is(await child.line(), "done");
    const store = fileStore(folder);
    const followers = [new Follower(store), new Follower(store)];
    child.tell("forever");
    while (Number(await child.line()) < 100) { /* acknowledged frames */ }
    for (const { isInterrupted } of followers) assert.is(isInterrupted, false);
    await child.kill();
    followers.push(new Follower(store));
    const whole = (await textOf(store, "demo.jsonl")).split("\n").slice(0, -1);
    for (const follower of followers) {
      await follower.ended;
      assert.is(follower.isInterrupted, true);
      assertSameList(follower.seen.slice(0, whole.length), whole.map((line) => JSON.parse(line)));
    }
    await store.delete("demo.meta.json");
    const follower = new Follower(store);
    await follower.ended;
    assert.is(follower.isInterrupted, true, "without metadata too");
  });
});

test("follow() is told of an interruption only where the end is not there, and nobody can be waiting for", async () => {
  const store = memoryStore();
  const states: WriterState[] = [];
  const known: TapeStore = { ...store, writerOf: () => Promise.resolve(states.shift() ?? "gone") };
  const old = new Date(0).toISOString();
  const putStatus = (status: unknown, updated_at = old) =>
    store.put("demo.meta.json", new TextEncoder().encode(JSON.stringify({ tape_id: "demo", status, updated_at })));
  await putTape(store, "demo", initLine("demo") + frameLine(0, 1));

  // It waits as long as there may be a writer.
  for (const state of ["alive", "unknown"] as const) {
    states.push(state);
    await putStatus("recording");
    const follower = new Follower(known);
    await follower.ended;
    assert.equal([follower.isInterrupted, follower.seen.length, states], [true, 2, []], state);
  }
  // Where nobody has taken hold of it, the metadata tell.
  const waits: [status: unknown, updatedAt: string | undefined][] = [["paused", old], [
    "recording",
    new Date().toISOString(),
  ]];
  for (const [status, updatedAt] of waits) {
    states.push("none");
    await putStatus(status, updatedAt);
    const follower = new Follower(known);
    await follower.ended;
    assert.equal([follower.isInterrupted, states], [true, []], String(status));
  }
  for (const status of ["recording", { error: "the disk failed" }]) {
    states.push("none", "alive");
    await putStatus(status);
    const follower = new Follower(known);
    await follower.ended;
    assert.equal([follower.isInterrupted, states.splice(0)], [true, ["alive"]], JSON.stringify(status));
  }
  // What arrived together with the end of the writer is read, and may be the end of the tape.
  const finalLine = '{"type":"checkpoint","checkpoint_at":"x","seq":0,"stats":{},"final":true}\n';
  const late: TapeStore = {
    ...store,
    writerOf: async () => {
      await putTape(store, "demo2", initLine("demo2"));
      const sink = await store.openSink("demo.jsonl", { mode: "append" });
      await sink.append([new TextEncoder().encode(finalLine)]);
      await sink.close();
      return "gone";
    },
  };
  const follower = new Follower(late);
  await follower.ended;
  assert.equal([follower.isInterrupted, follower.seen.length], [false, 3]);
});

onEachStore("follow() of a store that cannot tell who writes it goes on until the signal", async (store) => {
  await putTape(store, "demo", initLine("demo"));
  await store.put("demo.meta.json", new TextEncoder().encode('{"tape_id":"demo","status":"recording"}'));
  const { writerOf: _, ...silent } = store;
  const follower = new Follower(silent);
  await follower.has(1);
  const sink = await store.openSink("demo.jsonl", { mode: "append" });
  await sink.append([new TextEncoder().encode(frameLine(0, 1))]);
  await sink.abort();
  await follower.has(2);
  follower.stop.abort();
  await follower.ended;
  assert.is(follower.isInterrupted, false);
});

test.run();
