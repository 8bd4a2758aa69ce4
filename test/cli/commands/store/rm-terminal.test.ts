import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inScratch } from "../../../helpers/scratch.ts";
import { command, type CommandLine, quoted, talkWith } from "../../../helpers/mcp/stdio-client.ts";
import { init, putTape } from "../../sample-tape.ts";

/** Runs a command line in a terminal of its own, whose keyboard is the client's output. */
function inTerminal(line: CommandLine): CommandLine {
  return ["script", "-qec", `exec ${quoted(line)}`, "/dev/null"];
}

test("rm asks at the terminal, and deletes nothing unless the answer is yes", async () => {
  if (process.platform !== "linux" || spawnSync("script", ["--version"]).status !== 0) {
    return console.log("skip: there is no script(1) of util-linux to make a terminal with");
  }
  await inScratch(async (folder) => {
    const text = `${JSON.stringify(init("one"))}\n`;
    await putTape(folder, "one", text, { name: "first", created_at: "2025-01-01T00:00:00Z", status: "finalized" });
    const answer = (keys: string) =>
      talkWith(inTerminal(command("rm", "--dir", folder, "one")), async (peer) => {
        await peer.text("[y/N] ");
        peer.send(keys);
      });
    for (const [keys, code] of [["n\n", 1], ["\n", 1], ["\u0004", 1], ["\u0003", 130]] as const) {
      const result = await answer(keys);
      assert.is(result.code, code, JSON.stringify(keys));
      assert.match(String(result.stdout), /TAPE[^]*one [^]* first [^]*Delete 1 tape \(\d+ B\) for good\? \[y\/N\] /);
      assert.is((await readdir(folder)).length, 2);
    }
    const { code, stdout } = await answer("y\n");
    assert.is(code, 0);
    assert.match(String(stdout), /deleted .*one\.jsonl/);
    assert.equal(await readdir(folder), []);
  });
});

test.run();
