import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child } from "../helpers/child.ts";
import { inScratch } from "../helpers/scratch.ts";
import { checkTape, pathsOf, round, wholeRecords } from "./rounds.ts";
import { CALLS, oneThread, whileFailing, whyNoTracing } from "./tracing.ts";

const ERRORS = ["EIO", "ENOSPC", "EFBIG", "EAGAIN", "EINTR"] as const;

/** Lets the n-th call fail, for n = 1, 2, 3, … until none does, and checks the tape each time. */
async function eachCallFails(calls: keyof typeof CALLS, errors: readonly string[], durability: string): Promise<void> {
  const reason = whyNoTracing();
  if (reason !== undefined) return console.log(`skip: ${reason}`);
  const findings: string[] = [];
  let total = 0;
  let rounds = 0;
  await inScratch(async (scratch) => {
    await using child = new Child("../../faults/rounds-child.ts", [], oneThread());
    assert.is(await child.line(), "ready");
    for (const error of errors) {
      for (let n = 1, injected = 1; injected > 0; n++) {
        assert.ok(n < 100, "there is no end of it");
        const folder = join(scratch, `tapes-${rounds++}`);
        await mkdir(folder, { mode: 0o700 });
        const what = `${calls} ${n} fails with ${error}, ${durability}`;
        const made = await whileFailing(
          child.pid,
          pathsOf(folder),
          [`${CALLS[calls]}:error=${error}:when=${n}`],
          () => round(child, "create", folder, durability),
        );
        total += injected = made.injected;
        const report = JSON.stringify(made.value);
        try {
          await checkTape(folder, made.value, durability);
          // What is left can be gone on with at once, by the same process too.
          const verb = made.value.opened.error === undefined ? "resume" : "create";
          const after = await round(child, verb, folder, durability);
          assert.equal([after.opened, after.ended], [{}, {}]);
          assert.equal((await readdir(folder)).sort(), ["demo.jsonl", "demo.meta.json"]);
          const { records } = await wholeRecords(folder);
          const numbers = records.flatMap((record) => record.type === "frame" ? [record.seq] : []);
          assert.equal(numbers.slice(-6), after.frames.map(({ seq }) => seq));
          assert.equal(numbers, [...new Set(numbers)].sort((a, b) => a - b));
        } catch (error) {
          findings.push(`${what}: ${(error as Error).message}\n${report}`);
        }
      }
    }
  });
  if (findings.length > 0) throw new Error(`${findings.length} findings\n${findings.slice(0, 5).join("\n")}`);
  console.log(`${total} calls failed in ${rounds} tapes: ${calls}, ${durability}`);
}

test("each write that fails is told, and the tape is whole", () => eachCallFails("write", ERRORS, "flushed"));
test("each sync that fails is told, and the tape is whole", () => eachCallFails("sync", ERRORS, "synced"));
test("each open that fails is told, and leaves nothing behind", () => eachCallFails("open", ERRORS, "flushed"));
test("each rename that fails is told, and leaves nothing behind", () => eachCallFails("rename", ERRORS, "flushed"));

test.run();
