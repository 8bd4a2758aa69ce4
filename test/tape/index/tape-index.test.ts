import { test } from "uvu";
import * as assert from "uvu/assert";
import type { IndexEntry } from "../../../src/index/index-entry.ts";
import { ENTRY_BYTES } from "../../../src/index/layout.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { indexFault } from "../../../src/tape/index/index-fault.ts";
import { TapeIndex } from "../../../src/tape/index/tape-index.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { damagedTape, writtenTape } from "../../helpers/strange/strange-tapes.ts";
import { frameLine, initLine, putTape } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

const padding = JSON.stringify("x".repeat(900));

/** A tape of so many frames, about 1000 bytes and 10 ms each. */
function plainTape(frames: number): string {
  return initLine("demo") + Array.from({ length: frames }, (_, seq) => frameLine(seq, seq * 10, padding)).join("");
}

/** The places that lookups may be asked for, and what a look at all entries says. */
async function checkLookups(index: TapeIndex, all: readonly IndexEntry[], random: (below: number) => number) {
  const most = all.at(-1)!;
  for (let n = 0; n < 40; n++) {
    const seq = random(Math.min(most.maxSeq, 1e9) + 3);
    const ms = random(Math.min(most.maxTs, 1e9) + 3);
    const offset = random(most.end + 10);
    assert.equal(await index.beforeSeq(seq), all.find(({ maxSeq }) => maxSeq >= seq) ?? most);
    assert.equal(await index.beforeTime(ms), all.find(({ maxTs }) => maxTs >= ms) ?? most);
    assert.equal(await index.at(offset), all.find(({ end }) => end > offset) ?? most);
    const from = all.findIndex(({ end }) => end > offset);
    const ahead = (await collect(index.entries({ from: offset }))).flat();
    assert.equal(ahead, from < 0 ? [] : all.slice(from));
    const back = (await collect(index.entries({ from: offset, reverse: true }))).flat();
    assert.equal(back, from < 0 ? all.toReversed() : all.slice(0, from + 1).toReversed());
  }
}

async function inStores(work: (store: TapeStore) => Promise<void>): Promise<void> {
  await work(memoryStore());
  await inScratch(async (folder) => await work(fileStore(folder)));
}

test("TapeIndex looks up what a look at all entries would find, on damaged and foreign tapes too", async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = numbersFrom(seed);
    const tape = damagedTape(random, await writtenTape(random, 1200), seed * 4);
    await inStores(async (store) => {
      await putTape(store, "demo", tape);
      const { entries, indexBytes, tapeBytes } = await buildIndex(store, "demo");
      assert.is(indexBytes, await store.size("demo.index"));
      assert.is(tapeBytes, tape.lastIndexOf(0x0a) + 1);
      const index = (await TapeIndex.open(store, "demo"))!;
      const all = (await collect(index.entries())).flat();
      assert.is(all.length, entries);
      assert.ok(entries > 3);
      assert.is(index.size, entries);
      assert.equal((await collect(index.entries({ reverse: true }))).flat(), all.toReversed());
      await checkLookups(index, all, random);
    });
  }
});

test("TapeIndex reads a large index page by page", async () => {
  const store = memoryStore();
  await putTape(store, "demo", plainTape(1));
  await buildIndex(store, "demo");
  const reads: number[] = [];
  const counting: TapeStore = {
    ...store,
    openSource(key, options) {
      if (key === "demo.index") reads.push((options?.end ?? Infinity) - (options?.start ?? 0));
      return store.openSource(key, options);
    },
  };
  await putTape(store, "demo", plainTape(80_000));
  await buildIndex(store, "demo");
  const index = (await TapeIndex.open(counting, "demo"))!;
  assert.ok(index.size > 1100);
  assert.is((await index.beforeSeq(40_000))!.minSeq <= 40_000, true);
  assert.ok(reads.every((bytes) => bytes <= 512 * ENTRY_BYTES));
  const before = reads.length;
  assert.ok(before <= 5);
  await index.beforeSeq(40_100);
  assert.is(reads.length, before, "what was read is kept");
});

test("TapeIndex follows an index that grows", async () => {
  await inStores(async (store) => {
    const random = numbersFrom(1);
    await putTape(store, "demo", plainTape(1000));
    await buildIndex(store, "demo");
    const whole = (await store.get("demo.index"))!;
    const count = whole.length / ENTRY_BYTES - 1;
    await store.put("demo.index", whole.slice(0, 4 * ENTRY_BYTES + 30));
    const index = (await TapeIndex.open(store, "demo"))!;
    assert.is(index.size, 3);
    assert.is((await index.beforeSeq(999))!.maxSeq, (await collect(index.entries())).flat()[2]!.maxSeq);
    await store.put("demo.index", whole);
    assert.is((await index.beforeSeq(999))!.maxSeq, 999);
    assert.is(index.size, count);
    const all = (await collect(index.entries())).flat();
    assert.is(all.length, count);
    await checkLookups(index, all, random);
  });
});

test("TapeIndex.open() takes no index that is missing, damaged, of another tape or of an earlier one", async () => {
  const store = memoryStore();
  await putTape(store, "demo", plainTape(300));
  assert.is(await TapeIndex.open(store, "demo"), undefined);
  await buildIndex(store, "demo");
  const whole = (await store.get("demo.index"))!;
  for (let at = 0; at < ENTRY_BYTES; at++) {
    const flipped = whole.slice();
    flipped[at]! ^= 1;
    await store.put("demo.index", flipped);
    assert.is(await TapeIndex.open(store, "demo"), undefined, `byte ${at}`);
  }
  for (const length of [0, 1, ENTRY_BYTES - 1]) {
    await store.put("demo.index", whole.slice(0, length));
    assert.is(await TapeIndex.open(store, "demo"), undefined, `${length} bytes`);
  }
  await store.put("other.index", whole);
  await putTape(store, "other", plainTape(300).replace("10:00:00", "12:00:00"));
  assert.is(await TapeIndex.open(store, "other"), undefined);
  // The same tape by another id, as a file that was renamed is.
  for (const id of ["renamed", "a-name-that-is-longer-than-the-room-for-ids-in-a-header"]) {
    await putTape(store, id, plainTape(300));
    await store.put(`${id}.index`, whole);
    assert.ok(await TapeIndex.open(store, id), id);
    assert.is(await indexFault(store, id), undefined);
  }
  await store.put("demo.index", whole);
  assert.ok(await TapeIndex.open(store, "demo"));
  await putTape(store, "demo", plainTape(300).replace("10:00:00", "11:00:00"));
  assert.is(await TapeIndex.open(store, "demo"), undefined);
  await store.delete("demo.jsonl");
  assert.is(await TapeIndex.open(store, "demo"), undefined);
});

test("TapeIndex does without entries that are damaged", async () => {
  const store = memoryStore();
  await putTape(store, "demo", plainTape(1000));
  await buildIndex(store, "demo");
  const whole = (await store.get("demo.index"))!;
  const count = whole.length / ENTRY_BYTES - 1;
  const fresh = (await TapeIndex.open(store, "demo"))!;
  const all = (await collect(fresh.entries())).flat();
  for (let seed = 0; seed < 300; seed++) {
    const random = numbersFrom(seed);
    const bytes = whole.slice();
    const at = ENTRY_BYTES + random(whole.length - ENTRY_BYTES);
    const damaged = Math.floor(at / ENTRY_BYTES) - 1;
    bytes[at]! ^= 1 << random(8);
    await store.put("demo.index", bytes);
    const index = (await TapeIndex.open(store, "demo"))!;
    assert.is(index.size, damaged === count - 1 ? count - 1 : count);
    assert.equal((await collect(index.entries())).flat(), all.slice(0, damaged));
    const back = (await collect(index.entries({ reverse: true }))).flat();
    assert.equal(back, damaged === count - 1 ? all.slice(0, -1).toReversed() : all.slice(damaged + 1).toReversed());
    const seq = random(1000);
    const found = await index.beforeSeq(seq);
    if (found !== undefined) {
      assert.equal(
        found,
        all.slice(0, index.size).find(({ maxSeq }) => maxSeq >= seq) ?? all[index.size - 1],
      );
    }
  }
});

test("TapeIndex passes over what a power loss has left behind, in the index or in the tape", async () => {
  const store = memoryStore();
  const tape = plainTape(1000);
  await putTape(store, "demo", tape);
  await buildIndex(store, "demo");
  const whole = (await store.get("demo.index"))!;
  const zeros = whole.slice();
  zeros.fill(0, 5 * ENTRY_BYTES + 7);
  await store.put("demo.index", zeros);
  assert.is((await TapeIndex.open(store, "demo"))!.size, 4);
  await store.put("demo.index", whole);
  const index = (await TapeIndex.open(store, "demo"))!;
  const all = (await collect(index.entries())).flat();
  await putTape(store, "demo", tape.slice(0, all[3]!.end - 1));
  assert.is((await TapeIndex.open(store, "demo"))!.size, 3);
  await index.refresh();
  assert.is(index.size, 3);
});

test("buildIndex() says what keeps it from building", async () => {
  await inStores(async (store) => {
    await rejection(buildIndex(store, "demo"), "tape_not_found");
    await putTape(store, "demo", "no tape\n");
    await rejection(buildIndex(store, "demo"), "invalid_tape");
    assert.is(await store.size("demo.index"), undefined);
    await putTape(store, "demo", plainTape(200));
    await buildIndex(store, "demo");
    const sink = await store.openSink("demo.index", { mode: "append" });
    await rejection(buildIndex(store, "demo"), "locked");
    await sink.abort(undefined);
    const progress: number[] = [];
    await buildIndex(store, "demo", { onProgress: (bytes) => progress.push(bytes) });
    assert.is(progress.at(-1), plainTape(200).length);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    assert.is(await buildIndex(store, "demo", { signal }).then(() => undefined, (error) => error), reason);
    assert.is((await buildIndex(store, "demo")).tapeBytes, plainTape(200).length);
  });
});

test.run();
