import { execFile, spawn } from "node:child_process";
import { watch } from "node:fs";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { command, quoted } from "../../helpers/mcp/stdio-client.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { within } from "../../helpers/within.ts";
import { tapeline } from "../run-command.ts";

const samples = fileURLToPath(new URL("../../foreign/samples/", import.meta.url));
const docs = new URL("../../../docs/converting.md", import.meta.url);

/** A folder with all samples in it. */
function withSamples(act: (folder: string) => Promise<void>): Promise<void> {
  return inScratch(async (folder) => {
    for (const name of await readdir(samples)) await copyFile(join(samples, name), join(folder, name));
    await act(folder);
  });
}

test("docs/converting.md shows what its commands print", () =>
  withSamples(async (cwd) => {
    const text = await readFile(docs, "utf8");
    const shown = [...text.matchAll(/```sh\n([^]*?)```\n\n```\n([^]*?)```/g)];
    assert.is(shown.length, 2);
    for (const [, commands, output] of shown) {
      let said = "";
      for (const command of commands!.trim().split("\n")) {
        const { stdout, stderr } = await tapeline(command.split(" ").slice(1), { cwd });
        said += stderr + stdout;
      }
      assert.is(said, output);
    }
  }));

test("convert makes tapes that every command takes", () =>
  withSamples(async (cwd) => {
    for (const [at, name] of ["har.har", "jsonrpc.log"].entries()) {
      const out = `tape-${at}.jsonl`;
      const made = await tapeline(["convert", "-o", out, name], { cwd });
      assert.ok([0, 3].includes(made.code!), made.stderr);
      assert.match(made.stdout, new RegExp(`^${out}: \\d+ messages from ${name} \\([\\w-]+\\)\\n$`));
      const commands = [["verify"], ["cat"], ["cat", "--json"], ["info"], ["replay", "--at-once"], ["show", out, "0"]];
      for (const [command, ...rest] of commands) {
        const args = rest.includes(out) ? [command!, ...rest] : [command!, ...rest, out];
        const { code, stderr } = await tapeline(args, { cwd });
        assert.is(code, made.code === 3 && command !== "show" && command !== "verify" ? code : 0, `${args}: ${stderr}`);
      }
    }
  }));

test("convert takes stdin and writes stdout, and says on stderr what it does not know", () =>
  withSamples(async (cwd) => {
    const line = quoted(command());
    const { stdout, stderr } = await promisify(execFile)("/bin/sh", [
      "-c",
      `cat jsonrpc.log | ${line} convert - > out.jsonl`,
    ], {
      cwd,
    });
    assert.is(stdout, "");
    assert.match(stderr, /^tapeline: stdin: the recording has no times/m);
    const { code, stdout: verified } = await tapeline(["verify", "out.jsonl"], { cwd });
    assert.equal([code, /8 frames; checksums to its end; no damage found/.test(verified)], [0, true]);
  }));

test("convert tells what was damaged with its place, takes the rest, and ends with 3", () =>
  withSamples(async (cwd) => {
    const lines = (await readFile(join(cwd, "jsonrpc.log"), "utf8")).split("\n");
    lines.splice(2, 0, '{"jsonrpc":"2.0","id":', '{"level":30,"msg":"ready"}');
    await writeFile(join(cwd, "damaged.log"), lines.join("\n"));
    const { code, stderr, stdout } = await tapeline(["convert", "--json", "-o", "out.jsonl", "damaged.log"], { cwd });
    assert.is(code, 3);
    assert.match(stderr, /Cannot read line 3 at byte \d+ of damaged\.log: it is not JSON\n/);
    assert.match(stderr, /Cannot read line 4 at byte \d+ of damaged\.log: it is no JSON-RPC message\n/);
    const { path, file, is_complete, converted_from, stats } = JSON.parse(stdout);
    assert.equal([path, file, is_complete, stats.frame_count], ["out.jsonl", "damaged.log", false, 8]);
    assert.equal([converted_from.format, converted_from.damaged_count, converted_from.times], ["jsonrpc", 2, "none"]);
  }));

test("convert refuses what it cannot do, and leaves nothing behind", () =>
  withSamples(async (cwd) => {
    await writeFile(join(cwd, "empty"), "");
    await writeFile(join(cwd, "junk"), Uint8Array.from({ length: 3000 }, (_, at) => at * 7 % 251));
    await writeFile(join(cwd, "both.json"), '{"metadata":{},"frames":[],"interactions":[]}');
    await writeFile(join(cwd, "none.json"), '{"log":{"version":"1.2","entries":[]}}');
    await tapeline(["convert", "-o", "tape.jsonl", "jsonrpc.log"], { cwd });
    const before = (await readdir(cwd)).sort();
    const refused: [args: string[], why: RegExp][] = [
      [["nothing.har"], /^tapeline: Cannot convert nothing\.har: there is no such file\n$/],
      [["empty"], /Cannot convert empty: it is empty\n$/],
      [
        ["junk"],
        /it looks like none of monolithic \(.*jsonrpc \(.*\); where it is one all the same, name it with --from\n$/,
      ],
      [
        ["both.json"],
        /it looks like more than one format: monolithic \(.*mcp-recorder \(.*name the one that it is with --from\n$/,
      ],
      [["none.json"], /there is no message in a HAR file\n$/],
      [["tape.jsonl"], /it is a tape already/],
      [["--from", "jsonrpc", "tape.jsonl"], /it is a tape already/],
      [["--from", "hat", "har.har"], /there is no such format; did you mean har\?\n$/],
      [["jsonrpc.log", "har.har"], /-o must name a folder\n$/],
      [[], /convert needs a FILE/],
    ];
    for (const [args, why] of refused) {
      const { code, stdout, stderr } = await tapeline(["convert", "-o", "new.jsonl", ...args], { cwd });
      assert.equal([code, stdout], [2, ""], `${args}`);
      assert.match(stderr, why);
    }
    for (
      const args of [["-o", "tape.jsonl", "har.har"], ["--json", "har.har"], ["-o", "har.har", "--force", "har.har"]]
    ) {
      assert.is((await tapeline(["convert", ...args], { cwd })).code, 2, `${args}`);
    }
    assert.equal((await readdir(cwd)).sort(), before);
    const forced = await tapeline(["convert", "--force", "-o", "tape.jsonl", "har.har"], { cwd });
    assert.is(forced.code, 0);
    assert.equal((await readdir(cwd)).sort(), before);
    assert.match((await tapeline(["info", "tape.jsonl"], { cwd })).stdout, /9 in 2\.01 s/);
  }));

test("convert makes tapes of all recordings in a folder, and tells what is none", () =>
  withSamples(async (cwd) => {
    const count = (await readdir(cwd)).length;
    await writeFile(join(cwd, "readme.txt"), "hello");
    const { code, stdout, stderr } = await tapeline(["convert", "--dir", "out", "."], { cwd });
    assert.is(code, 3);
    assert.is(stdout.trim().split("\n").length, count);
    assert.match(stderr, /Cannot convert readme\.txt: it looks like none of/);
    assert.is((await readdir(join(cwd, "out"))).filter((name) => name.endsWith(".jsonl")).length, count);
  }));

test("convert leaves a whole tape when it is interrupted", () =>
  inScratch(async (cwd) => {
    const [program, ...words] = command("convert", "-o", "out.jsonl", "-");
    const child = spawn(program, words, { cwd });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    child.stdin.on("error", () => {});
    const isBegun = new Promise<void>((resolve) => {
      // As soon as it has metadata, the tape has been begun.
      const watcher = watch(cwd, async () => {
        if (!(await readdir(cwd)).includes("out.meta.json")) return;
        watcher.close();
        resolve();
      });
    });
    child.stdin.write('{"jsonrpc":"2.0","method":"notifications/message"}\n'.repeat(2000));
    await within(isBegun, "the start of the tape", 60_000);
    process.kill(child.pid!, "SIGINT");
    assert.is(await within(ended, "the end of tapeline", 60_000), 130, stderr);
    child.stdin.destroy();
    assert.match(stderr, /this is not all of it: the conversion was ended after \d+ bytes/);
    const { code: verified, stdout } = await tapeline(["verify", "out.jsonl"], { cwd });
    assert.is(verified, 0, stdout);
    assert.match(stdout, /frames; checksums to its end/);
  }));

test("convert is interrupted at once where it waits for a pipe with a name", () =>
  inScratch(async (cwd) => {
    await promisify(execFile)("mkfifo", [join(cwd, "messages")]);
    const writer = spawn("sh", ["-c", "exec 3> messages; echo open; exec sleep 100"], { cwd });
    const [program, ...words] = command("convert", "--from", "jsonrpc", "-o", "out.jsonl", "messages");
    const child = spawn(program, words, { cwd, stdio: "ignore" });
    try {
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      // The shell goes on as soon as somebody reads.
      await within(new Promise((resolve) => writer.stdout.once("data", resolve)), "a reader of the pipe", 60_000);
      process.kill(child.pid!, "SIGINT");
      assert.is(await within(ended, "the end of tapeline", 60_000), 130);
      assert.equal(await readdir(cwd), ["messages"]);
    } finally {
      child.kill("SIGKILL");
      writer.kill("SIGKILL");
    }
  }));

test.run();
