import { test } from "uvu";
import * as assert from "uvu/assert";
import { onlyTapeIn } from "../helpers/mcp/recorded-server.ts";
import { inScratch } from "../helpers/scratch.ts";
import { command, type CommandLine, talkWith } from "../helpers/mcp/stdio-client.ts";

test("demo records a real session, shows it while it grows, and sums it up", async () => {
  await inScratch(async (folder) => {
    const line: CommandLine = command("demo", "--dir", folder);
    const { stdout, stderr, code } = await talkWith(line);
    assert.is(String(stderr), "");
    assert.is(code, 0);
    const tape = await onlyTapeIn(folder);
    assert.is(tape.metadata?.status, "finalized");
    const printed = String(stdout);
    for (const part of ["tools/call echo", "notifications/progress", "Starting default (STDIO) server", "tool error"]) {
      assert.ok(printed.includes(part), `${part} is printed`);
    }
    assert.ok(printed.includes(`${folder}/${tape.tapeId}.jsonl`), "the path is printed");
    assert.is(tape.records.some(({ type }) => type === "gap"), false);
  });
});

test("demo says in one line what went wrong", async () => {
  const { stderr, code } = await talkWith(command("demo", "--dir", "/dev/null/tapes"));
  assert.match(String(stderr), /^tapeline: Cannot record the session: Cannot make the folder [^\n]*\n$/);
  assert.is(code, 1);
});

test.run();
