import { type Bytes, concat } from "./bytes.ts";

// WebCrypto has no hash that answers at once, and a secret cannot wait for its token. It is only asked for one where
// something was found, so that it need not be fast.

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUNDS = Uint32Array.from(firstPrimes(64), (prime) => fraction(Math.cbrt(prime)));
/** The same of the square roots of the first eight. */
const START = Uint32Array.from(firstPrimes(8), (prime) => fraction(Math.sqrt(prime)));
const BLOCK_BYTES = 64;

/** SHA-256 (FIPS 180-4), synchronously and without a package. */
export function sha256(bytes: Uint8Array): Bytes {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const state = START.slice();
  const words = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    for (let n = 0; n < 16; n++) words[n] = view.getUint32(at + n * 4);
    mix(state, words);
  }
  const result = new Uint8Array(32);
  const out = new DataView(result.buffer);
  for (const [n, word] of state.entries()) out.setUint32(n * 4, word);
  return result;
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Bytes {
  const padded = new Uint8Array(BLOCK_BYTES);
  padded.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  const inner = sha256(concat([padded.map((byte) => byte ^ 0x36), bytes as Bytes]));
  return sha256(concat([padded.map((byte) => byte ^ 0x5c), inner]));
}

/** Bytes in hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function mix(state: Uint32Array, w: Uint32Array): void {
  for (let n = 16; n < 64; n++) {
    const [a, b] = [w[n - 15]!, w[n - 2]!];
    const s0 = turn(a, 7) ^ turn(a, 18) ^ a >>> 3;
    const s1 = turn(b, 17) ^ turn(b, 19) ^ b >>> 10;
    w[n] = w[n - 16]! + s0 + w[n - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let n = 0; n < 64; n++) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const t1 = h + s1 + (e & f ^ ~e & g) + ROUNDS[n]! + w[n]! | 0;
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const t2 = s0 + (a & b ^ a & c ^ b & c) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, d + t1 | 0, c, b, a, t1 + t2 | 0];
  }
  for (const [n, word] of [a, b, c, d, e, f, g, h].entries()) state[n] = state[n]! + word;
}

function turn(word: number, bits: number): number {
  return word >>> bits | word << 32 - bits;
}

function fraction(root: number): number {
  return (root - Math.floor(root)) * 2 ** 32;
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}
