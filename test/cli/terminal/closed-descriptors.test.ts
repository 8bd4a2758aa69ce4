import { readFile } from "node:fs/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inScratch } from "../../helpers/scratch.ts";
import { command, quoted, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { putTape, Session } from "../sample-tape.ts";

test("commands work with descriptors that were closed before, and write nothing into a tape", async () => {
  await inScratch(async (folder) => {
    const session = new Session("demo").client(1, { jsonrpc: "2.0", id: 1, method: "tools/list" });
    const path = await putTape(folder, "demo", session.plainText());
    const tape = await readFile(path);
    const commands: [args: string[], closed: string][] = [
      [["list", "--dir", folder], ">&-"],
      [["tail", "--no-follow", path], "2>&-"],
      [["cat", path], "<&-"],
      [["info", path], "<&- >&- 2>&-"],
      [["verify", path], ">&- 2>&-"],
      [["repair", path, "--in-place"], "<&- >&- 2>&-"],
    ];
    for (const [args, closed] of commands) {
      const seen = await talkWith(shell(`${quoted(command(...args))} ${closed}`));
      assert.is(seen.code, 0, `${args[0]} ${closed}: ${seen.stderr}`);
      assert.is(String(seen.stderr), "");
      assert.is(seen.stdout.length > 0, !closed.includes(">&-") || closed === "2>&-", `${args[0]} ${closed}`);
      assert.is(tape.compare(await readFile(path)), 0, `${args[0]} ${closed}`);
    }
  });
});

test.run();
