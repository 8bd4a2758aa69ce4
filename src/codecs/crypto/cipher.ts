import type { Bytes } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";

/** What sealing lines needs of cryptography. All of it is synchronous. */
export interface Primitives {
  /** AES-256-GCM under one key, for as long as somebody keeps it. */
  cipher(key: Bytes): LineCipher;
  /** HKDF-SHA-256 (RFC 5869). */
  hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Bytes;
}

/** AES-256-GCM under one key. */
export interface LineCipher {
  /**
   * The ciphertext, and the 16 bytes of its tag behind it.
   *
   * @param nonce 12 bytes, which nobody may use again under this key
   */
  seal(nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): Bytes;
  /** What was sealed; undefined where not all of it is as it was. */
  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Bytes | undefined;
}

/** How many bytes GCM adds. */
export const TAG_BYTES = 16;

/** What we use of `node:crypto`. */
interface NodeCrypto {
  createSecretKey(key: Uint8Array): object;
  createCipheriv(name: string, key: object, nonce: Uint8Array, options: object): {
    setAAD(bytes: Uint8Array): unknown;
    update(bytes: Uint8Array): Uint8Array;
    final(): Uint8Array;
    getAuthTag(): Uint8Array;
  };
  createDecipheriv(name: string, key: object, nonce: Uint8Array, options: object): {
    setAAD(bytes: Uint8Array): unknown;
    setAuthTag(bytes: Uint8Array): unknown;
    update(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
    final(): Uint8Array;
  };
  hkdfSync(hash: string, key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): ArrayBuffer;
}

let loaded: Promise<Primitives> | undefined;

/**
 * The quickest that this runtime has: `node:crypto` on Node, Deno and Bun, else the packages `@noble/ciphers` and `@noble/hashes`.
 * WebCrypto would take a promise for each line, and several times as long as `node:crypto`.
 *
 * @throws {TapeError} code `invalid_argument`: there is neither; it says which packages to install
 */
export function loadPrimitives(): Promise<Primitives> {
  return loaded ??= load();
}

async function load(): Promise<Primitives> {
  const native = nodePrimitives();
  if (native !== undefined) return native;
  try {
    return await noblePrimitives();
  } catch (cause) {
    loaded = undefined;
    const why = "this runtime has no node:crypto; install the packages @noble/ciphers and @noble/hashes";
    throw new TapeError("invalid_argument", `Cannot encrypt or decrypt: ${why}`, { cause });
  }
}

/** Those of `node:crypto`; undefined where there is none. */
export function nodePrimitives(): Primitives | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const crypto = process?.getBuiltinModule?.("node:crypto") as NodeCrypto | undefined;
  if (crypto?.hkdfSync === undefined) return undefined;
  return {
    cipher: (key) => new NodeCipher(crypto, key),
    hkdf: (key, salt, info, length) => new Uint8Array(crypto.hkdfSync("sha256", key, salt, info, length)),
  };
}

const NAME = "aes-256-gcm";
const OPTIONS = { authTagLength: TAG_BYTES };

class NodeCipher implements LineCipher {
  readonly #crypto: NodeCrypto;
  readonly #key: object;

  constructor(crypto: NodeCrypto, key: Bytes) {
    this.#crypto = crypto;
    this.#key = crypto.createSecretKey(key);
  }

  seal(nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): Bytes {
    const cipher = this.#crypto.createCipheriv(NAME, this.#key, nonce, OPTIONS);
    cipher.setAAD(associated);
    const sealed = new Uint8Array(plain.length + TAG_BYTES);
    sealed.set(cipher.update(plain));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  }

  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Bytes | undefined {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return undefined;
    const cipher = this.#crypto.createDecipheriv(NAME, this.#key, nonce, OPTIONS);
    cipher.setAAD(associated);
    cipher.setAuthTag(sealed.subarray(length));
    const { buffer, byteOffset, byteLength } = cipher.update(sealed.subarray(0, length));
    const plain = new Uint8Array(buffer, byteOffset, byteLength);
    try {
      cipher.final();
    } catch {
      // Nobody may see what was not authentic.
      plain.fill(0);
      return undefined;
    }
    return plain;
  }
}

/** Those of the packages `@noble/ciphers` and `@noble/hashes`. */
export async function noblePrimitives(): Promise<Primitives> {
  const [{ gcm }, { hkdf }, { sha256 }] = await Promise.all([
    import("@noble/ciphers/aes.js"),
    import("@noble/hashes/hkdf.js"),
    import("@noble/hashes/sha2.js"),
  ]);
  return {
    cipher: (key) => {
      const own = key.slice();
      return {
        seal: (nonce, associated, plain) => gcm(own, nonce, associated).encrypt(plain) as Bytes,
        open(nonce, associated, sealed) {
          if (sealed.length < TAG_BYTES) return undefined;
          try {
            return gcm(own, nonce, associated).decrypt(sealed) as Bytes;
          } catch {
            return undefined;
          }
        },
      };
    },
    hkdf: (key, salt, info, length) => hkdf(sha256, key, salt, info, length) as Bytes,
  };
}
