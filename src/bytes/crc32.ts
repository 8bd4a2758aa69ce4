type Crc32 = (bytes: Uint8Array, previous: number) => number;

/** The runtime's own where it has one, which uses what the processor has for it: known once it is needed. */
let fastest: Crc32 | undefined;

/**
 * The CRC-32 of bytes (ISO 3309, the one of gzip and PNG), from 0 to 2^32 - 1.
 *
 * @param previous the CRC-32 of the bytes before them, to go on from; 0 at the start
 */
export function crc32(bytes: Uint8Array, previous: number): number {
  fastest ??= builtinCrc32() ?? portableCrc32;
  return fastest(bytes, previous);
}

function builtinCrc32(): Crc32 | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => { crc32?: Crc32 } | undefined };
  };
  return process?.getBuiltinModule?.("node:zlib")?.crc32;
}

/** The same on runtimes that have none. Eight bytes a round, a table for each ("slicing by 8"). */
export function portableCrc32(bytes: Uint8Array, previous: number): number {
  table ??= makeTable();
  let crc = ~previous;
  let at = 0;
  for (const whole = bytes.length - 7; at < whole; at += 8) {
    crc ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    crc = table[0x700 + (crc & 0xff)]! ^ table[0x600 + (crc >>> 8 & 0xff)]! ^
      table[0x500 + (crc >>> 16 & 0xff)]! ^ table[0x400 + (crc >>> 24)]! ^
      table[0x300 + bytes[at + 4]!]! ^ table[0x200 + bytes[at + 5]!]! ^ table[0x100 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ crc >>> 8;
  return ~crc >>> 0;
}

let table: Int32Array | undefined;

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
