import * as fs from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FolderTapes } from "../../../src/cli/listing/folder-tapes.ts";
import type { TapeRow } from "../../../src/cli/listing/tape-row.ts";
import { fileStore } from "../../../src/file.ts";
import { StreamingTapeWriter } from "../../../src/mod.ts";
import { Child } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { currentRuntime } from "../../helpers/runtime.ts";
import { init, putTape } from "../sample-tape.ts";

const COUNT = 120;
const { signal } = new AbortController();

/** Tapes of every kind, and enough of them to be kept. */
async function putMany(folder: string): Promise<void> {
  for (let at = 0; at < COUNT; at++) {
    await putTape(folder, `t${at}`, `${JSON.stringify(init(`t${at}`))}\n`, {
      name: `name ${at} é\n`,
      tags: at % 2 === 0 ? ["even", "a,b"] : [],
      status: at % 7 === 0 ? { error: "disk full" } : "finalized",
      created_at: new Date(Date.parse("2026-11-01T00:00:00Z") + at).toISOString(),
      stats: { frame_count: at, error_count: null },
      server_info: { name: "srv", version: `${at % 3}` },
      methods: Object.fromEntries([["tools/call", at], ["__proto__", 1]]),
      path: "of another program",
      state: 3,
    });
  }
  await putTape(folder, "alone", `${JSON.stringify(init("alone"))}\n`);
  await putTape(folder, "t1-repaired", `${JSON.stringify(init("x"))}\n`);
  await putTape(folder, "notes", "hello\n");
  await putTape(folder, "empty", "");
  await putTape(folder, "stale", `${JSON.stringify(init("stale"))}\n`, {
    status: "recording",
    updated_at: "2026-01-01T00:00:00Z",
  });
}

/** As a list does it, a minute later: what was changed just now is not kept, as the next change might not show. */
async function look(folder: string, cache: string | undefined = join(folder, "cache", "lists")): Promise<FolderTapes> {
  const tapes = await FolderTapes.in(folder, cache, signal, { readAtMs: Date.now() + 60_000 });
  await tapes.keep();
  return tapes;
}

async function all(
  tapes: FolderTapes,
): Promise<{ readonly rows: readonly TapeRow[]; readonly json: readonly string[] }> {
  const rows = tapes.rows.toSorted((a, b) => a.tapeId < b.tapeId ? -1 : 1);
  const json: string[] = [];
  for await (const text of tapes.jsonOf(rows)) json.push(text);
  return { rows, json };
}

/** Looks with the cache, which has to give what there is without it; tells how many tapes were read. */
async function readCount(folder: string): Promise<number> {
  const tapes = await look(folder);
  assert.equal(await all(tapes), await all(await look(folder, undefined)));
  return tapes.readCount;
}

test("FolderTapes reads no tape again that is what it was", () =>
  inScratch(async (folder) => {
    await putMany(folder);
    assert.is(await readCount(folder), COUNT + 5);
    assert.is(await readCount(folder), 0);
    const { json } = await all(await look(folder));
    const [first] = json.map((text) => JSON.parse(text)).filter(({ tape_id }) => tape_id === "t8");
    assert.equal([first.path, first.state, first.name, first.stats.frame_count], [
      join(folder, "t8.jsonl"),
      "finalized",
      "name 8 é\n",
      8,
    ]);
    assert.equal(Object.keys(first.methods), ["tools/call", "__proto__"]);
    if (process.platform !== "win32") {
      const kept = join(folder, "cache", "lists");
      const [name] = await fs.readdir(kept);
      assert.equal([(await fs.stat(kept)).mode & 0o777, (await fs.stat(join(kept, name!))).mode & 0o777], [
        0o700,
        0o600,
      ]);
    }
  }));

test("FolderTapes reads what has changed, however it was changed", () =>
  inScratch(async (folder) => {
    await putMany(folder);
    await look(folder);
    const meta = (id: string) => join(folder, `${id}.meta.json`);
    const edited = (await fs.readFile(meta("t1"), "utf8")).replace("name 1", "NAME 1");
    await fs.writeFile(meta("t1"), edited);
    assert.is(await readCount(folder), 1, "in place, with as many bytes");
    // Changed and set back; Deno tells the time of that in whole seconds.
    const tellsAll = currentRuntime() !== "deno";
    if (tellsAll) {
      const { mtime } = await fs.stat(meta("t2"));
      await fs.writeFile(meta("t2"), (await fs.readFile(meta("t2"), "utf8")).replace("name 2", "NAME 2"));
      await fs.utimes(meta("t2"), mtime, mtime);
    }
    await fs.appendFile(join(folder, "t3.jsonl"), "\n");
    await fs.rename(meta("t5"), meta("t4"));
    await fs.rm(join(folder, "t6.jsonl"));
    await putTape(folder, "new", `${JSON.stringify(init("new"))}\n`);
    // So few are read again each time rather than that all is written anew.
    assert.is(await readCount(folder), tellsAll ? 6 : 5);
    assert.is(await readCount(folder), 0);
  }));

test("FolderTapes asks again who writes a tape", () =>
  inScratch(async (folder) => {
    await putMany(folder);
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`create ${folder} theirs`);
    assert.is(await child.line(), "done");
    const stateOf = async (id: string) => {
      await readCount(folder);
      return (await look(folder)).rows.find(({ tapeId }) => tapeId === id)?.state;
    };
    assert.is(await stateOf("theirs"), "recording");
    await child.kill();
    assert.is(await stateOf("theirs"), "interrupted");
    assert.is(await stateOf("theirs"), "interrupted", "as it was kept");
    await using writer = await StreamingTapeWriter.resume(fileStore(folder), "theirs");
    assert.is(await stateOf("theirs"), "recording");
    await writer.finalize();
    assert.is(await stateOf("theirs"), "finalized");
  }));

test("FolderTapes believes nothing that is not what was kept", () =>
  inScratch(async (folder) => {
    await putMany(folder);
    await look(folder);
    const kept = join(folder, "cache", "lists");
    const [name] = await fs.readdir(kept);
    const path = join(kept, name!);
    const whole = await fs.readFile(path);
    for (const at of [0, 3, 255, 256, 300, 5000, Math.floor(whole.length / 2), whole.length - 5]) {
      const damaged = Uint8Array.from(whole);
      damaged[at]! ^= 1;
      await fs.writeFile(path, damaged);
      await readCount(folder);
    }
    for (const length of [0, 1, 256, 257, whole.length - 1]) {
      await fs.writeFile(path, whole.subarray(0, length));
      assert.is(await readCount(folder), COUNT + 5, `${length}`);
    }
    await fs.rm(path);
    await fs.mkdir(join(path, "taken"), { recursive: true });
    assert.is(await readCount(folder), COUNT + 5);
    assert.equal(await fs.readdir(kept), [name]);
  }));

test("FolderTapes keeps nothing of few tapes, nor of what has just changed, and of a bounded number of folders", () =>
  inScratch(async (folder) => {
    const few = join(folder, "few");
    const cache = join(folder, "cache", "lists");
    await putTape(few, "a", "");
    await look(few, cache);
    const many = join(folder, "many");
    await putMany(many);
    await (await FolderTapes.in(many, cache, signal)).keep();
    assert.equal(await fs.readdir(folder), ["few", "many"]);
    await fs.mkdir(cache, { recursive: true });
    for (let at = 0; at < 25; at++) {
      await fs.writeFile(join(cache, `${at}.list`), "");
      await fs.utimes(join(cache, `${at}.list`), at, at);
    }
    await look(many, cache);
    const names = await fs.readdir(cache);
    assert.is(names.length, 20);
    assert.ok(!names.includes("5.list") && names.includes("6.list"));
  }));

test("FolderTapes tells what is in a folder and is no tape of it", () =>
  inScratch(async (folder) => {
    await putTape(folder, "a", "");
    await fs.symlink(join(folder, "a.jsonl"), join(folder, "link.jsonl"));
    await fs.mkdir(join(folder, "folder.jsonl"));
    const names = ["my session.jsonl", "ä.jsonl", "a\u202e.jsonl", "a.v2.jsonl", ".hidden.jsonl", "README", "a.txt"];
    for (const name of [...names, "gone.meta.json", "gone.index", "gone2.torn", "made.jsonl.lock", "made.meta.json"]) {
      await fs.writeFile(join(folder, name), "x");
    }
    const { rows, leftovers, odd } = await look(folder);
    assert.equal(rows.map(({ tapeId }) => tapeId), ["a"]);
    assert.equal(leftovers, ["gone", "gone2"]);
    assert.equal(odd.toSorted(), [
      "a.v2.jsonl",
      "a\u202e.jsonl",
      "folder.jsonl",
      "link.jsonl",
      "my session.jsonl",
      "ä.jsonl",
    ]);
    const none = await look(join(folder, "none"));
    assert.equal([none.rows, none.leftovers, none.odd], [[], [], []]);
  }));

test.run();
