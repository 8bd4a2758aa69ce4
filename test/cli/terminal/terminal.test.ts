import { test } from "uvu";
import * as assert from "uvu/assert";
import { cat } from "../../../src/cli/commands/cat.ts";
import type { Command } from "../../../src/cli/command.ts";
import { paintHelp } from "../../../src/cli/terminal/help.ts";
import { info } from "../../../src/cli/commands/info.ts";
import { list } from "../../../src/cli/commands/store/list.ts";
import { replay } from "../../../src/cli/commands/replay.ts";
import { tail } from "../../../src/cli/commands/tail/tail.ts";
import { styleFor } from "../../../src/cli/terminal/text.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { FakeIo } from "../fake-io.ts";
import { putTape, sampleSession, Session } from "../sample-tape.ts";

/** What a command prints on a terminal. */
async function onTerminal(
  command: Command,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<FakeIo> {
  const io = new FakeIo({ isTty: true, env });
  await command.run(args, io);
  return io;
}

// deno-lint-ignore no-control-regex
const COLOUR = /\u001b\[(1|2|22|31|32|33|36|39)m/g;
const withoutColour = (text: string) => text.replace(COLOUR, "");
const isColoured = (text: string) => withoutColour(text) !== text;
const STEERING = /[\p{Cf}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u;

test("what goes to a terminal is coloured, and holds nothing else that steers it", () =>
  inScratch(async (folder) => {
    const evil = "\u001b]0;owned\u0007\u202e\u009b31m";
    const session = sampleSession("evil").client(3700, { id: evil, method: evil, params: evil }).raw(3800, evil);
    const path = await putTape(folder, "evil", await session.text(), { name: evil, tags: [evil], status: evil });
    const commands: [Command, readonly string[]][] = [
      [cat, [path]],
      [cat, ["--json", path]],
      [cat, ["--raw", path]],
      [tail, ["--no-follow", path]],
      [tail, ["--no-follow", "--json", path]],
      [replay, ["--at-once", path]],
      [info, [path]],
      [list, ["--dir", folder]],
    ];
    for (const [command, args] of commands) {
      const { out } = await onTerminal(command, args);
      const isForPeople = command === list || command === info || args[0] === path ||
        args[1] === path && command === tail;
      assert.is(isColoured(out), isForPeople, `${command.name} ${args[0]}`);
      assert.not(STEERING.test(withoutColour(out)), command.name);
      assert.not(isColoured((await onTerminal(command, args, { NO_COLOR: "1" })).out), command.name);
    }
  }));

test("JSON on a terminal is the same JSON", () =>
  inScratch(async (folder) => {
    const session = new Session("demo").client(1, { method: "\u009b\u202e你好\u{e0041}" });
    const path = await putTape(folder, "demo", session.plainText());
    for (const options of [["--json"], ["--raw"]]) {
      const io = new FakeIo();
      await cat.run([...options, path], io);
      const shown = (await onTerminal(cat, [...options, path])).out;
      assert.not.equal(shown, io.out);
      const values = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.equal(values(shown), values(io.out));
    }
  }));

test("info tells on a terminal how far it has come with a long tape, and takes it back", () =>
  inScratch(async (folder) => {
    const session = new Session("long");
    for (let at = 0; at < 9; at++) session.client(at, { method: "n", params: "x".repeat(8 * 1024 * 1024) });
    const path = await putTape(folder, "long", session.plainText());
    const { err } = await onTerminal(info, [path]);
    const [before, ...steps] = err.split("\r\u001b[K");
    assert.is(before, "");
    assert.is(steps.pop(), "");
    assert.ok(steps.length > 5 && steps.every((step) => /^reading 72\.0 MiB: \d+ %$/.test(step)), err);
    const quiet = new FakeIo();
    await info.run([path], quiet);
    assert.is(quiet.err, "");
    await info.run([await putTape(folder, "short", new Session("short").plainText())], new FakeIo({ isTty: true }));
  }));

test("paintHelp() sets headings in bold, and nothing else", () => {
  const style = styleFor({ isTty: true, env: {} });
  assert.is(paintHelp("Prints.\n\nUsage:\n  x: y\n", style), "Prints.\n\n\u001b[1mUsage:\u001b[22m\n  x: y\n");
});

test.run();
