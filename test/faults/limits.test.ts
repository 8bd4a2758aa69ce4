import { spawnSync } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/stores/file.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { Child } from "../helpers/child.ts";
import { inScratch } from "../helpers/scratch.ts";
import { recordsOf, request } from "../helpers/tapes.ts";
import { rejection } from "../helpers/within.ts";
import { failureOf } from "./disks.ts";
import { checkTape, round } from "./rounds.ts";

/** Lets a child write a tape while something is scarce, and another when it is not. */
async function whileScarce(child: Child, folder: string, what: string, lift: () => void): Promise<boolean> {
  const report = await round(child, "create", folder, "flushed");
  lift();
  try {
    await checkTape(folder, report, "flushed");
    const after = await round(child, report.opened.error === undefined ? "resume" : "create", folder, "flushed");
    assert.equal([after.opened, after.ended], [{}, {}]);
    assert.equal((await readdir(folder)).sort(), ["demo.jsonl", "demo.meta.json"]);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}\n${JSON.stringify(report)}`, { cause: error });
  }
  return report.opened.error === undefined && report.ended?.error === undefined;
}

test("a process without room for another open file is told, and leaves a tape to go on with", async () => {
  const missing = failureOf("prlimit", "--version");
  if (missing !== undefined) return console.log(`skip: no prlimit here (${missing})`);
  if ("Deno" in globalThis) return console.log("skip: Deno itself may panic where no file is to be had");
  await inScratch(async (scratch) => {
    await using child = new Child("../../faults/rounds-child.ts", []);
    assert.is(await child.line(), "ready");
    // What a runtime opens for its own use it opens now.
    await round(child, "create", join(scratch, "first"), "flushed");
    const limit = (count: number) => {
      const failure = failureOf("prlimit", "--pid", `${child.pid}`, `--nofile=${count}:1024`);
      if (failure !== undefined) throw new Error(failure);
    };
    const open = new Set((await readdir(`/proc/${child.pid}/fd`)).map(Number));
    let failed = 0;
    // A limit is the first number that no file gets; from no free number below it to more than enough.
    for (let count = 1, free = 0; free < 10; count++) {
      if (open.has(count)) continue;
      free++;
      const folder = join(scratch, `tapes-${count}`);
      await mkdir(folder, { mode: 0o700 });
      limit(count);
      if (!await whileScarce(child, folder, `at most ${count} files`, () => limit(1024))) failed++;
    }
    assert.ok(failed > 0, "some tapes could not be made");
  });
});

test("a file system without room for another file is told, and leaves a tape to go on with", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("../../faults/rounds-child.ts", []);
    assert.is(await child.line(), "ready");
    let failed = 0;
    for (let inodes = 1; inodes < 8; inodes++) {
      const why = failureOf("mount", "-t", "tmpfs", "-o", `size=1m,nr_inodes=${inodes},mode=0700`, "tmpfs", folder);
      if (why !== undefined) return console.log(`skip: no tmpfs can be mounted here (${why})`);
      try {
        const lift = () => void failureOf("mount", "-o", "remount,nr_inodes=100", folder);
        if (!await whileScarce(child, folder, `${inodes} inodes`, lift)) failed++;
      } finally {
        spawnSync("umount", ["-l", folder]);
      }
    }
    assert.ok(failed > 0, "some tapes could not be made");
  });
});

test("a tape that is made immutable takes no more frames, says so, and goes on when it may", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "demo.jsonl");
    const store = fileStore(folder);
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
    try {
      await writer.writeFrame(request(0));
      const why = failureOf("chattr", "+i", path);
      if (why !== undefined) return console.log(`skip: no file can be made immutable here (${why})`);
      await rejection(writer.writeFrame(request(1)), "io");
      await rejection(StreamingTapeWriter.resume(store, "demo"), "locked");
      failureOf("chattr", "-i", path);
      await writer.writeFrame(request(2));
      await writer.finalize();
      const records = await recordsOf(store, "demo");
      assert.equal(records.flatMap((record) => record.type === "gap" ? [[record.from_seq, record.count]] : []), [[
        1,
        1,
      ]]);
    } finally {
      failureOf("chattr", "-i", path);
      await writer.close().catch(() => {});
    }
  });
});

test.run();
