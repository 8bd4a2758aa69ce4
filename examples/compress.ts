// Compresses a tape line by line, and reads it as if it were plain. It takes the package @bokuweb/zstd-wasm.
//
//   npx tsx examples/compress.ts
//   bun examples/compress.ts
//   deno run --allow-read examples/compress.ts

import { lineSplit, memorySource, memoryStore, parseRecord, pipe, StreamingTapeWriter } from "tapeline";
import { unzstdLines, zstdLines } from "tapeline/zstd";

const store = memoryStore();
const writer = await StreamingTapeWriter.create(store, { sessionId: "example", tapeId: "example" });
for (let id = 0; id < 500; id++) {
  const params = { name: "read_file", arguments: { path: `/home/user/project/src/file-${id}.ts`, encoding: "utf8" } };
  const message = { jsonrpc: "2.0", id, method: "tools/call", params };
  await writer.writeFrame({ message, direction: "client_to_server" });
}
await writer.finalize();

const plain = (await store.get("example.jsonl"))!;
const compressed = new Uint8Array(await new Response(pipe(memorySource(plain), zstdLines())).arrayBuffer());
console.log(`${Math.round(100 * compressed.length / plain.length)} % of its size`);

let frames = 0;
for await (const { type } of pipe(memorySource(compressed), lineSplit(), unzstdLines(), parseRecord())) {
  if (type === "frame") frames++;
}
console.log(`${frames} frames`);
