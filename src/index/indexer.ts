import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import { type Bytes, isBytes } from "../bytes/bytes.ts";
import { checkTapeId } from "../records/tape-id.ts";
import { type Stage, stage } from "../streams/stage.ts";
import type { Emit, StageSpec, StageTraits } from "../streams/stage-spec.ts";
import { KEEPS_NOTHING } from "../streams/stage-spec.ts";
import { TapeIndexer } from "./tape-indexer.ts";

/** Options of {@linkcode indexer}. */
export interface IndexerOptions {
  /**
   * The id under which the tape is kept: 1 to 128 of the characters `A-Z a-z 0-9 _ -`.
   *
   * @default {what the init record says}
   */
  readonly tapeId?: string | undefined;
}

const OPTIONS: OptionNames<IndexerOptions> = { tapeId: true };

/**
 * Makes the index of a tape of its bytes: what belongs under the key `{tape_id}.index`, and lets a reader find a place in the
 * tape, or pass over what it does not want, without reading what is before it. `buildIndex` does so in a store.
 *
 * Most lines are only looked at where they begin. Lines that are no records cost nothing but time.
 *
 * @throws {TapeError} code `invalid_argument`: the id is none; in the stream: what comes is no bytes
 *
 * @example
 * ```ts
 * import { indexer, memorySink, memorySource, pipe } from "tapeline";
 *
 * const init = '{"type":"init","version":"2.0","tape_id":"demo","session_id":"s","created_at":"2026-01-01T00:00:00Z","protocol_version":"unknown"}\n';
 * const index = memorySink();
 * await pipe(memorySource(init), indexer(), index);
 * console.log(index.bytes().length); // 128: a header, and an entry for the one block of this tape
 * ```
 */
export function indexer(options: IndexerOptions = {}): Stage<Uint8Array, Bytes> {
  checkOptions("index a tape", options, OPTIONS);
  const { tapeId } = options;
  const index = new TapeIndexer(tapeId === undefined ? undefined : checkTapeId(tapeId));
  const emitReady = (emit: Emit<Bytes>) => {
    for (const bytes of index.take()) emit(bytes);
  };
  const spec: StageSpec<Uint8Array, Bytes> & StageTraits<Uint8Array, Bytes> = {
    transform(chunk, emit) {
      if (!isBytes(chunk)) throw wrongChunk("index a tape", "Uint8Array chunks", chunk);
      index.push(chunk);
      emitReady(emit);
    },
    flush(emit) {
      index.end();
      emitReady(emit);
    },
    [KEEPS_NOTHING]: true,
  };
  return stage(spec);
}
