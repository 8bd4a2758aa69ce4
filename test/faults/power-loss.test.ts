import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/stores/file.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { Child } from "../helpers/child.ts";
import { request } from "../helpers/tapes.ts";
import { type FileSystem, onDisk } from "./disks.ts";

/** Cuts the power after so many acknowledgements, and hands over what was acknowledged and where the tape is, or was. */
async function powerLoss(
  kind: FileSystem,
  durability: string,
  after: number,
  check: (acknowledged: readonly number[], store: TapeStore) => Promise<void>,
): Promise<void> {
  await onDisk(kind, async (disk) => {
    const acknowledged: number[] = [];
    {
      await using child = new Child("../../faults/acks-child.ts", [disk.folder, "create", durability, "100000"]);
      assert.is(await child.line(), "ready");
      child.tell("go");
      assert.is(await child.line(), "open");
      while (acknowledged.length < after) acknowledged.push(Number(await child.line()));
      disk.cutPower();
      await child.kill();
    }
    disk.restart();
    // A computer takes longer to start than a lock without a holder counts as being written.
    await utimes(join(disk.folder, "demo.jsonl.lock"), 0, 0).catch(() => {});
    await check(acknowledged, fileStore(disk.folder));
  });
}

async function sequenceOf(store: TapeStore): Promise<number[]> {
  await using reader = await StreamingTapeReader.open(store, "demo");
  const frames: number[] = [];
  for await (const { seq } of reader.frames()) frames.push(seq);
  assert.equal(frames, [...new Set(frames)].sort((a, b) => a - b), "each frame once, and in order");
  return frames;
}

for (const kind of ["ext4", "xfs"] as const) {
  test(`what was acknowledged at \`synced\` survives a power loss on ${kind}`, async () => {
    for (const after of [1, 40, 300]) {
      await powerLoss(kind, "synced", after, async (acknowledged, store) => {
        const writer = await StreamingTapeWriter.resume(store, "demo");
        const next = await writer.writeFrame(request("after"));
        await writer.finalize();
        const kept = new Set(await sequenceOf(store));
        assert.equal([...acknowledged, next].filter((seq) => !kept.has(seq)), []);
      });
    }
  });
}

test("what was acknowledged at `flushed` only does not survive a power loss, so the test above can tell", async () => {
  await powerLoss("ext4", "flushed", 40, async (acknowledged, store) => {
    const kept = new Set(await sequenceOf(store).catch(() => []));
    assert.ok(acknowledged.some((seq) => !kept.has(seq)), "the power loss has lost nothing");
  });
});

test.run();
