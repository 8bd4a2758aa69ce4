import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CommandError, recordStdio, type ServerCommand } from "../../../src/mcp.ts";
import { memoryStore } from "../../../src/mod.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { reasonOf } from "../../helpers/within.ts";

/** What stands behind `Cannot start …: `, and the exit code, of a server that cannot be started. */
async function hindrance(server: Partial<ServerCommand> & { command: string }): Promise<[why: string, code: number]> {
  const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const error = await reasonOf(recordStdio({ args: [], ...server, store: memoryStore(), client }));
  if (!(error instanceof CommandError)) throw error;
  return [/^Cannot start [^:]*: (.*)$/.exec(error.message)![1]!, error.exitCode];
}

async function putScript(path: string, content: string, mode = 0o755): Promise<string> {
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

test("CommandError says that a script is there and its interpreter is not", () =>
  inScratch(async (folder) => {
    const script = (name: string, content: string) => putScript(join(folder, name), content);
    const gone = "its interpreter /no/such is not there";
    assert.equal(await hindrance({ command: await script("a", "#!/no/such\n") }), [gone, 126]);
    assert.equal(await hindrance({ command: await script("b", "#! /no/such -x y\nz") }), [gone, 126]);
    const path = await script("c", "#!/no/such");
    assert.equal(await hindrance({ command: "c", env: { PATH: folder } }), [gone, 126]);
    assert.equal(await hindrance({ command: "./c", cwd: folder }), [gone, 126]);
    assert.equal(await hindrance({ command: path, args: ["x"] }), [gone, 126]);
    const crlf = await script("d", "#!/bin/sh\r\necho\r\n");
    assert.equal(await hindrance({ command: crlf }), [
      String.raw`its interpreter /bin/sh\u{d} is not there; its lines end in CR LF`,
      126,
    ]);
    assert.equal(await hindrance({ command: await script("e", `#!${folder}\n`) }), [
      `its interpreter ${folder} cannot be run: it is a folder`,
      126,
    ]);
    const plain = await putScript(join(folder, "plain"), "#!/bin/sh\n", 0o644);
    assert.equal(await hindrance({ command: await script("f", `#!${plain}\n`) }), [
      `its interpreter ${plain} cannot be run: it is not executable`,
      126,
    ]);
  }));

test("CommandError says that the folder to start in is not there, or none", () =>
  inScratch(async (folder) => {
    const none = join(folder, "none");
    assert.equal(await hindrance({ command: "sh", cwd: none }), [
      `the folder to start it in, ${none}, is not there`,
      126,
    ]);
    const file = await putScript(join(folder, "file"), "");
    assert.equal(await hindrance({ command: "sh", cwd: file }), [
      `the folder to start it in, ${file}, is no folder`,
      126,
    ]);
    const loop = join(folder, "loop");
    await symlink("loop", loop);
    assert.equal(await hindrance({ command: "sh", cwd: loop }), [
      `the folder to start it in, ${loop}, cannot be used: its links lead in a circle`,
      126,
    ]);
  }));

test("CommandError tells a command that is nowhere from one that cannot be run", () =>
  inScratch(async (folder) => {
    const at = (name: string) => join(folder, name);
    await mkdir(at("folder"));
    await mkdir(at("empty"));
    await putScript(at("text"), "#!/bin/sh\n", 0o644);
    await symlink("nowhere", at("dangling"));
    await symlink("loop", at("loop"));
    const PATH = `${at("empty")}:${folder}`;
    const cases: [server: Partial<ServerCommand> & { command: string }, why: string, code: number][] = [
      [{ command: "no-such-command" }, "there is no such command in $PATH", 127],
      [{ command: "no-such-command", env: {} }, "there is no such command in $PATH", 127],
      [{ command: at("none") }, "there is no such command", 127],
      [{ command: "./none", cwd: folder }, "there is no such command", 127],
      [{ command: at("dangling") }, "it is a link to nothing", 127],
      [{ command: at("text") }, "it is not executable", 126],
      [{ command: "text", env: { PATH } }, "it is not executable", 126],
      [{ command: "./text", cwd: folder }, "it is not executable", 126],
      [{ command: at("folder") }, "it is a folder", 126],
      [{ command: "folder", env: { PATH } }, "it is a folder", 126],
      [{ command: "/dev/null" }, "it is not a regular file", 126],
      [{ command: at("loop") }, "its links lead in a circle", 127],
      [{ command: at("text/x") }, "a part of its path is a file, not a folder", 127],
      [{ command: `/${"x".repeat(300)}` }, "its name is too long", 127],
      [{ command: "" }, "it has no name", 127],
    ];
    for (const [server, why, code] of cases) assert.equal(await hindrance(server), [why, code], server.command);
  }));

test("CommandError says that the arguments are too long", async () => {
  assert.equal(await hindrance({ command: "sh", args: ["-c", ":", "x".repeat(3_000_000)] }), [
    "its arguments and environment are longer than the system takes",
    126,
  ]);
});

test("CommandError repeats no argument, in its cause neither", async () => {
  const secret = "s3cretX";
  for (
    const server of [
      { command: "no-such-command", args: ["--token", secret] },
      { command: "sh", args: [`${secret}\0`] },
      { command: `no-such-command --token ${secret}`, args: [] },
      { command: "no-such-command", args: [secret], env: { ...process.env, TOKEN: `${secret}\0` } },
    ]
  ) {
    const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const error = await reasonOf(recordStdio({ ...server, store: memoryStore(), client }));
    assert.instance(error, CommandError);
    const cause = (error as Error).cause;
    const texts = [
      (error as Error).message,
      String(cause),
      JSON.stringify(cause),
      JSON.stringify({ ...cause as object }),
    ];
    assert.not(texts.join().includes(secret), texts.join());
  }
});

test.run();
