import type { Bytes } from "../../bytes/bytes.ts";

/** The bit in the descriptor of a frame that says that a checksum follows (RFC 8878, 3.1.1.1.1). */
const HAS_CHECKSUM = 0x04;

/** Adds the checksum of its content to a frame that has none: decoders hold it against what they decode. */
export function withChecksum(frame: Uint8Array, content: Uint8Array): Bytes {
  const checked = new Uint8Array(frame.length + 4);
  checked.set(frame);
  checked[4]! |= HAS_CHECKSUM;
  new DataView(checked.buffer).setUint32(frame.length, Number(xxh64(content) & 0xffffffffn), true);
  return checked;
}

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const low = (value: bigint): bigint => BigInt.asUintN(64, value);
const turned = (value: bigint, bits: bigint): bigint => low(value << bits) | value >> (64n - bits);
const round = (sum: bigint, input: bigint): bigint => low(turned(low(sum + input * P2), 31n) * P1);
const merged = (sum: bigint, lane: bigint): bigint => low((sum ^ round(0n, lane)) * P1 + P4);

/** XXH64 of bytes, with the seed 0. */
export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let sum = P5;
  if (bytes.length >= 32) {
    let [a, b, c, d] = [low(P1 + P2), P2, 0n, low(-P1)];
    for (; at + 32 <= bytes.length; at += 32) {
      a = round(a, view.getBigUint64(at, true));
      b = round(b, view.getBigUint64(at + 8, true));
      c = round(c, view.getBigUint64(at + 16, true));
      d = round(d, view.getBigUint64(at + 24, true));
    }
    sum = low(turned(a, 1n) + turned(b, 7n) + turned(c, 12n) + turned(d, 18n));
    for (const lane of [a, b, c, d]) sum = merged(sum, lane);
  }
  sum = low(sum + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    sum = low(turned(sum ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  }
  if (at + 4 <= bytes.length) {
    sum = low(turned(sum ^ low(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < bytes.length; at++) sum = low(turned(sum ^ low(BigInt(bytes[at]!) * P5), 11n) * P1);
  sum = low((sum ^ sum >> 33n) * P2);
  sum = low((sum ^ sum >> 29n) * P3);
  return sum ^ sum >> 32n;
}
