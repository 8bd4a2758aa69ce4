import { spawnSync } from "node:child_process";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cacheFolder } from "../../../src/cli/cache-folder.ts";
import { info } from "../../../src/cli/commands/info.ts";
import { fileStore } from "../../../src/file.ts";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { StreamingTapeWriter } from "../../../src/mod.ts";
import { VERSION } from "../../../src/version.ts";
import { utf8 } from "../../helpers/bytes.ts";
import { thisRuntime } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { answer, messageOf, request } from "../../helpers/tapes.ts";
import { FakeIo } from "../fake-io.ts";

const SECRET = "the disk of alice is full";

/** A long tape, finalized, with an error of each kind. */
async function longTape(folder: string): Promise<string> {
  const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "long" });
  for (let at = 0; at < 5; at++) await writer.writeFrame(messageOf(1024 * 1024, at));
  for (let id = 0; id < 9; id++) {
    await writer.writeFrame(request(id, `m${id}`));
    const failed = { isError: true, content: [{ type: "text", text: SECRET }] };
    const error = { message: { jsonrpc: "2.0", id, error: { code: -1, message: SECRET } } };
    if (id === 3) await writer.writeFrame({ ...error, direction: "server_to_client" });
    else await writer.writeFrame(answer(id, id === 4 ? failed : {}));
  }
  await writer.finalize();
  return join(folder, "long.jsonl");
}

async function run(path: string, cache: string, ...args: string[]): Promise<string> {
  const io = new FakeIo({ env: { XDG_CACHE_HOME: cache } });
  assert.is(await info.run(["--json", ...args, path], io), 0);
  assert.is(io.err, "");
  return io.out;
}

/** The entries of a cache: path and text. */
async function entriesOf(cache: string): Promise<[path: string, text: string][]> {
  const folder = join(cache, "tapeline", "info");
  const names = await fs.readdir(folder).catch(() => []);
  return await Promise.all(names.map(async (name) => {
    const path = join(folder, name);
    return [path, await fs.readFile(path, "utf8")];
  }));
}

test("info keeps what it found out of a long tape, but not what messages say", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    const cache = join(folder, "cache");
    const first = await run(path, cache);
    const [[entry, text] = ["", ""]] = await entriesOf(cache);
    assert.ok(first.includes(SECRET) && text.includes("m3") && !text.includes(SECRET));
    if (process.platform !== "win32") assert.is((await fs.stat(entry)).mode & 0o777, 0o600);
    // Read again from the entry: what is changed in it, with a checksum that fits, is what is told.
    assert.is(await run(path, cache), first);
    const [key, top, , facts] = JSON.parse(text);
    const changed = facts.replaceAll("m7", "x7");
    await fs.writeFile(entry, JSON.stringify([key, top, crc32(utf8(changed), 0), changed]));
    assert.is(await run(path, cache), first.replaceAll('"method":"m7"', '"method":"x7"'));
    assert.is(await run(path, cache, "--no-cache"), first);
    assert.is(JSON.parse(await run(path, cache, "--top", "2")).slowest.length, 2);
    assert.is(JSON.parse(await run(path, cache, "--top", "8")).slowest.length, 8);
    assert.equal((await fs.readdir(folder)).sort(), ["cache", "long.index", "long.jsonl", "long.meta.json"]);
  }));

test("info takes no entry that is torn, foreign, or about what the tape was before", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    const cache = join(folder, "cache");
    const first = await run(path, cache);
    const [[entry, text] = ["", ""]] = await entriesOf(cache);
    const wrong = text.replaceAll("m7", "x7");
    for (const broken of [wrong, text.slice(0, -9), "", "null", "[]", '{"a":1}', "x".repeat(3_000_000)]) {
      await fs.writeFile(entry, broken);
      assert.is(await run(path, cache), first, broken.slice(0, 20));
      assert.is((await entriesOf(cache))[0]![1], text);
    }
    if (process.platform !== "win32") {
      await fs.rm(entry);
      spawnSync("mkfifo", [entry]);
      assert.is(await run(path, cache), first, "a pipe");
      assert.is((await entriesOf(cache))[0]![1], text);
    }
    const later = new Date(Date.now() + 5000);
    await fs.utimes(path, later, later);
    await run(path, cache);
    assert.is.not((await entriesOf(cache))[0]![1], text);
    // Changed and set back; Deno tells the time of that in whole seconds.
    if (thisRuntime().name !== "deno") {
      await fs.writeFile(path, (await fs.readFile(path, "latin1")).replace('"m7"', '"x7"'), "latin1");
      await fs.utimes(path, later, later);
      assert.is(await run(path, cache), first.replaceAll('"method":"m7"', '"method":"x7"'));
    }
    const again = await StreamingTapeWriter.resume(fileStore(folder), "long");
    await again.writeFrame(request(99, "late"));
    await again.finalize();
    assert.ok((await run(path, cache)).includes('"late"'));
  }));

test("info knows an entry by all that tells one tape from another", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    const cache = join(folder, "cache");
    const first = await run(path, cache);
    const [[entry, text] = ["", ""]] = await entriesOf(cache);
    const { dev, ino, size, mtimeNs, ctimeNs } = await fs.stat(path, { bigint: true });
    const seal = (await fs.readFile(path, "utf8")).split("\n").at(-2);
    const key: string[] = JSON.parse(JSON.parse(text)[0]);
    const times = [`${mtimeNs}`, `${ctimeNs}`];
    assert.equal(key.slice(1), [VERSION, "long", `${dev}`, `${ino}`, `${size}`, ...times, `${seal}\n`]);
    assert.type(key[0], "number");
    for (const at of key.keys()) {
      const other = JSON.stringify(key.with(at, "other"));
      await fs.writeFile(entry, JSON.stringify([other, ...JSON.parse(text).slice(1)]).replaceAll("m7", "x7"));
      assert.is(await run(path, cache), first, `${at}`);
    }
  }));

test("info reads a tape again on which an error does not stand where its entry says", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    const cache = join(folder, "cache");
    const first = await run(path, cache);
    const [[entry, text] = ["", ""]] = await entriesOf(cache);
    const [key, top, , facts] = JSON.parse(text);
    const moved = facts.replace(/"firstSeq":\d+/, '"firstSeq":0');
    assert.is.not(moved, facts);
    await fs.writeFile(entry, JSON.stringify([key, top, crc32(utf8(moved), 0), moved]));
    assert.is(await run(path, cache), first);
  }));

test("info keeps nothing of a short tape, and leaves no draft where an entry cannot be put", () =>
  inScratch(async (folder) => {
    const cache = join(folder, "cache");
    const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "short" });
    await writer.finalize();
    await run(join(folder, "short.jsonl"), cache);
    assert.equal(await entriesOf(cache), []);

    const path = await longTape(folder);
    const first = await run(path, cache);
    const [[entry] = [""]] = await entriesOf(cache);
    if (process.platform !== "win32") assert.is((await fs.stat(dirname(entry))).mode & 0o777, 0o700);
    await fs.rm(entry);
    await fs.mkdir(join(entry, "taken"), { recursive: true });
    assert.is(await run(path, cache), first);
    assert.equal(await fs.readdir(dirname(entry)), [basename(entry)]);
  }));

test("info works where nothing can be kept, and keeps a bounded number", () =>
  inScratch(async (folder) => {
    const path = await longTape(folder);
    await fs.writeFile(join(folder, "file"), "");
    const first = await run(path, join(folder, "file"));
    assert.ok(first.includes(SECRET));
    const cache = join(folder, "cache");
    const kept = join(cache, "tapeline", "info");
    await fs.mkdir(kept, { recursive: true });
    for (let at = 0; at < 205; at++) {
      await fs.writeFile(join(kept, `t${at}.json`), "");
      await fs.utimes(join(kept, `t${at}.json`), at, at);
    }
    await run(path, cache);
    const names = await fs.readdir(kept);
    assert.is(names.length, 200);
    assert.ok(!names.includes("t5.json") && names.includes("t6.json"));
  }));

test("cacheFolder() is where the system has it", () => {
  const of = (env: Record<string, string>, platform: string) =>
    cacheFolder("info", env, platform)?.replaceAll("\\", "/");
  assert.is(of({ XDG_CACHE_HOME: "/c", HOME: "/h" }, "linux"), "/c/tapeline/info");
  assert.is(of({ XDG_CACHE_HOME: "relative", HOME: "/h" }, "linux"), "/h/.cache/tapeline/info");
  assert.is(of({ HOME: "/h" }, "darwin"), "/h/Library/Caches/tapeline/info");
  assert.is(of({ LOCALAPPDATA: "/l" }, "win32"), "/l/tapeline/info");
  assert.is(of({}, "linux"), undefined);
});

test.run();
