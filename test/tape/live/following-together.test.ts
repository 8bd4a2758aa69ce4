import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError, type TapeError } from "../../../src/errors.ts";
import type { Bytes } from "../../../src/bytes/bytes.ts";
import type { FrameRecord, TapeRecord } from "../../../src/records/record.ts";
import { systemFiles } from "../../../src/sinks/file/file-system.ts";
import { tapeSource } from "../../../src/sources/tape-source.ts";
import type { Stage } from "../../../src/streams/stage.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { calls } from "../../../src/transforms/calls.ts";
import { correlator } from "../../../src/transforms/correlator.ts";
import { fileStore, fileStoreIn } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { openHandles } from "../../helpers/machine/open-handles.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { assertSameList } from "../../helpers/same-list.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, initLine, putTape } from "../../helpers/tapes.ts";
import { eventually, rejection, within } from "../../helpers/within.ts";
import { SEED } from "../../helpers/seed.ts";

const KEY = "demo.jsonl";
const FINAL = '{"type":"checkpoint","checkpoint_at":"x","seq":0,"stats":{},"final":true}\n';

const encode = (text: string): Bytes => new TextEncoder().encode(text);

/** A frame whose line has about so many bytes. */
const longFrame = (seq: number, length: number): string =>
  frameLine(seq, seq, `{"jsonrpc":"2.0","method":"m","params":"${"x".repeat(length)}"}`);

/** Where a follower starts. */
type Start = "the start" | { readonly after: number } | { readonly seq: number };

/** Follows the tape in its own way, and remembers what it was handed and told. */
class Follower {
  readonly records: TapeRecord[] = [];
  readonly errors: unknown[] = [];
  /** Records that it has read before it began to follow. */
  skipped = 0;
  readonly stop: AbortController = new AbortController();
  readonly ended: Promise<void>;
  readonly #store: TapeStore;
  readonly #start: Start;
  readonly #pause: () => Promise<void> | undefined;

  constructor(store: TapeStore, start: Start = "the start", pause: () => Promise<void> | undefined = () => undefined) {
    this.#store = store;
    this.#start = start;
    this.#pause = pause;
    this.ended = within(this.#follow(), "the end of a follower", 60_000);
    this.ended.catch(() => {});
  }

  async has(count: number): Promise<void> {
    await eventually(`a follower to see ${count} records`, () => this.records.length >= count);
  }

  async #follow(): Promise<void> {
    const onError = ({ code, message, line, offset, length }: TapeError) =>
      this.errors.push({ code, message, line, offset, length });
    await using reader = await StreamingTapeReader.open(this.#store, "demo", { onError, maxLineBytes: 300_000 });
    if (this.#start !== "the start") {
      if ("seq" in this.#start) await reader.seekToFrame(this.#start.seq);
      else while (this.skipped < this.#start.after && await reader.nextRecord() !== undefined) this.skipped++;
    }
    // A line that had no end then is told of by its first reading, and may be cut off before its next.
    this.errors.length = 0;
    for await (const record of reader.follow({ signal: this.stop.signal })) {
      this.records.push(record);
      await this.#pause();
    }
  }
}

/** A turn of the event loop. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

/** Runs a test on memory and on files. */
function onEachStore(title: string, body: (store: TapeStore, again: () => TapeStore) => Promise<void>): void {
  test(`${title} (memory)`, async () => {
    const store = memoryStore();
    await body(store, () => store);
  });
  test(`${title} (files)`, () => inScratch((folder) => body(fileStore(folder), () => fileStore(folder))));
}

/** Appends to a tape. */
async function append(store: TapeStore, text: string): Promise<void> {
  const sink = await store.openSink(KEY, { mode: "append" });
  await sink.append([encode(text)]);
  await sink.close();
}

onEachStore("followers of any speed and start see what each would see alone", async (store, again) => {
  for (let round = 0; round < 3; round++) {
    const seed = SEED + round;
    const random = numbersFrom(seed);
    try {
      await putTape(store, "demo", initLine("demo"));
      const followers: { follower: Follower; start: Start; isStopped: boolean }[] = [];
      const follow = (seq: number) => {
        const start: Start = ["the start", { after: random(5) }, { seq: random(seq + 1) }][random(3)] as Start;
        const slowness = [0, 0, 1, 3, 40][random(5)]!;
        const follower = new Follower(
          again(),
          start,
          () => slowness > 0 && random(slowness) === 0 ? turn() : undefined,
        );
        const isStopped = random(3) === 0;
        followers.push({ follower, start, isStopped });
        if (!isStopped) return;
        const after = random(20);
        void follower.has(after).then(() => follower.stop.abort(), () => {});
      };
      follow(0);
      const sink = await store.openSink(KEY, { mode: "append" });
      let size = initLine("demo").length;
      for (let seq = 0; seq < 60;) {
        const torn = longFrame(seq, random(50)).slice(0, 5 + random(80));
        const pieces = [
          longFrame(seq, random(300)),
          longFrame(seq, random(200)) + longFrame(seq + 1, 10),
          longFrame(seq, random(10) === 0 ? 400_000 : random(150_000)),
          "#!?\n",
          `${torn}${longFrame(seq, 3)}`,
          `{"type":"gap","ts":${seq},"count":1,"reason":"io"}\n\n`,
        ];
        const piece = pieces[random(pieces.length)]!;
        // A line that was cut short is cut off again, as whoever resumes the tape does.
        if (random(4) === 0) {
          await sink.append([encode(torn)]);
          if (random(2) === 0) await turn();
          await sink.truncate(size);
        }
        await sink.append([encode(piece)]);
        size += encode(piece).length;
        seq += 1 + random(2);
        if (followers.length < 12 && random(4) === 0) follow(seq);
        if (random(3) === 0) await turn();
      }
      await sink.append([encode(FINAL)]);
      await sink.close();
      for (const { follower, start, isStopped } of followers) {
        await follower.ended;
        // A copy of a store shares nothing with it.
        const { skipped } = follower;
        const alone = new Follower({ ...store }, skipped > 0 ? { after: skipped } : start);
        await alone.ended;
        const { records, errors } = follower;
        const isPart = isStopped && records.length < alone.records.length;
        const told = isPart ? alone.errors.slice(0, errors.length) : alone.errors;
        if (start === "the start" || ("after" in start && skipped === start.after)) {
          assertSameList(records, isPart ? alone.records.slice(0, records.length) : alone.records);
          assert.equal(errors, told);
        } else {
          // Where it began was the end of what there was then.
          const seen = records.map((record) => JSON.stringify(record));
          const all = alone.records.map((record) => JSON.stringify(record));
          const from = all.length - seen.length;
          if (!isPart && from >= 0) assertSameList(seen, all.slice(from));
        }
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error });
    } finally {
      await store.delete(KEY);
    }
  }
});

/** A store of one tape that tells how it was read. */
function countingStore(): { store: TapeStore; reads: number[]; opened: { follow: number; plain: number } } {
  const memory = memoryStore();
  const reads: number[] = [];
  const opened = { follow: 0, plain: 0 };
  const store: TapeStore = {
    ...memory,
    openSource(key, options = {}) {
      opened[options.follow === true ? "follow" : "plain"]++;
      const read = async (offset: number, length: number) => {
        const tape = await memory.get(key);
        reads.push(offset);
        return tape !== undefined && offset < tape.length ? tape.slice(offset, offset + length) : undefined;
      };
      const fate = async () => await memory.size(key) ?? "deleted";
      return tapeSource(key, { read, fate }, options);
    },
  };
  return { store, reads, opened };
}

test("many followers share one reading and one parse, whatever store they are of", async () => {
  const { store, reads, opened } = countingStore();
  await putTape(store, "demo", initLine("demo") + longFrame(0, 10));
  const followers = Array.from({ length: 30 }, () => new Follower(store));
  for (const follower of followers) await follower.has(2);
  const before = reads.length;
  for (let seq = 1; seq <= 5; seq++) {
    await append(store, longFrame(seq, 10));
    for (const follower of followers) await follower.has(2 + seq);
  }
  assert.is(opened.follow, 1);
  assert.ok(reads.length - before < 30, `${reads.length - before} reads for 5 lines and 30 followers`);
  for (const { records } of followers) {
    for (const [at, record] of records.entries()) assert.ok(record === followers[0]!.records[at]);
  }
  for (const follower of followers) follower.stop.abort();
  for (const follower of followers) await follower.ended;
});

test("followers of a folder share one reading, each from a store of its own", async () => {
  await inScratch(async (folder) => {
    await putTape(fileStore(folder), "demo", initLine("demo") + longFrame(0, 10));
    const before = openHandles();
    const followers = Array.from({ length: 20 }, () => new Follower(fileStore(folder)));
    for (const follower of followers) await follower.has(2);
    await eventually("they have let go of all but the tape and its watch", () => openHandles() - before <= 2);
    // The first one leaves, and then all others.
    followers[0]!.stop.abort();
    await followers[0]!.ended;
    await append(fileStore(folder), longFrame(1, 10));
    for (const follower of followers.slice(1)) await follower.has(3);
    assert.ok(followers[1]!.records[2] === followers[19]!.records[2]);
    for (const follower of followers) follower.stop.abort();
    for (const follower of followers) await follower.ended;
    assert.is(followers[0]!.records.length, 2);
    await eventually("the tape is closed", () => openHandles() <= before);
  });
});

test("a record that followers share is frozen, however deep", async () => {
  const store = memoryStore();
  const message = '{"id":1,"params":{"list":[{"a":1}],"__proto__":{"b":2}}}';
  await putTape(store, "demo", initLine("demo") + frameLine(0, 0, message) + FINAL);
  const follower = new Follower(store);
  await follower.ended;
  const { env } = follower.records[1] as FrameRecord;
  const read = env.message as { params: { list: { a: number }[] } };
  assert.throws(() => read.params.list[0]!.a = 2, /read only|readonly|assign/);
  assert.throws(() => read.params.list.push({ a: 3 }), TypeError);
  assert.throws(() => env.raw = "x", TypeError);
  assert.equal(read, JSON.parse(message));
});

/** A tape much longer than what is kept for a follower that takes its time. */
const LONG = { frames: 60, bytes: 50_000 };
const allFrames = (from = 0) => Array.from({ length: LONG.frames }, (_, n) => longFrame(from + n, LONG.bytes)).join("");

test("a follower that falls behind holds nobody up, and reads by itself what it has missed", async () => {
  const { store, reads } = countingStore();
  await putTape(store, "demo", initLine("demo") + longFrame(0, 10));
  let goOn = () => {};
  const paused = new Promise<void>((resolve) => goOn = resolve);
  const slow = new Follower(store, "the start", () => paused);
  await slow.has(1);
  const quick = [new Follower(store), new Follower(store)];
  for (let round = 0; round < 3; round++) {
    await append(store, allFrames(1 + round * LONG.frames));
    for (const follower of quick) await follower.has(2 + (round + 1) * LONG.frames);
  }
  assert.is(slow.records.length, 1);
  const furthest = Math.max(...reads);
  const from = reads.length;
  goOn();
  await slow.has(2 + 3 * LONG.frames);
  assert.ok(reads.slice(from).some((offset) => offset < furthest / 2), "it was read anew");
  // It has caught up, and shares again.
  await append(store, longFrame(500, 10));
  for (const follower of [slow, ...quick]) await follower.has(3 + 3 * LONG.frames);
  assert.ok(slow.records.at(-1) === quick[0]!.records.at(-1));
  assertSameList(slow.records, quick[0]!.records);
  for (const follower of [slow, ...quick]) follower.stop.abort();
  for (const follower of [slow, ...quick]) await follower.ended;
});

test("a follower that fell behind reads all of a tape that was deleted or replaced meanwhile", async () => {
  for (const fate of ["deleted", "replaced"] as const) {
    await inScratch(async (folder) => {
      const path = join(folder, KEY);
      const content = initLine("demo") + allFrames();
      await writeFile(path, content);
      let goOn = () => {};
      const paused = new Promise<void>((resolve) => goOn = resolve);
      const slow = new Follower(fileStore(folder), "the start", () => paused);
      await slow.has(1);
      const quick = new Follower(fileStore(folder));
      await quick.has(1 + LONG.frames);
      if (fate === "deleted") await rm(path);
      else {
        await writeFile(`${path}.new`, initLine("demo") + "another tape\n".repeat(400_000));
        await rename(`${path}.new`, path);
      }
      const outcome = fate === "deleted" ? quick.ended : rejection(quick.ended, "invalid_tape");
      await outcome;
      goOn();
      if (fate === "deleted") await slow.ended;
      else await rejection(slow.ended, "invalid_tape");
      assertSameList(slow.records, quick.records);
      assert.equal(slow.errors, []);
    });
  }
});

test("a follower of a tape that has just taken another's place sees that one, and not the other", async () => {
  await inScratch(async (folder) => {
    // Nothing tells that anything has changed.
    const files = { ...systemFiles, watch: () => () => {}, every: () => () => {} };
    const path = join(folder, KEY);
    await writeFile(path, initLine("demo") + longFrame(0, 10));
    const old = new Follower(fileStoreIn(files, folder));
    await old.has(2);
    await writeFile(`${path}.new`, initLine("demo") + longFrame(0, 10) + longFrame(1, 10) + FINAL);
    await rename(`${path}.new`, path);
    const late = new Follower(fileStoreIn(files, folder));
    await late.ended;
    assert.is(late.records.length, 4);
    assert.is(old.records.length, 2);
    old.stop.abort();
    await old.ended;
  });
});

test("follow() left while it waits ends at once, and the calls that wait with it", async () => {
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo"));
  await using reader = await StreamingTapeReader.open(store, "demo");
  const following = reader.follow();
  assert.is((await following.next()).value?.type, "init");
  const waiting = [following.next(), following.next()];
  assert.is((await within(following.return(), "the end")).done, true);
  for (const call of waiting) assert.is((await call).done, true);
  assert.equal(await collect(following), []);
});

onEachStore("closing a reader ends who follows with it, also one that has only just begun", async (store) => {
  await putTape(store, "demo", initLine("demo"));
  for (const turns of [0, 1, 2, 5, 20]) {
    const reader = await StreamingTapeReader.open(store, "demo");
    const following = reader.follow();
    const calls = [following.next(), following.next()];
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await within(reader.close(), "the reader to close");
    for (const call of calls) {
      const { done } = await within(call.catch((error) => ({ done: isTapeError(error, "closed") })), "the end");
      assert.ok(done === true || turns > 0);
    }
    assert.is((await within(following.next(), "the end")).done, true);
  }
});

test("a follower that starts further on takes the others along, and they stay when it leaves", async () => {
  await inScratch(async (folder) => {
    // Nothing tells that anything has changed, so only who comes later sees more.
    const files = { ...systemFiles, watch: () => () => {}, every: () => () => {} };
    const store = () => fileStoreIn(files, folder);
    const before = openHandles();
    await putTape(store(), "demo", initLine("demo") + longFrame(0, 10));
    let goOn = () => {};
    const paused = new Promise<void>((resolve) => goOn = resolve);
    const waiting = new Follower(store());
    const busy = new Follower(store(), "the start", () => paused);
    await waiting.has(2);
    await busy.has(1);
    await append(store(), longFrame(1, 10));
    const further = new Follower(store(), { after: 3 });
    await waiting.has(3);
    await append(store(), longFrame(2, 10));
    const furthest = new Follower(store(), { after: 4 });
    await waiting.has(4);
    await further.has(1);
    // Those that are further on leave before the one behind them has come.
    for (const follower of [waiting, further, furthest]) follower.stop.abort();
    for (const follower of [waiting, further, furthest]) await follower.ended;
    goOn();
    await busy.has(4);
    await append(store(), longFrame(3, 10) + FINAL);
    const last = new Follower(store(), { after: 5 });
    for (const follower of [busy, last]) await follower.ended;
    assertSameList(waiting.records, busy.records.slice(0, 4));
    assert.equal(busy.records.map((record) => record.type === "frame" ? record.seq : record.type), [
      "init",
      0,
      1,
      2,
      3,
      "checkpoint",
    ]);
    assert.equal(last.records.length, 1);
    await eventually("the tape is closed", () => openHandles() <= before);
  });
});

onEachStore("followers that fell behind go on together where the tape was cut under them", async (store, again) => {
  const kept = initLine("demo") + allFrames();
  await putTape(store, "demo", kept + allFrames(LONG.frames));
  let goOn = () => {};
  const paused = new Promise<void>((resolve) => goOn = resolve);
  const slow = [1, 2].map(() => new Follower(again(), "the start", () => paused));
  for (const follower of slow) await follower.has(1);
  const quick = new Follower(again());
  await quick.has(1 + 2 * LONG.frames);
  const sink = await store.openSink(KEY, { mode: "append" });
  await sink.truncate(kept.length);
  await rejection(quick.ended, "invalid_tape");
  goOn();
  for (const follower of slow) await follower.has(1 + LONG.frames);
  // What comes before one of them has seen that its tape was cut, it reads by itself.
  let more = 0;
  await eventually("they share one reading again", async () => {
    await sink.append([encode(longFrame(500 + more++, 10))]);
    for (const follower of slow) await follower.has(1 + LONG.frames + more);
    return slow[0]!.records.at(-1) === slow[1]!.records.at(-1);
  });
  await sink.append([encode(FINAL)]);
  await sink.close();
  for (const follower of slow) await follower.ended;
  assertSameList(slow[0]!.records, slow[1]!.records);
  const [next, ...others] = slow[0]!.records.slice(1 + LONG.frames);
  assert.equal([(next as FrameRecord).seq, others.at(-1)?.type], [500, "checkpoint"]);
  assert.ok(slow[1]!.records.at(-1) === others.at(-1), "they share one reading again");
  await store.delete(KEY);
});

test("a line longer than what a follower may be behind is shared, too", async () => {
  const store = memoryStore();
  await putTape(store, "demo", initLine("demo"));
  const readers = await Promise.all([1, 2, 3].map(() => StreamingTapeReader.open(store, "demo")));
  const followers = readers.map((reader) => reader.follow());
  const next = () => Promise.all(followers.map(async (follower) => (await within(follower.next(), "a record")).value));
  await next();
  for (let seq = 0; seq < 3; seq++) {
    const coming = next();
    await append(store, longFrame(seq, 3_000_000));
    const [first, ...others] = await coming;
    assert.is((first as FrameRecord).seq, seq);
    for (const other of others) assert.ok(other === first);
  }
  for (const reader of readers) await reader.close();
});

test("what a store hands out before it ends in the midst of a line is handed on", async () => {
  const memory = memoryStore();
  await putTape(memory, "demo", initLine("demo"));
  const [start, frames] = [longFrame(0, 10).slice(0, 9), longFrame(0, 10).slice(9) + longFrame(1, 10)];
  const store: TapeStore = {
    ...memory,
    openSource(key, options) {
      if (options?.follow !== true) return memory.openSource(key, options);
      return new ReadableStream({
        start(stream) {
          for (const chunk of [initLine("demo") + start, `${frames}{`, '"type']) stream.enqueue(encode(chunk));
          stream.close();
        },
      });
    },
  };
  const follower = new Follower(store);
  await follower.ended;
  assert.equal(follower.records.map(({ type }) => type), ["init", "frame", "frame"]);
});

test("stages that complete frames take those that followers share, and change them for nobody", async () => {
  const store = memoryStore();
  const answer = frameLine(1, 5, '{"id":1,"result":{}}').replace("client_to_server", "server_to_client");
  const lost = '{"type":"gap","ts":6,"from_seq":2,"to_seq":2,"count":1,"reason":"io","dir":"client_to_server","id":2,' +
    '"method":"ping"}\n';
  const batch = frameLine(3, 7, '[{"id":3,"method":"ping"}]');
  await putTape(
    store,
    "demo",
    initLine("demo") + frameLine(0, 0, '{"id":1,"method":"m"}') + answer + lost + batch + FINAL,
  );
  await using reader = await StreamingTapeReader.open(store, "demo");
  await using follower = await StreamingTapeReader.open(store, "demo");
  const read = await collect(reader.records());
  const followed = await collect(follower.follow());
  for (const stage of [correlator, calls]) {
    const expected = await collect(pipe(structuredClone(read), stage() as Stage<TapeRecord, unknown>));
    assert.equal(await collect(pipe(followed, stage() as Stage<TapeRecord, unknown>)), expected);
    assert.ok(expected.length > 1);
  }
  assert.equal(followed, read);
});

test.run();
