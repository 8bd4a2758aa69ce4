import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inScratch } from "../../helpers/scratch.ts";
import { RunningCommand, tapeline } from "../run-command.ts";
import { putTape, sampleSession, Session } from "../sample-tape.ts";

const minimal = fileURLToPath(new URL("../../../../shared/data/shadowcat/example-minimal.jsonl", import.meta.url));

/** The methods, or what stands there instead, of lines for people. */
const labels = (stdout: string) => stdout.trimEnd().split("\n").map((line) => line.slice(20, 54).trim());

test("cat prints a line for each record that says something", () =>
  inScratch(async (folder) => {
    const session = new Session("demo")
      .client(1, { id: 1, method: "ping" })
      .server(4, { id: 1, result: {} })
      .record({ type: "log", ts: 5, stream: "stderr", text: "hello" });
    const path = await putTape(folder, "demo", await session.text());
    const { code, stdout, stderr } = await tapeline(["cat", path]);
    assert.equal([code, stderr], [0, ""]);
    assert.equal(labels(stdout), ["start of the tape", "ping #1", "ping #1", "stderr", "end of the tape"]);
    const all = "frame,correlation,checkpoint";
    assert.equal(labels((await tapeline(["cat", "--type", all, path])).stdout), [
      "ping #1",
      "ping #1",
      "ping",
      "end of the tape",
    ]);
    assert.equal(labels((await tapeline(["cat", "--type", "log", "--type=init", path])).stdout), [
      "start of the tape",
      "stderr",
    ]);
    const fromServer = (await tapeline(["cat", "--from", "server", path])).stdout;
    assert.match(fromServer, /^ +0\.004 +1 ←✓ ping #1 +3\.00 ms {2}\{\}\n$/);
  }));

test("cat into a pipe cuts nothing, and colours only if it is told to", () =>
  inScratch(async (folder) => {
    const text = "long ".repeat(1000).trim();
    const session = new Session("demo").server(1, { id: 1, result: { content: [{ type: "text", text }] } });
    const path = await putTape(folder, "demo", session.plainText());
    const { stdout } = await tapeline(["cat", path], { env: { COLUMNS: "80" } });
    assert.ok(stdout.endsWith(` ${text}\n`));
    assert.not(stdout.includes("\x1b"));
    assert.ok((await tapeline(["cat", "--color=always", path])).stdout.includes("\x1b[32m✓"));
    const { code, stderr } = await tapeline(["cat", "--color", "sometimes", path]);
    assert.equal([code, stderr], [2, 'tapeline: --color must be auto, always or never, not "sometimes"\n']);
  }));

test("cat --json prints the lines of the tape, to the byte", () =>
  inScratch(async (folder) => {
    const text = (await sampleSession("demo").text()).replace('"id":3', '"id": 3.0').replace("\n", " \n");
    const path = await putTape(folder, "demo", text);
    const { code, stdout } = await tapeline(["cat", "--json", path]);
    assert.equal([code, stdout === text], [3, true]);
    const frames = text.split("\n").filter((line) => line.includes('"dir":"server_to_client"'));
    const fromServer = await tapeline(["cat", "--json", "--from=server", path]);
    assert.is(fromServer.stdout, frames.map((line) => `${line}\n`).join(""));
  }));

test("cat skips damaged lines, says where they are, and never their neighbours", () =>
  inScratch(async (folder) => {
    const lines = (await new Session("demo").client(1, { method: "a" }).client(2, { method: "b" }).text()).split("\n");
    const damaged = [lines[0], "#!?", lines[1], '{"type":"frame","seq":1}', "", lines[2], lines[3], '{"type":"fra'];
    const path = await putTape(folder, "demo", damaged.join("\n"));
    const { code, stdout, stderr } = await tapeline(["cat", "--json", path]);
    assert.is(code, 3);
    assert.is(stdout, lines.slice(0, 4).map((line) => `${line}\n`).join(""));
    const reports = stderr.trimEnd().split("\n");
    assert.is(reports.length, 4);
    assert.match(reports[0]!, /^tapeline: Cannot read line 2 at byte \d+: it is not JSON$/);
    assert.match(reports[1]!, /line 4 at byte/);
    assert.match(reports[2]!, /line 5 at byte \d+: it is empty/);
    assert.is(reports[3], `tapeline: ${path} is not complete: 3 lines of it are damaged`);
  }));

test("cat says in one line that frames are missing", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", await new Session("demo").gap(5, 3, "disk full").text());
    for (const options of [[], ["--json"], ["--raw"], ["--type", "frame"]]) {
      const { code, stderr } = await tapeline(["cat", ...options, path]);
      assert.is(code, 3);
      assert.is(stderr, `tapeline: ${path} is not complete: 3 frames could not be recorded\n`);
    }
  }));

test("cat --raw prints the messages as they crossed the wire", () =>
  inScratch(async (folder) => {
    const message = '{"id":12345678901234567890,"a":1.0,"a":"\\ud800"}';
    const frame = (rest: string) => `{"type":"frame","seq":0,"ts":0,"dir":"server_to_client","env":{${rest}}}\n`;
    const bytes = Uint8Array.of(0xff, 0xfe, 0x41);
    const path = await putTape(
      folder,
      "demo",
      new Session("demo").plainText() + frame(`"message":${message}`) + frame('"raw":"Listening…"') +
        frame(`"encoding":"base64","raw":"${btoa(String.fromCharCode(...bytes))}"`),
    );
    const { code, stdout } = await tapeline(["cat", "--raw", path]);
    assert.equal([code, stdout], [0, `${message}\nListening…\n${new TextDecoder().decode(bytes)}\n`]);
  }));

test("cat reads tapes of other recorders: no metadata, CRLF, spaces, nulls, no end", () =>
  inScratch(async (folder) => {
    const lines = [
      '{ "session_id": "s", "type": "init", "version": "2.0", "tape_id": "x", "created_at": "2025-08-14T10:30:00.000Z" }',
      '{ "env": { "message": { "method": "a" } }, "dir": "client_to_server", "ts": 5, "seq": 0, "type": "frame", "flags": null }',
      '{"type":"from-the-future","x":[1]}',
      '{"type":"frame","seq":1,"ts":7,"dir":"client_to_server","action":null,"env":{"message":{"method":"b"},"timestamp":null}}',
    ];
    const path = await putTape(folder, "old", lines.join("\r\n"));
    const { code, stdout, stderr } = await tapeline(["cat", path]);
    assert.equal([code, stderr], [0, ""]);
    assert.equal(labels(stdout), ["start of the tape", "a", "from-the-future", "b"]);
    const first = await tapeline(["cat", minimal]);
    assert.equal([first.code, first.stderr, labels(first.stdout)], [0, "", ["start of the tape"]]);
    const same = await tapeline(["cat", "--json", minimal]);
    assert.is(same.stdout, `${readFileSync(minimal, "utf8").trimEnd()}\n`);
  }));

test("cat ends quietly when nobody reads on", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    for (let at = 0; at < 50_000; at++) session.client(at, { method: "n", params: { at } });
    const path = await putTape(folder, "demo", `${session.plainText()}damaged\n`);
    for (const options of [[], ["--json"]]) {
      await using command = new RunningCommand(["cat", ...options, path]);
      await command.line();
      command.closeStdout();
      const { code, signal, stderr } = await command.outcome();
      assert.equal([code, signal, stderr], [0, null, ""]);
    }
  }));

test.run();
