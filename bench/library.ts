// The library as it is published, plain JavaScript in dist/, on every runtime. Named by its place: under its own name Deno
// (deno.json) and Bun (tsconfig.json) would take the sources. This module stands in bench/build when it runs.

const load = <T>(file: string): Promise<T> => import(new URL(`../../dist/${file}`, import.meta.url).href);

/** `tapeline` */
export const tapeline: typeof import("../src/mod.ts") = await load("mod.js");

/** `tapeline/file` */
export const tapelineFile: typeof import("../src/file.ts") = await load("file.js");
