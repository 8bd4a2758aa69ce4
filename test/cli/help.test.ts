import { test } from "uvu";
import * as assert from "uvu/assert";
import { widthOf } from "../../src/cli/terminal/text.ts";
import { commands, mainHelp } from "./commands.ts";

test("every command is listed with its own words", () => {
  assert.ok(commands.length >= 9, mainHelp);
  for (const { name, summary } of commands) assert.match(mainHelp, new RegExp(`^  ${name} +${summary}$`, "m"));
});

test("every help fits into 80 columns", () => {
  for (const [name, text] of [["tapeline", mainHelp], ...commands.map(({ name, help }) => [name, help] as const)]) {
    assert.equal(text!.split("\n").filter((line) => widthOf(line) > 80), [], name);
  }
});

test("every help of a command says how to use it, its options, and an example", () => {
  for (const { name, help } of commands) {
    assert.match(help, new RegExp(`^[A-Z].*\n(.*\n)*\nUsage:\n  tapeline ${name}\\b`, "m"), name);
    // A key belongs to nobody's tapes.
    const option = name === "keygen" ? "-o, --output FILE" : "--dir DIR";
    assert.match(help, new RegExp(`^Options:\n(?:  .*\n)*  ${option} +`, "m"), name);
    assert.match(help, new RegExp(`^Examples:\n(  .*\n)*  tapeline ${name}\\b`, "m"), name);
  }
});

test.run();
