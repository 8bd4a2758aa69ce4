import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { prune } from "../../../../src/cli/commands/store/prune.ts";
import { rm } from "../../../../src/cli/commands/store/rm.ts";
import { UsageError } from "../../../../src/cli/command.ts";
import { fileStore } from "../../../../src/file.ts";
import { StreamingTapeWriter } from "../../../../src/mod.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { FakeIo } from "../../fake-io.ts";
import { tapeline } from "../../run-command.ts";
import { init, putTape } from "../../sample-tape.ts";

const DAY = 24 * 3600 * 1000;
const text = `${JSON.stringify(init("x"))}\n`;

/** A tape that has not changed for so many days, with so many bytes. */
async function putOld(folder: string, id: string, days: number, bytes = 1000): Promise<void> {
  const then = new Date(Date.now() - days * DAY);
  const path = await putTape(folder, id, text.padEnd(bytes, "\n"), {
    status: "finalized",
    created_at: then.toISOString(),
    updated_at: then.toISOString(),
  });
  await utimes(path, then, then);
}

async function tapesIn(folder: string): Promise<string> {
  return (await readdir(folder)).filter((name) => name.endsWith(".jsonl")).map((name) => name.replace(".jsonl", ""))
    .sort().join(" ");
}

async function run(folder: string, ...args: string[]): Promise<FakeIo> {
  const io = new FakeIo();
  assert.is(await prune.run(["--yes", "--dir", folder, ...args], io), 0, io.err);
  return io;
}

test("prune --keep, --older-than and --max-size delete the oldest tapes with all that belongs to them", () =>
  inScratch(async (folder) => {
    for (let days = 1; days <= 8; days++) await putOld(folder, `t${days}`, days);
    await writeFile(join(folder, "t8.index"), "x".repeat(100_000));
    await run(folder, "--older-than", "7d");
    assert.is(await tapesIn(folder), "t1 t2 t3 t4 t5 t6");
    assert.is((await readdir(folder)).length, 12);
    await writeFile(join(folder, "t3.index"), "x".repeat(10_000));
    // What belongs to a tape counts.
    await run(folder, "--max-size", "14k");
    assert.is(await tapesIn(folder), "t1 t2 t3");
    await run(folder, "--keep", "1");
    assert.is(await tapesIn(folder), "t1");
    assert.match((await run(folder, "--keep", "1")).err, /^tapeline: there is nothing to delete in /);
  }));

test("prune goes by the last change of any kind: a new file with an old date stays, and an old one that was touched", () =>
  inScratch(async (folder) => {
    await putOld(folder, "touched", 30);
    await utimes(join(folder, "touched.jsonl"), new Date(), new Date());
    await putOld(folder, "copied", 30);
    await writeFile(
      join(folder, "copied.meta.json"),
      JSON.stringify({ tape_id: "copied", status: "finalized", finalized_at: new Date().toISOString() }),
    );
    await putOld(folder, "old", 30);
    await run(folder, "--older-than", "29d");
    assert.is(await tapesIn(folder), "copied touched");
  }));

test("prune leaves alone what is being written, what may be, and what is no tape, and says so", () =>
  inScratch(async (folder) => {
    await using _ = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    await putTape(folder, "fresh", text);
    await putTape(folder, "notes", "hello\n");
    await utimes(join(folder, "notes.jsonl"), 0, 0);
    await putOld(folder, "old", 1);
    await putTape(folder, "empty", "");
    await utimes(join(folder, "empty.jsonl"), 0, 0);
    const { out, err } = await run(folder, "--keep", "0");
    assert.is(await tapesIn(folder), "fresh live notes");
    assert.match(out, /^deleted .*(empty|old)\.jsonl .*\ndeleted .*(empty|old)\.jsonl .*\n$/);
    assert.match(err, /^tapeline: 2 tapes are being written, or may be, and stay\n/);
    assert.match(err, /\ntapeline: 1 file called \.jsonl is no tape and stays\n/);
    assert.match(err, /\ntapeline: prune freed .*: 2 tapes\n$/);
  }));

test("prune --leftovers deletes what is left of tapes that are gone, and nothing of those that are there", () =>
  inScratch(async (folder) => {
    await putOld(folder, "here", 9);
    for (const name of ["gone.meta.json", "gone.torn", "gone.jsonl.unproven", "notes.txt", "making.jsonl.lock"]) {
      await writeFile(join(folder, name), "x");
    }
    await writeFile(join(folder, "making.meta.json"), "x");
    const { out } = await run(folder, "--leftovers");
    assert.match(out, /^deleted .*gone\.jsonl \(2 B\)\n$/);
    assert.equal((await readdir(folder)).sort(), [
      "here.jsonl",
      "here.meta.json",
      "making.jsonl.lock",
      "making.meta.json",
      "notes.txt",
    ]);
  }));

test("two that prune the same folder, or remove the same tapes, do not get in each other's way", () =>
  inScratch(async (folder) => {
    const ids = Array.from({ length: 30 }, (_, at) => `t${at}`);
    const fill = async () => {
      for (const [at, id] of ids.entries()) await putOld(folder, id, 1 + at);
    };
    await fill();
    await Promise.all([run(folder, "--keep", "2"), run(folder, "--keep", "2"), run(folder, "--older-than", "50h")]);
    assert.equal((await readdir(folder)).sort(), ["t0.jsonl", "t0.meta.json", "t1.jsonl", "t1.meta.json"]);
    await fill();
    const ios = [new FakeIo(), new FakeIo()];
    const codes = await Promise.all(ios.map((io) => rm.run(["--yes", "--dir", folder, ...ids], io)));
    assert.equal(codes, [0, 0], ios.map(({ err }) => err).join(""));
    assert.equal(await readdir(folder), []);
    for (const id of ids) await writeFile(join(folder, `${id}.index`), "left");
    await Promise.all([run(folder, "--leftovers"), run(folder, "--leftovers")]);
    assert.equal(await readdir(folder), []);
  }));

test("prune --dry-run deletes nothing; --json tells of each tape", () =>
  inScratch(async (folder) => {
    await putOld(folder, "a", 2);
    await putOld(folder, "b", 1);
    const { out } = await run(folder, "--keep", "1", "--dry-run", "--json");
    const { tape_id, dry_run, deleted } = JSON.parse(out);
    assert.equal([tape_id, dry_run, deleted], ["a", true, false]);
    assert.is(await tapesIn(folder), "a b");
  }));

test("prune asks, and says what is wrong with its options", () =>
  inScratch(async (folder) => {
    await putOld(folder, "a", 2);
    const refused = async (...args: string[]) => {
      try {
        await prune.run(["--dir", folder, ...args], new FakeIo());
      } catch (error) {
        assert.instance(error, UsageError);
        return (error as Error).message;
      }
      throw new Error(`it took ${args}`);
    };
    assert.match(await refused(), /^prune needs --keep, --older-than, --max-size or --leftovers/);
    assert.match(await refused("--keep=-1"), /^--keep must be 0 or more/);
    assert.match(await refused("--keep", "x"), /^--keep must be 0 or more, not "x"/);
    for (const age of ["7", "d", "-7d", "seven days", "7y"]) {
      assert.match(await refused(`--older-than=${age}`), /^--older-than must be a time with its unit/, age);
    }
    for (const size of ["x", "-1", "2XB", ""]) {
      assert.match(await refused(`--max-size=${size}`), /^--max-size must be a size such as/, size);
    }
    assert.match(await refused("--keep", "0"), /^prune would delete 1 tape .*nobody is there to be asked/);
    assert.is(await tapesIn(folder), "a");
    const declined = new FakeIo({ ask: () => Promise.resolve("no") });
    assert.is(await prune.run(["--keep", "0", "--dir", folder], declined), 1);
    assert.is(await tapesIn(folder), "a");
    const none = await tapeline(["prune", "--keep", "1", "--dir", join(folder, "none")]);
    assert.equal([none.code, none.stderr], [
      2,
      `tapeline: Cannot prune ${join(folder, "none")}: there is no such folder\n`,
    ]);
  }));

test.run();
