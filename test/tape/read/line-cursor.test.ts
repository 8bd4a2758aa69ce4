import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeError } from "../../../src/errors.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import type { OpenSourceOptions } from "../../../src/streams/source.ts";
import { LineCursor } from "../../../src/tape/read/line-cursor.ts";
import { putTape } from "../../helpers/tapes.ts";
import { rejection, within } from "../../helpers/within.ts";

const KEY = "demo.jsonl";

async function storeWith(content: string): Promise<TapeStore> {
  const store = memoryStore();
  await putTape(store, "demo", content);
  return store;
}

/** What is left, short: the text of each line with its number, `!` before the report of one that is too long. */
async function rest(cursor: LineCursor): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const line = cursor.take();
    if (line instanceof TapeError) seen.push(`!${line.line ?? 0}`);
    else if (line !== undefined) seen.push(`${line.number} ${line.text()}${line.terminated ? "" : "…"}`);
    else if (!await cursor.fill()) return seen;
  }
}

test("LineCursor gives lines in order, and knows where the next one starts", async () => {
  const cursor = new LineCursor(await storeWith("one\ntwo\r\nthree\n"), KEY);
  assert.is(cursor.take(), undefined, "nothing was read yet");
  const places: unknown[] = [];
  while (await cursor.fill()) {
    for (let line; (line = cursor.take()) !== undefined;) places.push([line.offset, cursor.offset, cursor.number]);
  }
  assert.equal(places, [[0, 4, 2], [4, 9, 3], [9, 15, 4]]);
  assert.equal(await rest(cursor), []);
  await cursor.close();
});

test("LineCursor starts where it is told to, with or without a line number", async () => {
  const store = await storeWith("one\ntwo\nthree\n");
  assert.equal(await rest(new LineCursor(store, KEY, { offset: 4, number: 2 })), ["2 two", "3 three"]);
  assert.equal(await rest(new LineCursor(store, KEY, { offset: 14 })), []);
  const unnumbered = new LineCursor(store, KEY, { offset: 4, number: 0 });
  assert.equal(await rest(unnumbered), ["0 two", "0 three"]);
  await putTape(store, "demo", "one\ntwo\nthree\nfour\n");
  assert.equal(await rest(unnumbered), ["0 four"]);
});

test("LineCursor moves anywhere, also from the middle of what was read", async () => {
  const cursor = new LineCursor(await storeWith("one\ntwo\nthree\n"), KEY);
  await cursor.fill();
  cursor.take();
  await cursor.moveTo(8, 3);
  assert.is(cursor.take(), undefined);
  assert.equal(await rest(cursor), ["3 three"]);
  await cursor.moveTo(0, 1);
  assert.equal([cursor.offset, cursor.number], [0, 1]);
  assert.equal(await rest(cursor), ["1 one", "2 two", "3 three"]);
});

test("LineCursor forgets what it had looked at when it moves", async () => {
  const long = "x".repeat(50);
  const cursor = new LineCursor(await storeWith(`one\n${long}\n${long}\nfour\n`), KEY, { maxLineBytes: 9 });
  await cursor.fill();
  cursor.take();
  assert.instance(cursor.take(), TapeError);
  await cursor.moveTo(0, 1);
  assert.is(cursor.take(), undefined);
  assert.equal(await rest(cursor), ["1 one", "!2", "!3", "4 four"]);
});

test("LineCursor moves while it waits for lines, and whoever waited gets those of the new place", async () => {
  const store = await storeWith("one\ntwo\n");
  const cursor = new LineCursor(store, KEY, { follow: true, offset: 8, number: 3 });
  const filling = cursor.fill();
  await cursor.moveTo(4, 2);
  assert.is(await within(filling, "a line"), true);
  assert.is((cursor.take() as { text(): string }).text(), "two");
  await cursor.close();
});

test("LineCursor reports lines that are too long where they stand", async () => {
  const long = "x".repeat(50);
  const cursor = new LineCursor(await storeWith(`${long}\none\n${long}\n${long}\ntwo\n${long}\n`), KEY, {
    maxLineBytes: 9,
  });
  assert.equal(await rest(cursor), ["!1", "2 one", "!3", "!4", "5 two", "!6"]);
  assert.equal([cursor.offset, cursor.number], [4 * 51 + 8, 7]);
});

test("LineCursor gives an unfinished line again when there is more of it, from its start", async () => {
  const store = await storeWith("one\ntw");
  const cursor = new LineCursor(store, KEY);
  assert.equal(await rest(cursor), ["1 one", "2 tw…"]);
  assert.equal([cursor.offset, cursor.number], [4, 2]);
  await putTape(store, "demo", "one\ntwo\n");
  assert.equal(await rest(cursor), ["2 two"]);

  await putTape(store, "demo", `one\ntwo\n${"x".repeat(50)}`);
  const limited = new LineCursor(store, KEY, { maxLineBytes: 9, offset: 8, number: 3 });
  assert.equal(await rest(limited), ["!3"]);
  assert.is(limited.offset, 8);
  await putTape(store, "demo", "one\ntwo\nthree\n");
  assert.equal(await rest(limited), ["3 three"]);
});

test("accept() keeps an unfinished line that was whole from being given again", async () => {
  const store = await storeWith("one\ntwo");
  const cursor = new LineCursor(store, KEY);
  await cursor.fill();
  cursor.take();
  await cursor.fill();
  const line = cursor.take();
  assert.ok(line !== undefined && !(line instanceof TapeError));
  cursor.accept(line);
  assert.equal(await rest(cursor), []);
  assert.equal(await rest(cursor), []);
  const fork = cursor.fork({});
  await putTape(store, "demo", "one\ntwo\nthree\n");
  assert.equal(await rest(cursor), ["3 three"]);
  assert.equal(await rest(fork), ["3 three"]);
  // Another line of that length in its place is another line.
  await cursor.moveTo(4, 2);
  await putTape(store, "demo", "one\ntwo");
  cursor.accept(line);
  await putTape(store, "demo", "one\nTWO\n");
  assert.equal(await rest(cursor), ["2 TWO"]);
});

test("fill() called by many at once reads once", async () => {
  const inner = await storeWith("one\ntwo\n");
  let opened = 0;
  const store: TapeStore = {
    ...inner,
    openSource(key: string, options?: OpenSourceOptions) {
      opened++;
      return inner.openSource(key, options);
    },
  };
  const cursor = new LineCursor(store, KEY);
  assert.equal(await Promise.all([cursor.fill(), cursor.fill(), cursor.fill()]), [true, true, true]);
  assert.is(opened, 1);
  assert.equal(await rest(cursor), ["1 one", "2 two"]);
});

test("fill() rejects where the source fails, and a later call reads on from there", async () => {
  const inner = await storeWith(`one\n${"x".repeat(100)}\nthree\n`);
  let fails = true;
  const store: TapeStore = {
    ...inner,
    openSource(key: string, options?: OpenSourceOptions) {
      if (!fails) return inner.openSource(key, options);
      let pulls = 0;
      return new ReadableStream({
        pull(controller) {
          if (pulls++ > 0) controller.error(new TapeError("io", "Cannot read: EIO"));
          else controller.enqueue(new TextEncoder().encode(`one\n${"x".repeat(50)}`));
        },
      }, { highWaterMark: 0 });
    },
  };
  const cursor = new LineCursor(store, KEY);
  await cursor.fill();
  assert.is((cursor.take() as { text(): string }).text(), "one");
  assert.is(cursor.take(), undefined);
  await rejection(cursor.fill(), "io");
  fails = false;
  assert.equal(await rest(cursor), [`2 ${"x".repeat(100)}`, "3 three"]);
});

test("close() ends it, also for whoever waits", async () => {
  const cursor = new LineCursor(await storeWith("one\ntwo\n"), KEY, { follow: true });
  await cursor.fill();
  cursor.take();
  cursor.take();
  const filling = cursor.fill();
  await cursor.close();
  assert.is(await within(filling, "the end"), false);
  assert.is(await cursor.fill(), false);
  assert.is(cursor.take(), undefined);
});

test.run();
