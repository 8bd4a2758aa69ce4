import { appendFile, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileSource } from "../../src/sources/file.ts";
import { inScratch } from "../helpers/scratch.ts";
import { rejection, within } from "../helpers/within.ts";

async function chunksOf(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(new TextDecoder().decode(chunk));
  return chunks;
}

test("fileSource() reads in blocks of the size that is asked for", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "0123456789");
    assert.equal(await chunksOf(fileSource(path, { blockBytes: 4 })), ["0123", "4567", "89"]);
    assert.equal(await chunksOf(fileSource(path, { blockBytes: 5 })), ["01234", "56789"]);
    assert.equal(await chunksOf(fileSource(path, { blockBytes: 4, start: 1, end: 8 })), ["1234", "567"]);
    assert.equal(await chunksOf(fileSource(path)), ["0123456789"]);
  });
});

test("fileSource() that follows hands out whole lines from small blocks, also lines longer than one", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "one\ntwo\n0123456789\nend");
    const stop = new AbortController();
    const chunks: string[] = [];
    const follow = async () => {
      for await (const chunk of fileSource(path, { blockBytes: 5, follow: true, signal: stop.signal })) {
        chunks.push(new TextDecoder().decode(chunk));
        if (chunks.join("").endsWith("9\n")) await appendFile(path, "\n");
        if (chunks.join("").endsWith("end\n")) stop.abort();
      }
    };
    await within(follow(), "the end");
    assert.is(chunks.join(""), "one\ntwo\n0123456789\nend\n");
    assert.ok(chunks.every((chunk) => chunk.endsWith("\n")));
  });
});

test("fileSource() reads no further ahead than one block, however long nobody asks", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "aaaabbbbccccdddd");
    const reader = fileSource(path, { blockBytes: 4 }).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writeFile(path, "AAAABBBBCCCCDDDD");
    const rest: string[] = [];
    for (let next; !(next = await reader.read()).done;) rest.push(new TextDecoder().decode(next.value));
    assert.equal(rest, ["bbbb", "CCCC", "DDDD"]);
  });
});

test("fileSource() ends where a file has shrunk meanwhile", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "aaaabbbbccccdddd");
    const reader = fileSource(path, { blockBytes: 4 }).getReader();
    await reader.read();
    await truncate(path, 2);
    await reader.read();
    assert.is((await within(reader.read(), "the end")).done, true);
  });
});

test("fileSource() names the file in its errors, and stays failed", async () => {
  await inScratch(async (folder) => {
    const missing = fileSource(join(folder, "none.jsonl")).getReader();
    const error = await rejection(missing.read(), "tape_not_found");
    assert.is(error.message, `Cannot read ${join(folder, "none.jsonl")}: there is no such tape`);
    assert.is((error.cause as { code?: string }).code, "ENOENT");
    await rejection(missing.read(), "tape_not_found");

    await mkdir(join(folder, "folder"));
    for (const follow of [false, true]) {
      const unreadable = fileSource(join(folder, "folder"), { follow });
      assert.match((await rejection(chunksOf(unreadable), "io")).message, /^Cannot read .*folder at byte 0: /);
    }
  });
});

test.run();
