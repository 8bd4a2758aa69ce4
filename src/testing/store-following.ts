import * as assert from "./assert.ts";
import { numbersFrom } from "./random.ts";
import { bytes, check, chunksOf, KEY, type StoreCheck, text, write } from "./store-check.ts";
import { Follower } from "./follower.ts";
import { rejection, within } from "./within.ts";

/** Reading what is still being written. */
export const following: readonly StoreCheck[] = [
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
  }),

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
  }),

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
  }),

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
  }),

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
  }),

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
  }),

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
  }),

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
      await rejection(follower.ended(), "invalid_tape");
      assert.is(follower.text, "one\ntwo\n");
    },
  ),

  check("openSource() that follows fails when the tape is cut back behind what it gave", async ({ store, other }) => {
    await write(store, KEY, "one\ntwo\n");
    const follower = new Follower(other, {});
    await follower.has("one\ntwo\n");
    const sink = await store.openSink(KEY, { mode: "append" });
    await sink.truncate(4);
    await rejection(follower.ended(), "invalid_tape");
    await sink.close();
  }),
];
