import { execFile } from "node:child_process";
import { readdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rm } from "../../../../src/cli/commands/store/rm.ts";
import { UsageError } from "../../../../src/cli/command.ts";
import { fileStore } from "../../../../src/file.ts";
import { StreamingTapeWriter } from "../../../../src/mod.ts";
import { Child } from "../../../helpers/child.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { FakeIo } from "../../fake-io.ts";
import { tapeline } from "../../run-command.ts";
import { init, putTape, Session } from "../../sample-tape.ts";

const text = `${JSON.stringify(init("x"))}\n`;
const old = { created_at: "2025-01-01T00:00:00Z", status: "finalized" };

async function usage(args: readonly string[], io: FakeIo = new FakeIo()): Promise<string> {
  try {
    await rm.run(args, io);
  } catch (error) {
    assert.instance(error, UsageError);
    return (error as Error).message;
  }
  throw new Error(`it took ${args}`);
}

test("rm deletes tapes and all that belongs to them, and nothing else", () =>
  inScratch(async (folder) => {
    for (const id of ["one", "two", "three"]) {
      await putTape(folder, id, text, { ...old, name: `name-${id}` });
      for (const ending of ["index", "torn", "dropped", "jsonl.bak", "jsonl.draft", "jsonl.unproven"]) {
        await writeFile(join(folder, `${id}.${ending}`), "x");
      }
    }
    await writeFile(join(folder, "one.txt"), "mine");
    const path = await putTape(folder, "my session.v2", text, old);
    const { code, stdout, stderr } = await tapeline(["rm", "--yes", "--dir", folder, "one", "name-two", path, "one"]);
    assert.equal([code, stderr.replace(/\d+ B/, "N")], [0, "tapeline: rm freed N: 3 tapes\n"]);
    assert.equal(stdout.split("\n").map((line) => line.replace(/ \(.*/, "")).sort(), [
      "",
      `deleted ${path}`,
      `deleted ${join(folder, "one.jsonl")}`,
      `deleted ${join(folder, "two.jsonl")}`,
    ]);
    assert.equal((await readdir(folder)).filter((name) => !name.startsWith("three.")), ["one.txt"]);
    assert.is((await readdir(folder)).length, 9);
  }));

test("rm does not wait for a pipe that stands in the place of metadata", () =>
  inScratch(async (folder) => {
    await putTape(folder, "one", text);
    await promisify(execFile)("mkfifo", [join(folder, "one.meta.json")]);
    for (const tape of ["one", "latest"]) {
      const { code, stdout } = await tapeline(["rm", "--dry-run", "--dir", folder, tape]);
      assert.is(code, stdout === "" ? 1 : 0);
    }
  }));

test("rm asks before it deletes, and needs --yes where nobody can be asked", () =>
  inScratch(async (folder) => {
    await putTape(folder, "one", text, { ...old, name: "\u001b[2Jevil" });
    assert.match(
      await usage(["--dir", folder, "one"]),
      /^rm would delete 1 tape \(\d+ B\), and nobody is there to be /,
    );
    const answered = async (answer: string) => {
      let question = "";
      const io = new FakeIo({
        ask(text) {
          question = text;
          return Promise.resolve(answer);
        },
      });
      const code = await rm.run(["--dir", folder, "one"], io);
      assert.match(question, /^Delete 1 tape \(\d+ B\) for good\? \[y\/N\] $/);
      assert.match(io.err, /one +\\u\{1b\}\[2Jevil/);
      return [code, (await readdir(folder)).length];
    };
    for (const answer of ["", "n", "no", "yesterday"]) assert.equal(await answered(answer), [1, 2], answer);
    assert.equal(await answered(" Yes\n"), [0, 0]);
  }));

test("rm --dry-run only says what it would do", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "one", text, old);
    const io = new FakeIo();
    assert.is(await rm.run(["--dir", folder, "--dry-run", "latest"], io), 0);
    assert.match(io.out, new RegExp(`^would delete ${path} \\(\\d+ B\\)\n$`));
    const json = new FakeIo();
    assert.is(await rm.run(["--dir", folder, "--dry-run", "--json", "one"], json), 0);
    const { size_bytes, ...rest } = JSON.parse(json.out);
    assert.ok(size_bytes > text.length);
    assert.equal(rest, {
      tape_id: "one",
      path,
      name: null,
      state: "finalized",
      dry_run: true,
      deleted: false,
      error: null,
    });
    assert.is((await readdir(folder)).length, 2);
  }));

test("rm leaves a tape alone that is being written, or may be, and deletes the others", () =>
  inScratch(async (folder) => {
    await putTape(folder, "old", text, old);
    await putTape(folder, "foreign", text, { status: "recording", updated_at: new Date().toISOString() });
    await putTape(folder, "fresh", text);
    await using writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    const io = new FakeIo();
    assert.is(await rm.run(["--yes", "--json", "--dir", folder, "live", "foreign", "fresh", "old"], io), 1);
    const results = io.out.trimEnd().split("\n").map((line) => JSON.parse(line));
    const told = (id: string) => results.find(({ tape_id }) => tape_id === id);
    assert.equal([told("old").deleted, told("old").error], [true, null]);
    for (const id of ["live", "foreign", "fresh"]) {
      assert.equal([told(id).deleted, told(id).error.code], [false, "locked"], id);
      assert.match(told(id).error.message, /^Cannot delete .*: it (is|may be) being written/);
    }
    assert.equal((await readdir(folder)).filter((name) => name.endsWith(".jsonl")).sort(), [
      "foreign.jsonl",
      "fresh.jsonl",
      "live.jsonl",
    ]);
    await writer.writeLog("stderr", "still there");
  }));

test("rm deletes nothing where one of its arguments is wrong", () =>
  inScratch(async (folder) => {
    await putTape(folder, "one", text, old);
    const notes = await putTape(folder, "notes", "hello\n");
    await symlink(join(folder, "one.jsonl"), join(folder, "link.jsonl"));
    await utimes(join(folder, "one.jsonl"), 0, 0);
    const args = ["--yes", "--dir", folder, "one"];
    assert.match(await usage([...args, "none"]), /^Cannot find tape "none"/);
    assert.match(await usage([...args, notes]), /notes\.jsonl: it is no tape \(its first line must be an init record/);
    assert.match(await usage(["--yes", "--dir", folder]), /^rm needs the TAPE to delete/);
    assert.is((await readdir(folder)).length, 4);
    const io = new FakeIo();
    assert.is(await rm.run(["--yes", "--dir", folder, "link"], io), 1);
    assert.match(io.err, /it is a symbolic link/);
    assert.is(await readFile(join(folder, "one.jsonl"), "utf8"), text);
  }));

test("rm deletes what a killed recorder has left, an empty tape too, and what is left of a tape that is gone", () =>
  inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`create ${folder} killed`);
    assert.is(await child.line(), "done");
    await child.kill();
    assert.ok((await readdir(folder)).includes("killed.jsonl.lock"));
    // The lock of what else it wrote stays as well.
    const lock = await readFile(join(folder, "killed.jsonl.lock"));
    for (const name of ["killed.index", "killed.torn"]) await writeFile(join(folder, `${name}.lock`), lock);
    await writeFile(join(folder, "killed.jsonl"), "");
    await writeFile(join(folder, "gone.meta.json"), "{}");
    await writeFile(join(folder, "gone.index"), "x");
    const io = new FakeIo();
    assert.is(await rm.run(["--yes", "--dir", folder, "killed", "gone"], io), 0, io.err);
    assert.equal(await readdir(folder), []);
    assert.match(await usage(["--yes", "--dir", folder, "gone"]), /^Cannot find tape "gone"/);
  }));

test("rm deletes a tape of any length, and follows no other", () =>
  inScratch(async (folder) => {
    await putTape(folder, "a", new Session("a").plainText(), old);
    await putTape(folder, "ab", text, old);
    const { code } = await tapeline(["rm", "--yes", "--dir", folder, "ab"]);
    assert.is(code, 0);
    assert.equal((await readdir(folder)).sort(), ["a.jsonl", "a.meta.json"]);
  }));

test.run();
