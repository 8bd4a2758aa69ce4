import type { Bytes } from "../../../bytes/bytes.ts";
import { TapeError } from "../../../errors.ts";

/** For whom something is encrypted: for those who have an identity, or who know a passphrase. */
export interface SealFor {
  /** Recipients of age, `age1…`: each of them can open it. {@linkcode parseRecipients} reads them of a text. */
  readonly recipients?: readonly string[] | undefined;
  /** A passphrase in place of recipients. Whoever knows it can open it, and can guess at it for as long as he wants. */
  readonly passphrase?: string | undefined;
  /**
   * How much work a guess at the passphrase is: 2 to the power of this, 10 to 20. 18 takes about a second and 256 MiB.
   *
   * @default {18}
   */
  readonly workFactor?: number | undefined;
}

/** What opens something that was encrypted. */
export interface OpenWith {
  /** Identities of age, `AGE-SECRET-KEY-1…`. {@linkcode parseIdentities} reads them of a text. */
  readonly identities?: readonly string[] | undefined;
  /** A passphrase. */
  readonly passphrase?: string | undefined;
}

type Age = Pick<
  typeof import("age-encryption"),
  "Encrypter" | "Decrypter" | "armor" | "generateX25519Identity" | "identityToRecipient"
>;

/**
 * The package `age-encryption`.
 *
 * @throws {TapeError} code `invalid_argument`: it is not installed
 */
export async function loadAge(): Promise<Age> {
  try {
    return await import("age-encryption");
  } catch (cause) {
    const why = "it takes the package age-encryption, which is not installed: npm install age-encryption";
    throw new TapeError("invalid_argument", `Cannot encrypt or decrypt: ${why} (-g where tapeline was installed so)`, {
      cause,
    });
  }
}

/** A new identity, in a text as `age-keygen` writes it, and its recipient. */
export async function newIdentity(): Promise<{ readonly text: string; readonly recipient: string }> {
  const { generateX25519Identity, identityToRecipient } = await loadAge();
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const created = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  return { text: `# created: ${created}\n# public key: ${recipient}\n${identity}\n`, recipient };
}

/** An age file that holds a key. Every error of it is one of the arguments, and shows none of them. */
export async function wrapKey(key: Bytes, to: SealFor): Promise<Bytes> {
  return await (await encrypterFor(to)).encrypt(key) as Bytes;
}

/**
 * Looks at recipients, or a passphrase, before anything is encrypted.
 *
 * @throws {TapeError} code `invalid_argument`: there are none, or one is none of age; `age-encryption` is not installed
 */
export async function checkSealFor(to: SealFor): Promise<void> {
  await encrypterFor(to);
}

async function encrypterFor({ recipients, passphrase, workFactor }: SealFor): Promise<InstanceType<Age["Encrypter"]>> {
  if ((recipients === undefined) === (passphrase === undefined)) {
    throw refused("encrypt", "it takes either recipients or a passphrase");
  }
  const { Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  if (passphrase !== undefined) {
    if (typeof passphrase !== "string" || passphrase === "") throw refused("encrypt", "the passphrase is empty");
    encrypter.setPassphrase(passphrase);
    if (workFactor !== undefined) {
      if (!(Number.isInteger(workFactor) && workFactor >= 10 && workFactor <= 20)) {
        throw refused("encrypt", "workFactor must be from 10 to 20");
      }
      encrypter.setScryptWorkFactor(workFactor);
    }
  }
  for (const [at, recipient] of recipients?.entries() ?? []) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw refused("encrypt", `recipient ${at + 1} is none of age (age1…)`);
    }
  }
  if (recipients?.length === 0) throw refused("encrypt", "there are no recipients");
  return encrypter;
}

/** The key in an age file; undefined where nothing of what was given opens it. */
export async function unwrapKey(file: Uint8Array, { identities, passphrase }: OpenWith): Promise<Bytes | undefined> {
  const { Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  for (const [at, identity] of identities?.entries() ?? []) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      throw refused("decrypt", `identity ${at + 1} is none of age (AGE-SECRET-KEY-1…)`);
    }
  }
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(file) as Bytes;
  } catch {
    return undefined;
  }
}

function refused(what: string, why: string): TapeError {
  return new TapeError("invalid_argument", `Cannot ${what}: ${why}`);
}
