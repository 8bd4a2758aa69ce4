import { test } from "uvu";
import * as assert from "uvu/assert";
import { Calls } from "../../../src/cli/summary/calls.ts";
import { describeRecord, isNoteworthy, isNoteworthyLine, lineWidth } from "../../../src/cli/report/describe-record.ts";
import { styleFor, widthOf } from "../../../src/cli/terminal/text.ts";
import { linesOf } from "../lines-of.ts";
import { sampleSession, Session } from "../sample-tape.ts";

const plain = styleFor({ isTty: false, env: {} });

async function describeAll(tape: string, columns: number = 100): Promise<string[]> {
  const calls = new Calls();
  return (await linesOf(tape)).map(({ line, record }) => describeRecord(line, record, calls, plain, columns));
}

/** One of a session's lines, without the space between its parts. */
async function describeLast(session: Session): Promise<string> {
  return (await describeAll(session.plainText(), 120)).at(-1)!.replace(/ +/g, " ").trim();
}

test("describeRecord() aligns its columns", async () => {
  const session = new Session("demo")
    .client(3, { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { message: "hi" } } })
    .server(61_500, { jsonrpc: "2.0", id: 1, result: { content: [] } });
  assert.equal(await describeAll(session.plainText()), [
    "                 ▷  start of the tape                            2026-11-23 07:30:12Z, session ses…",
    '    0.003      0 →  tools/call echo #1                           {"message":"hi"}',
    ' 1:01.500      1 ←✓ tools/call echo #1                   1m 01s  {"content":[]}',
  ]);
});

test("describeRecord() shows what each kind of frame says", async () => {
  const start = () => new Session("demo");
  const asked = (method: string = "m") => start().client(1, { id: 7, method });
  assert.is(await describeLast(asked()), "0.001 0 → m #7");
  assert.is(await describeLast(start().client(1, { method: "n", params: [1] })), "0.001 0 → n [1]");
  assert.is(await describeLast(start().server(1, { id: "a", method: "roots/list" })), '0.001 0 ← roots/list #"a"');
  assert.is(await describeLast(asked().server(3, { id: 7, result: 5 })), "0.003 1 ←✓ m #7 2.00 ms 5");
  assert.is(await describeLast(start().server(3, { id: 7, result: 5 })), "0.003 0 ←✓ result #7 5");
  const failed = { id: 7, error: { code: -32601, message: "no such\nmethod" } };
  assert.is(await describeLast(asked().server(3, failed)), "0.003 1 ←✗ m #7 2.00 ms error -32601: no such\\nmethod");
  assert.is(await describeLast(start().server(3, failed)), "0.003 0 ←✗ error #7 error -32601: no such\\nmethod");
  const toolError = { id: 7, result: { isError: true, content: [{ type: "text", text: "disk full" }] } };
  assert.is(await describeLast(asked().server(3, toolError)), "0.003 1 ←✗ m #7 2.00 ms tool error: disk full");
  assert.is(
    await describeLast(start().raw(1, "Listening \u001b[1m3000")),
    "0.001 0 ← not JSON Listening \\u{1b}[1m3000",
  );
  assert.is(await describeLast(start().server(1, 42)), "0.001 0 ← no message 42");
  const batch = [{ id: 7, result: 1 }, { method: "n" }, 5];
  assert.is(await describeLast(asked().server(3, batch)), "0.003 1 ← batch of 3 response, n, invalid");
});

test("describeRecord() spells ids and parameters as the tape does", async () => {
  const tape = new Session("demo").plainText() +
    '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":{"id":1,"method":"m","params":{"b":1.0,"a":9007199254740993}}}}\n';
  assert.match((await describeAll(tape)).at(-1)!, /\{"b":1\.0,"a":9007199254740993\}$/);
});

test("describeRecord() shows no time where nobody knows when a frame came", async () => {
  const tape = new Session("demo").plainText() +
    '{"type":"frame","seq":0,"ts":40,"dir":"client_to_server","flags":{"is_untimed":true},"env":{"message":{"method":"m"}}}\n';
  assert.is((await describeAll(tape)).at(-1)!.trimEnd(), "        ?      0 →  m");
});

test("describeRecord() shows records that are no frames", async () => {
  const start = () => new Session("demo").client(1, { id: 7, method: "m" });
  const lost = { type: "correlation", id: "corr-0-none", request_seq: 0, response_seq: null, status: "timeout" };
  assert.is(await describeLast(start().record(lost)), "∅ m no answer in time to frame 0, sent at 0.001");
  assert.is(
    await describeLast(start().record({ ...lost, request_seq: 5 })),
    "∅ request 5 no answer in time to frame 5",
  );
  const answered = { ...lost, response_seq: 1, rtt_ms: 2, status: "success" };
  assert.is(await describeLast(start().record(answered)), "↔ m 2.00 ms frame 1 answers frame 0: success");
  assert.is(await describeLast(start().gap(9, 3, "disk full")), "0.009 1 ✂ 3 frames lost disk full");
  const log = { type: "log", ts: 4, stream: "stderr", text: "a\tb\n" };
  assert.is(await describeLast(start().record(log)), "0.004 · stderr a\\tb");
  const stats = { frame_count: 2, duration_ms: 1500, error_count: null };
  const end = { type: "checkpoint", checkpoint_at: "2026-11-23T08:00:00Z", seq: 1, stats, final: true };
  assert.is(await describeLast(start().record(end)), "1 □ end of the tape 2 frames, 1.50 s");
  const failed = { ...stats, error_count: 2, tool_error_count: 1 };
  assert.is(
    await describeLast(start().record({ ...end, stats: failed })),
    "1 □ end of the tape 2 frames, 1.50 s, 2 JSON-RPC errors, 1 tool error",
  );
  assert.is(await describeLast(start().record({ ...end, final: false, stats: {} })), "1 □ checkpoint");
  assert.is(
    await describeLast(start().record({ type: "note\u202e", ts: 5, x: 1 })),
    '0.005 ? note\\u{202e} {"ts":5,"x":1}',
  );
});

test("describeRecord() reads older tapes: nulls, missing fields", async () => {
  const session = new Session("old")
    .record({ type: "correlation", id: "corr-0-1", request_seq: 0, response_seq: 1 })
    .record({ type: "gap", ts: 0, count: 1, from_seq: null, reason: null })
    .record({ type: "checkpoint", checkpoint_at: 12345, seq: null, stats: { message_counts: null } })
    .record({
      ...{ type: "frame", seq: 0, ts: 0, dir: "client_to_server", action: null, transport: null, correlation_id: null },
      ...{ flags: null, env: { message: null } },
    });
  const lines = (await describeAll(session.plainText())).map((line) => line.replace(/ +/g, " ").trim());
  assert.equal(lines.slice(1), [
    "↔ request 0 frame 1 answers frame 0:",
    "0.000 ✂ 1 frame lost",
    "□ checkpoint",
    "0.000 0 → no message null",
  ]);
});

test("describeRecord() keeps within the terminal, and lets nothing through that steers it", async () => {
  const evil = "\u001b]0;owned\u0007\u202e\u009b你好".repeat(50);
  const session = new Session("evil")
    .client(1, { id: evil, method: evil, params: evil })
    .server(2, { id: evil, error: { code: evil, message: evil } })
    .raw(3, evil)
    .gap(4, 1, evil)
    .record({ type: "log", ts: 5, stream: evil, text: evil })
    .record({ type: evil, ts: 5, [evil]: evil })
    .record({ type: "correlation", id: evil, request_seq: 0, response_seq: 1, status: evil });
  const tapes = [session.plainText(), await sampleSession().text()];
  for (const columns of [60, 80, 120, 200]) {
    for (const line of (await Promise.all(tapes.map((tape) => describeAll(tape, columns)))).flat()) {
      assert.ok(widthOf(line) <= columns, `${columns}: ${widthOf(line)} ${line}`);
      assert.not(/[\p{Cc}\p{Cf}]/u.test(line), JSON.stringify(line));
    }
  }
});

test("describeRecord() cuts no long name where a wide terminal has room for it", async () => {
  const name = "trigger-long-running-operation";
  const session = new Session("demo").client(1, { id: 8, method: "tools/call", params: { name } }).plainText();
  assert.match((await describeAll(session, 80))[1]!, / tools\/call trigger-lo… #8$/);
  assert.match((await describeAll(session, 180))[1]!, / tools\/call trigger-long-running-operation #8$/);
});

test("describeRecord() cuts nothing where there is no end to the line", async () => {
  const long = "x".repeat(5000);
  const name = "a-method-with-a-name-that-is-longer-than-its-column";
  const session = new Session("demo").client(1, { id: long, method: name, params: { text: `${long}\n` } });
  const [, line] = await describeAll(session.plainText(), Infinity);
  assert.ok(line!.endsWith(` →  ${name} #"${long}"           {"text":"${long}\\n"}`));
});

test("describeRecord() marks a batch in which a tool failed, and takes no error code for a tool", async () => {
  const style = styleFor({ isTty: true, env: {} });
  const failed = { id: 1, result: { isError: true, content: [] } };
  const [, line] = await linesOf(new Session("demo").server(1, [failed]).plainText());
  assert.ok(describeRecord(line!.line, line!.record, new Calls(), style, 100).includes("\x1b[31mbatch of 1"));
  const code = { id: 1, error: { code: "tool", message: "no" } };
  assert.match(await describeLast(new Session("demo").server(1, code)), /error tool: no$/);
});

test("describeRecord() marks an error that cannot be read to the letter, and tells the latency of any such answer", async () => {
  const answered = (rest: string) =>
    describeLast(new Session("demo").client(1, { id: 1, method: "x" }).raw(3, `{"id":1,${rest}}`));
  assert.match(await answered('"error":NaN'), /^0\.003 1 ←✗ not JSON 2\.00 ms /);
  assert.match(await answered('"result":NaN'), /^0\.003 1 ← not JSON 2\.00 ms /);
});

test("describeRecord() shows raw text that is not the base64 it says it is", async () => {
  const session = new Session("demo").raw(1, "!!");
  const text = session.plainText().replace('"raw":"!!"', '"raw":"!!","encoding":"base64"');
  assert.match((await describeAll(text))[1]!, / 0 ← {2}not JSON +!!$/);
});

test("describeRecord() shows a record that is nested too deeply to be written anew", async () => {
  const deep = `{"type":"note","ts":5,"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}\n`;
  assert.match((await describeAll(new Session("demo").plainText() + deep)).at(-1)!, /\? {2}note .*\[\[\[/);
});

test("lineWidth() is that of a terminal, and none elsewhere or where none is wanted", () => {
  assert.is(lineWidth({ isTty: true, columns: 80 }), 80);
  assert.is(lineWidth({ isTty: true, columns: 80 }, true), Infinity);
  assert.is(lineWidth({ isTty: false, columns: 80 }), Infinity);
});

test("isNoteworthyLine() agrees with isNoteworthy()", async () => {
  const notes = (await linesOf(await sampleSession().text())).map(({ line, record }) => {
    assert.is(isNoteworthyLine(line), isNoteworthy(record), line.text());
    return isNoteworthy(record);
  });
  assert.ok(notes.includes(true) && notes.includes(false));
});

test("describeRecord() says how a session has ended, and again at the end of the tape", async () => {
  const lastTwo = async (end: object, behind?: (session: Session) => Session) => {
    const session = new Session("demo").client(1, { method: "n" }).record({ type: "end", ts: 40, ...end });
    const text = await (behind?.(session) ?? session).text();
    return (await describeAll(text, 120)).slice(-2).map((line) => line.replace(/ +/g, " ").trim());
  };
  const closed = [{ stream: "stdin", by: "client", ts: 12 }, { stream: "stdout", by: "server", ts: 40 }];
  assert.equal(await lastTwo({ signal: "SIGSEGV", closed }), [
    "0.040 ■ killed by SIGSEGV stdin closed first, by the client at 0.012",
    "0 □ end of the tape killed by SIGSEGV, 1 frame, 40 ms",
  ]);
  assert.equal(await lastTwo({ exit_code: 0, closed: [] }), [
    "0.040 ■ exit code 0",
    "0 □ end of the tape exit code 0, 1 frame, 40 ms",
  ]);
  assert.equal(await lastTwo({ exit_code: 127, error: "Cannot start x: no such command" }), [
    "0.040 ■ not started Cannot start x: no such command",
    "0 □ end of the tape not started, 1 frame, 40 ms",
  ]);
  assert.equal(await lastTwo({ error: "the connection broke" }), [
    "0.040 ■ failed the connection broke",
    "0 □ end of the tape failed, 1 frame, 40 ms",
  ]);
  assert.equal(await lastTwo({ closed: [{ stream: "socket" }] }), [
    "0.040 ■ end of the session socket closed first",
    "0 □ end of the tape 1 frame, 40 ms",
  ]);
  // A tape that was gone on with has not ended as the session before did.
  const goneOn = await lastTwo({ exit_code: 3 }, (session) => session.client(50, { method: "n" }));
  assert.is(goneOn[1], "1 □ end of the tape 2 frames, 50 ms");
});

test("describeRecord() lets nothing through that steers the terminal from the end of a session", async () => {
  const evil = "\u001b[2J";
  for (const end of [{ signal: evil }, { error: evil }, { closed: [{ stream: evil, by: evil }] }]) {
    const text = await new Session("demo").record({ type: "end", ts: 1, ...end }).text();
    assert.not((await describeAll(text)).join("").includes(evil));
  }
});

test.run();
