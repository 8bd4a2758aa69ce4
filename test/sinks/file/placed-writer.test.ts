import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { thisRuntime } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";

const client = fileURLToPath(new URL("../../helpers/programs/slow-disk-client.ts", import.meta.url));

test("fileSink() keeps nobody waiting while the disk takes its time", async () => {
  if (spawnSync("strace", ["-f", "true"]).status !== 0) {
    return console.log("skip: there is no strace to slow a disk down");
  }
  await inScratch((folder) => {
    const path = join(folder, "tape.jsonl");
    writeFileSync(path, "");
    const slow = [
      "-P",
      path,
      "-e",
      "trace=write,pwrite64,pwritev",
      "-e",
      "inject=write,pwrite64,pwritev:delay_enter=2000000",
    ];
    const [program, ...args] = thisRuntime().command;
    const { stdout, stderr } = spawnSync(
      "strace",
      ["-f", "-qq", "-o", join(folder, "trace"), ...slow, program, ...args, client, path],
      { encoding: "utf8", timeout: 60_000 },
    );
    // Whoever has to wait for the disk gets a turn before it, and one after it.
    assert.ok(Number(stdout) > 5, `${stdout} turns; ${stderr}`);
    assert.is(readFileSync(path, "utf8"), "a line\n");
    return Promise.resolve();
  });
});

test.run();
