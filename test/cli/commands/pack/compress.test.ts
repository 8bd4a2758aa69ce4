import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../../../src/stores/file.ts";
import { buildIndex } from "../../../../src/tape/index/build-index.ts";
import { numbersFrom } from "../../../helpers/random.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { writtenTape } from "../../../helpers/strange/strange-tapes.ts";
import { putTape } from "../../sample-tape.ts";
import { tapeline } from "../../run-command.ts";

const whole = await writtenTape(numbersFrom(3), 1200);

/** A folder with the tape `demo`, its metadata and its index. */
async function withTape(folder: string): Promise<string> {
  const path = await putTape(folder, "demo", whole, { name: "search", status: "finalized" });
  await buildIndex(fileStore(folder), "demo");
  return path;
}

const fileText = (folder: string, name: string) => readFile(join(folder, name), "latin1");

/** What is in a folder, in an order that does not depend on the runtime. */
async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

test("compress --blocks packs a tape, decompress makes the very same files of it", () =>
  inScratch(async (folder) => {
    await withTape(folder);
    const before = await filesIn(folder);
    const texts = await Promise.all(before.map((name) => fileText(folder, name)));
    const packed = await tapeline(["compress", "--blocks", "--rm", "--dir", folder, "demo"]);
    assert.equal([packed.code, packed.stderr], [0, ""]);
    assert.match(
      packed.stdout,
      /demo\.jsonl\.zst: .* in \d+ blocks?, .* % of the .* of .*demo\.jsonl, which is deleted\n$/,
    );
    assert.equal(await filesIn(folder), ["demo.jsonl.zst"]);
    const unpacked = await tapeline(["decompress", "--rm", "--dir", folder, "demo"]);
    assert.equal([unpacked.code, unpacked.stderr], [0, ""]);
    assert.equal(await filesIn(folder), before);
    for (const [at, name] of before.entries()) {
      if (name !== "demo.meta.json") assert.is(await fileText(folder, name), texts[at], name);
      else assert.equal(JSON.parse(await fileText(folder, name)), JSON.parse(texts[at]!));
    }
  }));

test("every command that reads a tape reads a packed one, by its path and by its id, and says the same", () =>
  inScratch(async (folder) => {
    const path = await withTape(folder);
    const elsewhere = join(folder, "other", "demo");
    await mkdir(join(folder, "other"));
    await tapeline(["compress", "--blocks", "-o", `${elsewhere}.jsonl.zst`, path]);
    const commands = [
      ["cat", "--raw"],
      ["grep", "--json", "kind:request"],
      ["info", "--json"],
      ["verify", "--json"],
      ["tail", "-n", "3", "--json"],
      ["show", "--json"],
      ["replay", "--at-once"],
      ["cut", "--seq", "5..9"],
    ];
    for (const command of commands) {
      const more = command[0] === "show" ? ["7"] : [];
      const plain = await tapeline([...command, path, ...more]);
      const packed = await tapeline([...command, `${elsewhere}.jsonl.zst`, ...more]);
      const alike = (text: string) =>
        text.replaceAll("other/demo.jsonl.zst", "demo.jsonl").replaceAll(
          /01[0-9A-Z]{24}|"(checkpoint|created|derived)_at":"[^"]*"|"crc32":"[^"]*"/g,
          "",
        );
      assert.is(packed.code, plain.code, `${command}: ${packed.stderr}`);
      assert.is(alike(packed.stdout), alike(plain.stdout), String(command));
      assert.is(alike(packed.stderr), alike(plain.stderr), String(command));
    }
    await tapeline(["rm", "--yes", "--dir", folder, "demo"]);
    await rename(`${elsewhere}.jsonl.zst`, `${path}.zst`);
    const listed = JSON.parse((await tapeline(["list", "--json", "--dir", folder])).stdout);
    assert.equal([listed.path, listed.name, listed.stats.file_size_bytes], [`${path}.zst`, "search", whole.length]);
    assert.is((await tapeline(["verify", "--dir", folder, "latest"])).code, 0);
    const removed = await tapeline(["rm", "--yes", "--dir", folder, "demo"]);
    assert.equal([removed.code, removed.stderr], [0, ""]);
    assert.equal(await filesIn(folder), ["other"]);
  }));

test("what would write to a packed tape says why it cannot, and what to do", () =>
  inScratch(async (folder) => {
    await withTape(folder);
    await tapeline(["compress", "--blocks", "--rm", "--dir", folder, "demo"]);
    const index = await tapeline(["index", "--dir", folder, "demo"]);
    assert.is(index.code, 2);
    assert.match(
      index.stderr,
      /^tapeline: Cannot create .*demo\.index: the tape is packed in .*demo\.jsonl\.zst, which is read only; unpack it with "tapeline decompress"\n$/,
    );
    const again = await tapeline(["compress", "--blocks", "--dir", folder, "demo"]);
    assert.equal([again.code, /it is packed already\n$/.test(again.stderr)], [2, true]);
    const cut = await tapeline([
      "cut",
      "--seq",
      "1..2",
      "-o",
      join(folder, "a.jsonl.zst"),
      join(folder, "demo.jsonl.zst"),
    ]);
    assert.equal([cut.code, /such a name is that of a packed tape/.test(cut.stderr)], [2, true]);
    assert.equal(await filesIn(folder), ["demo.jsonl.zst"]);
  }));

test("compress and decompress replace nothing that they were not told to, and leave nothing half", () =>
  inScratch(async (folder) => {
    const path = await withTape(folder);
    const files = await filesIn(folder);
    await writeFile(`${path}.zst`, "old");
    const refused = await tapeline(["compress", "--blocks", path]);
    assert.equal([refused.code, /it is there already; --force replaces it/.test(refused.stderr)], [2, true]);
    assert.is(await fileText(folder, "demo.jsonl.zst"), "old");
    const odd = await tapeline(["compress", "--blocks", "-o", join(folder, "demo.zst"), path]);
    assert.equal([odd.code, /ends in \.jsonl\.zst\n$/.test(odd.stderr)], [2, true]);
    assert.is((await tapeline(["compress", "--blocks", "--force", path])).code, 0);

    const packed = await readFile(`${path}.zst`);
    packed[packed.length >> 1]! ^= 1;
    await writeFile(join(folder, "bad.jsonl.zst"), packed);
    await copyFile(path, join(folder, "bad.jsonl"));
    const damaged = await tapeline(["decompress", "--force", join(folder, "bad.jsonl.zst")]);
    assert.is(damaged.code, 1);
    assert.match(damaged.stderr, /^tapeline: Cannot read .*bad\.jsonl\.zst.*\n$/);
    assert.is(await fileText(folder, "bad.jsonl"), await fileText(folder, "demo.jsonl"));
    assert.equal(
      await filesIn(folder),
      ["bad.jsonl", "bad.jsonl.zst", ...files.slice(0, 2), "demo.jsonl.zst", ...files.slice(2)].sort(),
    );
    await tapeline(["rm", "--yes", `${path}.zst`]);
    const plain = await tapeline(["decompress", path]);
    assert.equal([plain.code, /it is not compressed\n$/.test(plain.stderr)], [2, true]);
  }));

test.run();
