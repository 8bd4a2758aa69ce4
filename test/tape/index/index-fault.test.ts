import { test } from "uvu";
import * as assert from "uvu/assert";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { CHECKSUM_AT, ENTRY_BYTES } from "../../../src/index/layout.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { indexFault } from "../../../src/tape/index/index-fault.ts";
import { TapeIndex } from "../../../src/tape/index/tape-index.ts";
import { repairTape } from "../../../src/tape/repair/repair.ts";
import type { Finding } from "../../../src/tape/verify/verify-finding.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { anyMessage, damagedTape, writtenTape } from "../../helpers/strange/strange-tapes.ts";
import { putTape } from "../../helpers/tapes.ts";

async function inStores(work: (store: TapeStore) => Promise<void>): Promise<void> {
  await work(memoryStore());
  await inScratch(async (folder) => await work(fileStore(folder)));
}

/** A finalized tape of some 400 KB with its index. */
async function record(store: TapeStore, seed = 1): Promise<void> {
  const random = numbersFrom(seed);
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  for (let n = 0; n < 800; n++) writer.acceptFrame(anyMessage(random, n));
  await writer.finalize();
}

test("indexFault() finds nothing wrong with an index that was recorded or built, or a part of one", async () => {
  await inStores(async (store) => {
    await record(store);
    assert.is(await indexFault(store, "demo"), undefined);
    const whole = new Uint8Array((await store.get("demo.index"))!);
    for (let length = ENTRY_BYTES; length < whole.length; length += ENTRY_BYTES) {
      await store.put("demo.index", whole.slice(0, length));
      assert.is(await indexFault(store, "demo"), undefined, `${length} bytes`);
    }
    await store.delete("demo.index");
    assert.is(await indexFault(store, "demo"), undefined);
  });
  for (let seed = 1; seed <= 10; seed++) {
    const random = numbersFrom(seed);
    const store = memoryStore();
    await putTape(store, "demo", damagedTape(random, await writtenTape(random, 500), random(9)));
    await buildIndex(store, "demo");
    assert.is(await indexFault(store, "demo"), undefined, `seed ${seed}`);
  }
});

test("indexFault() finds every bit that is wrong, also where the checksum fits", async () => {
  const store = memoryStore();
  await record(store);
  const whole = (await store.get("demo.index"))!;
  const view = new DataView(whole.buffer, whole.byteOffset);
  const crc = view.getUint32(CHECKSUM_AT, true);
  for (let seed = 0; seed < 60; seed++) {
    const random = numbersFrom(seed);
    const bytes = whole.slice();
    const at = random(whole.length);
    bytes[at]! ^= 1 << random(8);
    const entry = at - at % ENTRY_BYTES;
    if (entry > 0 && at - entry < CHECKSUM_AT) {
      const sum = crc32(bytes.subarray(entry, entry + CHECKSUM_AT), crc);
      new DataView(bytes.buffer).setUint32(entry + CHECKSUM_AT, sum, true);
    }
    await store.put("demo.index", bytes);
    assert.ok(await indexFault(store, "demo") !== undefined, `byte ${at}`);
  }
  await store.put("demo.index", whole.slice(0, -1));
  assert.is(await indexFault(store, "demo"), "its last entry is cut off");
});

test("indexFault() finds that a tape is not as it was", async () => {
  const store = memoryStore();
  await record(store);
  const tape = (await store.get("demo.jsonl"))!;
  await putTape(store, "demo", tape.slice(0, 200_000));
  assert.ok(await indexFault(store, "demo") !== undefined);
  const renamed = new TextDecoder().decode(tape).replaceAll('"name":"rare"', '"name":"else"');
  await putTape(store, "demo", renamed);
  assert.match(String(await indexFault(store, "demo")), /^its entry \d+ differs from the tape$/);
});

test("verifyTape() gives notice of a wrong index, and repairTape() and a writer that goes on put it right", async () => {
  await inStores(async (store) => {
    await record(store);
    const whole = new Uint8Array((await store.get("demo.index"))!);
    const wrong = whole.slice();
    wrong[whole.length - 30]! ^= 1;
    for (const [bad, mend] of [[wrong, "repair"], [wrong, "in place"], [whole.slice(0, 300), "resume"]] as const) {
      await store.put("demo.index", bad);
      const findings: Finding[] = [];
      const { isIntact } = await verifyTape(store, "demo", { onFinding: (finding) => findings.push(finding) });
      assert.equal([isIntact, findings.map(({ code, severity }) => [code, severity])], [true, [[
        "index_wrong",
        "notice",
      ]]]);
      if (mend === "resume") await (await StreamingTapeWriter.resume(store, "demo")).close();
      else {
        const { isChanged, isIndexBuilt } = await repairTape(store, "demo", { inPlace: mend === "in place" });
        assert.equal([isChanged, isIndexBuilt], [false, true]);
      }
      assert.is(await indexFault(store, "demo"), undefined);
      assert.equal(new Uint8Array((await store.get("demo.index"))!), new Uint8Array(whole));
    }
  });
});

test("repairTape() gives a repaired tape an index", async () => {
  await inStores(async (store) => {
    await record(store);
    const tape = (await store.get("demo.jsonl"))!;
    tape.fill(0, 100_000, 100_300);
    await putTape(store, "demo", tape);
    const { isIndexBuilt } = await repairTape(store, "demo");
    assert.ok(isIndexBuilt);
    assert.is(await indexFault(store, "demo-repaired"), undefined);
    assert.ok((await TapeIndex.open(store, "demo-repaired"))!.size > 2);
    await repairTape(store, "demo", { inPlace: true });
    assert.is(await indexFault(store, "demo"), undefined);
    assert.ok((await TapeIndex.open(store, "demo"))!.size > 2);
  });
});

test.run();
