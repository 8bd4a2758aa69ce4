import { test } from "uvu";
import * as assert from "uvu/assert";
import { show } from "../../../src/cli/commands/show.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { FakeIo } from "../fake-io.ts";
import { tapeline } from "../run-command.ts";
import { init, putTape, sampleSession, Session } from "../sample-tape.ts";

/** What `show` prints of a tape in a folder. */
async function shown(folder: string, args: readonly string[], io: FakeIo = new FakeIo()): Promise<string> {
  await show.run(["--dir", folder, ...args], io);
  return io.out;
}

/** Checks that `show` refuses, as wrong use. */
async function refused(folder: string, args: readonly string[], message: RegExp): Promise<void> {
  const error = await show.run(["--dir", folder, ...args], new FakeIo()).then(() => undefined, (error) => error);
  assert.is(error?.name, "UsageError", args.join(" "));
  assert.match(error.message, message);
}

/** The numbers of the frames whose lines are printed. */
const seqs = (out: string) => [...out.matchAll(/^ *[\d:.]+ +(\d+) [→←]/gm)].map(([, seq]) => Number(seq));

const call = (id: number, name: string) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name } });

for (const kind of ["our", "a plain"] as const) {
  test(`show finds the answer of a request and the request of an answer on ${kind} tape`, () =>
    inScratch(async (folder) => {
      const session = sampleSession("demo");
      await putTape(folder, "demo", kind === "our" ? await session.text() : session.plainText());
      const request = await shown(folder, ["demo", "32"]);
      assert.equal(seqs(request), [32, 33, 34]);
      assert.match(request, /^ +2\.850 +34 ←✓ .* 2\.05 s /m);
      assert.match(request, /^meanwhile, 1 record:\n.* notifications\/progress +1 of 4$/m);
      assert.is(await shown(folder, ["demo", "34"]), request);
      assert.is(await shown(folder, ["34"]), request, "the latest tape");
      assert.is(await shown(folder, ["--id", "21"]), request);
      assert.match(
        await shown(folder, ["demo", "31"]),
        /^ +"message": "Invalid arguments for tool add: b is required"$/m,
      );
      assert.equal(seqs(await shown(folder, ["demo", "33"])), [33], "a notification stands alone");
      assert.equal(seqs(await shown(folder, ["demo", "38"])), [37, 38], "the server asks too");
      assert.match(
        await shown(folder, ["demo", "5"]),
        /not JSON +Server is listening[^]*\nServer is listening on port 3001\n$/,
      );
    }));
}

test("show says what became of a request without an answer", () =>
  inScratch(async (folder) => {
    const lost = { type: "correlation", id: "corr-0-none", request_seq: 0, response_seq: null };
    const start = () => new Session("demo").client(1, call(1, "x"));
    const put = (session: Session) => putTape(folder, "demo", session.plainText());
    await put(start().client(2, { jsonrpc: "2.0", method: "n" }));
    assert.match(await shown(folder, ["0"]), /\nsince then, 1 record:\n.* 1 → {2}n\n\nno answer yet\n$/);
    await put(start().record({ ...lost, status: "timeout" }));
    assert.match(await shown(folder, ["0"]), /\nno answer in time\n$/);
    await put(start().record({ ...lost, status: "cancelled" }));
    assert.match(await shown(folder, ["0"]), /\ncancelled, no answer\n$/);
    await put(start().gap(2, 1, "disk full").record({ ...lost, response_seq: 1, rtt_ms: 1, status: "success" }));
    assert.match(await shown(folder, ["0"]), /\nthe answer, frame 1, could not be recorded\n$/);
  }));

test("show lists the first of much that came between", () =>
  inScratch(async (folder) => {
    const session = new Session("demo").client(0, call(1, "x"));
    for (let at = 1; at < 50; at++) {
      session.server(at, { jsonrpc: "2.0", method: "notifications/progress", params: { progress: at } });
    }
    await putTape(folder, "demo", session.server(50, { jsonrpc: "2.0", id: 1, result: {} }).plainText());
    const out = await shown(folder, ["50"]);
    assert.equal(seqs(out), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50]);
    assert.match(out, /^… 39 more; "tapeline cat" shows them$/m);
    assert.is(seqs(await shown(folder, ["--full", "50"])).length, 51);
  }));

test("show finds a message on a line that is longer than usual", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    session.records[0] = init("demo", { max_line_bytes: 20_000_000 });
    const long = { jsonrpc: "2.0", id: 1, result: "x".repeat(11_000_000) };
    session.client(0, call(1, "x")).server(1, long).client(2, call(2, "y"));
    await putTape(folder, "demo", session.plainText());
    assert.is(await shown(folder, ["--raw", "1"]), `${JSON.stringify(long)}\n`);
    assert.equal(seqs(await shown(folder, ["0"])), [0, 1]);
    assert.equal(seqs(await shown(folder, ["2"])), [2]);
    await refused(folder, ["3"], /its frames have the numbers 0 to 2$/);
  }));

test("show finds what belongs together across a large tape", () =>
  inScratch(async (folder) => {
    const session = new Session("demo").client(0, call(1, "x"));
    const text = "x".repeat(10_000);
    for (let at = 1; at < 300; at++) {
      session.server(at, { jsonrpc: "2.0", method: "notifications/message", params: { text } });
    }
    await putTape(folder, "demo", session.server(300, { jsonrpc: "2.0", id: 1, result: { sum: 5 } }).plainText());
    assert.match(await shown(folder, ["300"]), /tools\/call x #1[^]*meanwhile, 299 records:[^]*"sum": 5/);
    assert.match(await shown(folder, ["0"]), /300 ←✓ tools\/call x #1 +300 ms/);
  }));

test("show is exact: --raw to the byte, --json as it stands on the tape", () =>
  inScratch(async (folder) => {
    const message = '{"jsonrpc":"2.0","id":12345678901234567890,"a":1.0,"a":"\\u00e9é","method":"m"}';
    const frame = `{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":${message}}}`;
    await putTape(folder, "demo", `${new Session("demo").plainText()}${frame}\n`);
    assert.is(await shown(folder, ["--raw", "0"]), `${message}\n`);
    const json = await shown(folder, ["--json", "0"]);
    assert.ok(
      json.startsWith(`{"seq":0,"frame":${frame.replace("é", "\\u00e9")},"request":null,"answer":null,"status":null,`),
    );
    assert.match(json, /^[ -~]+\n$/);
    assert.equal(JSON.parse(json).between, []);
    assert.match(
      await shown(folder, ["0"]),
      /^ {2}"id": 12345678901234567890,\n {2}"a": 1\.0,\n {2}"a": "\\u00e9é",$/m,
    );
    assert.match(await shown(folder, ["--id", "12345678901234567890"]), /"a": 1\.0/);
    await refused(folder, ["--id", "12345678901234567891"], /no message has it$/);
  }));

test("show --json has the other one of the two, and their latency", () =>
  inScratch(async (folder) => {
    await putTape(folder, "demo", await sampleSession("demo").text());
    const request = JSON.parse(await shown(folder, ["--json", "32"]));
    assert.equal([request.frame.seq, request.request, request.answer.seq], [32, null, 34]);
    assert.equal([request.status, request.rtt_ms, request.between_count], ["success", 2050, 1]);
    assert.equal(request.between, [{ type: "frame", seq: 33, ts: 1300 }]);
    const answer = JSON.parse(await shown(folder, ["--json", "34"]));
    assert.equal([answer.frame.seq, answer.request.seq, answer.answer], [34, 32, null]);
  }));

test("show bounds a long message on a terminal only", () =>
  inScratch(async (folder) => {
    const list = Array.from({ length: 1000 }, (_, at) => at);
    const session = new Session("demo").client(1, call(1, "x")).server(2, { jsonrpc: "2.0", id: 1, result: { list } });
    await putTape(folder, "demo", session.plainText());
    const lines = async (args: string[], isTty: boolean) =>
      (await shown(folder, args, new FakeIo({ isTty }))).split("\n").length;
    assert.ok(await lines(["1"], true) < 130);
    assert.ok(await lines(["0"], true) < 60, "less of the other one");
    assert.ok(await lines(["1"], false) > 1000);
    assert.is(await lines(["--full", "1"], true), await lines(["1"], false));
    assert.match(await shown(folder, ["1"], new FakeIo({ isTty: true })), /… 9\d\d more lines; --full shows all/);
  }));

test("show says what there is instead", () =>
  inScratch(async (folder) => {
    await putTape(folder, "demo", await sampleSession("demo").text());
    await refused(
      folder,
      ["demo", "99"],
      /^Cannot show frame 99 of .*demo\.jsonl: its frames have the numbers 0 to 46$/,
    );
    await refused(folder, ["demo", "41"], /could not be recorded: Cannot write sample\.jsonl/);
    await refused(folder, ["--id", "0"], /id 0 of .*: it was used 2 times, at frames 0, 37; name one of them$/);
    await refused(folder, ["--id", '"5"'], /no message has it/);
    await refused(folder, ["demo", "x"], /SEQ must be the number of a message, .*, not "x"/);
    await refused(folder, ["demo"], /SEQ must be/);
    await refused(folder, [], /show needs a SEQ/);
    await refused(folder, ["demo", "1", "2"], /show does not take "1"/);
    await refused(folder, ["--json", "--raw", "1"], /exclude each other/);
    await putTape(folder, "empty", new Session("empty").plainText());
    await refused(folder, ["empty", "0"], /there is no message on it yet/);
    const holes = new Session("holes").client(1, call(1, "x"));
    await putTape(folder, "holes", holes.plainText().replace('"seq":0', '"seq":5'));
    await refused(folder, ["holes", "2"], /it is not on the tape; the next one is 5/);
  }));

test("show finds what the other commands print of a tape without its last line ending", () =>
  inScratch(async (folder) => {
    const text = new Session("demo").client(1, call(1, "x")).client(2, call(2, "y")).client(3, call(3, "z"))
      .plainText();
    await putTape(folder, "demo", text.trimEnd());
    assert.equal(seqs(await shown(folder, ["2"])), [2]);
    await putTape(folder, "demo", text.trimEnd().replace(/\n(?=.*$)/, ""));
    assert.equal(seqs(await shown(folder, ["1"])), [1, 2], "two records on the last line");
    assert.equal(seqs(await shown(folder, ["2"])), [2]);
    await refused(folder, ["3"], /its frames have the numbers 0 to 2$/);
  }));

test("show says of a torn frame that it is not there", () =>
  inScratch(async (folder) => {
    const text = new Session("demo").client(1, call(1, "x")).plainText();
    for (const end of ["", "\n"]) {
      await putTape(folder, "demo", text.slice(0, -9) + end);
      await refused(folder, ["0"], /there is no message on it yet$/);
    }
  }));

test("show says of the last messages too that they could not be recorded", () =>
  inScratch(async (folder) => {
    await putTape(
      folder,
      "demo",
      new Session("demo").client(1, call(1, "x")).gap(2, 2, "the disk is full").plainText(),
    );
    await refused(folder, ["2"], /frame 2 of .*: it could not be recorded: the disk is full$/);
    await refused(folder, ["3"], /its frames have the numbers 0 to 0$/);
  }));

test("tapeline show is a command like the others", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", new Session("demo").client(1, { method: "n" }).plainText());
    const { code, stdout, stderr } = await tapeline(["show", path, "0"]);
    assert.equal([code, stderr], [0, ""]);
    assert.match(stdout, / 0 → {2}n\n\{\n {2}"method": "n"\n\}\n$/);
  }));

test.run();
