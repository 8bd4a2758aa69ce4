import { crc32 } from "../bytes/crc32.ts";

/** The bits of a filter of names: 80, in two numbers of 32 and one of 16. */
export const NAME_BITS = 80;

const encoder = new TextEncoder();

/** Stands for a method in the filter of an entry ({@linkcode IndexEntry.mayHave}). */
export function methodHash(method: string): number {
  return crc32(encoder.encode(`method:${method}`), 0);
}

/** The same for the name of a tool that is called, or of a prompt that is got. */
export function nameHash(name: string): number {
  return crc32(encoder.encode(`name:${name}`), 0);
}

/** Which of the bits stand for a hash, or for several: each byte of a hash names one. */
export interface NameBits {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** The bits that stand for these hashes. */
export function nameBits(...hashes: readonly number[]): NameBits {
  const words = [0, 0, 0];
  for (const hash of hashes) {
    for (let shift = 0; shift < 32; shift += 8) {
      const bit = ((hash >>> shift & 0xff) * NAME_BITS) >>> 8;
      words[bit >>> 5]! |= 1 << (bit & 31);
    }
  }
  return { low: words[0]!, middle: words[1]!, high: words[2]! };
}
