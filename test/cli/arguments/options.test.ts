import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../../src/cli/command.ts";
import {
  choiceOption,
  nearest,
  noArguments,
  numberOption,
  optionalArgument,
  parseOptions,
} from "../../../src/cli/arguments/options.ts";

const OPTIONS = { lines: { type: "string", short: "n" }, json: { type: "boolean" } } as const;

function usageError(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error("no error");
}

test("parseOptions() takes options on either side of arguments", () => {
  const { values, positionals } = parseOptions("tail", ["-n5", "tape", "--json"], OPTIONS);
  assert.equal([values.lines, values.json, positionals], ["5", true, ["tape"]]);
});

test("parseOptions() says in one line what is wrong", () => {
  const wrong: [string, string][] = [
    ["--jsn", "there is no option --jsn, did you mean --json?"],
    ["--xyzzy", "there is no option --xyzzy"],
    ["-x", "there is no option -x"],
    ["--json=1", "'--json' does not take an argument"],
    ["--lines", "'-n, --lines <value>' argument missing"],
    ["--\u001b[2J", "there is no option --\\u{1b}[2J"],
  ];
  for (const [arg, message] of wrong) {
    assert.is(usageError(() => parseOptions("tail", [arg], OPTIONS)), `${message}; see "tapeline tail --help"`);
  }
  assert.match(usageError(() => parseOptions("tail", ["-n", "-5"], OPTIONS)), /^'-n' argument is ambiguous; see/);
});

test("optionalArgument() and noArguments() count", () => {
  assert.is(optionalArgument("tail", ["a"]), "a");
  assert.is(optionalArgument("tail", []), undefined);
  assert.match(usageError(() => optionalArgument("tail", ["a", "b\n"])), /^tail does not take "b\\n"/);
  assert.match(usageError(() => noArguments("list", ["a"])), /^list does not take "a"/);
  noArguments("list", []);
});

test("numberOption() takes numbers in their range and nothing else", () => {
  const speed = (text?: string) => numberOption("--speed", text, "a number above 0", (n) => n > 0);
  assert.equal(["2", "0.5", ".5", "10."].map(speed), [2, 0.5, 0.5, 10]);
  assert.is(speed(undefined), undefined);
  for (const text of ["", "0", "-1", "1e3", "0x10", "2x", "Infinity", "NaN", " 1"]) {
    assert.is(usageError(() => speed(text)), `--speed must be a number above 0, not "${text}"`);
  }
});

test("choiceOption() takes one of its words", () => {
  assert.is(choiceOption("--from", "client", ["client", "server"]), "client");
  assert.is(choiceOption("--from", undefined, ["client", "server"]), undefined);
  assert.is(
    usageError(() => choiceOption("--from", "x", ["client", "server"])),
    '--from must be client, server, not "x"',
  );
});

test("nearest() finds what was meant, and does not guess", () => {
  const known = ["record", "replay", "tail", "list", "info"];
  const meant = { tial: "tail", lst: "list", reply: "replay", recrod: "record", inf: "info", rec: "record" };
  for (const [word, expected] of Object.entries(meant)) assert.is(nearest(word, known), expected, word);
  for (const word of ["x", "delete", "help!"]) assert.is(nearest(word, known), undefined, word);
});

test.run();
