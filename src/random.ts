/** As much as we ask of `node:fs`. */
interface Files {
  openSync(path: string): number;
  readSync(file: number, bytes: Uint8Array): number;
  closeSync(file: number): void;
}

const { Deno, Bun, process } = globalThis as {
  Deno?: unknown;
  Bun?: unknown;
  process?: { getBuiltinModule?: (name: string) => Files | undefined };
};

/**
 * Random bytes that nobody can guess. On Node they come from the system's device where it has one, because the first call
 * of Web Crypto loads a good part of Node's cryptography: 4 to 9 ms, which a program that runs for 40 notices.
 */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  if (Deno === undefined && Bun === undefined && isFromDevice(bytes)) return bytes;
  return crypto.getRandomValues(bytes);
}

function isFromDevice(bytes: Uint8Array): boolean {
  try {
    const files = process?.getBuiltinModule?.("node:fs");
    if (files === undefined) return false;
    const device = files.openSync("/dev/urandom");
    try {
      return files.readSync(device, bytes) === bytes.length;
    } finally {
      files.closeSync(device);
    }
  } catch {
    return false;
  }
}

/** A random UUID (version 4). */
export function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = 0x40 | bytes[6]! & 0x0f;
  bytes[8] = 0x80 | bytes[8]! & 0x3f;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
