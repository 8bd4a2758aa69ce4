import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeWriter } from "../../../../src/mod.ts";
import { fileStore } from "../../../../src/file.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { RunningCommand, tapeline } from "../../run-command.ts";
import { putTape, sampleSession, Session } from "../../sample-tape.ts";

/** A line for people without the space between its parts, its time, and its latency. */
const gist = (line: string) => line.slice(9).replace(/ [\d.]+ (µs|ms|s) /, " ").replace(/ +/g, " ").trim();
const gists = (stdout: string) => stdout.trimEnd().split("\n").map(gist);

test("tail prints the last lines of a finished tape and ends", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    for (let at = 0; at < 30; at++) {
      session.client(at, { id: at, method: `m${at}` }).server(at + 1, { id: at, result: at });
    }
    const path = await putTape(folder, "demo", await session.text(), { status: "finalized" });
    const ten = await tapeline(["tail", path]);
    assert.equal([ten.code, ten.stderr], [0, ""]);
    assert.is(gists(ten.stdout).length, 10);
    assert.equal(gists((await tapeline(["tail", "-n", "3", path])).stdout), [
      "58 → m29 #29",
      "59 ←✓ m29 #29 29",
      "59 □ end of the tape 60 frames, 30 ms",
    ]);
    // A request in front of the first line is known to its answer all the same.
    assert.is(gists((await tapeline(["tail", "-n2", path])).stdout)[0], "59 ←✓ m29 #29 29");
    assert.is((await tapeline(["tail", "-n", "0", path])).stdout, "");
    const all = await tapeline(["tail", "-n", "1000", path]);
    assert.is(all.stdout, (await tapeline(["cat", path])).stdout);
  }));

test("tail --json prints the last records as they stand on the tape", () =>
  inScratch(async (folder) => {
    const text = await sampleSession("demo").text();
    const path = await putTape(folder, "demo", text);
    const { code, stdout } = await tapeline(["tail", "--json", "--no-follow", "-n", "3", path]);
    assert.is(stdout, text.split("\n").slice(-4).join("\n"));
    assert.is(code, 0, "the gap is further up");
  }));

for (const json of [false, true]) {
  test(`tail ${json ? "--json " : ""}follows a tape while it is written, until it is finalized`, () =>
    inScratch(async (folder) => {
      const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
      await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
      await using command = new RunningCommand(["tail", "--dir", folder, ...json ? ["--json"] : [], "live"]);
      const next = async () => {
        const line = await command.line();
        return json ? JSON.parse(line).type : gist(line).split(" ").slice(0, 4).join(" ");
      };
      assert.is(await next(), json ? "init" : "▷ start of the");
      assert.is(await next(), json ? "frame" : "0 → ping #1");
      await writer.writeFrame({ message: { id: 1, result: {} }, direction: "server_to_client" });
      assert.is(await next(), json ? "frame" : "1 ←✓ ping #1");
      if (json) assert.is(await next(), "correlation");
      await writer.writeLog("stderr", "hello");
      assert.is(await next(), json ? "log" : "· stderr hello");
      await writer.finalize();
      assert.is(await next(), json ? "checkpoint" : "1 □ end of");
      const { code, stderr } = await command.outcome();
      assert.equal([code, stderr], [0, ""]);
    }));
}

test("tail holds a line back until it is whole", () =>
  inScratch(async (folder) => {
    const [first, second, third] = new Session("demo").client(1, { method: "a" }).client(2, { method: "b" }).plainText()
      .split("\n");
    const path = await putTape(folder, "demo", `${first}\n${second!.slice(0, 50)}`);
    await using command = new RunningCommand(["tail", path]);
    assert.match(await command.line(), /start of the tape/);
    await appendFile(path, second!.slice(50));
    await appendFile(path, "\n");
    assert.is(gist(await command.line()), "0 → a");
    await appendFile(path, third!.slice(0, 20));
    await appendFile(path, `${third!.slice(20)}\n`);
    assert.is(gist(await command.line()), "1 → b");
    command.signal("SIGINT");
    const { code, stderr } = await command.outcome();
    assert.equal([code, stderr], [0, ""]);
  }));

test("tail ends with code 0 when somebody stops it, and quietly when nobody reads on", () =>
  inScratch(async (folder) => {
    await using writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    for (const stop of ["SIGINT", "SIGTERM", "EPIPE"] as const) {
      await using command = new RunningCommand(["tail", "--dir", folder, "live"]);
      await command.line();
      if (stop === "EPIPE") {
        command.closeStdout();
        await writer.writeGap(1, "even then");
        // It notices with what it writes next.
        for (let at = 0; at < 3; at++) await writer.writeLog("stderr", "x".repeat(100));
      } else command.signal(stop);
      const { code, signal, stderr } = await command.outcome();
      assert.equal([code, signal, stderr], [0, null, ""], stop);
    }
  }));

test("tail reports damage and goes on behind it", () =>
  inScratch(async (folder) => {
    const [first, second] = new Session("demo").client(1, { method: "a" }).plainText().split("\n");
    const path = await putTape(folder, "demo", `${first}\n${second}\n#!?\n`);
    await using command = new RunningCommand(["tail", path]);
    await command.line();
    await command.line();
    await appendFile(path, `more damage\n${second}\n`);
    assert.is(gist(await command.line()), "0 → a");
    command.signal("SIGINT");
    const { code, stderr } = await command.outcome();
    assert.is(code, 3);
    assert.match(
      stderr,
      /^(tapeline: Cannot read line \d at byte \d+: it is not JSON\n){2}tapeline: .* 2 lines of it are damaged\n$/,
    );
  }));

test("tail reports what is damaged before the first record too, where it prints all of a tape", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", `\ufeff${new Session("demo").client(1, { id: 1 }).plainText()}`);
    const { code, stderr } = await tapeline(["tail", "--no-follow", path]);
    assert.match(stderr, /^tapeline: Cannot read line 1 at byte 0: it is a byte order mark\n/);
    assert.is(code, 3);
  }));

test("tail --no-follow ends at once on a tape that is being written", () =>
  inScratch(async (folder) => {
    await using writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    const { code, stdout } = await tapeline(["tail", "--no-follow", join(folder, `${writer.tapeId}.jsonl`)]);
    assert.is(code, 0);
    assert.match(stdout, /start of the tape/);
  }));

test("tail's last line says how the session has ended, however few lines it prints", () =>
  inScratch(async (folder) => {
    const session = new Session("demo").client(1, { method: "n" }).record({ type: "end", ts: 5, signal: "SIGSEGV" });
    const path = await putTape(folder, "demo", await session.text(), { status: "finalized" });
    for (const lines of ["1", "2", "10"]) {
      const { stdout } = await tapeline(["tail", "-n", lines, path]);
      assert.match(stdout.trimEnd().split("\n").at(-1)!, /end of the tape +killed by SIGSEGV, 1 frame, 5 ms$/);
    }
    assert.match((await tapeline(["cat", path])).stdout, /end of the tape +killed by SIGSEGV, 1 frame, 5 ms\n$/);
  }));

test.run();
