import { type Bytes, concat } from "../bytes/bytes.ts";
import type { StoreEntry, TapeStore } from "../stores/store.ts";
import type { TapeSink } from "../streams/sink.ts";
import type { OpenSourceOptions } from "../streams/source.ts";
import { within } from "./within.ts";

/** What a check works with. */
export interface StoreAccess {
  /** A store that is empty. */
  readonly store: TapeStore;
  /** Another handle on the same tapes; the store itself where there is none. */
  readonly other: TapeStore;
  /** Makes room in a store that is full. */
  readonly free: () => Promise<void>;
  /** How many files and connections are open. */
  readonly openHandles: () => number;
}

/** One promise of a store. */
export interface StoreCheck {
  /** Goes behind the name of the store. */
  readonly title: string;
  /** Rejects if the store does not keep it. */
  readonly body: (access: StoreAccess) => Promise<void>;
}

/** The tape that most checks work on. */
export const KEY = "demo.jsonl";

export function check(title: string, body: StoreCheck["body"]): StoreCheck {
  return { title, body };
}

export function bytes(content: string): Bytes {
  return new TextEncoder().encode(content);
}

export function decode(content: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(content);
}

/** Bytes that repeat nowhere near a block. */
export function patternOf(length: number): Bytes {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8) + (at >> 16)) & 0xff);
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export async function write(store: TapeStore, key: string, content: string): Promise<void> {
  const sink: TapeSink = await store.openSink(key);
  await sink.append([bytes(content)]);
  await sink.close();
}

export async function chunksOf(store: TapeStore, key: string, options?: OpenSourceOptions): Promise<Bytes[]> {
  const read = async () => {
    const chunks: Bytes[] = [];
    for await (const chunk of store.openSource(key, options)) chunks.push(chunk);
    return chunks;
  };
  return await within(read(), `the end of ${key}`);
}

export async function text(store: TapeStore, key: string, options?: OpenSourceOptions): Promise<string> {
  return decode(concat(await chunksOf(store, key, options)));
}

export async function entriesOf(store: TapeStore): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for await (const entry of store.list()) entries.push(entry);
  return entries;
}

export async function keys(store: TapeStore): Promise<string[]> {
  return (await entriesOf(store)).map(({ key }) => key).sort();
}
