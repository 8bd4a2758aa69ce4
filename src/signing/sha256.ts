import type { Bytes } from "../bytes/bytes.ts";
import { TapeError } from "../errors.ts";

/** A SHA-256 that is being worked out, of bytes that come one piece after the other. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** The same so far, to go on with in another way. */
  copy(): Sha256;
  /** The 32 bytes. Nothing can be added behind. */
  digest(): Bytes;
}

/** Starts another one. */
export type NewSha256 = () => Sha256;

/** What we use of a hash of `node:crypto`. */
interface NodeHash {
  update(bytes: Uint8Array): unknown;
  copy(): NodeHash;
  digest(): Uint8Array;
}

/**
 * That of `node:crypto` on Node, Deno and Bun, else that of the package `@noble/hashes`: WebCrypto wants all bytes at once.
 *
 * @throws {TapeError} code `invalid_argument`: there is neither
 */
export async function loadSha256(): Promise<NewSha256> {
  return nodeSha256() ?? await nobleSha256();
}

/** That of `node:crypto`; undefined where there is none. */
export function nodeSha256(): NewSha256 | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const crypto = process?.getBuiltinModule?.("node:crypto") as { createHash?(name: string): NodeHash } | undefined;
  if (crypto?.createHash === undefined) return undefined;
  const wrap = (hash: NodeHash): Sha256 => ({
    update: (bytes) => void hash.update(bytes),
    copy: () => wrap(hash.copy()),
    digest: () => new Uint8Array(hash.digest()),
  });
  return () => wrap(crypto.createHash!("sha256"));
}

/**
 * That of the package `@noble/hashes`.
 *
 * @throws {TapeError} code `invalid_argument`: it is not installed
 */
export async function nobleSha256(): Promise<NewSha256> {
  const { sha256 } = await import("@noble/hashes/sha2.js").catch((cause: unknown) => {
    const why = "this runtime has no node:crypto; install the package @noble/hashes";
    throw new TapeError("invalid_argument", `Cannot sign or check signatures: ${why}`, { cause });
  });
  const wrap = (hash: ReturnType<typeof sha256.create>): Sha256 => ({
    update: (bytes) => void hash.update(bytes),
    copy: () => wrap(hash.clone()),
    digest: () => new Uint8Array(hash.digest()),
  });
  return () => wrap(sha256.create());
}
