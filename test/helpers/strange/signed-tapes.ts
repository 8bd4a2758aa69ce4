import { createHash, createPublicKey, verify } from "node:crypto";
import { Buffer } from "node:buffer";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { generateSigningKey, type Signer, signerOf, type Verifier, verifierOf } from "../../../src/crypto.ts";
import { memoryStore, StreamingTapeWriter } from "../../../src/mod.ts";
import { spansOf, splice } from "./damage.ts";
import { answer, request } from "../tapes.ts";

/** Somebody with a key. */
export interface Person {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly publicKey: string;
}

/** Makes a key. */
export async function newPerson(): Promise<Person> {
  const { privateKey, publicKey } = await generateSigningKey();
  return { signer: await signerOf(privateKey), verifier: await verifierOf(publicKey), publicKey };
}

/** A tape that somebody has signed: finalized, with several checkpoints. */
export async function signedTape(signer: Signer, tapeId = "demo", calls = 6): Promise<Uint8Array> {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, {
    ...{ tapeId, sessionId: "s", createdAt: new Date("2026-03-01T10:00:00Z"), elapsedUs: () => 1000 },
    ...{ signer, checkpointEveryFrames: 3 },
  });
  for (let id = 0; id < calls; id++) {
    await writer.writeFrame(request(id));
    await writer.writeFrame(answer(id, { tapeId }));
  }
  await writer.finalize();
  return (await store.get(`${tapeId}.jsonl`))!;
}

/** What a forger does who has no key: all checksums are worked out anew. */
export function withChecksums(tape: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = tape.slice();
  let from = 0;
  for (const { start, end } of spansOf(bytes)) {
    const line = Buffer.from(bytes.subarray(start, end)).toString("latin1");
    if (!line.startsWith('{"type":"checkpoint"')) continue;
    const [seal] = /"crc32":"[0-9a-f]{8}"\}\n$/.exec(line) ?? [];
    if (seal !== undefined) {
      const digits = end - 11;
      const crc = crc32(bytes.subarray(from, digits), 0).toString(16).padStart(8, "0");
      bytes = splice(bytes, digits, digits + 8, Buffer.from(crc));
    }
    from = end;
  }
  return bytes;
}

/**
 * The public keys of the signatures of a tape, each as it stands there, checked by following docs/format.md with no more of this library
 * than nothing at all.
 */
export function checkedKeys(tape: Uint8Array, tapeId: string): string[] {
  const bytes = Buffer.from(tape);
  const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const keys: string[] = [];
  let previous = sha256(Buffer.from(tapeId));
  let from = 0;
  for (let at = 0, end; at < bytes.length; at = end) {
    end = bytes.indexOf("\n", at) + 1;
    const { type, signature } = JSON.parse(bytes.toString("utf8", at, end));
    if (type !== "checkpoint" || signature === undefined) continue;
    const start = bytes.lastIndexOf('"signature":{', end);
    const text = Buffer.concat([Buffer.from("tapeline/checkpoint/1"), previous, sha256(bytes.subarray(from, start))]);
    if (signature.previous !== previous.toString("base64url")) throw new Error(`byte ${start}: another previous`);
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: signature.key }, format: "jwk" });
    if (!verify(null, text, key, Buffer.from(signature.sig, "base64url"))) throw new Error(`byte ${start}: no fit`);
    keys.push(signature.key);
    previous = sha256(text);
    from = start;
  }
  return keys;
}
