import { appendFile, mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeWriter } from "../../../../src/mod.ts";
import { fileStore } from "../../../../src/file.ts";
import { UsageError } from "../../../../src/cli/command.ts";
import { tail } from "../../../../src/cli/commands/tail/tail.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { FakeIo } from "../../fake-io.ts";
import { putTape, Session } from "../../sample-tape.ts";
import { WatchedIo } from "../../watched-io.ts";

const ping = { id: 1, method: "ping" };

/** A tape that is being written. */
async function start(folder: string, tapeId: string, name?: string): Promise<StreamingTapeWriter> {
  return await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId, metadata: { name } });
}

async function say(writer: StreamingTapeWriter, method: string): Promise<void> {
  await writer.writeFrame({ message: { method }, direction: "client_to_server" });
}

/** Lines without their times and spaces: the label, the mark and the method. */
const gists = (text: string) =>
  text.split("\n").filter(Boolean).map((line) => line.replace(/ +\d+\.\d{3}/, "").replace(/ +/g, " ").trim());

test("tail --wait waits for a first tape, also in a folder that is not there yet", () =>
  inScratch(async (scratch) => {
    const folder = join(scratch, "tapes");
    const io = new WatchedIo();
    const ended = tail.run(["--wait", "--dir", folder], io);
    await io.until("that it waits", ({ err }) => err !== "");
    assert.is(io.err, `tapeline: waiting for a first tape in ${folder}\n`);
    const writer = await start(folder, "one");
    await say(writer, "ping");
    await io.until("a frame", ({ out }) => out.includes("ping"));
    await writer.finalize();
    assert.is(await ended, 0);
    assert.match(io.out, /^.* start of the tape .*\n.*ping.*\n.* end of the tape.*\n$/);
    assert.is(io.err.split("\n").length, 2);
  }));

test("tail --wait waits for a tape by its name, and for its first line", () =>
  inScratch(async (folder) => {
    await putTape(folder, "other", new Session("other").plainText());
    const io = new WatchedIo();
    const ended = tail.run(["--wait", "--dir", folder, "search"], io);
    await io.until("that it waits", ({ err }) => err !== "");
    assert.is(io.err, `tapeline: waiting for tape "search" in ${folder}\n`);
    const text = new Session("new").client(1, ping).plainText();
    const path = await putTape(folder, "new", text.slice(0, 30), { name: "search", status: "finalized" });
    await appendFile(path, text.slice(30));
    assert.is(await ended, 0);
    assert.match(io.out, /ping/);

    const stopped = new WatchedIo();
    const nothing = tail.run(["--wait", "--dir", folder, "nothing"], stopped);
    await stopped.until("that it waits", ({ err }) => err !== "");
    stopped.stop();
    assert.is(await nothing, 0);
  }));

test("tail --all follows all tapes that are written, and goes on to each new one", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "old", new Session("old").plainText(), { name: "old", status: "finalized" });
    await utimes(path, 1, 1);
    const first = await start(folder, "A-1", "search");
    const other = await start(folder, "B-1");
    await say(first, "first");
    const io = new WatchedIo();
    const ended = tail.run(["--all", "-n", "1", "--dir", folder], io);
    const printed = (part: string) => io.until(part, ({ out }) => out.includes(part));
    await printed("first");
    await printed("start of the tape");
    await say(other, "second");
    await printed("second");
    await first.finalize();
    await printed("end of the tape");
    const again = await start(folder, "A-2", "search");
    await say(again, "third");
    await printed("third");
    const twin = await start(folder, "C-1", "search");
    await say(twin, "fourth");
    await printed("fourth");
    for (const writer of [again, twin, other]) await writer.finalize();
    await io.until("the ends", ({ out }) => out.split("end of the tape").length === 5);
    io.stop();
    assert.equal([await ended, io.err], [0, ""]);
    const lines = gists(io.out).map((line) => line.replace(/(start|end) of the tape.*/, "$1"));
    assert.equal(lines.filter((line) => !/(start|end)$/.test(line)), [
      "search 0 → first",
      "B-1 0 → second",
      "search 0 → third",
      "search C-1 0 → fourth",
    ]);
    assert.equal(lines.filter((line) => line.endsWith("start")).sort(), [
      "B-1 ▷ start",
      "search C-1 ▷ start",
      "search ▷ start",
    ]);
  }));

test("tail --all begins with the latest tape where none is being written, and tells with --json which is which", () =>
  inScratch(async (folder) => {
    const old = await putTape(folder, "old", new Session("old").client(1, ping).plainText(), { status: "finalized" });
    await utimes(old, 1, 1);
    const text = new Session("done").client(1, ping).plainText();
    await putTape(folder, "done", text, { status: "finalized" });
    const io = new WatchedIo();
    const ended = tail.run(["--all", "--json", "--dir", folder], io);
    await io.until("the latest", ({ out }) => out.includes("ping"));
    await putTape(folder, "next", new Session("next").plainText(), { status: "finalized" });
    await io.until("the next", ({ out }) => out.includes('"next"'));
    io.stop();
    assert.equal([await ended, io.err], [0, ""]);
    const records = io.out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(records.map(({ tape_id, record }) => [tape_id, record.type]), [
      ["done", "init"],
      ["done", "frame"],
      ["next", "init"],
    ]);
    assert.ok(io.out.startsWith(`{"tape_id":"done","record":${text.split("\n")[0]}}\n`));
  }));

test("tail --all reports what is no tape, and goes on", () =>
  inScratch(async (scratch) => {
    const folder = join(scratch, "tapes");
    const io = new WatchedIo();
    const ended = tail.run(["--all", "--dir", folder], io);
    await io.until("that it waits", ({ err }) => err !== "");
    assert.is(io.err, `tapeline: waiting for a first tape in ${folder}\n`);
    await mkdir(folder);
    await writeFile(join(folder, "text.jsonl"), "hello\n");
    await io.until("that it is none", ({ err }) => err.includes("first line must be an init record"));
    await putTape(folder, "one", new Session("one").client(1, ping).plainText(), { status: "finalized" });
    await io.until("a frame", ({ out }) => out.includes("ping"));
    const damaged = new Session("two").plainText() + "damaged\n";
    await putTape(folder, "two", damaged, { name: "search", status: "finalized" });
    await io.until("the damage", ({ err }) => err.includes("is not complete"));
    assert.match(io.err, /^tapeline: search: Cannot read line 2 at byte \d+: it is not JSON$/m);
    io.stop();
    assert.is(await ended, 3);
  }));

test("tail --all takes no TAPE, and does not end by itself", async () => {
  for (const args of [["--all", "latest"], ["--all", "--no-follow"]]) {
    const error = await tail.run(args, new FakeIo()).then(() => undefined, (error) => error);
    assert.instance(error, UsageError);
    assert.match(error.message, /^--all and .* exclude each other$/);
  }
});

test.run();
