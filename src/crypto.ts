/**
 * Encryption: tapes whose lines only those can read who have the key, and which nobody can change without being noticed.
 * Signatures: tapes that somebody vouches for. `docs/security.md` says what these promise and what they do not.
 *
 * @module
 */

export { type OpenWith, type SealFor } from "./codecs/crypto/keys/age.ts";
export { resealKey } from "./codecs/crypto/keys/encryption.ts";
export { parseIdentities, parseRecipients } from "./codecs/crypto/keys/key-texts.ts";
export { unlock } from "./stores/unlock.ts";
export { openLines, type OpenLinesOptions } from "./codecs/crypto/stages/open-lines.ts";
export { sealLines, type SealLinesOptions } from "./codecs/crypto/stages/seal-lines.ts";
export { type SealedFinding, type SealedFindingCode } from "./codecs/crypto/sealed-order.ts";
export { generateSigningKey, publicKeyText, signerOf, verifierOf } from "./signing/keys.ts";
export type { Signer, Verifier } from "./signing/signer.ts";
