import * as fs from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileBlocks } from "../../../src/cli/summary/sealed/file-blocks.ts";
import { inScratch } from "../../helpers/scratch.ts";

const MAX_LINE_BYTES = 1024 * 1024;
const never = new AbortController().signal;

/** What is handed out of a file with that text, of its first `size` bytes. */
async function read(folder: string, text: string, size = text.length): Promise<string[]> {
  const path = join(folder, "file");
  await fs.writeFile(path, text);
  const blocks: string[] = [];
  for await (const block of fileBlocks(path, size, MAX_LINE_BYTES, never)) blocks.push(new TextDecoder().decode(block));
  return blocks;
}

test("fileBlocks() hands out whole lines, and nothing behind the last", () =>
  inScratch(async (folder) => {
    const lines = Array.from({ length: 2000 }, (_, at) => `${at} ${"x".repeat(at)}\n`);
    lines.push(`${"y".repeat(600_000)}\n`, "z\n");
    const blocks = await read(folder, `${lines.join("")}torn`);
    assert.ok(blocks.length > 3 && blocks.every((block) => block.endsWith("\n")));
    assert.is(blocks.join(""), lines.join(""));
    assert.equal(await read(folder, "a\nb\nc\n", 5), ["a\nb\n"]);
    assert.equal(await read(folder, "a\n", 99), ["a\n"]);
    assert.equal(await read(folder, ""), []);
  }));

test("fileBlocks() ends before a line that is too long", () =>
  inScratch(async (folder) => {
    assert.is((await read(folder, `a\n${"y".repeat(9 * MAX_LINE_BYTES)}\nz\n`)).join(""), "a\n");
  }));

test("fileBlocks() lets events happen while it reads, and stops when one wants it to", () =>
  inScratch(async (folder) => {
    const path = join(folder, "file");
    const size = 16 * 1024 * 1024;
    await fs.writeFile(path, "0123456\n".repeat(size / 8));
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error("stopped")));
    let [bytes, message] = [0, ""];
    // The file may be read once before a runtime comes to its events, but not again and again.
    for (let times = 0; times < 50 && message === ""; times++) {
      bytes = 0;
      try {
        for await (const block of fileBlocks(path, size, MAX_LINE_BYTES, stop.signal)) bytes += block.length;
      } catch (error) {
        message = (error as Error).message;
      }
    }
    assert.is(message, "stopped");
    assert.ok(bytes < size);
  }));

test("fileBlocks() says which file it cannot read", () =>
  inScratch(async (folder) => {
    const path = join(folder, "none");
    try {
      await fileBlocks(path, 1, MAX_LINE_BYTES, never).next();
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, `Cannot read ${path}`);
    }
  }));

test.run();
