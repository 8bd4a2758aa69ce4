import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/stores/file.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { Child } from "../helpers/child.ts";
import { numbersFrom } from "../helpers/random.ts";
import { inScratch } from "../helpers/scratch.ts";
import { SEED } from "../helpers/seed.ts";
import { pathsOf } from "./rounds.ts";
import { CALLS, oneThread, whileFailing, whyNoTracing } from "./tracing.ts";

async function sequenceOf(folder: string): Promise<number[]> {
  await using reader = await StreamingTapeReader.open(fileStore(folder), "demo");
  const frames: number[] = [];
  for await (const { seq } of reader.frames()) frames.push(seq);
  assert.equal(frames, [...new Set(frames)].sort((a, b) => a - b), "each frame once, and in order");
  return frames;
}

test("what was acknowledged survives kill -9, of one writer after the other on the same tape", async () => {
  const random = numbersFrom(SEED);
  await inScratch(async (folder) => {
    const kills = 10;
    const start = (mode: string) => new Child("../../faults/acks-child.ts", [folder, mode, "flushed", "1000000"]);
    const children = [start("create")];
    try {
      const acknowledged: number[] = [];
      for (let n = 0; n < kills; n++) {
        const child = children[n]!;
        // The next one starts while this one writes.
        children.push(start("resume"));
        assert.is(await child.line(), "ready");
        child.tell("go");
        assert.is(await child.line(), "open");
        const until = acknowledged.length + random(200);
        while (acknowledged.length < until) {
          acknowledged.push(Number(await child.line()));
        }
        await child.kill();
        const there = new Set(await sequenceOf(folder));
        assert.equal(acknowledged.filter((seq) => !there.has(seq)), [], `seed ${SEED}, kill ${n}`);
      }
      const writer = await StreamingTapeWriter.resume(fileStore(folder), "demo");
      await writer.finalize();
      const all = await sequenceOf(folder);
      assert.equal(all, Array.from(all, (_, at) => at), `seed ${SEED}: no number is left out`);
    } finally {
      for (const child of children) await child.kill();
    }
  });
});

/** Kills a writer at its n-th call of this kind, for n = 1, 2, 3, … until it lives to the end. */
async function killAtEach(calls: keyof typeof CALLS): Promise<number> {
  for (let n = 1;; n++) {
    assert.ok(n < 50, "there is no end of it");
    const isOver = await inScratch(async (folder) => {
      await using child = new Child("../../faults/acks-child.ts", [folder, "create", "flushed", "4"], oneThread());
      assert.is(await child.line(), "ready");
      const acknowledged: number[] = [];
      const write = async (): Promise<boolean> => {
        child.tell("go");
        try {
          for (let line; (line = await child.line()) !== "end";) if (line !== "open") acknowledged.push(Number(line));
          await child.ended();
          return true;
        } catch {
          await child.kill();
          return false;
        }
      };
      const { value } = await whileFailing(
        child.pid,
        pathsOf(folder),
        [`${CALLS[calls]}:signal=KILL:when=${n}`],
        write,
      );
      if (acknowledged.length === 0 && await fileStore(folder).size("demo.jsonl") === undefined) return value;
      const content = await readFile(join(folder, "demo.jsonl"), "utf8");
      if (!content.includes("\n")) {
        assert.equal(acknowledged, [], "a tape without its first line has acknowledged nothing");
        return value;
      }
      assert.equal((await sequenceOf(folder)).slice(0, acknowledged.length), acknowledged, `${calls} ${n}`);
      // The lock of the dead is no hindrance.
      const writer = await StreamingTapeWriter.resume(fileStore(folder), "demo");
      await writer.finalize();
      const all = await sequenceOf(folder);
      assert.equal(all, Array.from(all, (_, at) => at), `${calls} ${n}`);
      return value;
    });
    if (isOver) return n - 1;
  }
}

test("a writer that is killed at each of its writes, renames and removals leaves a tape to go on with", async () => {
  const reason = whyNoTracing();
  if (reason !== undefined) return console.log(`skip: ${reason}`);
  const kills: string[] = [];
  for (const calls of ["write", "rename", "remove"] as const) kills.push(`${await killAtEach(calls)} at ${calls}`);
  console.log(`kills: ${kills.join(", ")}`);
});

test.run();
