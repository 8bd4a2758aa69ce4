import { checkOptions, type OptionNames } from "../../arguments.ts";
import { ENTRY_BYTES } from "../../index/layout.ts";
import { TapeIndexer } from "../../index/tape-indexer.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { hold } from "../../streams/source.ts";
import { NONE } from "../../streams/stage-spec.ts";
import { readInit } from "../first-record.ts";
import { openEmpty } from "./open-empty.ts";

/** Options of {@linkcode buildIndex}. */
export interface BuildIndexOptions {
  /** Is told how many bytes of the tape are done, each time that a block of it is. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Breaks off: the call rejects with the signal's reason. What was done so far stays, and is of use. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@linkcode buildIndex} has made. */
export interface BuiltIndex {
  /** How many blocks of the tape the index tells of. */
  readonly entries: number;
  /** The size of the index in bytes. */
  readonly indexBytes: number;
  /** How many bytes of the tape it tells of: all but a last line that has no end. */
  readonly tapeBytes: number;
}

const OPTIONS: OptionNames<BuildIndexOptions> = { onProgress: true, signal: true };

/** So many bytes of an index are written at once. */
const WRITE_BYTES = 32 * 1024;

/**
 * Builds the index of a tape anew, in one pass over the tape: what `{tape_id}.index` holds. The tape is only read, and may be
 * read by others and written meanwhile.
 *
 * @throws {TapeError} code `tape_not_found`; `invalid_tape`; `locked`: somebody writes the index, as the writer of a tape does
 * while it records; `invalid_argument`; `io`
 *
 * @example
 * ```ts
 * import { buildIndex, memoryStore, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 * console.log(await buildIndex(store, writer.tapeId)); // { entries: 1, indexBytes: 128, tapeBytes: … }
 * ```
 */
export async function buildIndex(
  store: TapeStore,
  tapeId: string,
  options: BuildIndexOptions = {},
): Promise<BuiltIndex> {
  checkStore("build an index", store);
  checkOptions("build an index", options, OPTIONS);
  const keys = tapeKeys(checkTapeId(tapeId));
  // A file that is no tape gets no index.
  await readInit(store, keys.tape);
  const sink = await openEmpty(store, keys.index);
  try {
    const built = await buildInto(store, tapeId, sink, options);
    await sink.close();
    return built;
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}

/** Writes the index of a tape to an empty sink. */
export async function buildInto(
  store: TapeStore,
  tapeId: string,
  sink: TapeSink,
  { onProgress, signal }: BuildIndexOptions,
): Promise<BuiltIndex> {
  const indexer = new TapeIndexer(tapeId);
  const held = hold(store.openSource(tapeKeys(tapeId).tape, { signal }));
  let waiting: Bytes[] = [];
  let length = 0;
  const write = async (least: number) => {
    for (const bytes of indexer.take()) {
      waiting.push(bytes);
      length += bytes.length;
    }
    if (length < least) return;
    const pieces = waiting;
    waiting = [];
    length = 0;
    await sink.append(pieces);
  };
  try {
    const { chunks } = held;
    for (;;) {
      const chunk = chunks.take();
      if (chunk === NONE) {
        if (!await chunks.fill()) break;
        continue;
      }
      indexer.push(chunk);
      chunks.reuse?.(chunk);
      onProgress?.(indexer.offset);
      await write(WRITE_BYTES);
    }
    held.finish();
    indexer.end();
    await write(1);
  } catch (error) {
    await held.cancel(error).catch(() => {});
    throw error;
  }
  const indexBytes = sink.offset;
  return { entries: indexBytes / ENTRY_BYTES - 1, indexBytes, tapeBytes: indexer.indexedBytes };
}
