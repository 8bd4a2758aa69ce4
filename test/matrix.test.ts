import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../src/stores/file.ts";
import { Child } from "./helpers/child.ts";
import { messageAt, MessageDigest } from "./helpers/programs/matrix-messages.ts";
import { currentRuntime, type Runtime, runtimeNames, runtimes } from "./helpers/runtime.ts";
import { inScratch } from "./helpers/scratch.ts";
import { metadataOf } from "./helpers/tapes.ts";

const FRAMES = 100_000;

/** Runs a cell of the matrix to its end and gives the lines it printed. */
async function run(runtime: Runtime, args: readonly string[], lines: number): Promise<string[]> {
  await using child = new Child("matrix-child.ts", args, runtime);
  const printed: string[] = [];
  for (let n = 0; n < lines; n++) printed.push(await child.line());
  await child.ended();
  return printed;
}

test(`StreamingTapeWriter's tape of ${FRAMES} frames reads back equal on each runtime, whichever wrote it`, async () => {
  if (currentRuntime() !== "node") return console.log("skip: the matrix of all runtimes runs once, from node");
  const found = runtimes();
  const missing = runtimeNames.filter((name) => !found.some((runtime) => runtime.name === name));
  if (missing.length > 0) console.log(`skip: the matrix without ${missing.join(", ")}, which did not run`);

  const digest = new MessageDigest();
  for (let n = 0; n < FRAMES; n++) {
    const [{ direction }, text] = messageAt(n);
    digest.add(n, direction, text);
  }
  const expected = `${digest}`;
  await inScratch(async (scratch) => {
    const folder = join(scratch, "tapes");
    const names = found.map(({ name }) => name);
    for (const runtime of found) {
      const [written] = await run(runtime, ["write", folder, runtime.name, `${FRAMES}`], 1);
      assert.is(written, expected, `what ${runtime.name} wrote`);
      const { status, stats } = await metadataOf(fileStore(folder), runtime.name);
      assert.equal([status, stats?.frame_count], ["finalized", FRAMES]);
    }
    for (const runtime of found) {
      const read = await run(runtime, ["read", folder, ...names], names.length);
      for (const [at, name] of names.entries()) assert.is(read[at], expected, `${name}'s tape read by ${runtime.name}`);
    }
  });
});

test.run();
