import { appendFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeWriter } from "../../../src/mod.ts";
import { fileStore } from "../../../src/file.ts";
import { widthOf } from "../../../src/cli/terminal/text.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { tapeline } from "../run-command.ts";
import { putTape, sampleSession, Session } from "../sample-tape.ts";

const minimal = fileURLToPath(new URL("../../../../shared/data/shadowcat/example-minimal.jsonl", import.meta.url));

const METADATA = {
  name: "everything server",
  description: "A session with a bit of everything",
  tags: ["demo", "stdio"],
  status: "finalized",
  transport: { type: "stdio", command: "npx", args: ["-y", "it's", "@modelcontextprotocol/server-everything"] },
  environment: {
    platform: "linux",
    runtime: "node",
    runtime_version: "20.20.2",
    tapeline_version: "0.1.0",
    hostname: "box",
  },
};

test("info prints what a person wants to know of a tape", () =>
  inScratch(async (folder) => {
    await putTape(folder, "demo", await sampleSession("demo").text(), METADATA);
    const { code, stdout, stderr } = await tapeline(["info", "--dir", folder, "demo"]);
    assert.is(code, 3);
    assert.match(stderr, /^tapeline: .* is not complete: 7 frames could not be recorded\n$/);
    for (
      const expected of [
        /^everything server {2}finalized$/m,
        /^ {2}about {5}A session with a bit of everything$/m,
        /^ {2}tags {6}#demo #stdio$/m,
        /^ {2}started {3}2026-11-23 07:30:12Z, /m,
        /^ {2}server {4}everything 1\.0\.0$/m,
        /^ {2}command {3}npx -y 'it'\\''s' @modelcontextprotocol\/server-everything$/m,
        /^ {2}protocol {2}2025-06-18$/m,
        /^ {2}recorded {2}by tapeline 0\.1\.0 on node 20\.20\.2, linux at box$/m,
        /^ {2}frames {4}40 in 3\.60 s, 11 per second, 20 →, 20 ←, 1 log line$/m,
        /^ {2}errors {4}1 JSON-RPC error, 1 tool error, 1 message that is no JSON-RPC$/m,
        /^→ tools\/call echo +13 +4\.00 ms +7\.00 ms +7\.00 ms$/m,
        /^← sampling\/createMessage +1 +400 ms/m,
        /^tools\/call longRunningOperation +2\.05 s +0\.800 +32 – 34$/m,
        /^tools\/call getTinyImage +1 +tool +36 +The disk is \\u\{1b\}\[31mfull/m,
        /^tools\/call echo +46 +3\.600 +none came$/m,
        /^✂ 7 frames lost \(39 – 45\) at 3\.500: Cannot write/m,
      ]
    ) assert.match(stdout, expected);
  }));

test("info says of latencies only what its one table says", () =>
  inScratch(async (folder) => {
    await putTape(folder, "demo", await sampleSession("demo").text());
    const { stdout } = await tapeline(["info", "--dir", folder, "demo"]);
    assert.match(stdout, /^ {2}answers {3}18$/m);
    assert.not.match(stdout, /p50/);
    assert.match(stdout, /^all +21 +2 +\d.* 2\.05 s$/m);
    const one = new Session("one").client(1, { id: 1, method: "m" }).server(3, { id: 1, result: {} });
    await putTape(folder, "one", one.plainText());
    const alone = await tapeline(["info", "--dir", folder, "one"]);
    assert.match(alone.stdout, /^→ m +1 +2\.00 ms +2\.00 ms +2\.00 ms$/m);
    assert.not.match(alone.stdout, /^all /m);
  }));

test("info keeps within the terminal, and lets nothing through that steers it", () =>
  inScratch(async (folder) => {
    const evil = "\u001b]0;owned\u0007\u202e你好".repeat(20);
    const session = new Session("evil")
      .client(1, { id: evil, method: evil, params: { clientInfo: { name: evil } } })
      .server(2, { id: evil, error: { code: evil, message: evil } })
      .client(2, { id: 1, method: evil })
      .gap(3, 1, evil);
    const environment = { tapeline_version: evil, runtime: evil, hostname: evil };
    const metadata = { name: evil, description: evil, tags: [evil], status: { error: evil }, environment };
    await putTape(folder, "evil", `${await session.text()}${evil}\n`, {
      ...metadata,
      transport: { command: evil, args: [evil] },
    });
    for (const columns of [60, 80, 120]) {
      const { code, stdout } = await tapeline(["info", "--dir", folder, "evil"], { env: { COLUMNS: `${columns}` } });
      assert.is(code, 3);
      for (const line of stdout.trimEnd().split("\n")) {
        assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
        assert.not(/[\p{Cc}\p{Cf}]/u.test(line), JSON.stringify(line));
      }
    }
  }));

test("info cuts nothing off in a pipe", () =>
  inScratch(async (folder) => {
    const message = "far too long a message ".repeat(9).trim();
    const args = ["--root", `/${"deep/".repeat(30)}`];
    const session = new Session("long").client(1, { id: 1, method: "m" }).server(2, {
      id: 1,
      error: { code: -1, message },
    });
    await putTape(folder, "long", await session.text(), { transport: { type: "stdio", command: "server", args } });
    const { stdout } = await tapeline(["info", "--dir", folder, "long"], { env: { COLUMNS: "" } });
    for (const whole of [message, args[1]!]) assert.ok(stdout.includes(`${whole}\n`), stdout);
  }));

test("info --json is one line of ASCII that agrees with the writer's own statistics", () =>
  inScratch(async (folder) => {
    const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    for (let id = 0; id < 5; id++) {
      await writer.writeFrame({ message: { id, method: "你好" }, direction: "client_to_server" });
      const outcome = id === 3 ? { error: { code: -1, message: "no" } } : { result: {} };
      await writer.writeFrame({ message: { id, ...outcome }, direction: "server_to_client" });
    }
    const { stats, performance } = await writer.finalize();
    const { code, stdout, stderr } = await tapeline(["info", "--json", "--top", "2", "--dir", folder, "live"]);
    assert.equal([code, stderr], [0, ""]);
    assert.match(stdout, /^[ -~]+\n$/);
    const info = JSON.parse(stdout);
    assert.equal(info.stats, stats);
    assert.equal(info.performance, performance);
    assert.is(info.state, "finalized");
    assert.is(info.metadata.tape_id, "live");
    assert.is(info.slowest.length, 2);
    assert.equal(info.errors, [{ method: "你好", code: -1, message: "no", count: 1, first_seq: 7 }]);
    assert.equal([info.methods.length, info.methods[0].count, info.methods[0].errors], [1, 5, 1]);
    assert.equal([info.unanswered, info.gaps, info.damaged_lines, info.unfinished_line], [[], [], [], null]);
  }));

test("info says where a tape is damaged; an unfinished end is no damage", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", new Session("demo").client(1, { method: "a" }).plainText());
    await appendFile(path, '{"type":"frame","seq":1,"ts":2,"di');
    const torn = await tapeline(["info", path]);
    assert.equal([torn.code, torn.stderr], [0, ""]);
    assert.match(torn.stdout, /^… the last line, at byte \d+, has no end: it is torn, or still being written$/m);
    await appendFile(path, "\n\u0000\u0000\n");
    const damaged = await tapeline(["info", "--json", path]);
    assert.is(damaged.code, 3);
    assert.match(damaged.stderr, /line 3 at byte .*\n.*line 4 at byte .*\n.* 2 lines of it are damaged\n$/);
    const info = JSON.parse(damaged.stdout);
    assert.is(info.damaged_line_count, 2);
    assert.equal(info.damaged_lines.map(({ line, code }: { line: number; code: string }) => [line, code]), [
      [3, "corrupted_record"],
      [4, "corrupted_record"],
    ]);
    assert.is(info.stats.frame_count, 1);
  }));

test("info reads the smallest tape there is", async () => {
  const { code, stdout, stderr } = await tapeline(["info", minimal]);
  assert.equal([code, stderr], [0, ""]);
  assert.match(stdout, /^550e8400-e29b-41d4-a716-446655440000 {2}unknown$/m);
  assert.match(stdout, /^ {2}frames {4}0 in 0 s, 0 →, 0 ←$/m);
});

test("info says how the session has ended", () =>
  inScratch(async (folder) => {
    const closed = [{ stream: "stdout", by: "server", ts: 8 }];
    const end = { ts: 9, exit_code: null, signal: "SIGSEGV", exit_ts: 8, error: null, closed };
    const session = new Session("demo").client(1, { method: "n" }).record({ type: "end", ...end });
    const path = await putTape(folder, "demo", await session.text());
    assert.match(
      (await tapeline(["info", path])).stdout,
      /^ {2}ended {5}killed by SIGSEGV, stdout closed first, by the server at 0\.008$/m,
    );
    assert.equal(JSON.parse((await tapeline(["info", "--json", path])).stdout).end, end);

    const open = await putTape(folder, "open", new Session("open").plainText());
    assert.not.match((await tapeline(["info", open])).stdout, /^ {2}ended/m);
    assert.is(JSON.parse((await tapeline(["info", "--json", open])).stdout).end, null);
    // What the tape lost, the metadata may still know.
    const hint = await putTape(folder, "hint", new Session("hint").plainText(), { end: { exit_code: 3 } });
    assert.match((await tapeline(["info", hint])).stdout, /^ {2}ended {5}exit code 3$/m);
    // A tape that was gone on with has not ended so.
    const goneOn = await putTape(folder, "more", session.client(20, { method: "n" }).plainText());
    assert.not.match((await tapeline(["info", goneOn])).stdout, /^ {2}ended/m);
  }));

test.run();
