import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeError } from "../../../src/errors.ts";
import { ENTRY_BYTES } from "../../../src/index/layout.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { TapeSink } from "../../../src/streams/sink.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { TapeIndex } from "../../../src/tape/index/tape-index.ts";
import { TapeManager } from "../../../src/tape/manager.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { anyMessage } from "../../helpers/strange/strange-tapes.ts";
import { messageOf, putTape } from "../../helpers/tapes.ts";
import { eventually } from "../../helpers/within.ts";

const options = { sessionId: "s", tapeId: "demo", checkpointEveryFrames: 100 };

async function inStores(work: (store: TapeStore) => Promise<void>): Promise<void> {
  await work(memoryStore());
  await inScratch(async (folder) => await work(fileStore(folder)));
}

/** An entry a line. */
function hex(bytes: Uint8Array | undefined): string {
  return Array.from(
    bytes ?? [],
    (byte, at) => (at % ENTRY_BYTES === 0 ? "\n" : "") + byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** The index of a tape, and the one that is built of the tape as it is. */
async function both(store: TapeStore): Promise<readonly [string, string]> {
  const recorded = await store.get("demo.index");
  const apart = memoryStore();
  await putTape(apart, "demo", (await store.get("demo.jsonl"))!);
  await buildIndex(apart, "demo");
  return [hex(recorded), hex(await apart.get("demo.index"))];
}

test("StreamingTapeWriter writes the index that would be built afterwards", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    await inStores(async (store) => {
      const random = numbersFrom(seed);
      const writer = await StreamingTapeWriter.create(store, options);
      for (let n = 0; n < 1500; n++) {
        const written = writer.writeFrame(anyMessage(random, n));
        if (random(100) === 0) await written;
        if (random(300) === 0) await writer.writeGap(1, "dropped");
      }
      await writer.finalize({ exit_code: 0 });
      const [recorded, built] = await both(store);
      assert.is(recorded, built, `seed ${seed}`);
      assert.ok(built.length > 16 * ENTRY_BYTES);
    });
  }
});

test("an index is no more than 0.2 % of its tape, however short that is, and however slowly it was recorded", async () => {
  for (const stepUs of [100, 10_000, 1_000_000, 30_000_000]) {
    for (
      const [length, counts] of [[20, [800, 4000]], [300, [150, 340, 1000]], [3000, [50, 100]], [33_000, [
        5,
        9,
      ]]] as const
    ) {
      for (const count of counts) {
        const store = memoryStore();
        let us = 0;
        const writer = await StreamingTapeWriter.create(store, { ...options, elapsedUs: () => us += stepUs });
        for (let n = 0; n < count; n++) writer.acceptFrame(messageOf(length, n));
        await writer.finalize();
        const [tape = 0, index = 0] = [await store.size("demo.jsonl"), await store.size("demo.index")];
        assert.ok(index <= tape / 500, `${index} of ${tape} bytes, ${count} frames of ${length}, ${stepUs} µs each`);
        assert.ok(index > 0 || tape < 170_000, `none of ${tape}`);
      }
    }
  }
});

test("StreamingTapeWriter lets readers use the index while it writes", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, options);
  for (let n = 0; n < 1500; n++) await writer.writeFrame(messageOf(1000, n));
  await eventually("an index", async () => await TapeIndex.open(store, "demo") !== undefined);
  const index = (await TapeIndex.open(store, "demo"))!;
  const entry = (await index.beforeSeq(300))!;
  assert.ok(entry.minSeq <= 300 && entry.maxSeq >= 300);
  await writer.finalize();
  assert.is((await index.beforeSeq(1499))!.maxSeq, 1499);
});

async function copyOf(store: TapeStore, key: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array((await store.get(key))!);
}

test("StreamingTapeWriter goes on with an index, however it ended", async () => {
  const damages:
    readonly ((store: TapeStore, index: Uint8Array<ArrayBuffer>, tape: Uint8Array<ArrayBuffer>) => Promise<unknown>)[] =
      [
        () => Promise.resolve(),
        (store) => store.delete("demo.index"),
        (store, index) => store.put("demo.index", index.slice(0, 200)),
        (store, index) => store.put("demo.index", index.slice(0, ENTRY_BYTES)),
        (store, index) => store.put("demo.index", index.slice(0, 20)),
        (store, index) => store.put("demo.index", index.fill(0, 300)),
        (store, index) => store.put("demo.index", index.fill(7, 3, 9)),
        (store, _, tape) => store.put("demo.jsonl", tape.slice(0, tape.length / 2)),
        (store, _, tape) => store.put("demo.jsonl", tape.slice(0, tape.length - 1)),
        (store, _, tape) => store.put("demo.jsonl", tape.slice(0, 70_000)),
      ];
  for (const [at, damage] of damages.entries()) {
    await inStores(async (store) => {
      const random = numbersFrom(at);
      for (let life = 0; life < 4; life++) {
        const writer = life === 0
          ? await StreamingTapeWriter.create(store, options)
          : await StreamingTapeWriter.resume(store, "demo");
        for (let n = 0; n < 500; n++) writer.acceptFrame(anyMessage(random, n));
        await writer.close();
        const [recorded, built] = await both(store);
        assert.is(recorded, built, `damage ${at}, life ${life}`);
        if (life < 3) await damage(store, await copyOf(store, "demo.index"), await copyOf(store, "demo.jsonl"));
      }
    });
  }
});

test("StreamingTapeWriter writes no index of a short tape, nor where it shall not", async () => {
  await inStores(async (store) => {
    for (
      const [tapeId, frames, index] of [["short", 50, true], ["without", 200, false], ["with", 200, true]] as const
    ) {
      const writer = await StreamingTapeWriter.create(store, { ...options, tapeId, index });
      for (let n = 0; n < frames; n++) await writer.writeFrame(messageOf(1000, n));
      await writer.finalize();
      assert.is(await store.size(`${tapeId}.index`) !== undefined, tapeId === "with", tapeId);
    }
    await (await StreamingTapeWriter.resume(store, "with", { index: false })).close();
    assert.is(await store.size("with.index"), undefined);
    await (await StreamingTapeWriter.resume(store, "without")).close();
    assert.ok((await TapeIndex.open(store, "without"))!.size > 1);
    await new TapeManager(store).delete("without");
    assert.is(await store.size("without.index"), undefined);
  });
});

/** A store that cannot open, or write, an index. */
function failing(store: TapeStore, when: "open" | "write" | "hang"): TapeStore {
  const fail = () => Promise.reject(new TapeError("io", "Cannot write the index: no room"));
  return {
    ...store,
    async openSink(key, how) {
      if (!key.endsWith(".index")) return await store.openSink(key, how);
      if (when === "open") return await fail();
      if (when === "hang") return await new Promise(() => {});
      const sink = await store.openSink(key, how);
      return new TapeSink({
        open: () => sink.open(),
        offset: 0,
        write: fail,
        sync: fail,
        truncate: (offset) => sink.truncate(offset),
        check: fail,
        close: fail,
        abort: (reason) => sink.abort(reason),
      });
    },
  };
}

test("StreamingTapeWriter loses nothing but the index where that cannot be written", async () => {
  for (const when of ["open", "write"] as const) {
    await inStores(async (store) => {
      const writer = await StreamingTapeWriter.create(failing(store, when), options);
      for (let n = 0; n < 1500; n++) await writer.writeFrame(messageOf(1000, n));
      const { status, stats } = await writer.finalize();
      assert.equal([status, stats?.frame_count], ["finalized", 1500]);
      const again = await StreamingTapeWriter.resume(failing(store, when), "demo");
      await again.writeFrame(messageOf(10));
      assert.is((await again.finalize()).stats?.frame_count, 1501);
      assert.is(await TapeIndex.open(store, "demo"), undefined);
    });
  }
});

test("StreamingTapeWriter lets no frame wait for the index", async () => {
  const store = failing(memoryStore(), "hang");
  const writer = await StreamingTapeWriter.create(store, options);
  for (let n = 0; n < 1500; n++) await writer.writeFrame(messageOf(1000, n));
  assert.is(writer.stats.frame_count, 1500);
});

test.run();
