// Asks a tape: which calls of a tool were slow or failed, and what belongs to them?
//
//   npx tsx examples/query-a-tape.ts
//   bun examples/query-a-tape.ts
//   deno run examples/query-a-tape.ts

import { frames, lineSplit, memoryStore, parseQuery, parseRecord, pipe, select, StreamingTapeWriter } from "tapeline";

const store = memoryStore();
const writer = await StreamingTapeWriter.create(store, { sessionId: "weather" });
const client = (message: object) => writer.writeFrame({ message, direction: "client_to_server" });
const server = (message: object) => writer.writeFrame({ message, direction: "server_to_client" });
await client({ id: 1, method: "tools/call", params: { name: "weather", arguments: { city: "Paris" } } });
await client({ id: 2, method: "tools/call", params: { name: "weather", arguments: { city: "Atlantis" } } });
await server({ id: 1, result: { content: [{ type: "text", text: "sunny" }] } });
await server({ id: 2, result: { isError: true, content: [{ type: "text", text: "no such city" }] } });
await writer.finalize();

const tape = () => store.openSource(`${writer.tapeId}.jsonl`);

const slowOrFailed = select("tool:weather (dur:>1s OR status:error)");
for await (const frame of pipe(tape(), lineSplit(), slowOrFailed, parseRecord(), frames())) {
  console.log(`frame ${frame.seq} tells that something went wrong`);
}

const query = parseQuery("op:(tool:weather status:error)");
for await (const frame of pipe(tape(), lineSplit(), query.stage(), parseRecord(), frames())) {
  console.log(`frame ${frame.seq} belongs to what went wrong`);
}
