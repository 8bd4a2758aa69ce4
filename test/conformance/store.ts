import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Bytes, concat } from "../../src/lines/bytes.ts";
import { TapeError } from "../../src/errors.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { TapeSink } from "../../src/streams/sink.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import type { OpenSourceOptions } from "../../src/streams/source.ts";
import { numbersFrom } from "../helpers/random.ts";
import { eventually, reasonOf, rejection, within } from "../helpers/within.ts";

/** A store of a backend, made for one test and empty. */
export interface StoreUnderTest {
  readonly store: TapeStore;
  /** Another handle on the same tapes, as another process would open it. By default the store itself. */
  readonly other?: TapeStore;
  /** Makes room in a store that is full. */
  readonly free?: () => Promise<void>;
  /** Removes all that the test left behind. */
  readonly remove?: () => Promise<void>;
}

/** What there is to say of a backend beyond how its stores are made. */
export interface ConformanceOptions {
  /** Makes a store with room for 64 KiB or a little more, or says why that cannot be had here. */
  readonly makeSmall?: () => Promise<StoreUnderTest | string>;
}

const KEY = "demo.jsonl";

/**
 * What every store must do, whatever stands behind it. A backend is tested by naming it:
 *
 * ```ts
 * storeConformance("memoryStore()", () => Promise.resolve({ store: memoryStore() }));
 * test.run();
 * ```
 *
 * @param name goes before the name of each test
 * @param makeStore makes a new and empty store for each test
 */
export function storeConformance(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  options: ConformanceOptions = {},
): void {
  const check = (title: string, body: (under: Required<Pick<StoreUnderTest, "store" | "other">>) => Promise<void>) => {
    test(`${name} ${title}`, async () => {
      const under = await makeStore();
      try {
        await body({ other: under.store, ...under });
      } finally {
        await under.remove?.();
      }
    });
  };

  // Writing

  check("openSink() makes a tape that holds what was written, in order", async ({ store, other }) => {
    const sink = await store.openSink(KEY);
    assert.is(sink.offset, 0);
    await sink.append([bytes("one\n"), bytes(""), bytes("two\n")]);
    assert.is(sink.offset, 8);
    await sink.append([bytes("three\n")]);
    assert.is(sink.offset, 14);
    assert.is(await text(other, KEY), "one\ntwo\nthree\n", "readable while it is being written");
    await sink.close();
    assert.is(await text(other, KEY), "one\ntwo\nthree\n");
    assert.is(await other.size(KEY), 14);
  });

  check("openSink() makes an empty tape where nothing is written", async ({ store, other }) => {
    await (await store.openSink(KEY)).close();
    assert.is(await other.size(KEY), 0);
    assert.is(await text(other, KEY), "");
  });

  check("openSink() refuses to create what is there, and leaves it as it was", async ({ store, other }) => {
    await write(store, KEY, "old\n");
    for (const options of [undefined, { mode: "create" as const }, { mode: undefined }]) {
      const error = await rejection(other.openSink(KEY, options), "invalid_argument");
      assert.match(error.message, /^Cannot create .*demo\.jsonl: it exists already$/);
    }
    assert.is(await text(store, KEY), "old\n");
    await (await store.openSink(KEY, { mode: "append" })).close();
  });

  check("openSink() refuses to append to what is not there, and makes nothing", async ({ store, other }) => {
    const error = await rejection(store.openSink(KEY, { mode: "append" }), "tape_not_found");
    assert.match(error.message, /^Cannot append to .*demo\.jsonl: there is no such tape$/);
    assert.equal(await keys(other), []);
    await (await store.openSink(KEY)).close();
  });

  check("openSink() appends behind what is there", async ({ store, other }) => {
    await write(store, KEY, "one\n");
    const sink = await other.openSink(KEY, { mode: "append" });
    assert.is(sink.offset, 4);
    await sink.append([bytes("two\n")]);
    assert.is(sink.offset, 8);
    await sink.close();
    assert.is(await text(store, KEY), "one\ntwo\n");
  });

  check("openSink() refuses a second writer, until the first has closed or aborted", async ({ store, other }) => {
    for (const end of ["close", "abort"] as const) {
      const first = await store.openSink(KEY, { mode: end === "close" ? "create" : "append" });
      await first.append([bytes("kept\n")]);
      for (const mode of ["append", "create"] as const) {
        for (const second of [store, other]) {
          const error = await rejection(second.openSink(KEY, { mode }), "locked");
          assert.match(error.message, /^Cannot write .*demo\.jsonl: .*writ/);
        }
      }
      await first.append([bytes("kept too\n")]);
      await first[end]();
      const next = await other.openSink(KEY, { mode: "append" });
      await next.append([bytes("more\n")]);
      await next.close();
    }
    assert.is(await text(store, KEY), "kept\nkept too\nmore\n".repeat(2));
  });

  check("openSink() lets each tape have a writer of its own", async ({ store, other }) => {
    const sinks = await Promise.all([store.openSink("a.jsonl"), other.openSink("b.jsonl")]);
    await Promise.all(sinks.map((sink, at) => sink.append([bytes(`${at}\n`)])));
    await Promise.all(sinks.map((sink) => sink.close()));
    assert.equal([await text(store, "a.jsonl"), await text(store, "b.jsonl")], ["0\n", "1\n"]);
  });

  check("a sink that has let go writes no more, and takes no lock from the next writer", async ({ store, other }) => {
    for (const end of ["close", "abort"] as const) {
      const mode = end === "close" ? "create" : "append";
      const sink = await store.openSink(KEY, { mode });
      await sink[end]();
      await rejection(sink.append([bytes("late\n")]), "closed");
      const next = await other.openSink(KEY, { mode: "append" });
      await sink.abort().catch(() => {});
      await rejection(store.openSink(KEY, { mode: "append" }), "locked");
      await next.close();
    }
    assert.is(await text(store, KEY), "");
  });

  check("a sink is the end of a pipeline", async ({ store }) => {
    await pipe([bytes("one\n"), bytes("two\n")], await store.openSink(KEY));
    const writer = (await store.openSink(KEY, { mode: "append" })).getWriter();
    void writer.write(bytes("three\n"));
    void writer.write(bytes("four\n"));
    await writer.close();
    assert.is(await text(store, KEY), "one\ntwo\nthree\nfour\n");
  });

  check("a sink whose pipeline fails lets go and keeps what was written", async ({ store, other }) => {
    const failing = async function* () {
      yield bytes("one\n");
      await Promise.resolve();
      throw new Error("no more");
    };
    const error = await reasonOf(pipe(failing(), await store.openSink(KEY)));
    assert.is((error as Error).message, "no more");
    await (await other.openSink(KEY, { mode: "append" })).close();
    assert.is(await text(other, KEY), "one\n");
  });

  check("append() has taken the bytes when it settles: their memory may be used again", async ({ store }) => {
    const sink = await store.openSink(KEY);
    const chunk = bytes("abcdef\n");
    await sink.append([chunk.subarray(0, 3), chunk.subarray(3)]);
    chunk.fill(0x78);
    await sink.close();
    assert.is(await text(store, KEY), "abcdef\n");
  });

  check("append() takes neighbours in one block, gaps between them, and what is large", async ({ store }) => {
    const block = bytes("one\n-two\nthree\n-");
    const large = bytes("x".repeat(3_000_000) + "\n");
    const sink = await store.openSink(KEY);
    await sink.append([block.subarray(0, 4), block.subarray(5, 9), block.subarray(9, 15), large, block.subarray(0, 4)]);
    assert.is(sink.offset, 14 + large.length + 4);
    await sink.close();
    const content = await text(store, KEY);
    assert.is(content.length, 14 + large.length + 4);
    assert.ok(content.startsWith("one\ntwo\nthree\nxxx") && content.endsWith("xxx\none\n"));
  });

  check("sync() settles, before and after writing and again", async ({ store }) => {
    const sink = await store.openSink(KEY);
    await sink.sync();
    await sink.append([bytes("one\n")]);
    await Promise.all([sink.sync(), sink.sync()]);
    await sink.close();
    assert.is(await text(store, KEY), "one\n");
  });

  check("truncate() cuts off a torn line, and writing goes on there", async ({ store, other }) => {
    await write(store, KEY, "one\ntwo\nthr");
    const sink = await other.openSink(KEY, { mode: "append" });
    await sink.truncate(8);
    assert.is(sink.offset, 8);
    assert.is(await store.size(KEY), 8);
    await sink.append([bytes("3\n")]);
    assert.is(sink.offset, 10);
    await sink.close();
    assert.is(await text(store, KEY), "one\ntwo\n3\n");
  });

  // Small objects

  check("get(), size() and delete() know of nothing at first", async ({ store }) => {
    assert.is(await store.get("demo.meta.json"), undefined);
    assert.is(await store.size("demo.meta.json"), undefined);
    assert.is(await store.delete("demo.meta.json"), false);
    assert.equal(await keys(store), []);
  });

  check("put() puts an object in the place of an old one, shorter or longer", async ({ store, other }) => {
    for (const content of ["{}", '{"longer":true}', "", "{}\n"]) {
      await store.put("demo.meta.json", bytes(content));
      assert.is(decode((await other.get("demo.meta.json"))!), content);
      assert.is(await other.size("demo.meta.json"), content.length);
    }
    assert.equal(await keys(other), ["demo.meta.json"]);
  });

  check("put() and get() hand over bytes that nobody else holds", async ({ store }) => {
    const given = bytes("mine");
    await store.put("demo.meta.json", given);
    given.fill(0x78);
    const got = (await store.get("demo.meta.json"))!;
    assert.is(decode(got), "mine");
    got.fill(0x79);
    assert.is(decode((await store.get("demo.meta.json"))!), "mine");
  });

  check("put() is seen whole or not at all by whoever reads meanwhile", async ({ store, other }) => {
    const versions = ["a", "b", "c"].map((letter, at) => letter.repeat(100_000 * (at + 1)));
    await store.put("demo.meta.json", bytes(versions[0]!));
    let writing = true;
    const seen = new Set<string>();
    const read = async () => {
      while (writing) {
        const content = decode((await other.get("demo.meta.json"))!);
        if (!versions.includes(content)) throw new Error(`a mixture of ${content.length} bytes`);
        seen.add(content);
      }
    };
    const reading = Promise.all([read(), read()]);
    reading.catch(() => {});
    try {
      for (let n = 0; n < 30; n++) await store.put("demo.meta.json", bytes(versions[n % 3]!));
    } finally {
      writing = false;
      await within(reading, "the readers");
    }
    assert.ok(seen.size > 0);
  });

  check("put() by many at once leaves one of their objects", async ({ store, other }) => {
    const contents = Array.from({ length: 8 }, (_, at) => String(at).repeat(1000));
    await Promise.all(contents.map((content, at) => (at % 2 ? store : other).put("demo.meta.json", bytes(content))));
    assert.ok(contents.includes(decode((await store.get("demo.meta.json"))!)));
    assert.equal(await keys(store), ["demo.meta.json"]);
  });

  check("list() names every key, its size and time, and nothing else", async ({ store, other }) => {
    const before = Date.now();
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\n")]);
    await store.put("demo.meta.json", bytes("{}"));
    await store.put("Z_9-a.index", bytes("123"));
    const entries = (await entriesOf(other)).sort((a, b) => a.key < b.key ? -1 : 1);
    assert.equal(entries.map(({ key, size }) => [key, size]), [
      ["Z_9-a.index", 3],
      ["demo.jsonl", 4],
      ["demo.meta.json", 2],
    ], "while a writer holds the tape");
    for (const { modifiedMs } of entries) assert.ok(Math.abs(modifiedMs - before) < 60_000);
    await sink.close();
    assert.equal(await keys(other), ["Z_9-a.index", "demo.jsonl", "demo.meta.json"]);
  });

  check("list() can be left early, and again be read", async ({ store }) => {
    for (const key of ["a.jsonl", "b.jsonl", "c.jsonl"]) await store.put(key, bytes(key));
    for await (const entry of store.list()) {
      assert.ok(entry.key.endsWith(".jsonl"));
      break;
    }
    assert.equal(await keys(store), ["a.jsonl", "b.jsonl", "c.jsonl"]);
  });

  check("delete() takes a key away, and only that", async ({ store, other }) => {
    await write(store, KEY, "one\n");
    await store.put("demo.meta.json", bytes("{}"));
    assert.is(await other.delete(KEY), true);
    assert.is(await other.delete(KEY), false);
    assert.is(await store.size(KEY), undefined);
    await rejection(text(store, KEY), "tape_not_found");
    assert.equal(await keys(store), ["demo.meta.json"]);
    await (await store.openSink(KEY)).close();
  });

  // Reading

  check("openSource() fails in the stream where there is no such tape", async ({ store }) => {
    for (const follow of [false, true]) {
      const error = await rejection(text(store, KEY, { follow }), "tape_not_found");
      assert.match(error.message, /^Cannot read .*demo\.jsonl: there is no such tape$/);
    }
    await store.openSource(KEY).cancel();
    await store.openSource(KEY, { follow: true }).cancel();
  });

  check("openSource() reads from start up to end", async ({ store }) => {
    await write(store, KEY, "0123456789");
    const cases: [OpenSourceOptions, string][] = [
      [{}, "0123456789"],
      [{ start: 3 }, "3456789"],
      [{ end: 3 }, "012"],
      [{ start: 3, end: 5 }, "34"],
      [{ start: 3, end: 3 }, ""],
      [{ start: 5, end: 3 }, ""],
      [{ start: 8, end: 99 }, "89"],
      [{ start: 10 }, ""],
      [{ start: 99 }, ""],
      [{ start: undefined, end: undefined, follow: undefined, signal: undefined }, "0123456789"],
    ];
    for (const [range, expected] of cases) assert.is(await text(store, KEY, range), expected, JSON.stringify(range));
  });

  check("openSource() reads what is large, in blocks, byte for byte", async ({ store, other }) => {
    const content = patternOf(1_500_000);
    const sink = await store.openSink(KEY);
    for (let at = 0; at < content.length; at += 300_001) await sink.append([content.subarray(at, at + 300_001)]);
    await sink.close();
    const chunks = await chunksOf(other, KEY);
    assert.ok(chunks.every((chunk) => chunk.length > 0), "no empty chunks");
    assert.ok(same(concat(chunks), content));
    for (const [start, end] of [[1, 1_499_999], [262_143, 524_289], [1_499_999, 1_500_000]] as const) {
      assert.ok(same(concat(await chunksOf(other, KEY, { start, end })), content.subarray(start, end)));
    }
  });

  check("openSource() gives chunks that are the reader's own, and stay as they are", async ({ store }) => {
    const sink = await store.openSink(KEY);
    await sink.append([patternOf(700_000)]);
    const chunks = await chunksOf(store, KEY);
    const copies = chunks.map((chunk) => chunk.slice());
    await sink.append([bytes("x".repeat(700_000))]);
    await chunksOf(store, KEY);
    await sink.close();
    for (const [at, chunk] of chunks.entries()) assert.ok(same(chunk, copies[at]!));
    for (const chunk of await chunksOf(store, KEY)) chunk.fill(0);
    const again = concat(await chunksOf(store, KEY, { end: 700_000 }));
    assert.ok(same(again, patternOf(700_000)));
  });

  check("openSource() ends with the signal's reason where it reads and does not follow", async ({ store }) => {
    await write(store, KEY, "x".repeat(1_000_000));
    const reason = new Error("enough");
    assert.is(await reasonOf(text(store, KEY, { signal: AbortSignal.abort(reason) })), reason);

    const stop = new AbortController();
    const reader = store.openSource(KEY, { signal: stop.signal }).getReader();
    await reader.read();
    stop.abort(reason);
    assert.is(await reasonOf(reader.read()), reason);
  });

  check("openSource() that follows gives what is there, then what comes, and whole lines only", async (under) => {
    const { store, other } = under;
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\ntw")]);
    const stop = new AbortController();
    const follower = new Follower(other, { signal: stop.signal });
    await follower.has("one\n");
    for (const piece of ["o", "\n", "three\nfo", "u", "r\nfive", "\n"]) {
      await sink.append([bytes(piece)]);
      const whole = (await text(store, KEY)).replace(/[^\n]*$/, "");
      await follower.has(whole);
    }
    assert.is(follower.text, "one\ntwo\nthree\nfour\nfive\n");
    assert.ok(follower.chunks.every((chunk) => chunk.endsWith("\n")));
    stop.abort();
    await follower.ended();
    await sink.close();
  });

  check("openSource() that follows starts at start, and ends at end, in the middle of a line too", async (under) => {
    const { store, other } = under;
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\ntwo\n")]);
    const followers = [
      new Follower(other, { start: 4, end: 10 }),
      new Follower(other, { start: 8, end: 12 }),
      new Follower(other, { start: 10, end: 12 }),
      new Follower(other, { start: 0, end: 8 }),
    ];
    await followers[0]!.has("two\n");
    await sink.append([bytes("three\n")]);
    for (const follower of followers) await follower.ended();
    assert.equal(followers.map((follower) => follower.text), ["two\nth", "thre", "re", "one\ntwo\n"]);
    await sink.close();
  });

  check("openSource() that follows ends quietly on the signal, however much there is to read", async (under) => {
    const { store, other } = under;
    const sink = await store.openSink(KEY);
    await sink.append([bytes("line\n".repeat(200_000))]);
    const none = await chunksOf(other, KEY, { follow: true, signal: AbortSignal.abort() });
    assert.is(none.length, 0, "aborted before");

    const stop = new AbortController();
    const reader = other.openSource(KEY, { follow: true, signal: stop.signal }).getReader();
    assert.is((await within(reader.read(), "the first chunk")).done, false);
    stop.abort();
    assert.is((await within(reader.read(), "the end")).done, true, "aborted between two reads");

    const stopWaiting = new AbortController();
    const follower = new Follower(other, { start: 1_000_000, follow: true, signal: stopWaiting.signal });
    await sink.append([bytes("more\n")]);
    await follower.has("more\n");
    stopWaiting.abort();
    await follower.ended();
    await sink.close();
  });

  check("openSource() that follows gives every line once through bursts, to many at once", async (under) => {
    const { store, other } = under;
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = numbersFrom(seed);
    const sink = await store.openSink(KEY);
    const stops: AbortController[] = [];
    const follow = (n: number) => {
      const stop = new AbortController();
      stops.push(stop);
      return new Follower(n % 2 ? store : other, { signal: stop.signal });
    };
    const followers = Array.from({ length: 6 }, (_, n) => follow(n));

    const lines = Array.from({ length: 3000 }, (_, n) => `line ${n} ${"é".repeat(random(200))}\n`);
    const content = bytes(lines.join(""));
    for (let at = 0, burst = 0; at < content.length; burst++) {
      // Pieces are cut anywhere, also in the middle of a character.
      const size = random(4) === 0 ? 1 + random(40) : 1 + random(8000);
      await sink.append([content.subarray(at, at + size)]);
      at += size;
      if (burst % 20 === 10) followers.push(follow(burst));
      if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    try {
      const expected = lines.join("");
      for (const follower of followers) await follower.has(expected);
      for (const { chunks } of followers) assert.ok(chunks.every((chunk) => chunk.endsWith("\n")));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    } finally {
      for (const stop of stops) stop.abort();
      for (const follower of followers) await follower.ended();
      await sink.close();
    }
  });

  check("openSource() that follows gives a line that is longer than a block", async ({ store, other }) => {
    const sink = await store.openSink(KEY);
    const stop = new AbortController();
    const follower = new Follower(other, { signal: stop.signal });
    const long = "x".repeat(250_000);
    for (let n = 0; n < 6; n++) await sink.append([bytes(long)]);
    await sink.append([bytes("\nshort\n")]);
    await follower.has(`${long.repeat(6)}\nshort\n`);
    stop.abort();
    await follower.ended();
    await sink.close();
  });

  check("openSource() that follows is not led astray when a torn line is cut off", async ({ store, other }) => {
    const crashed = await store.openSink(KEY);
    await crashed.append([bytes("one\ntorn li")]);
    const stop = new AbortController();
    const follower = new Follower(other, { signal: stop.signal });
    await follower.has("one\n");
    await crashed.abort();
    const sink = await store.openSink(KEY, { mode: "append" });
    await sink.truncate(4);
    await sink.append([bytes("two\nthree\n")]);
    await follower.has("one\ntwo\nthree\n");
    stop.abort();
    await follower.ended();
    await sink.close();
  });

  check("openSource() that follows ends when the tape is deleted, with all that was written", async (under) => {
    const { store, other } = under;
    const sink = await store.openSink(KEY);
    const followers = [0, 1, 2].map(() => new Follower(other, {}));
    await sink.append([bytes("one\n")]);
    for (const follower of followers) await follower.has("one\n");
    await sink.append([bytes("two\n")]);
    await store.delete(KEY);
    for (const follower of followers) await follower.ended();
    for (const follower of followers) assert.ok(["one\n", "one\ntwo\n"].includes(follower.text), follower.text);
    await sink.abort();
  });

  check(
    "openSource() that follows fails when the tape is replaced, with all that was written before",
    async (under) => {
      const { store, other } = under;
      const sink = await store.openSink(KEY);
      await sink.append([bytes("one\n")]);
      const follower = new Follower(other, {});
      await follower.has("one\n");
      await sink.append([bytes("two\n")]);
      await sink.close();
      await store.put(KEY, bytes("another tape\nwith lines of its own\n"));
      const error = await rejection(follower.ended(), "invalid_tape");
      assert.match(error.message, /^Cannot follow .*demo\.jsonl at byte 8: it was replaced by another/);
      assert.is(follower.text, "one\ntwo\n");
    },
  );

  check("openSource() that follows fails when the tape is cut back behind what it gave", async ({ store, other }) => {
    await write(store, KEY, "one\ntwo\n");
    const follower = new Follower(other, {});
    await follower.has("one\ntwo\n");
    const sink = await store.openSink(KEY, { mode: "append" });
    await sink.truncate(4);
    const error = await rejection(follower.ended(), "invalid_tape");
    assert.match(error.message, /^Cannot follow .*demo\.jsonl at byte 8: it was cut to 4 bytes$/);
    await sink.close();
  });

  check("openSource() lets go when it is cancelled, at its end, and on an error", async ({ store, other }) => {
    const sink = await store.openSink(KEY);
    await sink.append([bytes("line\n".repeat(200_000))]);
    const readOnce = async (options: OpenSourceOptions, cancelAt: "opening" | "between" | "waiting") => {
      const reader = other.openSource(KEY, options).getReader();
      if (cancelAt === "opening") {
        void reader.read();
        // A stream starts to pull a few turns later.
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      } else await reader.read();
      if (cancelAt === "waiting") {
        void reader.read();
        await new Promise((resolve) => setTimeout(resolve));
      }
      await within(reader.cancel(), "letting go");
      assert.is((await reader.read()).done, true);
    };
    const round = async () => {
      for (const cancelAt of ["opening", "between", "waiting"] as const) {
        await readOnce({}, cancelAt);
        await readOnce({ follow: true }, cancelAt);
        await readOnce({ follow: true, start: 999_995 }, cancelAt);
      }
      await other.openSource(KEY, { follow: true }).cancel();
      await other.openSource(KEY).cancel();
      await chunksOf(other, KEY);
      await chunksOf(other, KEY, { follow: true, end: 100 });
      await reasonOf(chunksOf(other, KEY, { signal: AbortSignal.abort() }));
      await reasonOf(chunksOf(other, "none.jsonl"));
      await reasonOf(chunksOf(other, "none.jsonl", { follow: true }));
      for await (const _ of other.openSource(KEY)) break;
      for await (const _ of other.openSource(KEY, { follow: true })) break;
    };
    await round();
    const before = openHandles();
    for (let n = 0; n < 5; n++) await round();
    await eventually("as few open handles as before", () => openHandles() <= before, 3_000);
    await sink.close();
  });

  check("openSource() takes its listener from the signal when it is over", async ({ store }) => {
    await write(store, KEY, "one\n");
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners.add(args[1]);
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners.delete(args[1]);
      removeEventListener.apply(signal, args);
    };
    await chunksOf(store, KEY, { signal });
    assert.is(listeners.size, 0, "read");
    await chunksOf(store, KEY, { follow: true, end: 4, signal });
    assert.is(listeners.size, 0, "followed to its end");
    for (const read of [false, true]) {
      const reader = store.openSource(KEY, { follow: true, signal }).getReader();
      if (read) await reader.read();
      await reader.cancel();
      assert.is(listeners.size, 0, "cancelled");
    }
  });

  // A store that has no more room

  const { makeSmall } = options;
  if (makeSmall === undefined) return;
  test(`${name} append() keeps whole lines or none where there is no room, and goes on when there is`, async () => {
    const under = await makeSmall();
    if (typeof under === "string") return console.log(`skip: ${under}`);
    const { store, free, remove } = under;
    try {
      const sink = await store.openSink(KEY);
      await sink.append([bytes("first\n")]);
      const line = bytes("x".repeat(999) + "\n");
      const chunks = Array.from({ length: 200 }, () => line);
      const error = await rejection(sink.append(chunks), "io");
      assert.match(error.message, /^Cannot write .*demo\.jsonl at byte 6: /);
      assert.ok(error.cause instanceof Error && !(error.cause instanceof TapeError));
      const kept = sink.offset;
      assert.is((kept - 6) % 1000, 0, "no part of a line is left");
      assert.is(await store.size(KEY), kept);

      let written = kept;
      for (let n = 0; n < 200; n++) {
        try {
          await sink.append([line, line]);
          written += 2000;
        } catch {
          break;
        }
      }
      written = sink.offset;
      assert.ok(written > 20_000 && written < 400_000, `${written} bytes`);
      assert.is((written - 6) % 1000, 0);
      assert.is(await store.size(KEY), written);
      await rejection(sink.append(chunks), "io");

      await free!();
      await sink.append([bytes("last\n")]);
      await sink.close();
      const content = await text(store, KEY);
      assert.is(content, `first\n${decode(line).repeat((written - 6) / 1000)}last\n`);
    } finally {
      await remove?.();
    }
  });

  test(`${name} put() leaves the old object where there is no room for the new one, and no draft`, async () => {
    const under = await makeSmall();
    if (typeof under === "string") return console.log(`skip: ${under}`);
    const { store, remove } = under;
    try {
      await store.put("demo.meta.json", bytes("old"));
      await rejection(store.put("demo.meta.json", patternOf(300_000)), "io");
      assert.is(decode((await store.get("demo.meta.json"))!), "old");
      await store.put("demo.meta.json", bytes("new"));
      assert.is(decode((await store.get("demo.meta.json"))!), "new");
      assert.equal(await keys(store), ["demo.meta.json"]);
    } finally {
      await remove?.();
    }
  });
}

/** Follows a tape and remembers what it got. */
class Follower {
  readonly chunks: string[] = [];
  readonly #done: Promise<void>;
  #decoder = new TextDecoder();

  constructor(store: TapeStore, options: OpenSourceOptions) {
    this.#done = this.#read(store.openSource(KEY, { follow: true, ...options }));
    this.#done.catch(() => {});
  }

  get text(): string {
    return this.chunks.join("");
  }

  /** Waits until it got as much as this, and compares. */
  async has(expected: string): Promise<void> {
    const enough = () => this.chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= expected.length;
    await Promise.race([eventually(`a follower to see ${expected.length} characters`, enough), this.#failed()]);
    if (this.text !== expected) throw new Error(difference(this.text, expected));
  }

  /** Waits until its stream has ended. */
  async ended(): Promise<void> {
    await within(this.#done, "the end of a follower");
  }

  async #failed(): Promise<never> {
    await this.#done;
    return await new Promise<never>(() => {});
  }

  async #read(stream: ReadableStream<Bytes>): Promise<void> {
    for await (const chunk of stream) this.chunks.push(this.#decoder.decode(chunk, { stream: true }));
  }
}

function difference(actual: string, expected: string): string {
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40));
  return `${actual.length} characters differ from ${expected.length} at ${at}: ${around(actual)}, not ${
    around(expected)
  }`;
}

function bytes(content: string): Bytes {
  return new TextEncoder().encode(content);
}

function decode(content: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(content);
}

/** Bytes that repeat nowhere near a block. */
function patternOf(length: number): Bytes {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8) + (at >> 16)) & 0xff);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

async function write(store: TapeStore, key: string, content: string): Promise<void> {
  const sink: TapeSink = await store.openSink(key);
  await sink.append([bytes(content)]);
  await sink.close();
}

async function chunksOf(store: TapeStore, key: string, options?: OpenSourceOptions): Promise<Bytes[]> {
  const read = async () => {
    const chunks: Bytes[] = [];
    for await (const chunk of store.openSource(key, options)) chunks.push(chunk);
    return chunks;
  };
  return await within(read(), `the end of ${key}`);
}

async function text(store: TapeStore, key: string, options?: OpenSourceOptions): Promise<string> {
  return decode(concat(await chunksOf(store, key, options)));
}

async function entriesOf(store: TapeStore) {
  const entries = [];
  for await (const entry of store.list()) entries.push(entry);
  return entries;
}

async function keys(store: TapeStore): Promise<string[]> {
  return (await entriesOf(store)).map(({ key }) => key).sort();
}

/** How many files and watches this process has open, where the system tells. */
function openHandles(): number {
  const folder = "/proc/self/fd";
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).filter((handle) => {
    try {
      return /^\/(?!dev|proc)|inotify/.test(readlinkSync(`${folder}/${handle}`));
    } catch {
      // The one that the folder was read with.
      return false;
    }
  }).length;
}
