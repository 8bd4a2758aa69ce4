import { printable, TapeError } from "../../../errors.ts";
import type { InitRecord, TapeEncryption } from "../../../records/record.ts";
import { fromBase64, toBase64 } from "../base64-url.ts";
import { loadPrimitives } from "../cipher.ts";
import { type OpenWith, type SealFor, unwrapKey, wrapKey } from "./age.ts";
import { KEY_BYTES, TapeKey } from "./tape-key.ts";

/** The version of the way in which lines are sealed. */
export const ENCRYPTION_VERSION = 1;
const CIPHER = "AES-256-GCM";
/** The age file of a key for some thousand recipients. */
const MAX_WRAPPED = 1024 * 1024;

/**
 * Makes the data key of a new sealed tape, and what its `init` record says of it.
 *
 * @throws {TapeError} code `invalid_argument`: no recipients, wrong ones, or a passphrase beside them; `age-encryption` is not installed
 */
export async function createEncryption(
  tapeId: string,
  to: SealFor,
): Promise<{ readonly key: TapeKey; readonly encryption: TapeEncryption }> {
  const data = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const key = new TapeKey(tapeId, data, await loadPrimitives());
  const wrapped = toBase64(await wrapKey(data, to));
  return { key, encryption: { version: ENCRYPTION_VERSION, cipher: CIPHER, key: wrapped, check: key.check() } };
}

/**
 * Unwraps the data key of a sealed tape.
 *
 * @param init the `init` record of the tape
 * @throws {TapeError} code `invalid_argument`: nothing of what was given opens it, or it is no sealed tape; `invalid_tape`: what the tape
 *   says of its key is damaged, is of another tape, or was written by a newer version
 */
export async function openEncryption(
  init: Pick<InitRecord, "tape_id" | "encryption">,
  keys: OpenWith,
): Promise<TapeKey> {
  const { tape_id: tapeId, encryption } = init;
  const name = printable(tapeId);
  if (encryption == null) throw new TapeError("invalid_argument", `Cannot decrypt tape ${name}: it is not encrypted`);
  const { version, cipher, key: wrapped, check } = encryption;
  const damaged = (why: string) => new TapeError("invalid_tape", `Cannot decrypt tape ${name}: ${why}`);
  if (version !== ENCRYPTION_VERSION || cipher !== CIPHER) {
    throw damaged("it was encrypted in a way that is not known here, by a newer version");
  }
  const file = wrapped.length <= MAX_WRAPPED ? fromBase64(wrapped) : undefined;
  if (file === undefined) throw damaged("the key in its init record is damaged");
  if (!keys.identities?.length && keys.passphrase === undefined) {
    throw new TapeError("invalid_argument", `Cannot decrypt tape ${name}: it needs an identity or a passphrase`);
  }
  const data = await unwrapKey(file, keys);
  if (data === undefined) {
    const why = keys.identities?.length ? "none of the identities opens it" : "the passphrase does not open it";
    throw new TapeError("invalid_argument", `Cannot decrypt tape ${name}: ${why}`);
  }
  if (data.length !== KEY_BYTES) throw damaged("the key in its init record is damaged");
  const key = new TapeKey(tapeId, data, await loadPrimitives());
  if (key.check() === check) return key;
  key.wipe();
  throw damaged("the key in its init record is that of another tape, or its id was changed");
}

/**
 * Wraps the data key of a sealed tape anew: for other recipients, or with another passphrase. The lines stay as they are. Who could open the
 * tape before can open the copies that he has.
 *
 * @param init the `init` record of the tape
 * @param keys what opens the tape as it is
 * @param to who can open it from then on
 * @returns the new `init` record
 * @throws {TapeError} as {@linkcode openEncryption} and {@linkcode createEncryption}
 */
export async function resealKey(init: InitRecord, keys: OpenWith, to: SealFor): Promise<InitRecord> {
  const key = await openEncryption(init, keys);
  try {
    return { ...init, encryption: await wrappedFor(key, init.encryption!, to) };
  } finally {
    key.wipe();
  }
}

/** What the `init` record of a sealed tape says of its key, for others. */
export async function wrappedFor(key: TapeKey, encryption: TapeEncryption, to: SealFor): Promise<TapeEncryption> {
  return { ...encryption, key: toBase64(await key.lend((data) => wrapKey(data, to))) };
}
