import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { RunningCommand, tapeline } from "../run-command.ts";

/** Runs a test with a tape whose writer was killed behind its third frame; `whileAlive` runs before. */
async function withKilled(
  body: (folder: string) => Promise<void>,
  whileAlive: (folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    for (const command of [`create ${folder} demo`, "frames 0 3"]) {
      child.tell(command);
      assert.is(await child.line(), "done");
    }
    await whileAlive(folder);
    await child.kill();
    await body(folder);
  });
}

const INTERRUPTED = /^tapeline: the recording was interrupted: .*; "tapeline repair .*demo\.jsonl" does\n$/;

test("tail ends where the recorder is killed, and says so and what to do", async () => {
  let command: RunningCommand | undefined;
  try {
    await withKilled(async () => {
      const { code, stderr } = await command!.outcome();
      assert.is(code, 3);
      assert.match(stderr, INTERRUPTED);
    }, async (folder) => {
      command = new RunningCommand(["tail", "--json", "--dir", folder, "demo"]);
      for (let lines = 0; lines < 4; lines++) await command.line();
    });
  } finally {
    await command?.[Symbol.asyncDispose]();
  }
});

test("a tape whose recorder was killed is interrupted for list, ends tail, and is ended by repair", () =>
  withKilled(async (folder) => {
    const list = await tapeline(["list", "--dir", folder]);
    assert.match(list.stdout, /interrupted/);
    assert.match(list.stderr, /^tapeline: 1 recording interrupted; "tapeline repair demo" ends it\n$/);
    const listed = JSON.parse((await tapeline(["list", "--json", "--dir", folder])).stdout);
    assert.equal([listed.state, listed.status, listed.stats.frame_count], ["interrupted", "interrupted", 3]);

    const tail = await tapeline(["tail", "--json", "--dir", folder, "demo"]);
    assert.is(tail.code, 3);
    assert.match(tail.stderr, INTERRUPTED);
    const path = join(folder, "demo.jsonl");
    const before = await readFile(path, "utf8");
    assert.is(tail.stdout, before);

    const repair = await tapeline(["repair", "--dir", folder, "demo"]);
    assert.equal([repair.code, repair.stderr], [0, ""]);
    assert.match(repair.stdout, /the tape had no end, and was given one/);
    const after = await readFile(path, "utf8");
    assert.ok(after.startsWith(before), "what was there is there as it was");
    assert.match(after, /"final":true,"crc32":"[0-9a-f]{8}"}\n$/);
    const metadata = JSON.parse(await readFile(join(folder, "demo.meta.json"), "utf8"));
    assert.equal([metadata.status, metadata.stats.frame_count], ["finalized", 3]);
    assert.is((await tapeline(["tail", "--dir", folder, "demo"])).code, 0);
    const again = await tapeline(["repair", "--dir", folder, "demo"]);
    assert.match(again.stdout, /nothing to repair\n$/);
    assert.is(await readFile(path, "utf8"), after);
  }));

test("repair does not end a tape that is being written", () =>
  withKilled(() => Promise.resolve(), async (folder) => {
    const path = join(folder, "demo.jsonl");
    const before = await readFile(path, "utf8");
    const { code, stdout } = await tapeline(["repair", "--dir", folder, "demo"]);
    assert.is(code, 0);
    assert.match(stdout, /nothing to repair\n$/);
    assert.is(await readFile(path, "utf8"), before);
  }));

test.run();
