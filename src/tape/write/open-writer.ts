import { TapeError } from "../../errors.ts";
import { crc32 } from "../../bytes/crc32.ts";
import type { LineEncoder } from "../../lines/coded-line.ts";
import { checkUnlocked, decoderOf } from "../../stores/decoding.ts";
import { newCoding, plainLineBytes } from "./coding.ts";
import { portableEnvironment } from "./environment.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { InitRecord, TapeRecord } from "../../records/record.ts";
import type { NewSha256 } from "../../signing/sha256.ts";
import { type ChainState, newChain, SignatureChain } from "../../signing/signature-chain.ts";
import { SessionOutline } from "../../records/messages/session-outline.ts";
import { RunningStats } from "../../records/running-stats.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { pipe } from "../../streams/pipe.ts";
import { specOf, stage } from "../../streams/stage.ts";
import type { StageSpec } from "../../streams/stage-spec.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { checkTapeId, newTapeId, tapeKeys } from "../../records/tape-id.ts";
import { correlator } from "../../transforms/correlator.ts";
import { DEFAULT_MAX_LINE_BYTES, lineSplit, MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { lineReading } from "../../stores/line-limit.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import { indexedSink } from "../index/indexed-sink.ts";
import { IndexRecorder } from "../index/index-recorder.ts";
import { resumeIndex } from "../index/resume-index.ts";
import type { BatchSealer } from "./commit/seal.ts";
import { type CheckpointSeal, sealing } from "./commit/sealing.ts";
import { readState, recoverTail } from "./recover.ts";
import {
  checkCreateOptions,
  checkResumeOptions,
  type CreateWriterOptions,
  type WriterOptions,
} from "./writer-options.ts";

/** A tape that is open for writing, and all that its writer has to know of it. */
export interface OpenedTape {
  readonly store: TapeStore;
  readonly tapeId: string;
  readonly sink: TapeSink;
  /** What codes its lines; undefined where they are plain. */
  readonly encoder: LineEncoder | undefined;
  readonly correlate: StageSpec<TapeRecord, TapeRecord>;
  readonly stats: RunningStats;
  readonly outline: SessionOutline;
  readonly nextSeq: number;
  readonly startUs: number;
  /** The longest line to write. */
  readonly maxLineBytes: number;
  readonly metadata: TapeMetadata;
  /** What its checkpoints end with. */
  readonly seal: CheckpointSeal;
  /** What completes them. */
  readonly sealer: BatchSealer | undefined;
  /** What is to be written before anything else. */
  readonly first: readonly TapeRecord[];
  /** Lets go of the tape, as if it had not been opened. */
  giveUp(reason: unknown): Promise<void>;
}

/** Opens a tape that is not there yet. */
export async function openNew(store: TapeStore, options: CreateWriterOptions): Promise<OpenedTape> {
  checkStore("write a tape", store);
  checkCreateOptions(options);
  const { sessionId, metadata: told = {}, redaction, protocolVersion = "unknown", tapeId = newTapeId() } = options;
  const { maxLineBytes = DEFAULT_MAX_LINE_BYTES, createdAt = new Date() } = options;
  const metadata = redaction?.value(told) ?? told;
  if (!(maxLineBytes >= 1 && maxLineBytes <= MAX_LINE_BYTES)) {
    const why = `maxLineBytes must be from 1 to ${MAX_LINE_BYTES}, not ${maxLineBytes}`;
    throw new TapeError("invalid_argument", `Cannot make a tape: ${why}`);
  }
  const keys = tapeKeys(checkTapeId(tapeId));
  const created_at = createdAt.toISOString();
  const coding = await newCoding(tapeId, options, maxLineBytes);
  const init: InitRecord = {
    type: "init",
    version: "2.0",
    tape_id: tapeId,
    session_id: redaction?.text(sessionId) ?? sessionId,
    created_at,
    protocol_version: protocolVersion,
    ...(maxLineBytes > DEFAULT_MAX_LINE_BYTES ? { max_line_bytes: maxLineBytes } : {}),
    ...coding?.init,
  };
  const correlate = specOf(correlator(options.correlation));
  const tape = await store.openSink(keys.tape, { mode: "create" });
  const sink = options.index === false ? tape : indexedSink(store, tapeId, tape, new IndexRecorder(store, tapeId));
  return {
    store,
    tapeId,
    sink,
    encoder: coding?.encoder,
    correlate,
    stats: new RunningStats(),
    outline: new SessionOutline(),
    nextSeq: 0,
    startUs: 0,
    maxLineBytes,
    ...await sealed(options, 0, (newHash) => newChain(newHash, tapeId)),
    metadata: {
      ...metadata,
      tape_id: tapeId,
      created_at,
      status: "recording",
      environment: { ...portableEnvironment(), ...metadata.environment },
    },
    first: [init],
    async giveUp(reason) {
      // An empty file would be taken for a damaged tape, and metadata for one that is lost.
      for (const key of [keys.tape, keys.meta]) await store.delete(key).catch(() => {});
      await sink.abort(reason);
    },
  };
}

/** 142 years. A tape that claims to be older was dated wrongly, and its frames would get times that are no integers. */
const MAX_ELAPSED_US = Number.MAX_SAFE_INTEGER / 2;

/** Opens a tape to go on with it. */
export async function openAgain(store: TapeStore, tapeId: string, options: WriterOptions): Promise<OpenedTape> {
  checkStore("go on with a tape", store);
  checkResumeOptions(options);
  const keys = tapeKeys(checkTapeId(tapeId));
  const correlate = specOf(correlator(options.correlation));
  let sink = await store.openSink(keys.tape, { mode: "append" });
  try {
    const reading = await lineReading(store, keys.tape);
    checkUnlocked(`go on with tape ${tapeId}`, reading.store);
    if (reading.isLost) {
      const why = "its init record is damaged, which says how its lines are coded; repair it first";
      throw new TapeError("invalid_tape", `Cannot go on with tape ${tapeId}: ${why}`);
    }
    const decoder = decoderOf(reading.store);
    const { maxLineBytes = reading.maxLineBytes } = options;
    // First, so that a file that is no tape is left as it is.
    const state = await readState(reading.store, tapeId, maxLineBytes, correlate);
    await recoverTail(store, tapeId, sink, maxLineBytes);
    sink = await withIndex(store, tapeId, sink, maxLineBytes, options);
    const sinceCreation = (Date.now() - Date.parse(state.init.created_at)) * 1000;
    return {
      store,
      tapeId,
      sink,
      encoder: decoder?.goOn?.(sink.offset),
      correlate,
      stats: state.stats,
      outline: state.outline,
      nextSeq: state.nextSeq,
      maxLineBytes: state.init.encryption == null ? maxLineBytes : plainLineBytes(maxLineBytes),
      startUs: Math.max(0, ...[state.lastUs, sinceCreation].filter((us) => us < MAX_ELAPSED_US)),
      ...await sealed(
        options,
        await crcOf(store, keys.tape, state.unsealedFrom, sink.offset),
        (newHash) => chainOf(store, keys.tape, state.init.tape_id, maxLineBytes, newHash),
      ),
      metadata: {
        ...await knownMetadata(store, keys.meta),
        tape_id: tapeId,
        created_at: state.init.created_at,
        finalized_at: null,
        end: null,
        status: "recording",
      },
      first: state.missing,
      giveUp: (reason) => sink.abort(reason),
    };
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}

/** Lets an index go on with the tape. One that does not is taken away: a tape that was cut back may grow into something else. */
async function withIndex(
  store: TapeStore,
  tapeId: string,
  tape: TapeSink,
  maxLineBytes: number,
  { index = true }: WriterOptions,
): Promise<TapeSink> {
  if (index) {
    try {
      return indexedSink(store, tapeId, tape, await resumeIndex(store, tapeId, tape.offset, maxLineBytes));
    } catch {
      // What can be built anew at any time keeps no tape from being written.
    }
  }
  await store.delete(tapeKeys(tapeId).index).catch(() => {});
  return tape;
}

/** How the checkpoints of a tape are sealed, where they are. */
async function sealed(
  { checksums = true, signer }: WriterOptions,
  crc: number,
  chain: (newHash: NewSha256) => ChainState | Promise<ChainState>,
): Promise<Pick<OpenedTape, "seal" | "sealer">> {
  return checksums ? await sealing(signer, crc, chain) : { seal: {}, sealer: undefined };
}

/** The chain of signatures of a tape, as it stands at its end. */
async function chainOf(
  store: TapeStore,
  key: string,
  tapeId: string,
  maxLineBytes: number,
  newHash: NewSha256,
): Promise<ChainState> {
  const chain = new SignatureChain(newHash, tapeId);
  const blocks = stage<Uint8Array, Uint8Array>({
    transform(block, emit) {
      chain.block(block);
      emit(block);
    },
  });
  const lines = pipe(store.openSource(key), blocks, lineSplit({ maxLineBytes, onError: () => {} }));
  for await (const line of lines) chain.line(line);
  return chain.end();
}

/** The CRC-32 of what stands on a tape from `start` to `end`. */
async function crcOf(store: TapeStore, key: string, start: number, end: number): Promise<number> {
  let crc = 0;
  for await (const block of store.openSource(key, { start: Math.min(start, end), end })) crc = crc32(block, crc);
  return crc;
}

async function knownMetadata(store: TapeStore, key: string): Promise<Partial<TapeMetadata>> {
  try {
    return await storedMetadata(store, key) ?? {};
  } catch {
    // A hint that cannot be read is one that is missing.
    return {};
  }
}
