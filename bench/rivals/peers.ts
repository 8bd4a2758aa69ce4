import type { EventEmitter } from "node:events";
import type { Duplex, Transform } from "node:stream";

type Parse = (line: string) => unknown;

/** https://github.com/mcollina/split2 */
export const split2 = (): Promise<(parse: Parse) => Transform> => load("split2");

/** https://github.com/max-mapper/ndjson */
export const ndjson = (): Promise<{ parse(): Transform }> => load("ndjson");

/** https://github.com/uhop/stream-json */
export const jsonlParser = (): Promise<{ asStream(): Duplex }> => load("stream-json/jsonl/parser.js");

/** An instance of sonic-boom. */
export interface SonicBoom extends EventEmitter {
  write(text: string): boolean;
  flush(): void;
  end(): void;
}

/** https://github.com/pinojs/sonic-boom */
export const sonicBoom = (): Promise<new (options: object) => SonicBoom> => load("sonic-boom");

/** A package of bench/package.json, which may be missing: the rest can be measured without. */
async function load<T>(name: string): Promise<T> {
  try {
    return (await import(name) as { default: T }).default;
  } catch (cause) {
    throw new Error("it is not installed", { cause });
  }
}
