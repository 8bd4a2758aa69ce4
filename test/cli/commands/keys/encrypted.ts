import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { fileStore } from "../../../../src/file.ts";
import { type CreateWriterOptions, StreamingTapeWriter } from "../../../../src/mod.ts";
import { answer, request } from "../../../helpers/tapes.ts";

/** Somebody who has a key: a file with an identity, and who others encrypt for. */
export interface KeyOwner {
  readonly path: string;
  readonly identity: string;
  readonly recipient: string;
}

/** Makes a key, in a file as `age-keygen` writes it. */
export async function keyOwner(path: string): Promise<KeyOwner> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  await writeFile(path, `# created: 2026-11-27\n# public key: ${recipient}\n${identity}\n`);
  return { path, identity, recipient };
}

/** The file of a key, encrypted with a passphrase as `age -p -a` does. */
export async function lockKey({ path, identity }: KeyOwner, passphrase: string): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(10);
  await writeFile(path, armor.encode(await encrypter.encrypt(`${identity}\n`)));
}

/** Records a tape with a name and a call in it, which nobody is to see who has no key. */
export async function putEncrypted(
  folder: string,
  tapeId: string,
  encryptTo: CreateWriterOptions["encryptTo"],
): Promise<string> {
  const options = { sessionId: "s", tapeId, encryptTo, metadata: { name: `hidden ${tapeId}` } };
  const writer = await StreamingTapeWriter.create(fileStore(folder), options);
  await writer.writeFrame(request(1, "hidden/method"));
  await writer.writeFrame(answer(1, { text: "hidden answer" }));
  await writer.finalize();
  return join(folder, `${tapeId}.jsonl`);
}
