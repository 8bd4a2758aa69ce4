import * as assert from "./assert.ts";
import { concat } from "../bytes/bytes.ts";
import type { OpenSourceOptions } from "../streams/source.ts";
import { bytes, check, chunksOf, KEY, patternOf, same, type StoreCheck, text, write } from "./store-check.ts";
import { eventually, reasonOf, rejection, within } from "./within.ts";

/** Reading what is there. */
export const reading: readonly StoreCheck[] = [
  check("openSource() fails in the stream where there is no such tape", async ({ store }) => {
    for (const follow of [false, true]) {
      await rejection(text(store, KEY, { follow }), "tape_not_found");
    }
    await store.openSource(KEY).cancel();
    await store.openSource(KEY, { follow: true }).cancel();
  }),

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
  }),

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
  }),

  check("openSource() reads many small pieces at the same time, as a search does", async ({ store, other }) => {
    const content = patternOf(600_000);
    const sink = await store.openSink(KEY);
    await sink.append([content]);
    await sink.close();
    const starts = Array.from({ length: 24 }, (_, n) => n * 24_999);
    const pieces = await Promise.all(starts.map((start) => chunksOf(other, KEY, { start, end: start + 16_384 })));
    for (const [n, start] of starts.entries()) {
      assert.ok(same(concat(pieces[n]!), content.subarray(start, start + 16_384)), `from byte ${start} on`);
    }
  }),

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
  }),

  check("openSource() ends with the signal's reason where it reads and does not follow", async ({ store }) => {
    await write(store, KEY, "x".repeat(1_000_000));
    const reason = new Error("enough");
    assert.is(await reasonOf(text(store, KEY, { signal: AbortSignal.abort(reason) })), reason);

    const stop = new AbortController();
    const reader = store.openSource(KEY, { signal: stop.signal }).getReader();
    await reader.read();
    stop.abort(reason);
    assert.is(await reasonOf(reader.read()), reason);
  }),

  check(
    "openSource() lets go when it is cancelled, at its end, and on an error",
    async ({ store, other, openHandles }) => {
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
    },
  ),

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
  }),
];
