import { link, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../../src/stores/file.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { Child } from "../../helpers/child.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { writtenTape } from "../../helpers/strange/strange-tapes.ts";
import { putTape } from "../sample-tape.ts";
import { tapeline } from "../run-command.ts";

const whole = await writtenTape(numbersFrom(3), 400);

test("index builds the index of a tape beside it", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", whole);
    const { code, stdout, stderr } = await tapeline(["index", "--dir", folder, "demo"]);
    assert.equal([code, stderr], [0, ""]);
    assert.match(stdout, /demo\.index: \d+ blocks, \d+ B, of \d+(\.\d+)? KiB of tape\n$/);
    const index = await readFile(join(folder, "demo.index"));
    await buildIndex(fileStore(folder), "demo");
    assert.equal(new Uint8Array(index), new Uint8Array(await readFile(join(folder, "demo.index"))));
    const again = JSON.parse((await tapeline(["index", "--json", path])).stdout);
    assert.equal(again, {
      tape_id: "demo",
      path,
      index_path: join(folder, "demo.index"),
      block_count: index.length / 64 - 1,
      index_bytes: index.length,
      tape_bytes: whole.length,
    });
  }));

test("index -o writes the index elsewhere, and replaces nothing that it was not told to", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", whole);
    const out = join(folder, "out.bin");
    assert.is((await tapeline(["index", "-o", out, path])).code, 0);
    const refused = await tapeline(["index", "-o", out, path]);
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /it is there already; --force replaces it/);
    await writeFile(out, "old");
    assert.is((await tapeline(["index", "-o", out, "--force", path])).code, 0);
    const apart = await readFile(out);
    await assertMissing(join(folder, "demo.index"));
    const piped = join(folder, "piped.bin");
    assert.is((await tapeline(["index", "-o", "-", path], { stdout: piped })).code, 0);
    assert.equal(new Uint8Array(await readFile(piped)), new Uint8Array(apart));
    await tapeline(["index", path]);
    assert.equal(new Uint8Array(await readFile(join(folder, "demo.index"))), new Uint8Array(apart));
  }));

test("index -o never takes the tape away that it reads, by any name of it", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", whole);
    await link(path, join(folder, "same.bin"));
    await symlink(path, join(folder, "other.bin"));
    for (const out of [path, join(folder, "same.bin"), join(folder, ".", "other.bin"), `${folder}/./demo.jsonl`]) {
      const { code, stderr } = await tapeline(["index", "-o", out, "--force", path]);
      assert.is(code, 2, out);
      assert.match(stderr, /it is the tape that is read|it is not a regular file/);
      assert.equal(new Uint8Array(await readFile(path)), new Uint8Array(whole));
    }
  }));

test("index takes over what a killed process has locked, whether it had begun an index or not", () =>
  inScratch(async (folder) => {
    await using child = new Child("sink-child.ts", []);
    await child.line();
    await putTape(folder, "demo", whole);
    const out = join(folder, "demo.index");
    await writeFile(out, "");
    child.tell(`open ${out} append`);
    assert.is(await child.line(), "open");
    await child.kill();
    const lock = await readFile(`${out}.lock`);
    for (const begun of [undefined, "", "half an index"]) {
      await writeFile(`${out}.lock`, lock);
      if (begun === undefined) await rm(out);
      else await writeFile(out, begun);
      const { code, stderr } = await tapeline(["index", "--dir", folder, "demo"]);
      assert.equal([code, stderr], [0, ""]);
      assert.equal((await readdir(folder)).sort(), ["demo.index", "demo.jsonl"]);
      assert.is((await tapeline(["verify", "--dir", folder, "demo"])).code, 0);
    }
  }));

test("index says what it cannot do", () =>
  inScratch(async (folder) => {
    await putTape(folder, "none", "no tape\n");
    for (
      const [args, code, why] of [
        [["none"], 2, /no init|must be an init record/],
        [["nobody"], 2, /nobody/],
        [["-o", "", "none"], 2, /-o needs a file/],
        [["-o", "-", "--json", "none"], 2, /exclude each other/],
      ] as const
    ) {
      const outcome = await tapeline(["index", "--dir", folder, ...args]);
      assert.is(outcome.code, code, args.join(" "));
      assert.match(outcome.stderr, why);
    }
  }));

async function assertMissing(path: string): Promise<void> {
  assert.is(await readFile(path).then(() => "there", () => "missing"), "missing");
}

test.run();
