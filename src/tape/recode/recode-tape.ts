import { checkOptions, type OptionNames } from "../../arguments.ts";
import { TapeError } from "../../errors.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { InitRecord } from "../../records/record.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { checkUnlocked, decoderOf, decoding, withKeys } from "../../stores/decoding.ts";
import { lineLimitOf, lineReading } from "../../stores/line-limit.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { DEFAULT_MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { plainInit } from "../derive/derived-init.ts";
import { keptMetadata } from "../derive/derived-metadata.ts";
import { type CodingOptions, type DerivedCoding, derivedCoding } from "../derive/output/derived-coding.ts";
import { LineOutput } from "../derive/output/line-output.ts";
import { readInit } from "../first-record.ts";
import { buildIndex } from "../index/build-index.ts";
import { tapeLines } from "../verify/verify-lines.ts";
import { plainLineBytes } from "../write/coding.ts";
import { checkSame, type CodedTape } from "./check-same.ts";
import { LineRecoder } from "./line-recoder.ts";

/** Options of {@linkcode recodeTape}. */
export interface RecodeTapeOptions extends CodingOptions {
  /**
   * Reads the new tape again when it is written, and compares it with the old one line by line.
   *
   * @default {false}
   */
  readonly isChecked?: boolean | undefined;
  /**
   * Makes an index of the new tape.
   *
   * @default {where the old one has one}
   */
  readonly index?: boolean | undefined;
  /** Breaks off: the call rejects with the signal's reason, and nothing is left of the new tape. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how many bytes of the tape have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

const OPTIONS: OptionNames<RecodeTapeOptions> = {
  compress: true,
  encryptTo: true,
  signer: true,
  isChecked: true,
  index: true,
  signal: true,
  onProgress: true,
};

/** What {@linkcode recodeTape} has made. */
export interface RecodeTapeResult {
  /** How many bytes of the tape were read: all that it had. */
  readonly readBytes: number;
  /** How many bytes the new tape has. */
  readonly writtenBytes: number;
  /** Checkpoints that were signed and are not any more: nobody but the signer could sign what stands there now. */
  readonly unsignedCheckpoints: number;
  /** Whether the last line, which was torn or still being written, was left out. */
  readonly isUnfinished: boolean;
}

/**
 * Copies a tape to another store in another codec: compressed, encrypted, both, or plain. It stays the same tape: its id, its records with their numbers
 * and times, to the letter, and its checkpoints where they are, with sizes and checksums that are right for it there. Its metadata are copied too, and
 * an index is made where it had one. Memory does not grow with it.
 *
 * What is not asked for stays as it is; signatures do not, unless a signer is given. The first record and the checkpoints are spelled anew, as this
 * library does.
 *
 * @param to where there is no tape of this id yet
 * @throws {TapeError} code `tape_not_found`; `invalid_tape`: it is damaged, and has to be repaired first; `invalid_argument`: it is encrypted and
 *   nothing opens it, there is a tape of this id, an option is wrong, or a package is missing; `internal`: the new tape is not what was written;
 *   `io`. Nothing is then left of the new tape.
 *
 * @example
 * ```ts
 * import { memoryStore, recodeTape, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "demo" });
 * for (let id = 0; id < 1000; id++) await writer.writeFrame({ message: { id, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 * const { readBytes, writtenBytes } = await recodeTape(store, "demo", memoryStore(), { compress: true });
 * console.log(writtenBytes < readBytes); // true
 * ```
 */
export async function recodeTape(
  store: TapeStore,
  tapeId: string,
  to: TapeStore,
  options: RecodeTapeOptions = {},
): Promise<RecodeTapeResult> {
  checkStore("recode a tape", store);
  checkStore("recode a tape", to);
  checkOptions("recode a tape", options, OPTIONS);
  const keys = tapeKeys(checkTapeId(tapeId));
  const { isChecked = false, index, signal, onProgress, ...asked } = options;
  const source = await readSource(store, tapeId);
  const { init, coding } = await newInit(source, asked);
  const known = await storedMetadata(store, keys.meta).catch(() => undefined);
  const target = await to.openSink(keys.tape, { mode: "create" });
  let isDone = false;
  try {
    const output = new LineOutput(target, coding);
    const recoder = new LineRecoder(output, {
      name: tapeId,
      decoder: decoderOf(source.store),
      init,
      encoder: coding.encoder,
      isSealed: coding.init.encryption !== undefined,
      isSigned: options.signer !== undefined,
      maxLineBytes: source.maxPlainBytes,
    });
    await copyLines(source, recoder, { signal, onProgress });
    await output.finish();
    await target.close();
    if (isChecked) await checkSame(source, await written(to, source, init, coding), { name: tapeId, signal });
    if (known !== undefined) await putMetadata(to, keys.meta, known, coding, output.size);
    if (index ?? await store.size(keys.index) !== undefined) await buildIndex(to, tapeId, { signal });
    isDone = true;
    const { unsignedCheckpoints, unfinished } = recoder;
    const isUnfinished = unfinished !== undefined;
    return { readBytes: source.size, writtenBytes: output.size, unsignedCheckpoints, isUnfinished };
  } finally {
    if (!isDone) await discard(to, tapeId, target);
  }
}

/** The tape that is read. */
interface Source extends CodedTape {
  readonly init: InitRecord;
  /** The longest one before it was coded. */
  readonly maxPlainBytes: number;
}

async function readSource(store: TapeStore, tapeId: string): Promise<Source> {
  const { tape: key } = tapeKeys(tapeId);
  const init = await readInit(store, key);
  const { store: reading, maxLineBytes, isLost } = await lineReading(store, key);
  checkUnlocked(`recode ${tapeId}`, reading);
  if (isLost) {
    const why = "its init record is damaged, which says how its lines are coded; repair it first";
    throw new TapeError("invalid_tape", `Cannot recode ${tapeId}: ${why}`);
  }
  const size = await reading.size(key) ?? 0;
  const maxPlainBytes = init.encryption == null ? maxLineBytes : plainLineBytes(maxLineBytes);
  return { store: reading, key, size, init, maxLineBytes, maxPlainBytes };
}

/** How the new tape begins. */
async function newInit(source: Source, asked: CodingOptions): Promise<{ init: InitRecord; coding: DerivedCoding }> {
  const { init: before, maxPlainBytes } = source;
  const { compression: _compression, encryption, ...rest } = before;
  const init: InitRecord = { ...rest };
  if (encryption != null) {
    if (maxPlainBytes > DEFAULT_MAX_LINE_BYTES) init.max_line_bytes = maxPlainBytes;
    else delete init.max_line_bytes;
  }
  const coding = await derivedCoding(init, [source], asked);
  return { init: plainInit({ ...init, ...coding.init }), coding };
}

async function copyLines(
  { store, key, size, maxLineBytes }: Source,
  recoder: LineRecoder,
  { signal, onProgress }: RecodeTapeOptions,
): Promise<void> {
  const onBlock = (bytes: Uint8Array) => recoder.block(bytes);
  for await (const line of tapeLines(store, key, { end: size, maxLineBytes, signal, onBlock })) {
    if (line instanceof TapeError) throw line;
    const waiting = recoder.line(line);
    if (waiting !== undefined) await waiting;
    onProgress?.(line.nextOffset);
  }
  recoder.end();
  signal?.throwIfAborted();
}

/** The new tape, for who reads it again. */
async function written(
  to: TapeStore,
  { key }: Source,
  init: InitRecord,
  { decoderWith }: DerivedCoding,
): Promise<CodedTape> {
  const keep = (bytes: Uint8Array<ArrayBuffer>) => Promise.resolve(bytes);
  const view = decoderWith === undefined ? to : withKeys(to, {
    decoderOf: (_, inner) => Promise.resolve(decoderWith(inner)),
    openMetadata: keep,
    sealMetadata: keep,
  });
  const store = await decoding(view, key, init);
  return { store, key, size: await to.size(key) ?? 0, maxLineBytes: lineLimitOf(init) };
}

async function putMetadata(
  to: TapeStore,
  key: string,
  known: TapeMetadata,
  { encoder }: DerivedCoding,
  size: number,
): Promise<void> {
  const { encryption: _encryption, ...told } = known as TapeMetadata & { encryption?: unknown };
  const { stats } = told;
  if (stats?.file_size_bytes != null) told.stats = { ...stats, file_size_bytes: size };
  const metadata = keptMetadata(told, encoder);
  await to.put(key, new TextEncoder().encode(`${JSON.stringify(metadata, null, 2)}\n`));
}

async function discard(store: TapeStore, tapeId: string, target: TapeSink): Promise<void> {
  await target.abort().catch(() => {});
  const { tape, meta, index } = tapeKeys(tapeId);
  for (const key of [tape, meta, index]) await store.delete(key);
}
