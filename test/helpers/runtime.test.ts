import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { currentRuntime, runtimeNames, runtimes } from "./runtime.ts";

test("currentRuntime() is the one that the runner started", () => {
  assert.ok(runtimeNames.includes(currentRuntime()));
  assert.is(currentRuntime(), process.env.TAPELINE_TEST_RUNTIME ?? currentRuntime());
});

test("runtimes() lists the current one, and each runs a .ts file from any folder", async () => {
  const found = runtimes();
  assert.ok(found.some(({ name }) => name === currentRuntime()));

  const folder = await mkdtemp(join(tmpdir(), "tapeline-"));
  try {
    const file = join(folder, "typed.ts");
    await writeFile(file, `const answer: number = 42;\nconsole.log(answer);\n`);
    for (const { name, command: [program, ...args] } of found) {
      const { stdout, stderr } = spawnSync(program, [...args, file], { cwd: folder, encoding: "utf8" });
      assert.is(stdout, "42\n", `${name}: ${stderr}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
