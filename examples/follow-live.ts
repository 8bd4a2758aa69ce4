// Watch a tape while it is being written. The writer here could as well be another process.
//
//   npx tsx examples/follow-live.ts
//   bun examples/follow-live.ts
//   deno run --allow-read=tapes --allow-write=tapes examples/follow-live.ts

import { messageText, TapeManager } from "tapeline";
import { fileStore } from "tapeline/file";

const manager = new TapeManager(fileStore("tapes"));
const writer = await manager.startRecording("example", { name: "follow-live" });

async function record() {
  for (let id = 1; id <= 3; id++) {
    await writer.writeFrame({ message: { jsonrpc: "2.0", id, method: "ping" }, direction: "client_to_server" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await writer.writeFrame({ message: { jsonrpc: "2.0", id, result: {} }, direction: "server_to_client" });
  }
  await writer.finalize();
}

async function watch() {
  // Ends by itself when the tape is finalized; pass { signal } to end it earlier.
  for await (const record of manager.followTape(writer.tapeId)) {
    if (record.type === "frame") console.log(`${record.ts} ms`, messageText(record));
    else if (record.type === "correlation") console.log(`  answered after ${record.rtt_ms} ms`);
  }
}

await Promise.all([record(), watch()]);
