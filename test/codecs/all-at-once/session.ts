import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileStore } from "../../../src/stores/file.ts";
import { unlock } from "../../../src/stores/unlock.ts";
import { generateSigningKey, signerOf } from "../../../src/signing/keys.ts";
import type { MessageEnvelope } from "../../../src/records/record.ts";
import { redaction } from "../../../src/redact/redaction.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import type { CreateWriterOptions } from "../../../src/tape/write/writer-options.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { knownSecrets } from "../../redact/secrets.ts";

/** Who can read the tape, who signs it, and what its tokens are made with. */
export interface Keys {
  readonly identity: string;
  readonly recipient: string;
  readonly signing: { readonly privateKey: string; readonly publicKey: string };
  readonly tokens: string;
}

export const CREATED_AT: Date = new Date("2026-03-01T10:00:00.000Z");
export const SECRETS: readonly string[] = Object.values(knownSecrets()).filter((secret) => !secret.includes("\n"));

/** Makes the keys of a test, and leaves them in a folder for its processes. */
export async function makeKeys(folder: string): Promise<Keys> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const keys = { identity, recipient, signing: await generateSigningKey(), tokens: "a key that is long enough" };
  await writeFile(join(folder, "keys.json"), JSON.stringify(keys));
  return keys;
}

/** The keys that {@linkcode makeKeys} has left. */
export async function keysIn(folder: string): Promise<Keys> {
  return JSON.parse(await readFile(join(folder, "keys.json"), "utf8"));
}

/** The tapes in a folder, for who has the keys. */
export function storeIn(folder: string, { identity }: Keys): TapeStore {
  return unlock(fileStore(join(folder, "tapes")), { identities: [identity] });
}

/** The message with this number. Each second one answers the one before it; each has a secret. */
export function messageOf(n: number): MessageEnvelope {
  const id = n >> 1;
  const secret = SECRETS[id % SECRETS.length]!;
  if (n % 2 === 1) {
    const content = [{ type: "text", text: `in the answer, ${secret}` }];
    return { message: { jsonrpc: "2.0", id, result: { content } }, direction: "server_to_client" };
  }
  const params = { name: "read_file", arguments: { path: `/home/user/${id}`, text: JSON.stringify({ secret }) } };
  const method = id % 5 === 0 ? "tools/list" : "tools/call";
  return { message: { jsonrpc: "2.0", id, method, params }, direction: "client_to_server" };
}

/** A tape `demo` that is redacted; and compressed, encrypted and signed as well, unless it is to be plain. */
export async function create(store: TapeStore, keys: Keys, isPlain: boolean): Promise<StreamingTapeWriter> {
  const all = { compress: true, encryptTo: { recipients: [keys.recipient] } };
  const options = { ...await again(keys, isPlain), ...(isPlain ? {} : all), createdAt: CREATED_AT };
  return await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", ...options });
}

/** The same, for a tape that is gone on with. */
export async function resume(store: TapeStore, keys: Keys, isPlain: boolean): Promise<StreamingTapeWriter> {
  return await StreamingTapeWriter.resume(store, "demo", await again(keys, isPlain));
}

async function again({ signing, tokens }: Keys, isPlain: boolean): Promise<Partial<CreateWriterOptions>> {
  return {
    checkpointEveryFrames: 25,
    // The same at every time, so that two tapes can be compared.
    elapsedUs: () => 1_000_000,
    redaction: redaction(undefined, { key: tokens }),
    ...(isPlain ? {} : { signer: await signerOf(signing.privateKey) }),
  };
}

/** Writes messages to a tape, one after the other. */
export async function write(
  writer: StreamingTapeWriter,
  from: number,
  to: number,
  onWritten?: (seq: number) => void,
): Promise<void> {
  for (let n = from; n < to; n++) {
    if (n % 7 === 0) await writer.writeLog("stderr", `the server says ${SECRETS[n % SECRETS.length]}`);
    const seq = await writer.writeFrame(messageOf(n));
    onWritten?.(seq);
  }
}
