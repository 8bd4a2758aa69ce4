import { decoding } from "../../stores/decoding.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import { checkOptions, type OptionNames } from "../../arguments.ts";
import { TapeError } from "../../errors.ts";
import type { Query } from "../../query/query.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { TapeRecord } from "../../records/record.ts";
import { checkTapeId, newTapeId, tapeKeys } from "../../records/tape-id.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { readInit } from "../first-record.ts";
import { readTapeEnd } from "../read/tape-end.ts";
import { setupFrames } from "./choice/choices.ts";
import { testOfTape } from "./choice/line-test.ts";
import { derive, type DerivedSource } from "./derive.ts";
import { derivedMetadata, keptMetadata } from "./derived-metadata.ts";
import type { CodingOptions } from "./output/derived-coding.ts";

/** Options of {@linkcode deriveTape}. */
export interface DeriveTapeOptions extends CodingOptions {
  /**
   * Id of the new tape, of which there must be none yet.
   *
   * @default {a new ULID}
   */
  readonly to?: string | undefined;
  /**
   * What of the tapes to take: a query, as `parseQuery` reads it, or a function that is asked for each record.
   *
   * @default {all}
   */
  readonly select?: Query | string | ((record: TapeRecord) => boolean) | undefined;
  /**
   * Takes what has set a session up as well: the handshake and the list of tools (MCP).
   *
   * @default {false}
   */
  readonly withContext?: boolean | undefined;
  /**
   * Several tapes one behind the other, as they are given, or by time.
   *
   * @default {"given"}
   */
  readonly order?: "given" | "time" | undefined;
  /** A name for the new tape, for people. */
  readonly name?: string | undefined;
  /** Is told of everything on the tapes that is damaged and cannot be taken. */
  readonly onError?: ((error: TapeError) => void) | undefined;
  /** Ends the reading. The new tape then ends there, and a gap record says so. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: OptionNames<DeriveTapeOptions> = {
  to: true,
  select: true,
  withContext: true,
  order: true,
  name: true,
  onError: true,
  signal: true,
  compress: true,
  encryptTo: true,
  signer: true,
};

/** What {@linkcode deriveTape} has made. */
export interface DeriveTapeResult {
  /** Id of the new tape. */
  readonly tapeId: string;
  /** What stands beside it. */
  readonly metadata: TapeMetadata;
  /** Frames that are missing on the tapes, though nothing there says so: a gap record does now. */
  readonly missingFrames: number;
  /** Frames whose times went back, and were set to that of the frame before; their origins tell what they were. */
  readonly retimedFrames: number;
  /** Correlations that were left out, as one side of theirs is not there. */
  readonly leftCorrelations: number;
  /** Whether the signal has ended it. */
  readonly isInterrupted: boolean;
}

/**
 * Makes a tape of another one, or of several, in the same store: of all that is on them, or of what a query selects. The
 * frames are numbered from 0 and say where they were; messages are to the letter, and times stay what they were. Requests and
 * answers still belong together, also where several tapes use the same ids. The new tape is whole: it ends with a final
 * checkpoint, and has metadata.
 *
 * Its lines are compressed or encrypted as those of the tapes are, unless something else is asked for.
 *
 * The tapes are read once, up to where they are written now, and memory does not grow with them.
 *
 * @throws {TapeError} code `tape_not_found`; `invalid_tape`; `invalid_argument`: there is a tape of the new id, the query cannot be
 * read, an option is wrong, or the tapes are encrypted with different keys; `io`. Nothing is then left of the new tape.
 *
 * @example
 * ```ts
 * import { deriveTape, memoryStore, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * for (const tapeId of ["monday", "tuesday"]) {
 *   const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId });
 *   await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 *   await writer.finalize();
 * }
 * const { metadata } = await deriveTape(store, ["monday", "tuesday"], { order: "time", select: "method:ping" });
 * console.log(metadata.stats?.frame_count); // 2
 * ```
 */
export async function deriveTape(
  store: TapeStore,
  tapeIds: string | readonly string[],
  options: DeriveTapeOptions = {},
): Promise<DeriveTapeResult> {
  checkStore("make a tape of others", store);
  checkOptions("make a tape of others", options, OPTIONS);
  const { to = newTapeId(), select, withContext = false, order = "given", name, onError, signal, ...coding } = options;
  const ids = typeof tapeIds === "string" ? [tapeIds] : [...tapeIds];
  if (ids.length === 0) throw new TapeError("invalid_argument", "Cannot make a tape of others: none was given");
  if (order !== "given" && order !== "time") {
    throw new TapeError("invalid_argument", `Cannot make a tape of others: order must be "given" or "time"`);
  }
  for (const id of [to, ...ids]) checkTapeId(id);
  const query = select === undefined || typeof select === "function" ? undefined : String(select);
  const by = select !== undefined ? "filter" : order === "time" && ids.length > 1 ? "merge" : "concat";
  const sources: DerivedSource[] = [];
  for (const id of ids) {
    const { tape: key } = tapeKeys(id);
    const [init, size] = [await readInit(store, key), await store.size(key) ?? 0];
    const range = { store: await decoding(store, key, init), key, size, init, maxLineBytes: lineLimitOf(init) };
    const isBehind = ids.length > 1 && order === "given";
    sources.push({
      ...range,
      name: id,
      query,
      durationMs: isBehind ? (await readTapeEnd(store, key, size)).stats.duration_ms ?? 0 : undefined,
      lines: select === undefined ? undefined : { accepts: await testOfTape(select, range) },
      keeps: withContext ? setupFrames() : undefined,
    });
  }
  const { tape, meta } = tapeKeys(to);
  const known = ids.length === 1 ? await metadataOf(store, tapeKeys(ids[0]!).meta) : undefined;
  const target = await store.openSink(tape, { mode: "create" });
  let isDone = false;
  try {
    const derived = await derive({ sources, order, target, tapeId: to, by, coding, signal, onError });
    await target.close();
    const metadata = derivedMetadata(derived, known, name);
    const kept = keptMetadata(metadata, derived.encoder);
    await store.put(meta, new TextEncoder().encode(`${JSON.stringify(kept, null, 2)}\n`));
    isDone = true;
    const { missingFrames, retimedFrames, leftCorrelations, isInterrupted } = derived;
    return { tapeId: to, metadata, missingFrames, retimedFrames, leftCorrelations, isInterrupted };
  } finally {
    if (!isDone) {
      await target.abort().catch(() => {});
      await store.delete(tape);
    }
  }
}

async function metadataOf(store: TapeStore, key: string): Promise<TapeMetadata | undefined> {
  try {
    return await storedMetadata(store, key);
  } catch {
    // A hint that cannot be read is one that is missing.
    return undefined;
  }
}
