import { test } from "uvu";
import * as assert from "uvu/assert";
import { inScratch } from "../../helpers/scratch.ts";
import { RunningCommand, tapeline } from "../run-command.ts";
import { putTape, sampleSession, Session } from "../sample-tape.ts";

const message = (at: number) => `{"method":"m${at}"}`;

test("replay prints the messages of one side or of both, to the letter", () =>
  inScratch(async (folder) => {
    const text = (await sampleSession("demo").text()).replace('"id":3,', '"id": 3.0,');
    const path = await putTape(folder, "demo", text);
    const raw = async (from: string) => (await tapeline(["cat", "--raw", "--from", from, path])).stdout;
    for (const from of ["client", "server", "both"]) {
      const { code, stdout } = await tapeline(["replay", "--at-once", "--from", from, path]);
      assert.is(stdout, await raw(from));
      assert.is(code, 3, "the tape has a gap");
    }
    const both = (await tapeline(["replay", "--at-once", path])).stdout;
    assert.match(both, /\n\{"jsonrpc":"2\.0","id": 3\.0,"method":"tools\/call"/);
    assert.is(both.split("\n").length, 41);
  }));

test("replay keeps the order of messages at any speed", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    for (let at = 0; at < 20; at++) session.client(at * 100, { method: `m${at}` });
    const path = await putTape(folder, "demo", await session.text());
    const expected = Array.from({ length: 20 }, (_, at) => `${message(at)}\n`).join("");
    for (const options of [["--speed", "50"], ["--max-delay", "1"], ["--speed=1000", "--max-delay=0"], ["--at-once"]]) {
      assert.equal(await tapeline(["replay", ...options, path]), {
        code: 0,
        signal: null,
        stdout: expected,
        stderr: "",
      });
    }
  }));

test("replay prints each message at its time, and ends with Ctrl-C", () =>
  inScratch(async (folder) => {
    const hours = 3_600_000;
    const session = new Session("demo").client(5 * hours, { method: "m0" }).client(5 * hours, { method: "m1" });
    const path = await putTape(folder, "demo", await session.client(6 * hours, { method: "m2" }).text());
    for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      await using command = new RunningCommand(["replay", path]);
      // The clock starts with the first message, so nobody waits five hours for it.
      assert.equal([await command.line(), await command.line()], [message(0), message(1)]);
      command.signal(signal);
      const { code, stdout, stderr } = await command.outcome();
      assert.equal([code, stdout, stderr], [expected, `${message(0)}\n${message(1)}\n`, ""]);
    }
  }));

test("replay skips damaged lines and says so", () =>
  inScratch(async (folder) => {
    const [first, second, third] = new Session("demo").client(1, { method: "m0" }).client(2, { method: "m1" })
      .plainText().split("\n");
    const path = await putTape(folder, "demo", `${first}\n${second}\n{"type":"frame","seq":1,"ts":2,"dir"\n${third}\n`);
    const { code, stdout, stderr } = await tapeline(["replay", "--at-once", path]);
    assert.equal([code, stdout], [3, `${message(0)}\n${message(1)}\n`]);
    assert.match(
      stderr,
      /^tapeline: Cannot read line 3 at byte \d+: it is not JSON\ntapeline: .* 1 line of it is damaged\n$/,
    );
  }));

test("replay skips raw text that is not the base64 it says it is, and says so", () =>
  inScratch(async (folder) => {
    const text = new Session("demo").client(1, { method: "m0" }).raw(2, "!!").client(3, { method: "m1" }).plainText();
    const path = await putTape(folder, "demo", text.replace('"raw":"!!"', '"raw":"!!","encoding":"base64"'));
    for (const args of [["replay", "--at-once"], ["cat", "--raw"]]) {
      const { code, stdout, stderr } = await tapeline([...args, path]);
      assert.equal([code, stdout], [3, `${message(0)}\n${message(1)}\n`], args[0]);
      assert.match(stderr, /^tapeline: Cannot read frame 1: its raw text is not base64\n.* 1 line of it is damaged\n$/);
    }
  }));

test.run();
