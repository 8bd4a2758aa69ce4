import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import { TapeError } from "../../../src/errors.ts";
import { parseMetadata, type TapeMetadata } from "../../../src/records/metadata.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { MetadataFile } from "../../../src/tape/write/metadata-file.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { type Faults, faultyStore, Gate } from "../../helpers/strange/faulty-store.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { messageOf, metadataOf } from "../../helpers/tapes.ts";
import { eventually, reasonOf, within } from "../../helpers/within.ts";

/** The metadata file of a tape, what was put, and the metadata to change. */
async function bench(intervalMs: number, faults: Faults = {}) {
  const puts: string[] = [];
  const { put } = faults;
  faults.put = async (key, bytes) => {
    await put?.(key, bytes);
    puts.push(new TextDecoder().decode(bytes));
  };
  const inner = memoryStore();
  await inner.put("demo.jsonl", new Uint8Array());
  const store = faultyStore(faults, inner);
  const current: TapeMetadata = { tape_id: "demo", name: "first" };
  return {
    puts,
    store,
    current,
    file: new MetadataFile(store, "demo", intervalMs, () => current, () => Promise.resolve()),
  };
}

test("put() puts the metadata as they are now, as JSON for people", async () => {
  const { puts, store, current, file } = await bench(60_000);
  await file.put();
  assert.equal(puts, ['{\n  "tape_id": "demo",\n  "name": "first"\n}\n']);
  current.name = "second";
  await file.put();
  assert.equal(await metadataOf(store, "demo"), { tape_id: "demo", name: "second" });
});

test("touch() puts them within the interval, once however often it is called", async () => {
  const { puts, current, file } = await bench(20);
  for (let n = 0; n < 100; n++) {
    current.name = `change ${n}`;
    file.touch();
  }
  assert.equal(puts, []);
  await eventually("the metadata to be put", () => puts.length > 0);
  assert.match(puts[0]!, /change 99/);
  // A second put would have been due before this.
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.is(puts.length, 1);
  file.touch();
  await eventually("the metadata to be put again", () => puts.length === 2);
  await file.stop();
});

test("touch() tries again with the next change where they cannot be put", async () => {
  let fails = 0;
  const { puts, file } = await bench(1, {
    put() {
      if (fails++ < 3) throw new Error("no room");
    },
  });
  await eventually("the metadata to be put", () => {
    file.touch();
    return puts.length > 0;
  });
  assert.ok(fails >= 4);
  await file.stop();
});

test("put() rejects where they cannot be put, and the next one is not held up", async () => {
  const failure = new Error("no room");
  let fails = true;
  const { puts, file } = await bench(60_000, {
    put() {
      if (fails) throw failure;
    },
  });
  assert.is(await reasonOf(file.put()), failure);
  fails = false;
  await within(file.put(), "the next put");
  assert.is(puts.length, 1);
});

test("put() waits its turn: what is put last is what was true last", async () => {
  const gate = new Gate();
  let underWay = 0;
  const { puts, current, file } = await bench(60_000, {
    async put() {
      assert.is(underWay++, 0, "one at a time");
      await gate.pass();
      underWay--;
    },
  });
  gate.shut();
  const all = [file.put()];
  await eventually("a put", () => gate.waiting === 1);
  for (const name of ["second", "third"]) {
    current.name = name;
    all.push(file.put());
  }
  gate.open();
  await within(Promise.all(all), "the puts");
  assert.match(puts[0]!, /first/);
  assert.match(puts.at(-1)!, /third/);
});

test("close() puts them one last time, at once, and nothing after it", async () => {
  const { puts, current, file } = await bench(15);
  file.touch();
  current.name = "last";
  await file.close();
  assert.is(puts.length, 1);
  assert.match(puts[0]!, /last/);
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.is(puts.length, 1);
});

test("metadata that are put while somebody deletes the tape are taken back, and close() waits for that", async () => {
  const gate = new Gate();
  const { puts, store, file } = await bench(1, { put: () => gate.pass() });
  gate.shut();
  file.touch();
  await eventually("a put", () => gate.waiting === 1);
  await store.delete("demo.jsonl");
  const closed = file.close(new TapeError("tape_not_found", "Cannot write demo.jsonl: it was deleted"));
  gate.open();
  await within(closed, "the end");
  assert.is(puts.length, 1);
  assert.is(await store.get("demo.meta.json"), undefined);
});

test("metadata that are put last, while somebody deletes the tape, are taken back too", async () => {
  const gate = new Gate();
  const { store, file } = await bench(60_000, { put: () => gate.pass() });
  gate.shut();
  const closed = file.close();
  await eventually("a put", () => gate.waiting === 1);
  await store.delete("demo.jsonl");
  gate.open();
  await within(closed, "the end");
  assert.is(await store.get("demo.meta.json"), undefined);
});

test("close() of a tape that is gone leaves the metadata beside it as they are", async () => {
  const { puts, file } = await bench(60_000);
  await file.close(new TapeError("tape_not_found", "Cannot write demo.jsonl: it was moved away"));
  assert.equal(puts, []);
});

test("stop() puts nothing more", async () => {
  const { puts, file } = await bench(1);
  file.touch();
  await file.stop();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(puts, []);
});

test("StreamingTapeWriter keeps the metadata within metadataEveryMs of the tape, and at the end", async () => {
  const changed = deferred();
  const seen: (number | null | undefined)[] = [];
  const store = faultyStore({
    put(_, bytes) {
      seen.push(parseMetadata(new TextDecoder().decode(bytes), "it").stats?.frame_count);
      if (seen.length > 1) changed.resolve();
    },
  }, memoryStore());
  const options = { sessionId: "s", tapeId: "demo", metadataEveryMs: 5 };
  const writer = await StreamingTapeWriter.create(store, options);
  for (let n = 0; n < 3; n++) await writer.writeFrame(messageOf(1, n));
  await within(changed.promise, "the metadata to be put");
  await eventually(
    "them to tell of all frames",
    async () => (await metadataOf(store, "demo")).stats?.frame_count === 3,
  );
  assert.is(seen[0], 0);
  await writer.finalize();
  assert.equal([(await metadataOf(store, "demo")).status, seen.at(-1)], ["finalized", 3]);
});

test("StreamingTapeWriter replaces the metadata as a whole: whoever reads meanwhile can", async () => {
  await inScratch(async (folder) => {
    const writer = await StreamingTapeWriter.create(fileStore(folder), {
      sessionId: "s",
      tapeId: "demo",
      metadata: { description: "x".repeat(50_000) },
      metadataEveryMs: 1,
    });
    const other = fileStore(folder);
    let previous = 0;
    await eventually("the metadata to follow the tape", async () => {
      await writer.writeFrame(messageOf(1));
      const { stats, description } = await metadataOf(other, "demo");
      assert.is(description?.length, 50_000);
      assert.ok(stats!.frame_count! >= previous, "never an older one");
      previous = stats!.frame_count!;
      return previous > 100;
    });
    await writer.finalize();
  });
});

test.run();
