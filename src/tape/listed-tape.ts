import { isTapeError } from "../errors.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import type { StoreEntry, TapeStore } from "../stores/store.ts";
import { storedMetadata } from "../stores/stored-metadata.ts";
import { readInit } from "./first-record.ts";
import { readTapeEnd, type TapeEnd } from "./read/tape-end.ts";
import { type TapeState, tapeState } from "./read/tape-state.ts";

/** A tape of a store, and what stands beside it. */
export interface TapeEntry {
  readonly tapeId: string;
  readonly tape: StoreEntry;
  /** Its metadata, if there are any. */
  readonly meta: StoreEntry | undefined;
}

/** A tape as lists have it. */
export interface ListedTape {
  /** What is known of it, with the size that it has. */
  readonly metadata: TapeMetadata;
  /**
   * As `TapeState`, and besides: `empty`, a tape that was made and never written to; `invalid`, a file that does not start
   * as a tape does; `unreadable`, one of which nobody can tell; `damaged`, a tape whose end was cut off, as its metadata show.
   */
  readonly state: TapeState;
  /** Whether that depends on who is writing it right now, and not on the tape and its metadata alone. */
  readonly isLive: boolean;
  /** Why its metadata cannot be read; undefined where there are none, or nothing is wrong with them. */
  readonly metadataFault: string | undefined;
}

const KEY = /^([A-Za-z0-9_-]{1,128})(\.jsonl|\.meta\.json)$/;

/**
 * The tapes of a store, in no particular order.
 *
 * @throws {TapeError} code `io`
 */
export async function tapesIn(store: TapeStore): Promise<TapeEntry[]> {
  const tapes = new Map<string, StoreEntry>();
  const metas = new Map<string, StoreEntry>();
  for await (const entry of store.list((key) => KEY.test(key))) {
    const [, tapeId, ending] = KEY.exec(entry.key) ?? [];
    if (tapeId !== undefined) (ending === ".jsonl" ? tapes : metas).set(tapeId, entry);
  }
  return Array.from(tapes, ([tapeId, tape]) => ({ tapeId, tape, meta: metas.get(tapeId) }));
}

/**
 * Finds out what a list tells of a tape: from its metadata, from its beginning where it has none that can be read, from its
 * end where they cannot be right. One tape that cannot be read does not hide the others: that is told as its state.
 */
export async function listedTape(store: TapeStore, { tapeId, tape, meta }: TapeEntry): Promise<ListedTape> {
  const { stored, fault: metadataFault } = meta === undefined ? {} : await metadataOf(store, meta);
  const listed = stored === undefined
    ? await ofTapeAlone(store, tapeId, tape)
    : await ofMetadata(store, tapeId, tape, stored);
  const { metadata } = listed;
  return {
    ...listed,
    metadata: { ...metadata, tape_id: tapeId, stats: { ...metadata.stats, file_size_bytes: tape.size } },
    metadataFault,
  };
}

type Listed = Omit<ListedTape, "metadataFault">;

async function ofMetadata(store: TapeStore, tapeId: string, tape: StoreEntry, stored: TapeMetadata): Promise<Listed> {
  const { status, stats } = stored;
  const state = await tapeState(store, tapeId, stored);
  if (state === "interrupted") {
    // Its writer has died and could not say so: its end tells how far it came.
    const end = await endOf(store, tape);
    const now = end?.isFinalized === true ? "finalized" : state;
    return {
      metadata: { ...stored, status: now, stats: end?.stats ?? stats },
      state: now,
      isLive: status === "recording",
    };
  }
  const isCutOff = state === "finalized" && tape.size < (stats?.file_size_bytes ?? 0) &&
    (await endOf(store, tape))?.isFinalized === false;
  if (isCutOff) return { metadata: { ...stored, status: "damaged" }, state: "damaged", isLive: false };
  return { metadata: stored, state, isLive: status === "recording" };
}

async function ofTapeAlone(store: TapeStore, tapeId: string, { key, size, modifiedMs }: StoreEntry): Promise<Listed> {
  const unknown = { tape_id: tapeId, updated_at: new Date(modifiedMs).toISOString() };
  if (size === 0) {
    // Its writer makes it, and writes to it then.
    const isMade = await store.writerOf?.(key) === "alive";
    const status = isMade ? "recording" : "empty";
    return { metadata: { ...unknown, status }, state: status, isLive: true };
  }
  try {
    const { created_at } = await readInit(store, key);
    return { metadata: { ...unknown, created_at }, state: "unknown", isLive: false };
  } catch (error) {
    const status = { error: error instanceof Error ? error.message : String(error) };
    const state = isTapeError(error, "invalid_tape") ? "invalid" : "unreadable";
    return { metadata: { ...unknown, status }, state, isLive: false };
  }
}

async function endOf(store: TapeStore, { key, size }: StoreEntry): Promise<TapeEnd | undefined> {
  try {
    return await readTapeEnd(store, key, size);
  } catch {
    // It was deleted since, or cannot be read.
    return undefined;
  }
}

async function metadataOf(
  store: TapeStore,
  { key, size }: StoreEntry,
): Promise<{ readonly stored?: TapeMetadata | undefined; readonly fault?: string }> {
  try {
    return { stored: await storedMetadata(store, key, size) };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Does the same with each of many things, with so many at a time.
 *
 * @returns what came of each, in their order
 */
export async function withEach<T, R>(
  things: readonly T[],
  atOnce: number,
  work: (thing: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(things.length);
  const left = things.entries();
  const worker = async () => {
    for (const [at, thing] of left) results[at] = await work(thing);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, worker));
  return results;
}
