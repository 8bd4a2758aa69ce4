import { test } from "uvu";
import * as assert from "uvu/assert";
import { memorySource } from "../../src/sources/memory.ts";

async function chunksOf(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(new TextDecoder().decode(chunk));
  return chunks;
}

test("memorySource() gives text and bytes, in one piece", async () => {
  assert.equal(await chunksOf(memorySource("one\nzwölf\n")), ["one\nzwölf\n"]);
  assert.equal(await chunksOf(memorySource(new TextEncoder().encode("one"))), ["one"]);
});

test("memorySource() gives nothing where there is nothing", async () => {
  assert.equal(await chunksOf(memorySource("")), []);
  assert.equal(await chunksOf(memorySource(new Uint8Array(0), { chunkBytes: 3 })), []);
});

test("memorySource() cuts pieces of the size that is asked for", async () => {
  assert.equal(await chunksOf(memorySource("abcdefgh", { chunkBytes: 3 })), ["abc", "def", "gh"]);
  assert.equal(await chunksOf(memorySource("abcdef", { chunkBytes: 3 })), ["abc", "def"]);
  assert.equal(await chunksOf(memorySource("abc", { chunkBytes: 1 })), ["a", "b", "c"]);
  assert.equal(await chunksOf(memorySource("abc", { chunkBytes: 99 })), ["abc"]);
});

test("memorySource() can be cancelled", async () => {
  const reader = memorySource("abc", { chunkBytes: 1 }).getReader();
  await reader.read();
  await reader.cancel();
  assert.is((await reader.read()).done, true);
});

test.run();
