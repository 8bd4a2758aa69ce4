// The same code on files and in memory: a store is all that changes.
//
//   npx tsx examples/swap-store.ts
//   bun examples/swap-store.ts
//   deno run --allow-read=tapes --allow-write=tapes examples/swap-store.ts

import { memoryStore, type MessageEnvelope, pipe, TapeManager, type TapeStore } from "tapeline";
import { fileStore } from "tapeline/file";

function* session(): Generator<MessageEnvelope> {
  for (let id = 0; id < 1000; id++) {
    yield { message: { jsonrpc: "2.0", id, method: "ping" }, direction: "client_to_server" };
    yield { message: { jsonrpc: "2.0", id, result: {} }, direction: "server_to_client" };
  }
}

async function record(store: TapeStore): Promise<void> {
  const manager = new TapeManager(store);
  const writer = await manager.startRecording("example", { name: "swap-store" });
  await pipe(session(), writer.writable);
  const { stats } = await writer.finalize();

  const reader = await manager.openForReading(writer.tapeId);
  await reader.seekToFrame(1234);
  const record = await reader.nextRecord();
  await reader.close();
  console.log(`${stats?.frame_count} frames,`, record?.type === "frame" && record.env.message);
}

await record(memoryStore());
await record(fileStore("tapes"));
