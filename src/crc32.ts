type Crc32 = (bytes: Uint8Array, previous: number) => number;

/** The runtime's own, where it has one: it uses what the processor has for it, and takes a tenth of the time. */
const builtin = (globalThis as {
  process?: { getBuiltinModule?: (name: string) => { crc32?: Crc32 } | undefined };
}).process?.getBuiltinModule?.("node:zlib")?.crc32;

/**
 * The CRC-32 of bytes (ISO 3309, the one of gzip and PNG), from 0 to 2^32 - 1.
 *
 * @param previous the CRC-32 of the bytes before them, to go on from; 0 at the start
 */
export const crc32: Crc32 = builtin ?? portableCrc32;

/** The same on runtimes that have none. Eight bytes a round, a table for each ("slicing by 8"). */
export function portableCrc32(bytes: Uint8Array, previous: number): number {
  let crc = ~previous;
  let at = 0;
  for (const whole = bytes.length - 7; at < whole; at += 8) {
    crc ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    crc = TABLE[0x700 + (crc & 0xff)]! ^ TABLE[0x600 + (crc >>> 8 & 0xff)]! ^
      TABLE[0x500 + (crc >>> 16 & 0xff)]! ^ TABLE[0x400 + (crc >>> 24)]! ^
      TABLE[0x300 + bytes[at + 4]!]! ^ TABLE[0x200 + bytes[at + 5]!]! ^ TABLE[0x100 + bytes[at + 6]!]! ^
      TABLE[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ crc >>> 8;
  return ~crc >>> 0;
}

const TABLE: Int32Array = /* @__PURE__ */ makeTable();

function makeTable(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256]!;
    table[at] = table[before & 0xff]! ^ before >>> 8;
  }
  return table;
}
