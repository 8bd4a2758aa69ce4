import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../../src/cli/command.ts";
import { widthOf } from "../../src/cli/terminal/text.ts";
import { tapeline } from "./run-command.ts";

const folder = new URL("../../src/cli/commands/", import.meta.url);

/** A command by its name, from where docs/architecture.md puts it. */
async function load(name: string): Promise<Command> {
  const file = [`${name}.ts`, `${name}/${name}.ts`].map((path) => new URL(path, folder)).find((url) => existsSync(url));
  assert.ok(file, `${name} has no file`);
  return (await import(file.href))[name];
}

const help = await tapeline(["--help"]);
const names = [.../^Commands:\n((?: {2}.*\n)+)/m.exec(help.stdout)![1]!.matchAll(/^ {2}([\w-]+)/gm)]
  .map(([, name]) => name!);
const commands = await Promise.all(names.map(load));

test("every command is listed with its own words", () => {
  assert.ok(commands.length >= 9, help.stdout);
  for (const { name, summary } of commands) assert.match(help.stdout, new RegExp(`^  ${name} +${summary}$`, "m"));
});

test("every help fits into 80 columns", () => {
  for (const [name, text] of [["tapeline", help.stdout], ...commands.map(({ name, help }) => [name, help] as const)]) {
    assert.equal(text!.split("\n").filter((line) => widthOf(line) > 80), [], name);
  }
});

test("every help of a command says how to use it, its options, and an example", () => {
  for (const { name, help } of commands) {
    assert.match(help, new RegExp(`^[A-Z].*\n(.*\n)*\nUsage:\n  tapeline ${name}\\b`, "m"), name);
    assert.match(help, new RegExp(`^Options:\n(?:  .*\n)*  --dir DIR +`, "m"), name);
    assert.match(help, new RegExp(`^Examples:\n(  .*\n)*  tapeline ${name}\\b`, "m"), name);
  }
});

test.run();
