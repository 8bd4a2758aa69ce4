import { kindOf } from "../arguments.ts";
import { type Bytes, isBytes } from "../bytes/bytes.ts";
import { printable, TapeError } from "../errors.ts";
import { base64Url, fromBase64Url } from "./base64-url.ts";
import { KEY_BYTES } from "./signature.ts";
import type { Signer, Verifier } from "./signer.ts";

const NAME = "Ed25519";
const PREFIX = "ed25519:";
/** How an Ed25519 public key starts as SubjectPublicKeyInfo (RFC 8410); 32 bytes follow. */
const SPKI_START = "302a300506032b6570032100";
const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([\sA-Za-z0-9+/=]*)-----END \1-----/;

/**
 * A key of its own for somebody who signs tapes: `privateKey` is PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` makes it;
 * `publicKey` is text for {@linkcode verifierOf}, and for everybody who is to check the tapes.
 *
 * @throws {TapeError} code `invalid_argument`: this runtime has no Ed25519
 *
 * @example
 * ```ts
 * import { generateSigningKey, signerOf } from "tapeline/crypto";
 *
 * const { privateKey, publicKey } = await generateSigningKey();
 * const signer = await signerOf(privateKey);
 * console.log(publicKey.startsWith("ed25519:"), signer.publicKey.length); // true 32
 * ```
 */
export async function generateSigningKey(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  try {
    const { privateKey, publicKey } = await crypto.subtle.generateKey(NAME, true, ["sign", "verify"]) as CryptoKeyPair;
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
    return { privateKey: pemOf("PRIVATE KEY", pkcs8), publicKey: publicKeyText(raw) };
  } catch (cause) {
    throw new TapeError("invalid_argument", "Cannot make a key: this runtime has no Ed25519", { cause });
  }
}

/**
 * Signs with an Ed25519 private key: PKCS#8 in PEM, not encrypted. The key itself is handed to WebCrypto and cannot be had
 * back from there.
 *
 * @throws {TapeError} code `invalid_argument`: it is no such key, or this runtime has no Ed25519
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter } from "tapeline";
 * import { generateSigningKey, signerOf } from "tapeline/crypto";
 *
 * const signer = await signerOf((await generateSigningKey()).privateKey);
 * const writer = await StreamingTapeWriter.create(memoryStore(), { sessionId: "demo", signer });
 * await writer.finalize();
 * ```
 */
export async function signerOf(pem: string): Promise<Signer> {
  const der = derOf("use a key to sign", pem, "PRIVATE KEY");
  let key: CryptoKey;
  let publicKey: Bytes | undefined;
  try {
    // WebCrypto tells the public key of a private one only this way.
    const { x = "" } = await crypto.subtle.exportKey("jwk", await importPrivate(der, true));
    publicKey = fromBase64Url(x, KEY_BYTES);
    key = await importPrivate(der, false);
    der.fill(0);
  } catch {
    der.fill(0);
    // Without its cause: nobody knows what of the key it would tell.
    throw refusal("use a key to sign", "it is no Ed25519 key, or this runtime has no Ed25519");
  }
  if (publicKey === undefined) throw refusal("use a key to sign", "its public key cannot be told");
  return {
    publicKey,
    async sign(bytes) {
      return new Uint8Array(await crypto.subtle.sign(NAME, key, bytes));
    },
  };
}

function importPrivate(der: Bytes, extractable: boolean): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", der, NAME, extractable, ["sign"]);
}

/**
 * Checks what somebody has signed, by the public key: `ed25519:` and 43 characters, as {@linkcode generateSigningKey} gives it,
 * SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` does, or its 32 bytes.
 *
 * @throws {TapeError} code `invalid_argument`: it is no such key, or this runtime has no Ed25519
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter, verifyTape } from "tapeline";
 * import { generateSigningKey, signerOf, verifierOf } from "tapeline/crypto";
 *
 * const { privateKey, publicKey } = await generateSigningKey();
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", signer: await signerOf(privateKey) });
 * await writer.finalize();
 *
 * const result = await verifyTape(store, writer.tapeId, { signers: [await verifierOf(publicKey)] });
 * console.log(result.isIntact, result.signedToLine); // true 2
 * ```
 */
export async function verifierOf(key: string | Uint8Array): Promise<Verifier> {
  const publicKey = readPublicKey(key);
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey("raw", publicKey, NAME, true, ["verify"]);
  } catch (cause) {
    const why = "its bytes are none, or this runtime has no Ed25519";
    throw new TapeError("invalid_argument", `Cannot use a public key: ${why}`, { cause });
  }
  return {
    publicKey,
    verify: (bytes, signature) => crypto.subtle.verify(NAME, imported, signature, bytes),
  };
}

/** A public key as text: `ed25519:` and 43 characters. */
export function publicKeyText(publicKey: Uint8Array): string {
  return `${PREFIX}${base64Url(publicKey)}`;
}

function readPublicKey(key: unknown): Bytes {
  const what = "use a public key";
  if (isBytes(key)) {
    if (key.length === KEY_BYTES) return new Uint8Array(key);
    throw refusal(what, `it must have ${KEY_BYTES} bytes, not ${key.length}`);
  }
  if (typeof key !== "string") throw refusal(what, `it must be a text, not ${kindOf(key)}`);
  const text = key.trim();
  if (text.startsWith(PREFIX)) {
    const raw = fromBase64Url(text.slice(PREFIX.length), KEY_BYTES);
    if (raw !== undefined) return raw;
    throw refusal(what, `${PREFIX} must be followed by 43 characters of base64url, with nothing behind`);
  }
  const der = derOf(what, text, "PUBLIC KEY");
  const hex = Array.from(der, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (der.length === SPKI_START.length / 2 + KEY_BYTES && hex.startsWith(SPKI_START)) return der.slice(-KEY_BYTES);
  throw refusal(what, "it is no Ed25519 key");
}

/** What stands in a PEM text. Nothing of it is told where it is not what was wanted: it may be somebody's secret. */
function derOf(what: string, pem: unknown, wanted: "PRIVATE KEY" | "PUBLIC KEY"): Bytes {
  if (typeof pem !== "string") throw refusal(what, `it must be a text, not ${kindOf(pem)}`);
  const [, label = "", body = ""] = PEM.exec(pem) ?? [];
  if (label === "ENCRYPTED PRIVATE KEY") {
    throw refusal(what, "it is encrypted; decrypt it with openssl pkey -in FILE -out FILE");
  }
  if (label === wanted) {
    try {
      return Uint8Array.from(atob(body.replace(/\s/g, "")), (char) => char.charCodeAt(0));
    } catch {
      throw refusal(what, "what stands in its PEM text is no base64");
    }
  }
  if (label.endsWith("PRIVATE KEY") && wanted === "PUBLIC KEY") {
    throw refusal(what, "it is a private key, which is nobody's but its owner's; the public one belongs here");
  }
  const forms = wanted === "PUBLIC KEY"
    ? `${PREFIX}… or a PEM text with BEGIN PUBLIC KEY`
    : `a PEM text with BEGIN ${wanted}`;
  throw refusal(what, `it must be ${forms}${label === "" ? "" : `, not with BEGIN ${printable(label, 40)}`}`);
}

function pemOf(label: string, der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function refusal(what: string, why: string): TapeError {
  return new TapeError("invalid_argument", `Cannot ${what}: ${why}`);
}
