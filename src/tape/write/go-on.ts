import { isTapeError, type TapeError } from "../../errors.ts";
import type { TapeRecord } from "../../records/record.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import { withKeys } from "../../stores/decoding.ts";
import type { TapeStore } from "../../stores/store.ts";
import { pipe } from "../../streams/pipe.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { parseRecord } from "../../transforms/parse-record.ts";
import { encoderOf } from "./coding.ts";
import { StreamingTapeWriter } from "./writer.ts";
import type { CreateWriterOptions } from "./writer-options.ts";

/** Whether an error says that somebody has taken a tape away from its writer, or changed it: no other write can succeed. */
export function isTakenAway(error: unknown): error is TapeError {
  return isTapeError(error, "tape_not_found") || isTapeError(error, "invalid_tape") || isTapeError(error, "locked");
}

/**
 * Goes on with a tape that was taken away from its writer, under the same id and with the next sequence number: with
 * what is left of it, or else with a new one. A `gap` record says how many frames are missing.
 *
 * @param lost the writer that has it no more. It is closed
 * @param reason why, for the gap
 * @throws {TapeError} code `invalid_tape`: something else has taken its place; `locked`; `io`
 */
export async function goOn(
  store: TapeStore,
  lost: StreamingTapeWriter,
  options: CreateWriterOptions,
  reason: string,
): Promise<StreamingTapeWriter> {
  const { tapeId } = lost;
  const known = await openedBy(lost, store);
  await lost.close().catch(() => {});
  await clearRemains(store, tapeId);
  const isThere = await store.size(tapeKeys(tapeId).tape) !== undefined;
  // What only a new tape is told, what is left of the old one says itself.
  const { sessionId, protocolVersion, createdAt, tapeId: id, compress, encryptTo, metadata, ...again } = options;
  void [sessionId, protocolVersion, createdAt, id, compress, encryptTo];
  const writer = isThere
    ? await StreamingTapeWriter.resume(known, tapeId, again)
    : await StreamingTapeWriter.create(store, { ...options, tapeId });
  if (isThere && metadata !== undefined) writer.describe(metadata);
  const count = lost.nextSeq - writer.nextSeq;
  if (count > 0) await writer.writeGap(count, reason);
  return writer;
}

/** The store of an encrypted tape for who has written it, and has its key in memory only. */
async function openedBy(writer: StreamingTapeWriter, store: TapeStore): Promise<TapeStore> {
  const encoder = encoderOf(writer);
  if (encoder?.sealMetadata === undefined) return store;
  const { keysOfWriter } = await import("../../stores/unlock.ts");
  return withKeys(store, keysOfWriter(encoder));
}

/**
 * Makes room for a new tape where the old one has lost its beginning. Lines that were written before anybody noticed are
 * moved to `{tape_id}.torn`. What does not look like our lines is left alone.
 */
async function clearRemains(store: TapeStore, tapeId: string): Promise<void> {
  const { tape, torn } = tapeKeys(tapeId);
  const size = await store.size(tape);
  if (size === undefined || (size > 0 && !await startsInTheMiddle(store, tape))) return;
  if (size > 0) {
    const mode = await store.size(torn) === undefined ? "create" : "append";
    await pipe(store.openSource(tape), await store.openSink(torn, { mode }));
  }
  await store.delete(tape);
}

const INNER_TYPES: readonly TapeRecord["type"][] = [
  "frame",
  "correlation",
  "checkpoint",
  "gap",
  "log",
  "end",
  "redacted",
];

async function startsInTheMiddle(store: TapeStore, key: string): Promise<boolean> {
  try {
    for await (const { type } of pipe(store.openSource(key), lineSplit(), parseRecord())) {
      return INNER_TYPES.includes(type as TapeRecord["type"]);
    }
  } catch {
    // It starts with something else.
  }
  return false;
}
