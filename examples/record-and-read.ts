// Record two messages, then read them back, word for word.
//
//   npx tsx examples/record-and-read.ts
//   bun examples/record-and-read.ts
//   deno run --allow-read=tapes --allow-write=tapes examples/record-and-read.ts

import { jsonText, messageText, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
import { fileStore } from "tapeline/file";

const store = fileStore("tapes");

const writer = await StreamingTapeWriter.create(store, { sessionId: "example", metadata: { name: "record-and-read" } });
// A message is a value, or its very text: this id is too large for a JavaScript number, and survives.
await writer.writeFrame({
  message: jsonText('{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/list"}'),
  direction: "client_to_server",
});
await writer.writeFrame({
  message: jsonText('{"jsonrpc":"2.0","id":12345678901234567890,"result":{"tools":[]}}'),
  direction: "server_to_client",
});
await writer.finalize();

const reader = await StreamingTapeReader.open(store, writer.tapeId);
for await (const frame of reader.frames()) console.log(frame.seq, frame.dir, messageText(frame));

const metadata = await reader.metadata();
console.log(`${metadata?.stats?.correlation_count} request was answered in ${metadata?.performance?.max_rtt_ms} ms`);
await reader.close();
