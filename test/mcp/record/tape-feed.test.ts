import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import {
  JsonBytes,
  jsonText,
  memoryStore,
  StreamingTapeReader,
  StreamingTapeWriter,
  TapeError,
  TapeSink,
  verifyTape,
} from "../../../src/mod.ts";
import type { InitRecord, TapeRecord, TapeStore } from "../../../src/mod.ts";
import { goOn } from "../../../src/tape/write/go-on.ts";
import { type FedOptions, TapeFeed } from "../../../src/mcp/record/tape-feed.ts";
import { eventually, rejection, within } from "../../helpers/within.ts";

/** A store whose disk waits, or fails, as it is told. */
class ObedientDisk {
  readonly store: TapeStore;
  /** Runs before each write. */
  beforeWrite: () => Promise<void> = () => Promise.resolve();

  constructor() {
    const store = memoryStore();
    this.store = {
      ...store,
      openSink: async (key, options) => {
        const sink = await store.openSink(key, options);
        return new TapeSink({
          open: () => Promise.resolve(),
          get offset() {
            return sink.offset;
          },
          write: async (chunks) => {
            await this.beforeWrite();
            await sink.append(chunks);
          },
          check: () => sink.check(),
          sync: () => sink.sync(),
          truncate: (offset) => sink.truncate(offset),
          close: () => sink.close(),
          abort: (reason) => sink.abort(reason),
        });
      },
    };
  }

  open(options: FedOptions): Promise<StreamingTapeWriter> {
    return StreamingTapeWriter.create(this.store, {
      sessionId: "test",
      tapeId: "tape",
      durability: "buffered",
      ...options,
    });
  }

  async records(): Promise<TapeRecord[]> {
    await using reader = await StreamingTapeReader.open(this.store, "tape");
    const records: TapeRecord[] = [];
    for await (const record of reader.records()) records.push(record);
    return records;
  }
}

const full = () =>
  new TapeError("io", "Cannot write: it is full", { cause: Object.assign(new Error(), { code: "ENOSPC" }) });

/** In this test nobody takes the tape away. */
const never = () => Promise.reject(new Error("the tape was taken away"));

/** Feeds messages `from` up to `to`. */
function say(feed: TapeFeed, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    const text = `{"method":"note","params":${n}}`;
    feed.message({ message: jsonText(text), direction: "client_to_server" }, text.length);
  }
}

/** Frames by what they say, gaps by their count, logs by their text. */
function digest(records: readonly TapeRecord[]): string[] {
  return records.flatMap((record) => {
    if (record.type === "frame") return [String((record.env.message as { params: number }).params)];
    if (record.type === "gap") return [`gap of ${record.count}`];
    return record.type === "log" ? [`${record.stream}: ${record.text}`] : [];
  });
}

test("TapeFeed leaves out what does not fit into its memory, and tells of it when there is room again", async () => {
  const disk = new ObedientDisk();
  const troubles: string[] = [];
  const feed = new TapeFeed({
    goOn: never,
    open: (fed) => disk.open(fed),
    maxPendingBytes: 10_000,
    onTrouble: (reason) => troubles.push(reason),
  });
  await feed.start(1000);
  const isThere = deferred();
  disk.beforeWrite = () => isThere.promise;
  say(feed, 0, 1000);
  feed.log("stderr", "too late");
  const kept = 1000 - feed.losses.messages;
  assert.ok(kept > 5 && kept < 100, `${kept} kept`);
  isThere.resolve();
  await eventually("all is written", () => feed.writer!.pendingBytes === 0);
  say(feed, 1000, 1002);
  const result = await feed.finish(10_000);

  const reason = "the tape is too slow: more than 10000 bytes wait to be written";
  assert.equal(troubles, [reason]);
  assert.is(result.reason, reason);
  assert.is(result.lostMessages, 1000 - kept);
  assert.is(result.lostLogs, 1);
  const first = Array.from({ length: kept }, (_, n) => String(n));
  const gap = [`gap of ${1000 - kept}`, `tapeline: 1 lines of stderr are missing here: ${reason}`];
  assert.equal(digest(await disk.records()), [...first, ...gap, "1000", "1001"]);
  assert.is(result.metadata?.stats?.lost_frame_count, 1000 - kept);
});

test("TapeFeed tells of what the disk did not take", async () => {
  const disk = new ObedientDisk();
  const feed = new TapeFeed({
    goOn: never,
    open: (fed) => disk.open(fed),
    maxPendingBytes: 10_000_000,
    onTrouble: () => {},
  });
  await feed.start(1000);
  say(feed, 0, 2);
  await eventually("all is written", () => feed.writer!.pendingBytes === 0);
  const failed = deferred();
  disk.beforeWrite = () => {
    failed.resolve();
    return Promise.reject(full());
  };
  say(feed, 2, 5);
  feed.log("stderr", "lost as well");
  await within(failed.promise, "a failed write");
  disk.beforeWrite = () => Promise.resolve();
  say(feed, 5, 6);
  const result = await feed.finish(10_000);
  assert.is(result.reason, "Cannot write: it is full");
  assert.is(result.lostMessages, 3);
  assert.is(result.lostLogs, 1);
  const seen = digest(await disk.records());
  assert.ok(seen.includes("gap of 3"), seen.join());
  assert.equal(seen.filter((entry) => /^\d$/.test(entry)), ["0", "1", "5"]);
});

test("TapeFeed tries again to make a tape that could not be made for want of room, and loses nothing", async () => {
  const disk = new ObedientDisk();
  let tries = 0;
  const feed = new TapeFeed({
    goOn: never,
    open: (fed) => ++tries < 3 ? Promise.reject(full()) : disk.open(fed),
    maxPendingBytes: 1_000_000,
    onTrouble: () => {},
  });
  await feed.start(60_000);
  assert.is(tries, 1);
  say(feed, 0, 3);
  feed.log("stderr", "hello");
  await eventually("the tape is made", () => feed.writer !== undefined);
  say(feed, 3, 4);
  const result = await feed.finish(10_000);
  assert.equal(digest(await disk.records()), ["0", "1", "2", "stderr: hello", "3"]);
  assert.is(result.reason, undefined);
});

test("TapeFeed tries a last time at the end, and counts what it could not record", async () => {
  let tries = 0;
  const feed = new TapeFeed({
    goOn: never,
    open: () => {
      tries++;
      return Promise.reject(full());
    },
    maxPendingBytes: 1_000_000,
    onTrouble: () => {},
  });
  await feed.start(60_000);
  say(feed, 0, 3);
  feed.log("stderr", "hello");
  const result = await feed.finish(10_000);
  assert.ok(tries >= 2);
  assert.equal(result, {
    metadata: undefined,
    lostMessages: 3,
    lostLogs: 1,
    reason: "Cannot write: it is full",
    isAbandoned: false,
  });
});

test("TapeFeed does not start with a tape that can never be made", async () => {
  const cause = Object.assign(new Error(), { code: "EACCES" });
  const feed = new TapeFeed({
    goOn: never,
    open: () => Promise.reject(new TapeError("io", "Cannot open it: not yours", { cause })),
    maxPendingBytes: 1_000_000,
    onTrouble: () => {},
  });
  assert.match((await rejection(feed.start(60_000), "io")).message, "not yours");
});

test("TapeFeed does not wait long for a disk that does not answer, neither at the start nor at the end", async () => {
  const feed = new TapeFeed({
    goOn: never,
    open: () => new Promise(() => {}),
    maxPendingBytes: 1_000_000,
    onTrouble: () => {},
  });
  await feed.start(10);
  say(feed, 0, 3);
  const result = await feed.finish(10);
  assert.is(result.isAbandoned, true);
  assert.is(result.reason, "the disk did not answer for 10 ms");
});

test("TapeFeed leaves out a message that is too long for a line only when it is encoded", async () => {
  const disk = new ObedientDisk();
  const feed = new TapeFeed({
    goOn: never,
    open: (fed) =>
      StreamingTapeWriter.create(disk.store, { sessionId: "test", tapeId: "tape", maxLineBytes: 4096, ...fed }),
    maxPendingBytes: 1_000_000,
    onTrouble: () => {},
  });
  await feed.start(1000);
  feed.message({ raw: "\u0001".repeat(1000), direction: "client_to_server" }, 1000);
  const result = await feed.finish(10_000);
  assert.is(result.lostMessages, 1);
  assert.equal(digest(await disk.records()), ["gap of 1"]);
});

test("TapeFeed copies the bytes of a message that waits for the tape", async () => {
  const disk = new ObedientDisk();
  const gate = deferred();
  const feed = new TapeFeed({
    open: async (fed) => {
      await gate.promise;
      return await disk.open(fed);
    },
    goOn: never,
    maxPendingBytes: 1024 * 1024,
    onTrouble: () => {},
  });
  const started = feed.start(10_000);
  const chunk = new TextEncoder().encode('{"method":"note","params":1}\n');
  const message = new JsonBytes(chunk, 0, chunk.length - 1);
  feed.message({ message, direction: "client_to_server" }, message.length);
  chunk.fill(0x21);
  gate.resolve();
  await started;
  assert.is((await feed.finish(10_000)).reason, undefined);
  assert.equal(digest(await disk.records()), ["1"]);
});

/** Until the clock shows another time in milliseconds than before, and then some. */
function passTime(): void {
  const start = performance.now();
  while (performance.now() - start < 5);
}

/** What is on a tape of two messages that wait for it, one after the other, and of one that comes later. */
async function lateTape(feed: TapeFeed, gate: { resolve(): void }, disk: ObedientDisk, startedAt: number) {
  // The feed's clock has started between `startedAt` and now.
  const clockRuns = performance.now();
  passTime();
  const request = '{"id":1,"method":"ping"}';
  feed.message({ message: jsonText(request), direction: "client_to_server" }, request.length);
  passTime();
  feed.log("stderr", "wait");
  passTime();
  const answer = '{"id":1,"result":{}}';
  feed.message({ message: jsonText(answer), direction: "server_to_client" }, answer.length);
  const heardAt = performance.now();
  passTime();
  gate.resolve();
  await eventually("the tape is made", () => feed.writer !== undefined);
  const openUs = (performance.now() - clockRuns) * 1000;
  say(feed, 0, 1);
  const { reason, metadata } = await feed.finish(10_000);
  assert.is((await verifyTape(disk.store, "tape")).isIntact, true);
  const [init, ...records] = await disk.records();
  const since = (at: number) => (at - startedAt) * 1000 + 1;
  return { init: init as InitRecord, records, metadata, reason, heardUs: since(heardAt), openUs };
}

test("TapeFeed gives what waits for the tape the time at which it was heard, and the tape that of the session's start", async () => {
  const disk = new ObedientDisk();
  const gate = deferred();
  const earliest = Date.now();
  const startedAt = performance.now();
  const feed = new TapeFeed({
    open: async (fed) => {
      await gate.promise;
      return await disk.open(fed);
    },
    goOn: never,
    maxPendingBytes: 1024 * 1024,
    onTrouble: () => {},
  });
  const latest = Date.now();
  void feed.start(10_000);
  const { init, records, metadata, heardUs, openUs } = await lateTape(feed, gate, disk, startedAt);
  const createdAt = Date.parse(init.created_at);
  assert.ok(earliest <= createdAt && createdAt <= latest, `created ${createdAt - earliest} ms after the start`);
  assert.is(metadata?.created_at, init.created_at);
  const [request, answer, later] = records.filter((record) => record.type === "frame");
  assert.ok(request!.ts_us! >= 5_000, `the request after ${request!.ts_us} us`);
  assert.ok(answer!.ts_us! <= heardUs, `the answer after ${answer!.ts_us} us, it was heard before ${heardUs} us`);
  assert.ok(later!.ts_us! >= openUs, "what is heard later has the time of then");
  const log = records.find((record) => record.type === "log");
  assert.ok(log!.ts >= request!.ts + 5 && log!.ts <= answer!.ts - 5, `the log after ${log!.ts} ms`);
  const { rtt_ms } = records.find((record) => record.type === "correlation")!;
  assert.ok(rtt_ms! >= 10 && rtt_ms! <= heardUs / 1000 - 5, `an answer after ${rtt_ms} ms`);
});

test("TapeFeed keeps the times of what waits while a tape that was taken away is made anew", async () => {
  const disk = new ObedientDisk();
  const gate = deferred();
  const startedAt = performance.now();
  const feed = new TapeFeed({
    open: (fed) => disk.open(fed),
    goOn: async (lost, reason, fed) => {
      await gate.promise;
      return await goOn(disk.store, lost, { sessionId: "test", durability: "buffered", ...fed }, reason);
    },
    maxPendingBytes: 1024 * 1024,
    onTrouble: () => {},
  });
  await feed.start(10_000);
  disk.beforeWrite = () => Promise.reject(new TapeError("locked", "Cannot write: somebody else does"));
  say(feed, 0, 3);
  await eventually("the tape is taken away", () => feed.writer === undefined);
  disk.beforeWrite = () => Promise.resolve();
  const { records, openUs } = await lateTape(feed, gate, disk, startedAt);
  assert.equal(digest(records.filter(({ type }) => type === "gap")), ["gap of 3"]);
  const { rtt_ms } = records.find((record) => record.type === "correlation")!;
  assert.ok(rtt_ms! >= 10 && rtt_ms! <= openUs / 1000 - 5, `an answer after ${rtt_ms} ms`);
});

test.run();
