import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VERSION } from "../../src/mod.ts";
import { inScratch } from "../helpers/scratch.ts";
import { tapeline } from "./run-command.ts";
import { putTape, Session } from "./sample-tape.ts";

/** Checks that a command line is refused as wrong use: one line on stderr, no stack trace, exit code 2. */
async function refused(args: readonly string[], message: RegExp, cwd?: string): Promise<void> {
  const { code, stdout, stderr } = await tapeline(args, cwd === undefined ? {} : { cwd });
  assert.match(stderr, /^tapeline: [^\n]*\n$/, args.join(" "));
  assert.match(stderr, message);
  assert.equal([code, stdout], [2, ""], args.join(" "));
}

test("tapeline --version prints the version", async () => {
  for (const option of ["--version", "-V"]) {
    assert.equal(await tapeline([option]), { code: 0, signal: null, stdout: `tapeline ${VERSION}\n`, stderr: "" });
  }
});

test("tapeline --help lists the commands", async () => {
  const { code, stdout } = await tapeline(["--help"]);
  assert.is(code, 0);
  for (const name of ["record", "tail", "cat", "show", "replay", "list", "info", "verify", "repair", "demo"]) {
    assert.match(stdout, new RegExp(`^  ${name} +\\w`, "m"));
  }
});

for (const name of ["tail", "cat", "show", "replay", "list", "info", "verify", "repair"]) {
  test(`tapeline ${name} --help explains with examples`, async () => {
    const { code, stdout, stderr } = await tapeline([name, "-x", "--help"]);
    assert.equal([code, stderr], [0, ""]);
    assert.match(stdout, new RegExp(`^Usage:\n  tapeline ${name} `, "m"));
    assert.match(stdout, new RegExp(`^Examples:\n(  tapeline ${name}.*\n)+$`, "m"));
    assert.ok(stdout.split("\n").every((line) => line.length <= 80));
  });
}

test("tapeline help COMMAND is the same as COMMAND --help", async () => {
  assert.is((await tapeline(["help", "tail"])).stdout, (await tapeline(["tail", "-h"])).stdout);
});

test("wrong use is one line on stderr and exit code 2", () =>
  inScratch(async (folder) => {
    await mkdir(join(folder, "tapes", "folder.jsonl"), { recursive: true });
    await writeFile(join(folder, "outside.jsonl"), new Session("outside").plainText());
    await putTape(join(folder, "tapes"), "text", "hello \u001b[2J\n");
    await putTape(join(folder, "tapes"), "empty", "");
    await putTape(join(folder, "tapes"), "headless", new Session("x").client(1, { id: 1 }).plainText().split("\n")[1]!);
    await refused([], /no command was given/, folder);
    await refused(["tial"], /no command "tial"; did you mean tail\?/, folder);
    await refused(["constructor"], /no command "constructor"/, folder);
    await refused(["--vresion"], /no option "--vresion"; did you mean --version\?/, folder);
    await refused(["--dir"], /--dir needs a folder/, folder);
    await refused(["tail", "--jsn", "x"], /no option --jsn, did you mean --json\?/, folder);
    await refused(["info"], /its first line must be an init record/, folder);
    await refused(["info", "a", "b"], /info does not take "b"/, folder);
    await refused(["list", "a"], /list does not take "a"/, folder);
    await refused(["list", "--dir", "nowhere"], /Cannot list nowhere: there is no such folder/, folder);
    await refused(["list", "--dir", "outside.jsonl"], /Cannot list outside.jsonl: it is a file, not a folder/, folder);
    await refused(["tail", "unknown"], /Cannot find tape "unknown": there is no tapes.unknown\.jsonl/, folder);
    await refused(["tail", "unknown.jsonl"], /Cannot find tape "unknown.jsonl": there is no such file/, folder);
    await refused(
      ["tail", "../outside"],
      /Cannot use "\.\.\/outside" as a tape: it is neither a file nor an id/,
      folder,
    );
    await refused(
      ["tail", "tapes/../../x\u001b[2J"],
      /Cannot use "tapes\/\.\.\/\.\.\/x\\u\{1b\}\[2J" as a tape/,
      folder,
    );
    await refused(["tail", "folder"], /Cannot read tapes.folder\.jsonl: it is a folder/, folder);
    await refused(["cat", "./tapes"], /Cannot read \.\/tapes: it is a folder/, folder);
    await refused(
      ["cat", "text"],
      /text\.jsonl: its first line must be an init record, but it reads "hello \\\\u\{1b\}/,
      folder,
    );
    await refused(["cat", "empty"], /the tape is empty/, folder);
    await refused(["info", "headless"], /it is a record of type "frame"/, folder);
    await refused(["tail", "-n", "x", "text"], /-n must be 0 or more, not "x"/, folder);
    await refused(["replay", "--speed", "0", "text"], /--speed must be a number above 0/, folder);
    await refused(["replay", "--speed", "2", "--at-once", "text"], /exclude each other/, folder);
    await refused(["cat", "--from", "me", "text"], /--from must be client, server or both, not "me"/, folder);
    const { code, stderr } = await tapeline(["list"], { env: { TAPELINE_DIR: join(folder, "outside.jsonl") } });
    assert.is(code, 2);
    assert.match(stderr, /^tapeline: Cannot list [^\n]*outside\.jsonl: ENOTDIR[^\n]*\n$/);
    await refused(["info", "latest", "--dir", "no-such-folder"], /Cannot find the latest tape/, folder);
  }));

const hasFullDevice = existsSync("/dev/full");
if (!hasFullDevice) console.log("skip: there is no /dev/full to fill up");
(hasFullDevice ? test : test.skip)(
  "output that cannot be written is a failure, however short",
  () =>
    inScratch(async (folder) => {
      const session = new Session("demo");
      for (let at = 0; at < 20_000; at++) session.client(at, { method: "n", params: { at } });
      const path = await putTape(folder, "demo", session.plainText());
      for (
        const args of [["--help"], ["list", "--dir", folder], ["info", path], ["cat", path], ["cat", "--json", path]]
      ) {
        const { code, stderr } = await tapeline(args, { stdout: "/dev/full" });
        assert.match(stderr, /^tapeline: Cannot write to stdout: [^\n]*no space left on device[^\n]*\n$/i);
        assert.is(code, 1, args.join(" "));
      }
    }),
);

test("TAPELINE_DEBUG adds the stack", async () => {
  const { code, stderr } = await tapeline(["tial"], { env: { TAPELINE_DEBUG: "1" } });
  assert.is(code, 2);
  assert.match(stderr, /^tapeline: there is no command "tial".*\n.*UsageError.*\n +at /);
});

test("a TAPE is an id in the folder, a path of any name, or the latest", () =>
  inScratch(async (folder) => {
    const put = (dir: string, id: string) => putTape(join(folder, dir), id, new Session(id).plainText());
    await put("tapes", "one");
    await put("other", "two");
    await put("other", "my session.v2");
    await writeFile(join(folder, "no-ending"), new Session("no-ending").plainText());
    const idOf = async (args: readonly string[], env: Record<string, string> = {}) => {
      const { code, stdout, stderr } = await tapeline(["info", "--json", ...args], { cwd: folder, env });
      assert.equal([code, stderr], [0, ""], args.join(" "));
      return JSON.parse(stdout).tape_id;
    };
    assert.is(await idOf(["one"]), "one");
    assert.is(await idOf(["tapes/one.jsonl"]), "one");
    assert.is(await idOf([join(folder, "tapes/one.jsonl")]), "one");
    assert.is(await idOf(["two", "--dir", "other"]), "two");
    assert.is(await idOf(["two"], { TAPELINE_DIR: "other" }), "two");
    assert.is(await idOf(["one", "--dir=tapes"], { TAPELINE_DIR: "other" }), "one");
    assert.is(await idOf(["other/my session.v2.jsonl"]), "my session.v2");
    assert.is(await idOf(["./no-ending"]), "no-ending");
    assert.is(await idOf(["latest"]), "one");
    await put("tapes", "latest");
    assert.is(await idOf(["latest"]), "latest");
    const { stdout } = await tapeline(["--dir", "other", "info", "two"], { cwd: folder });
    assert.match(stdout, /^two /);
  }));

test.run();
