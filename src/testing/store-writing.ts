import * as assert from "./assert.ts";
import { pipe } from "../streams/pipe.ts";
import { bytes, check, KEY, keys, type StoreCheck, text, write } from "./store-check.ts";
import { reasonOf, rejection } from "./within.ts";

/** Making a tape, and going on with one. */
export const writing: readonly StoreCheck[] = [
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
  }),

  check("openSink() makes an empty tape where nothing is written", async ({ store, other }) => {
    await (await store.openSink(KEY)).close();
    assert.is(await other.size(KEY), 0);
    assert.is(await text(other, KEY), "");
  }),

  check("openSink() refuses to create what is there, and leaves it as it was", async ({ store, other }) => {
    await write(store, KEY, "old\n");
    for (const options of [undefined, { mode: "create" as const }, { mode: undefined }]) {
      await rejection(other.openSink(KEY, options), "invalid_argument");
    }
    assert.is(await text(store, KEY), "old\n");
    await (await store.openSink(KEY, { mode: "append" })).close();
  }),

  check("openSink() refuses to append to what is not there, and makes nothing", async ({ store, other }) => {
    await rejection(store.openSink(KEY, { mode: "append" }), "tape_not_found");
    assert.equal(await keys(other), []);
    await (await store.openSink(KEY)).close();
  }),

  check("openSink() appends behind what is there", async ({ store, other }) => {
    await write(store, KEY, "one\n");
    const sink = await other.openSink(KEY, { mode: "append" });
    assert.is(sink.offset, 4);
    await sink.append([bytes("two\n")]);
    assert.is(sink.offset, 8);
    await sink.close();
    assert.is(await text(store, KEY), "one\ntwo\n");
  }),

  check("openSink() refuses a second writer, until the first has closed or aborted", async ({ store, other }) => {
    for (const end of ["close", "abort"] as const) {
      const first = await store.openSink(KEY, { mode: end === "close" ? "create" : "append" });
      await first.append([bytes("kept\n")]);
      for (const mode of ["append", "create"] as const) {
        for (const second of [store, other]) {
          await rejection(second.openSink(KEY, { mode }), "locked");
        }
      }
      await first.append([bytes("kept too\n")]);
      await first[end]();
      const next = await other.openSink(KEY, { mode: "append" });
      await next.append([bytes("more\n")]);
      await next.close();
    }
    assert.is(await text(store, KEY), "kept\nkept too\nmore\n".repeat(2));
  }),

  check("openSink() lets each tape have a writer of its own", async ({ store, other }) => {
    const sinks = await Promise.all([store.openSink("a.jsonl"), other.openSink("b.jsonl")]);
    await Promise.all(sinks.map((sink, at) => sink.append([bytes(`${at}\n`)])));
    await Promise.all(sinks.map((sink) => sink.close()));
    assert.equal([await text(store, "a.jsonl"), await text(store, "b.jsonl")], ["0\n", "1\n"]);
  }),

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
  }),

  check("a sink is the end of a pipeline", async ({ store }) => {
    await pipe([bytes("one\n"), bytes("two\n")], await store.openSink(KEY));
    const writer = (await store.openSink(KEY, { mode: "append" })).getWriter();
    void writer.write(bytes("three\n"));
    void writer.write(bytes("four\n"));
    await writer.close();
    assert.is(await text(store, KEY), "one\ntwo\nthree\nfour\n");
  }),

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
  }),

  check("append() has taken the bytes when it settles: their memory may be used again", async ({ store }) => {
    const sink = await store.openSink(KEY);
    const chunk = bytes("abcdef\n");
    await sink.append([chunk.subarray(0, 3), chunk.subarray(3)]);
    chunk.fill(0x78);
    await sink.close();
    assert.is(await text(store, KEY), "abcdef\n");
  }),

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
  }),

  check("sync() settles, before and after writing and again", async ({ store }) => {
    const sink = await store.openSink(KEY);
    await sink.sync();
    await sink.append([bytes("one\n")]);
    await Promise.all([sink.sync(), sink.sync()]);
    await sink.close();
    assert.is(await text(store, KEY), "one\n");
  }),

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
  }),
];
