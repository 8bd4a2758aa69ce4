import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { homePath } from "../../../src/cli/arguments/home-path.ts";
import { tapeFolder } from "../../../src/cli/arguments/tape-argument.ts";
import { UsageError } from "../../../src/cli/command.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { tapeline } from "../run-command.ts";
import { putTape, Session } from "../sample-tape.ts";

test("homePath() puts the home folder in the place of ~", () => {
  assert.is(homePath("~", "/home/me"), "/home/me");
  assert.is(homePath("~/", "/home/me"), "/home/me/");
  assert.is(homePath("~/a b/~", "/home/me"), "/home/me/a b/~");
  assert.is(homePath("~/x", undefined), join(homedir(), "x"));
  assert.is(homePath("~/x", ""), join(homedir(), "x"));
});

test("homePath() leaves every other path as it is", () => {
  for (const path of ["", "tapes", "/~/x", "./~", "a~", "a/~/b", " ~"]) assert.is(homePath(path, "/home/me"), path);
});

test("homePath() refuses the home folder of somebody else", () => {
  for (const path of ["~root/x", "~root", "~\u001b/x", "~+", "~~"]) {
    try {
      homePath(path, "/home/me");
      assert.unreachable(path);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match((error as Error).message, /^Cannot use "~[^\/]+(\/x)?": only ~ and ~\/ stand for a home folder/);
      assert.not((error as Error).message.includes("\u001b"));
    }
  }
});

test("tapeFolder() puts the home folder in the place of ~, whoever names the folder", () => {
  assert.is(tapeFolder("~/tapes", { HOME: "/home/me" }), "/home/me/tapes");
  assert.is(tapeFolder(undefined, { HOME: "/home/me", TAPELINE_DIR: "~/tapes" }), "/home/me/tapes");
  assert.is(tapeFolder(undefined, { HOME: "/home/me" }), "tapes");
});

test("a command takes ~ in a folder and in a path of a tape, where no shell has put the home folder there", () =>
  inScratch(async (home) => {
    await putTape(join(home, "tapes"), "demo", await new Session("demo").client(1, { method: "n" }).text());
    const env = { HOME: home };
    for (const args of [["cat", "--dir", "~/tapes", "demo"], ["cat", "--dir=~/tapes"], ["cat", "~/tapes/demo.jsonl"]]) {
      const { code, stderr, stdout } = await tapeline(args, { env });
      assert.equal([code, stderr], [0, ""], args.join(" "));
      assert.match(stdout, /end of the tape/);
    }
    assert.is((await tapeline(["cat", "demo"], { env: { ...env, TAPELINE_DIR: "~/tapes" } })).code, 0);
    for (const args of [["list", "--dir", "~nobody/tapes"], ["cat", "~nobody/demo.jsonl"]]) {
      const { code, stderr } = await tapeline(args, { env });
      assert.is(code, 2);
      assert.match(stderr, /^tapeline: Cannot use "~nobody\/.*": only ~ and ~\/ stand for a home folder.*\n$/);
    }
  }));

test.run();
