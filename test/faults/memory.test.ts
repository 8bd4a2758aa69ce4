import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jsonText } from "../../src/json/json-text.ts";
import { messageText } from "../../src/records/recorded-text.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { Child } from "../helpers/child.ts";
import { framesOf } from "../helpers/tapes.ts";

const MEGABYTE = 1024 * 1024;

async function peakOf(what: string, amount: number): Promise<number> {
  await using child = new Child("../../faults/memory-child.ts", [what, `${amount}`]);
  const peak = Number(await child.line()) / MEGABYTE;
  await child.ended();
  return peak;
}

test("lineSplit() takes a gigabyte without a line ending in bounded memory", async () => {
  if (process.platform !== "linux") return console.log("skip: only Linux tells the most memory that a process took");
  const small = await peakOf("lines", 16);
  const large = await peakOf("lines", 1024);
  console.log(`peak of ${small.toFixed()} MB for 16 MB, ${large.toFixed()} MB for 1024 MB`);
  // Chunks that nobody holds any more are freed when the runtime likes.
  assert.ok(large < small + 640, `${large} MB for a line of 1 GB, ${small} MB for one of 16 MB`);
});

test("correlator() takes a million open requests in bounded memory", async () => {
  if (process.platform !== "linux") return console.log("skip: only Linux tells the most memory that a process took");
  const some = await peakOf("requests", 150_000);
  const many = await peakOf("requests", 1_000_000);
  console.log(`peak of ${some.toFixed()} MB for 150,000 requests, ${many.toFixed()} MB for 1,000,000`);
  assert.ok(many < some + 256, `${many} MB for a million requests, ${some} MB for 150,000`);
});

test("a message that is nested 100,000 levels deep is recorded and read back letter by letter", async () => {
  const text = `{"jsonrpc":"2.0","id":1,"result":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo" });
  await writer.writeFrame({ message: jsonText(text), direction: "server_to_client" });
  await writer.finalize();
  await using reader = await StreamingTapeReader.open(store, "demo");
  for await (const frame of reader.frames()) assert.ok(messageText(frame) === text);
  assert.is((await framesOf(store, "demo")).length, 1);
});

test.run();
