// Takes the secrets out of a session while it is recorded. What the two say to each other stays as it is; the tape never sees them.
//
//   npx tsx examples/redact.ts
//   bun examples/redact.ts
//   deno run examples/redact.ts

import { memoryStore, messageText, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
import { redaction } from "tapeline/redact";

const store = memoryStore();
const policy = { rules: [{ name: "customer", paths: ["/params/arguments/customer"] }] };
const writer = await StreamingTapeWriter.create(store, { sessionId: "example", redaction: redaction(policy) });

for (const customer of ["Ada Lovelace", "Alan Turing", "Ada Lovelace"]) {
  const params = { name: "send_invoice", arguments: { customer, password: "swordfish", progressToken: 7 } };
  await writer.writeFrame({ direction: "client_to_server", message: { jsonrpc: "2.0", method: "tools/call", params } });
}
await writer.finalize();

const reader = await StreamingTapeReader.open(store, writer.tapeId);
for await (const record of reader.records()) {
  if (record.type === "frame") console.log(messageText(record)); // the same customer has the same token
  if (record.type === "redacted") console.log(record.rules); // told when a rule first hits, and at the end
}
