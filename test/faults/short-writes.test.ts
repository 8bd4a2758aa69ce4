import { spawnSync } from "node:child_process";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, thisRuntime } from "../helpers/child.ts";
import { inScratch } from "../helpers/scratch.ts";
import { failureOf } from "./disks.ts";
import { checkTape, round, wholeRecords } from "./rounds.ts";

const UNLIMITED = "unlimited";

function limitFiles(pid: number, bytes: number | typeof UNLIMITED): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", `${pid}`, `--fsize=${bytes}:${UNLIMITED}`]);
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

test("a write that is cut short at any byte leaves no part of a line, and what follows is told as lost", async () => {
  const missing = failureOf("prlimit", "--version");
  if (missing !== undefined) return console.log(`skip: no prlimit here (${missing})`);
  await inScratch(async (scratch) => {
    const runtime = thisRuntime();
    // Whoever writes beyond the limit gets a short count, then EFBIG, and a signal that would end the process.
    const command = ["sh", "-c", `trap '' XFSZ; exec "$@"`, "sh", ...runtime.command] as const;
    await using child = new Child("../../faults/rounds-child.ts", [], { ...runtime, command });
    assert.is(await child.line(), "ready");
    const whole = join(scratch, "whole");
    await round(child, "create", whole, "flushed");
    const { size } = await stat(join(whole, "demo.jsonl"));

    let cut = 0;
    const step = Math.ceil(size / 150);
    for (let limit = 1; limit <= size + step; limit += step) {
      const folder = join(scratch, `tapes-${limit}`);
      await mkdir(folder, { mode: 0o700 });
      limitFiles(child.pid, limit);
      const report = await round(child, "create", folder, "flushed");
      limitFiles(child.pid, UNLIMITED);
      try {
        await checkTape(folder, report, "flushed");
        if (report.ended?.error !== undefined || report.opened.error !== undefined) cut++;
        const verb = report.opened.error === undefined ? "resume" : "create";
        const after = await round(child, verb, folder, "flushed");
        assert.equal([after.opened, after.ended], [{}, {}]);
        assert.equal((await readdir(folder)).sort(), ["demo.jsonl", "demo.meta.json"]);
        const { records } = await wholeRecords(folder);
        const numbers = records.flatMap((record) => record.type === "frame" ? [record.seq] : []);
        assert.equal(numbers, [...report.frames, ...after.frames].flatMap(({ seq }) => seq ?? []));
      } catch (error) {
        throw new Error(`limit ${limit}: ${(error as Error).message}\n${JSON.stringify(report)}`, { cause: error });
      }
    }
    assert.ok(cut > 100, `${cut} tapes were cut short`);
    console.log(`${cut} tapes of ${size} bytes were cut short`);
  });
});

test.run();
