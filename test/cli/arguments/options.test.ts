import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Command, UsageError } from "../../../src/cli/command.ts";
import { cat } from "../../../src/cli/commands/cat.ts";
import { info } from "../../../src/cli/commands/info.ts";
import { list } from "../../../src/cli/commands/store/list.ts";
import { record } from "../../../src/cli/commands/record.ts";
import { repair } from "../../../src/cli/commands/repair.ts";
import { replay } from "../../../src/cli/commands/replay.ts";
import { show } from "../../../src/cli/commands/show.ts";
import { tail } from "../../../src/cli/commands/tail/tail.ts";
import { verify } from "../../../src/cli/commands/verify.ts";
import { FakeIo } from "../fake-io.ts";
import {
  choiceOption,
  noArguments,
  numberOption,
  optionalArgument,
  parseOptions,
  splitCommandLine,
  typesOption,
  withOptionalValue,
} from "../../../src/cli/arguments/options.ts";
import { nearest } from "../../../src/nearest.ts";

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
    ["-xyz", "there is no option -x"],
    ["--json=1", "--json takes no value"],
    ["--lines", "--lines needs a value"],
    ["-n", "--lines needs a value"],
    ["--\u001b[2J", "there is no option --\\u{1b}[2J"],
  ];
  for (const [arg, message] of wrong) {
    assert.is(usageError(() => parseOptions("tail", [arg], OPTIONS)), `${message}; see "tapeline tail --help"`);
  }
  for (const option of ["-n", "--lines"]) {
    assert.is(
      usageError(() => parseOptions("tail", [option, "-5"], OPTIONS)),
      `${option} needs a value; one that begins with a dash is written --lines=VALUE; see "tapeline tail --help"`,
    );
  }
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
    '--from must be client or server, not "x"',
  );
});

test("typesOption() takes types, and other for those that are not known here", () => {
  assert.is(typesOption(undefined), undefined);
  const accepted = (...lists: string[]) =>
    ["init", "frame", "log", "end", "other", "from-the-future", "constructor"].filter(typesOption(lists)!);
  assert.equal(accepted("log, init"), ["init", "log"]);
  assert.equal(accepted("log", "end"), ["log", "end"]);
  assert.equal(accepted("other"), ["other", "from-the-future", "constructor"]);
  const types = "init, frame, correlation, checkpoint, gap, log, end, redacted or other";
  assert.is(
    usageError(() => typesOption(["log,frmae"])),
    `--type must be ${types}, not "frmae"; did you mean frame?`,
  );
  for (const text of ["", "log,", "Frame", "constructor", "xyzzy"]) {
    assert.ok(usageError(() => typesOption([text])).startsWith(`--type must be ${types}, not `), text);
  }
});

test("what an option cannot mean is wrong use in every command, and the message names what it can", async () => {
  const wrong: [Command, readonly string[], RegExp][] = [
    [cat, ["--type", "message"], /^--type must be init, frame, .*, redacted or other, not "message"/],
    [cat, ["--from", "cleint"], /^--from must be client, server or both, not "cleint"; did you mean client\?$/],
    [replay, ["--from", "me"], /^--from must be client, server or both, not "me"$/],
    [replay, ["--speed", "fast"], /^--speed must be a number above 0, not "fast"$/],
    [replay, ["--max-delay=-1"], /^--max-delay must be 0 or more milliseconds, not "-1"$/],
    [tail, ["-n", "1.5"], /^-n must be 0 or more, not "1.5"$/],
    [info, ["--top", "all"], /^--top must be 0 or more, not "all"$/],
    [show, ["last"], /^SEQ must be the number of a message, .*, not "last"$/],
    [
      record,
      ["--durability", "sync", "--", "true"],
      /^--durability must be buffered, flushed or synced, .*; did you mean synced\?$/,
    ],
    ...[cat, info, list, show, tail].map((command): [Command, readonly string[], RegExp] => [
      command,
      ["--color", "on", ...command === show ? ["1"] : []],
      /^--color must be auto, always or never, not "on"$/,
    ]),
    ...[cat, info, list, record, repair, replay, show, tail, verify].map((
      command,
    ): [Command, readonly string[], RegExp] => [
      command,
      ["--dir", "", ...command === show ? ["1"] : command === record ? ["--", "true"] : []],
      /^--dir must name a folder$/,
    ]),
  ];
  for (const [command, args, message] of wrong) {
    const error = await command.run(args, new FakeIo()).then(() => undefined, (error) => error);
    assert.instance(error, UsageError, `${command.name} ${args.join(" ")}`);
    assert.match(error.message, message);
  }
});

test("nearest() finds what was meant, and does not guess", () => {
  const known = ["record", "replay", "tail", "list", "info"];
  const meant = { tial: "tail", lst: "list", reply: "replay", recrod: "record", inf: "info", rec: "record" };
  for (const [word, expected] of Object.entries(meant)) assert.is(nearest(word, known), expected, word);
  for (const word of ["x", "delete", "help!"]) assert.is(nearest(word, known), undefined, word);
});

test("splitCommandLine() finds where the command line of somebody else starts", () => {
  const split = (line: string) => {
    const { own, commandLine } = splitCommandLine(line.split(" ").filter((word) => word !== ""), OPTIONS);
    return [own.join(" "), commandLine.join(" ")];
  };
  assert.equal(split("--json -- npx -y x"), ["--json", "npx -y x"]);
  assert.equal(split("--json npx -y x"), ["--json", "npx -y x"]);
  // What has the name of an option of ours is not ours any more, and a -- is the other's.
  assert.equal(split("-n 3 npx --json -n 4 --help -- --"), ["-n 3", "npx --json -n 4 --help -- --"]);
  assert.equal(split("-- npx -- x"), ["", "npx -- x"]);
  assert.equal(split("--lines=3 npx --lines"), ["--lines=3", "npx --lines"]);
  assert.equal(split("--lines 3"), ["--lines 3", ""]);
  assert.equal(split("--lines -- npx"), ["--lines", "npx"]);
  assert.equal(split("--nope npx"), ["--nope", "npx"]);
  assert.equal(split(""), ["", ""]);
});

test("withOptionalValue() takes the next word for a value only where it looks like one, and nothing of somebody else's", () => {
  const options = { ...OPTIONS, redact: { type: "string" } } as const;
  const split = (line: string) =>
    withOptionalValue(line.split(" "), "redact", options, (word) => word.endsWith(".json"));
  for (
    const [line, told] of [
      ["--redact npx server", "--redact= npx server"],
      ["--redact p.json npx p.json", "--redact=p.json npx p.json"],
      ["--redact=p npx", "--redact=p npx"],
      ["--json --redact -n 4 npx --redact p.json", "--json --redact= -n 4 npx --redact p.json"],
      ["--redact -- p.json --redact", "--redact= -- p.json --redact"],
      ["-n --redact npx", "-n --redact npx"],
      ["--redact a.json --redact b.json c.json", "--redact=a.json --redact=b.json c.json"],
      ["--redact", "--redact="],
      ["npx --redact p.json", "npx --redact p.json"],
    ] as const
  ) assert.is(split(line).join(" "), told);
});

test.run();
