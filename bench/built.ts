// The library as it is published, plain JavaScript in dist/, on every runtime. Named by its place: under its own name Deno
// (deno.json) and Bun (tsconfig.json) would take the sources. This module stands in bench/build when it runs.

const load = <T>(file: string): Promise<T> => import(new URL(`../../dist/${file}`, import.meta.url).href);

/** `tapeline` */
export const tapeline: typeof import("../src/mod.ts") = await load("mod.js");

/** `tapeline/crypto` */
export const tapelineCrypto: typeof import("../src/crypto.ts") = await load("crypto.js");

/** `tapeline/file` */
export const tapelineFile: typeof import("../src/file.ts") = await load("file.js");

/** `tapeline/zstd` */
export const tapelineZstd: typeof import("../src/zstd.ts") = await load("zstd.js");

/** `tapeline/redact` */
export const tapelineRedact: typeof import("../src/redact.ts") = await load("redact.js");

/** What encrypts lines: none of the public faces has it. */
export const ciphers: typeof import("../src/codecs/crypto/cipher.ts") = await load("codecs/crypto/cipher.js");
