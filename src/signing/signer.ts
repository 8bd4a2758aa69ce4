import { lacking } from "../arguments.ts";
import { isBytes } from "../bytes/bytes.ts";
import { TapeError } from "../errors.ts";
import { KEY_BYTES } from "./signature.ts";

/** Signs the checkpoints of a tape. `signerOf` of `tapeline/crypto` makes one of a key; a service that keeps keys can be another. */
export interface Signer {
  /** The Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The Ed25519 signature of these bytes (RFC 8032), 64 bytes. While it is waited for, nothing is written. */
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** Checks what a {@linkcode Signer} has signed. `verifierOf` of `tapeline/crypto` makes one of a public key. */
export interface Verifier {
  /** The Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Whether a signature is that of these bytes. */
  verify(bytes: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

/**
 * Refuses what is no signer.
 *
 * @param what what cannot be done with it, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function checkSigner(what: string, signer: unknown): void {
  checkKey(what, "signer", "sign", signer);
}

/** The same of one that checks. */
export function checkVerifier(what: string, verifier: unknown): void {
  checkKey(what, "signers", "verify", verifier);
}

function checkKey(what: string, name: string, method: "sign" | "verify", value: unknown): void {
  const { publicKey, [method]: call } = (value ?? {}) as { publicKey?: unknown; sign?: unknown; verify?: unknown };
  if (isBytes(publicKey) && publicKey.length === KEY_BYTES && typeof call === "function") return;
  const why = `${name} must have a publicKey of ${KEY_BYTES} bytes and ${method}(), not be ${lacking(value)} these`;
  throw new TapeError("invalid_argument", `Cannot ${what}: ${why}`);
}
