// Encrypts a tape line by line for somebody, who opens it with his identity. Whoever changes the tape is found.
//
//   npx tsx examples/encrypt.ts
//   bun examples/encrypt.ts
//   deno run examples/encrypt.ts

import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { encodeRecord, lineSplit, memorySink, memorySource, pipe, type TapeRecord } from "tapeline";
import { openLines, sealLines } from "tapeline/crypto";

const records: TapeRecord[] = [
  { type: "init", version: "2.0", tape_id: "example", session_id: "example", created_at: "2026-11-26T12:00:00Z" },
  { type: "log", ts: 0, stream: "stderr", text: "the password is swordfish" },
  { type: "log", ts: 9, stream: "stderr", text: "ready" },
  { type: "checkpoint", checkpoint_at: "2026-11-26T12:00:01Z", stats: { frame_count: 0 }, final: true },
];
// As age-keygen makes them. The recipient is public; who has the identity can open the tape.
const identity = await generateX25519Identity();
const recipients = [await identityToRecipient(identity)];

const sealed = memorySink();
await pipe(records, encodeRecord(), sealLines({ recipients }), sealed);
console.log(sealed.text().includes("swordfish") ? "in plain" : "encrypted");

async function read(tape: string): Promise<void> {
  const onFinding = ({ message, line }: { message: string; line?: number | undefined }) =>
    console.log(`line ${line}: ${message}`);
  for await (const line of pipe(memorySource(tape), lineSplit(), openLines({ identities: [identity], onFinding }))) {
    if (line.type === "log") console.log(line.text());
  }
}

await read(sealed.text());
await read(sealed.text().replace(/.*"ts":9.*\n/, "")); // somebody has dropped a line
