// A tape that somebody vouches for: what others change on it is found, however well they do it.
//
//   npx tsx examples/sign.ts
//   bun examples/sign.ts
//   deno run examples/sign.ts

import { memoryStore, StreamingTapeWriter, verifyTape } from "tapeline";
import { generateSigningKey, signerOf, verifierOf } from "tapeline/crypto";

// `tapeline keygen` makes such keys, `record --sign` signs with them, and `verify --signer` checks.
const { privateKey, publicKey } = await generateSigningKey();

const store = memoryStore();
const writer = await StreamingTapeWriter.create(store, {
  sessionId: "demo",
  tapeId: "demo",
  signer: await signerOf(privateKey),
});
await writer.writeFrame({ message: { id: 1, method: "pay", params: { euros: 10 } }, direction: "client_to_server" });
await writer.finalize();

const signers = [await verifierOf(publicKey)];
const { isIntact, signedToLine } = await verifyTape(store, "demo", { signers });
console.log(isIntact ? `as it was signed, up to line ${signedToLine}` : "damaged");

const text = new TextDecoder().decode(await store.get("demo.jsonl"));
await store.put("demo.jsonl", new TextEncoder().encode(text.replace('"euros":10', '"euros":99')));
await verifyTape(store, "demo", { signers, onFinding: ({ code, message }) => console.log(`${code}: ${message}`) });
