import { spawn } from "node:child_process";
import { once } from "node:events";
import { link, mkdir, readdir, readFile, watch, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cat } from "../../../../src/cli/commands/cat.ts";
import { NO_KEYS } from "../../../../src/cli/arguments/keys/tape-keys.ts";
import { openTape } from "../../../../src/cli/arguments/tape-argument.ts";
import { convert } from "../../../../src/cli/commands/convert.ts";
import { concat } from "../../../../src/cli/commands/derive/concat.ts";
import { head } from "../../../../src/cli/commands/derive/head.ts";
import { merge } from "../../../../src/cli/commands/derive/merge.ts";
import { index } from "../../../../src/cli/commands/index.ts";
import { info } from "../../../../src/cli/commands/info.ts";
import { list } from "../../../../src/cli/commands/store/list.ts";
import { replay } from "../../../../src/cli/commands/replay.ts";
import { tail } from "../../../../src/cli/commands/tail/tail.ts";
import { verify } from "../../../../src/cli/commands/verify.ts";
import { Child } from "../../../helpers/child.ts";
import { command, quoted } from "../../../helpers/mcp/stdio-client.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { frameLine, initLine } from "../../../helpers/tapes.ts";
import { within } from "../../../helpers/within.ts";
import { FakeIo } from "../../fake-io.ts";
import { RunningCommand } from "../../run-command.ts";
import { putTape, sampleSession } from "../../sample-tape.ts";
import { runIn } from "./in-process.ts";

const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** A folder with two tapes, one of them with metadata. */
async function withTapes(body: (folder: string) => Promise<void>): Promise<void> {
  await inScratch(async (folder) => {
    const text = await sampleSession("first").text();
    await putTape(folder, "first", text, { name: "first", tags: ["t"], status: "finalized" });
    const later = text.replace('"first"', '"second"').replace("07:30:12.000Z", "07:30:13.000Z");
    await putTape(folder, "second", later);
    await body(folder);
  });
}

const parse = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

test("a tape that was made to a file is one that every command takes", () =>
  withTapes(async (folder) => {
    const out = join(folder, "made.jsonl");
    const made = await runIn(merge, ["-o", out, "--name", "both", "--json", "--dir", folder, "first", "second"]);
    assert.is(made.code, 3, "the sample has a gap");
    assert.match(made.stderr, /made\.jsonl is not complete: 14 frames could not be recorded, as gap records say\n$/);
    const said = JSON.parse(made.stdout);
    assert.match(said.tape_id, ULID);
    const from = said.derived_from as { tape_id: string; offset_ms?: number }[];
    assert.equal(from.map(({ tape_id, offset_ms }) => [tape_id, offset_ms]), [["first", undefined], ["second", 1000]]);
    const metadata = JSON.parse(await readFile(join(folder, "made.meta.json"), "utf8"));
    assert.equal([metadata.tape_id, metadata.name, metadata.status], [said.tape_id, "both", "finalized"]);
    assert.equal(metadata.stats, said.stats);

    const verified = JSON.parse((await runIn(verify, ["--json", out])).stdout);
    assert.equal([verified.is_intact, verified.is_finalized], [true, true]);
    const whole = JSON.parse((await runIn(info, ["--json", "--no-cache", out])).stdout);
    const single = JSON.parse((await runIn(info, ["--json", "--no-cache", "--dir", folder, "first"])).stdout);
    for (const count of ["frame_count", "correlation_count", "error_count", "tool_error_count", "lost_frame_count"]) {
      assert.is(whole.stats[count], 2 * single.stats[count], count);
    }
    assert.is(whole.unanswered.length, 2 * single.unanswered.length);
    assert.ok(single.unanswered.length > 0);
    const messagesOf = async (...tape: string[]) =>
      (await runIn(replay, ["--at-once", ...tape])).stdout.trimEnd().split("\n").sort();
    const own = [...await messagesOf("--dir", folder, "first"), ...await messagesOf("--dir", folder, "second")];
    assert.equal(await messagesOf(out), own.sort());
    assert.match((await runIn(tail, [out])).stdout, /anybody there/);
    assert.is((await runIn(cat, ["--json", out])).stdout, await readFile(out, "utf8"));
  }));

test("without -o, and with -, the tape goes to stdout, and nothing stands beside it", () =>
  withTapes(async (folder) => {
    const before = (await readdir(folder)).sort();
    for (const options of [[], ["-o", "-"]]) {
      const { code, stdout, stderr } = await runIn(head, ["-n", "3", ...options, "--dir", folder, "first"]);
      assert.equal([code, stderr], [0, ""]);
      const records = parse(stdout);
      assert.match(records[0].tape_id, ULID);
      assert.equal(records.filter(({ type }) => type === "frame").map(({ seq }) => seq), [0, 1, 2]);
      assert.is(records.at(-1).final, true);
      await writeFile(join(folder, "piped.jsonl"), stdout);
      assert.is((await runIn(verify, [join(folder, "piped.jsonl")])).code, 0);
    }
    assert.equal((await readdir(folder)).filter((name) => name !== "piped.jsonl").sort(), before);
    const wrong = await runIn(head, ["--json", "--dir", folder, "first"]);
    assert.is(wrong.error, "--json needs -o FILE: stdout is the tape");
    const terminal = await runIn(head, ["--dir", folder, "first"], new FakeIo({ isTty: true }));
    assert.match(terminal.error!, /^Cannot write a tape to a terminal: say where with -o FILE, or pipe it; /);
  }));

test("a tape comes on stdin where - stands for it, and nothing is left of it in between", () =>
  withTapes(async (folder) => {
    const made = async (line: string) => {
      const temporary = join(folder, "tmp");
      await mkdir(temporary, { recursive: true });
      const tapeline = quoted(command());
      const env = { ...process.env, TMPDIR: temporary };
      const child = spawn("/bin/sh", ["-c", line.replaceAll("tapeline", () => tapeline)], { cwd: folder, env });
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
      const [code] = await within(once(child, "close"), line, 60_000);
      assert.equal(await readdir(temporary), [], line);
      return { code: code as number, stderr };
    };
    const ids = async (name: string) =>
      parse(await readFile(join(folder, name), "utf8")).filter(({ type }) => type === "frame")
        .map(({ env: { message } }) => JSON.stringify(message));
    await runIn(head, ["-n", "4", "-o", join(folder, "four.jsonl"), join(folder, "first.jsonl")]);

    const piped = await made("tapeline head -n 4 first.jsonl | tapeline head -n 9 -o - - > piped.jsonl");
    assert.equal(piped, { code: 0, stderr: "" });
    assert.equal(await ids("piped.jsonl"), await ids("four.jsonl"));
    assert.is((await runIn(verify, [join(folder, "piped.jsonl")])).code, 0);
    for (
      const line of [
        "tapeline filter 'kind:frame' -o filtered.jsonl - < four.jsonl",
        "tapeline cut --seq 0..3 -o cut.jsonl - < four.jsonl",
        "tapeline concat -o concat.jsonl - < four.jsonl",
        "tapeline merge -o merge.jsonl - < four.jsonl",
      ]
    ) {
      assert.equal(await made(line), { code: 0, stderr: "" }, line);
      assert.equal(await ids(/-o (\S+)/.exec(line)![1]!), await ids("four.jsonl"), line);
    }
    assert.is((await made("tapeline concat -o both.jsonl four.jsonl - < four.jsonl")).code, 0);
    assert.is((await ids("both.jsonl")).length, 8);
    assert.is((await made("tapeline split --session -o parts - < four.jsonl")).code, 0);

    const torn = await made("head -c 700 first.jsonl | tapeline concat -o torn.jsonl -");
    assert.match(torn.stderr, /the last line of stdin, at byte \d+, is torn/);
    for (
      const [line, why] of [
        ["tapeline concat -o no.jsonl - - < four.jsonl", /Cannot read several tapes from stdin/],
        ["echo nothing | tapeline head -o no.jsonl -", /Cannot read stdin: its first line/],
        ["tapeline head -o no.jsonl - < /dev/null", /Cannot read stdin: /],
      ] as const
    ) {
      const { code, stderr } = await made(line);
      assert.ok(code !== 0, line);
      assert.match(stderr, why);
    }
  }));

test("a folder gets the tape under its id", () =>
  withTapes(async (folder) => {
    const into = join(folder, "more");
    await mkdir(into);
    const { code, stdout } = await runIn(head, ["-o", into, "--json", "--dir", folder, "first"]);
    const { tape_id, path } = JSON.parse(stdout);
    assert.equal([code, path], [0, join(into, `${tape_id}.jsonl`)]);
    assert.equal((await readdir(into)).sort(), [`${tape_id}.jsonl`, `${tape_id}.meta.json`]);
    const verified = JSON.parse((await runIn(verify, ["--json", "--dir", into, tape_id])).stdout);
    assert.equal([verified.is_intact, verified.notice_count], [true, 0]);
    const [listed] = parse((await runIn(list, ["--json", "--dir", into])).stdout);
    assert.equal([listed.tape_id, listed.tags, listed.state], [tape_id, ["t"], "finalized"]);
  }));

test("a file that is there is replaced with --force only, and a tape that is read never", () =>
  withTapes(async (folder) => {
    const out = join(folder, "out.jsonl");
    const [first, other] = [join(folder, "first.jsonl"), join(folder, "other-name.jsonl")];
    await link(first, other);
    await writeFile(out, "something\n");
    const refused = await runIn(head, ["-o", out, first]);
    assert.is(refused.error, `Cannot write ${out}: it is there already; --force replaces it`);
    assert.is(await readFile(out, "utf8"), "something\n");
    for (const path of [first, other]) {
      const { error } = await runIn(head, ["--force", "-o", path, first]);
      assert.is(error, `Cannot write ${path}: it is one of the tapes that are read`);
    }
    const broken = await putTape(folder, "broken", "no tape\n");
    assert.is((await runIn(head, ["--force", "-o", out, broken])).code, undefined);
    assert.is(await readFile(out, "utf8"), "something\n");
    assert.is((await runIn(head, ["--force", "-o", out, first])).code, 0);
    assert.is((await runIn(verify, [out])).code, 0);
    assert.equal((await readdir(folder)).filter((name) => /draft|lock|tmp/.test(name)), []);
  }));

test("what belongs to a tape stays its own, however the file of another one is called", () =>
  inScratch(async (folder) => {
    const text = await sampleSession("bad").text();
    const source = await putTape(folder, "source", text);
    const log = join(folder, "messages.log");
    await writeFile(log, '{"jsonrpc":"2.0","method":"ping","id":1}\n');
    await putTape(folder, "bad", text, { name: "of bad.jsonl", status: "finalized" });
    await runIn(index, ["--dir", folder, "bad"]);
    const own = ["bad.jsonl", "bad.meta.json", "bad.index"];
    const bytes = () => Promise.all(own.map((name) => readFile(join(folder, name), "latin1")));
    const before = await bytes();
    const make = (out: string) =>
      [[head, "-o", out, source], [head, "--force", "-o", out, source], [convert, "-o", out, log]] as const;

    const plain = join(folder, "bad");
    const why = `${plain}.meta.json, where its metadata would be, is there already`;
    for (const [command, ...args] of make(plain)) {
      const { error } = await runIn(command, args);
      assert.is(error, `Cannot write ${plain}: ${why}; it is that of ${plain}.jsonl`);
    }
    for (const name of ["bad.meta.json", "bad.index", "bad.torn", "bad.dropped", "bad.jsonl.bak", "bad.jsonl.draft"]) {
      for (const [command, ...args] of make(join(folder, name))) {
        const { error } = await runIn(command, args);
        assert.is(
          error,
          `Cannot write ${join(folder, name)}: what belongs to a tape is called so; choose another name`,
        );
      }
    }
    assert.equal(await bytes(), before);

    // One that is there already is read without what belongs to the other, and gets nothing.
    await writeFile(plain, text);
    assert.is((await openTape(plain, folder, NO_KEYS)).metadata, undefined);
    assert.match((await runIn(index, [plain])).error!, /: .*bad\.index is that of .*bad\.jsonl$/);
    assert.equal(await bytes(), before);

    // The other way round, what is there belongs to the tape without an ending.
    const [lone, other] = [join(folder, "lone"), join(folder, "lone.jsonl")];
    assert.is((await runIn(head, ["-n", "3", "-o", lone, source])).code, 0);
    const ofLone = await readFile(`${lone}.meta.json`, "utf8");
    for (const [command, ...args] of make(other)) {
      assert.match(
        (await runIn(command, args)).error!,
        /lone\.meta\.json, where its metadata would be, is there already/,
      );
    }
    assert.is(await readFile(`${lone}.meta.json`, "utf8"), ofLone);
    assert.equal((await readdir(folder)).filter((name) => /lone\.jsonl|draft|tmp/.test(name)), []);
  }));

test("--force replaces metadata and an index that belong to no tape any more", () =>
  inScratch(async (folder) => {
    const source = await putTape(folder, "source", await sampleSession("source").text());
    const out = join(folder, "gone.jsonl");
    for (const name of ["gone.meta.json", "gone.index"]) await writeFile(join(folder, name), "left behind");
    assert.match((await runIn(head, ["-n", "3", "-o", out, source])).error!, /is there already; --force replaces it$/);
    assert.is((await runIn(head, ["-n", "3", "--force", "-o", out, source])).code, 0);
    assert.equal((await readdir(folder)).filter((name) => name.startsWith("gone")), ["gone.jsonl", "gone.meta.json"]);
    assert.is(JSON.parse(await readFile(join(folder, "gone.meta.json"), "utf8")).status, "finalized");
  }));

test("a tape that is being written is not replaced, and is read as far as it is written", () =>
  inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    for (const command of [`create ${folder} demo`, "frames 0 3"]) {
      child.tell(command);
      assert.is(await child.line(), "done");
    }
    const growing = join(folder, "demo.jsonl");
    const source = await putTape(folder, "other", initLine("other") + frameLine(0, 1));
    const refused = await runIn(head, ["--force", "-o", growing, source]);
    assert.is(refused.error, `Cannot replace ${growing}: it is being written`);
    const out = join(folder, "out.jsonl");
    const made = await runIn(concat, ["-o", out, growing]);
    assert.equal([made.code, made.stderr], [0, ""]);
    assert.match(made.stdout, /out\.jsonl: 3 frames, /);
    assert.is((await runIn(verify, [out])).code, 0);
  }));

test("what is damaged is left out, and told", () =>
  inScratch(async (folder) => {
    const before = initLine("a") + frameLine(0, 1);
    const tape = `${before}damaged\n${frameLine(2, 3)}`;
    const path = await putTape(folder, "a", tape + frameLine(3, 4).slice(0, 30));
    const out = join(folder, "out.jsonl");
    const { code, stderr } = await runIn(concat, ["-o", out, path]);
    assert.is(code, 3);
    assert.is(
      stderr,
      `tapeline: Cannot read line 3 at byte ${before.length}: it is not JSON\n` +
        `tapeline: ${out} is not complete: 1 damaged line left out; 1 frame missing, for which there is a gap record now; ` +
        `the last line of ${path}, at byte ${tape.length}, is torn\n`,
    );
    assert.is((await runIn(verify, [out])).code, 0);
  }));

test("nothing is left of a tape that could not be made", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "a", initLine("a") + frameLine(0, 1));
    const io = new FakeIo();
    const out = join(folder, "out.jsonl");
    const failing = {
      ...io,
      stdout: io.stdout,
      stderr: {
        write: () => {
          throw new Error("broken");
        },
      },
    };
    await putTape(folder, "b", `${initLine("b")}damaged\n`);
    const { error } = await runIn(concat, ["-o", out, path, join(folder, "b.jsonl")], failing as unknown as FakeIo);
    assert.is(error, "broken");
    assert.equal((await readdir(folder)).sort(), ["a.jsonl", "b.jsonl"]);
  }));

/** A tape that takes a while. */
async function longTape(folder: string): Promise<string> {
  const lines: string[] = [initLine("long")];
  const message = `{"jsonrpc":"2.0","method":"n","params":"${"x".repeat(1000)}"}`;
  for (let seq = 0; seq < 60_000; seq++) lines.push(frameLine(seq, seq, message));
  return await putTape(folder, "long", lines.join(""));
}

test("Ctrl-C leaves a whole tape, in a file", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    const into = join(folder, "into");
    await mkdir(into);
    const out = join(into, "out.jsonl");
    const changes = watch(into, { signal: AbortSignal.timeout(60_000) });
    const changed = (async () => {
      for await (const { filename } of changes) if (filename === "out.jsonl") return;
    })();
    await using command = new RunningCommand(["concat", "-o", out, path]);
    await changed;
    command.signal("SIGINT");
    const { code, stderr } = await command.outcome();
    const lines = (await readFile(out, "utf8")).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.is(lines.at(-1).final, true);
    assert.is((await runIn(verify, [out])).code, 0);
    // Where it was done before it heard of it there is nothing to say.
    if (code === 0) return;
    assert.is(code, 130);
    assert.is(stderr, `tapeline: interrupted: ${out} is whole, and ends with what had been read by then\n`);
    assert.match(lines.at(-2).reason, /^tapeline concat was interrupted/);
  }));

test("Ctrl-C leaves a whole tape, in a pipe that was full", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    const [program, ...words] = command("concat", path);
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
    try {
      // Nobody reads on until it was told to end: the pipe is full by then.
      await within(once(child.stdout, "readable"), "the first bytes", 60_000);
      process.kill(child.pid!, "SIGINT");
      const closed = once(child, "close");
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (part) => text += part);
      const [code] = await within(closed, "the end", 60_000) as [number];
      assert.is(code, 130);
      assert.is(stderr, "tapeline: interrupted: the new tape is whole, and ends with what had been read by then\n");
      const made = await putTape(folder, "made", text);
      assert.is((await runIn(verify, [made])).code, 0);
      assert.ok(text.split("\n").length < 60_000);
    } finally {
      child.kill("SIGKILL");
    }
  }));

test("who stops reading ends it quietly", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    await using command = new RunningCommand(["concat", path]);
    await command.line();
    command.closeStdout();
    const { code, signal, stderr } = await command.outcome();
    assert.equal([code, signal, stderr], [0, null, ""]);
  }));

test.run();
