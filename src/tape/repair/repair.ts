import { checkOptions, type OptionNames } from "../../arguments.ts";
import { TapeError } from "../../errors.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { InitRecord } from "../../records/record.ts";
import type { TapeSink } from "../../streams/sink.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { RepairCopy } from "./repair-copy.ts";
import { RepairOutput } from "./repair-output.ts";
import { planRepair, type RepairPlan } from "./repair-plan.ts";
import { clearBackup, finishReplacing, replaceTape } from "./repair-place.ts";
import { CopyReport, type CopyResult, NOTHING_DONE } from "./repair-report.ts";
import { verifyKey, type VerifyResult } from "../verify/verify.ts";
import { checkUnlocked, decoderOf } from "../../stores/decoding.ts";
import type { TapeCoding } from "../../stores/tape-coding.ts";
import { lineReading } from "../../stores/line-limit.ts";
import { buildIndex } from "../index/build-index.ts";
import { indexFault } from "../index/index-fault.ts";
import { readMetadata } from "../verify/verify-metadata.ts";

/** Options of {@linkcode repairTape}. */
export interface RepairOptions {
  /**
   * Id of the repaired tape, of which there must be none yet.
   *
   * @default the id of the damaged tape and `-repaired`
   */
  readonly to?: string | undefined;
  /**
   * Puts the repaired tape in the place of the damaged one, which is kept as `{tape_id}.jsonl.bak`. Nobody may be writing
   * it. Not together with `to`.
   *
   * @default {false}
   */
  readonly inPlace?: boolean | undefined;
  /**
   * The longest line that counts as a record, in bytes.
   *
   * @default {what the init record says, or 10485760}
   */
  readonly maxLineBytes?: number | undefined;
  /** Ends the repairing before anything has been replaced; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@linkcode repairTape} has done. */
export interface RepairResult extends CopyResult {
  /** Id of the tape that is whole: the repaired one, or the one that was given where there was nothing to do. */
  readonly tapeId: string;
  /** Whether anything was written. A tape without damage is left as it is. */
  readonly isChanged: boolean;
  /** What {@linkcode verifyTape} makes of the damaged tape. */
  readonly before: VerifyResult;
  /** What it makes of the repaired one. */
  readonly after: VerifyResult;
  /** Where the damaged tape is kept that was replaced. */
  readonly backupKey: string | undefined;
  /** Whether the init record is the one that was there, was given another id, or was made anew. */
  readonly init: "kept" | "changed" | "made";
  /** Whether the tape had no end and was given one. */
  readonly isEnded: boolean;
  /** Whether an earlier call was interrupted while it replaced the tape, and this one has brought that to its end. */
  readonly isFinished: boolean;
  /** Whether the index beside the tape that is whole was built, or built anew. That is no change of the tape. */
  readonly isIndexBuilt: boolean;
}

/** A shorter tape needs no index. */
const LEAST_INDEXED = 128 * 1024;

const OPTIONS: OptionNames<RepairOptions> = { to: true, inPlace: true, maxLineBytes: true, signal: true };

/**
 * Makes a whole tape of a damaged one. Every record is kept, byte for byte, on a line of its own; what is none is left out and
 * kept aside in `{tape_id}.dropped`. Frames that stand in the wrong place are put back in order, frames that are missing
 * get a gap record, and checkpoints are replaced by true ones. Where the checksums of the damaged tape do not vouch for
 * what is kept, a gap record with a count of 0 says so. The repaired tape ends with a final checkpoint, is synced, and
 * is verified before it takes anybody's place.
 *
 * Signatures are left out, as only the signer could sign what stands there now.
 *
 * A tape without damage is not touched. Memory does not grow with the tape, but with the damage: up to 65,536 places
 * where the numbers of frames do not rise one by one.
 *
 * @throws {TapeError} code `tape_not_found`; `invalid_argument`: there is a tape or a backup in the way; `invalid_tape`:
 * nothing on the tape is a record; `locked`: somebody is writing it (in place only); `io`; `internal`
 *
 * @example
 * ```ts
 * import { memoryStore, repairTape, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "demo" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 *
 * const tape = (await store.get("demo.jsonl"))!;
 * tape[20] = 0;
 * await store.put("demo.jsonl", tape);
 * const result = await repairTape(store, "demo");
 * console.log(result.tapeId, result.after.isIntact, result.init); // demo-repaired true made
 * ```
 */
export async function repairTape(
  store: TapeStore,
  tapeId: string,
  given: RepairOptions = {},
): Promise<RepairResult> {
  checkStore("repair a tape", store);
  checkOptions("repair a tape", given, OPTIONS);
  const { to, inPlace = false } = given;
  checkTapeId(tapeId);
  if (inPlace && to !== undefined) {
    throw new TapeError("invalid_argument", `Cannot repair ${tapeId}: it is either "inPlace" or "to" another id`);
  }
  const { tape } = tapeKeys(tapeId);
  const reading = await store.size(tape) === undefined ? undefined : await lineReading(store, tape);
  const options = { ...given, maxLineBytes: given.maxLineBytes ?? reading?.maxLineBytes };
  if (!inPlace) return await repairTo(store, tapeId, checkTapeId(to ?? `${tapeId}-repaired`), options);
  const lock = await store.openSink(tapeKeys(tapeId).tape, { mode: "append" });
  try {
    const result = await repairInPlace(store, tapeId, lock, options);
    await lock.close();
    return result;
  } catch (error) {
    await lock.abort(error);
    throw error;
  }
}

async function repairTo(
  store: TapeStore,
  tapeId: string,
  outputId: string,
  options: RepairOptions,
): Promise<RepairResult> {
  const { tape } = tapeKeys(tapeId);
  const before = await verifyKey(store, tape, tapeId, options);
  if (before.isIntact) return { ...nothingDone(before), isIndexBuilt: await mendIndex(store, tapeId, options) };
  const output = tapeKeys(outputId).tape;
  const metadata = await readMetadata(store, tapeId);
  const done = await writeRepaired(store, before, metadata, outputId, output, options);
  await putMetadata(store, outputId, done);
  return { ...done.result, isIndexBuilt: await mendIndex(store, outputId, options) };
}

async function repairInPlace(
  store: TapeStore,
  tapeId: string,
  lock: TapeSink,
  options: RepairOptions,
): Promise<RepairResult> {
  const keys = tapeKeys(tapeId);
  const isFinished = await finishReplacing(store, tapeId, lock, options.maxLineBytes);
  const before = await verifyKey(store, keys.tape, tapeId, options);
  if (before.isIntact) {
    const isIndexBuilt = await mendIndex(store, tapeId, options);
    return { ...nothingDone(before), isChanged: isFinished, isFinished, isIndexBuilt };
  }
  await clearBackup(store, tapeId);
  await store.delete(keys.draft);
  const metadata = await readMetadata(store, tapeId);
  const done = await writeRepaired(store, before, metadata, tapeId, keys.draft, options);
  await replaceTape(store, tapeId, lock);
  // It would lead to the wrong places.
  await store.delete(keys.index);
  await putMetadata(store, tapeId, done);
  const isIndexBuilt = await mendIndex(store, tapeId, options);
  return { ...done.result, isFinished, isIndexBuilt, backupKey: keys.backup };
}

/** Builds the index of a whole tape where there is a wrong one, or none though the tape is long enough. */
async function mendIndex(store: TapeStore, tapeId: string, { signal }: RepairOptions): Promise<boolean> {
  const { tape, index } = tapeKeys(tapeId);
  const isMissing = await store.size(index) === undefined;
  if (isMissing ? (await store.size(tape) ?? 0) < LEAST_INDEXED : await indexFault(store, tapeId) === undefined) {
    return false;
  }
  try {
    await buildIndex(store, tapeId, { signal });
    return true;
  } catch {
    // A hint, which can be built at any time: the tape is whole without it.
    return false;
  }
}

interface Repaired {
  readonly result: RepairResult;
  readonly metadata: TapeMetadata;
}

/** Writes the repaired tape under `key` and verifies it. */
async function writeRepaired(
  store: TapeStore,
  before: VerifyResult,
  metadata: TapeMetadata | undefined,
  outputId: string,
  key: string,
  options: RepairOptions,
): Promise<Repaired> {
  const { tape } = tapeKeys(before.tapeId);
  const { maxLineBytes, signal } = options;
  const reading = { end: before.byteCount, maxLineBytes, signal };
  const { store: source, coding, isLost, isKeyLost } = await lineReading(store, tape);
  if (isKeyLost) {
    const why =
      "it is encrypted, and what tells its key is lost: its init record, and the copy of that in its metadata";
    throw new TapeError("invalid_tape", `Cannot repair ${before.tapeId}: ${why}`);
  }
  checkUnlocked(`repair ${before.tapeId}`, source);
  const decoder = decoderOf(source);
  if (decoder?.anew !== undefined && outputId !== before.tapeId) {
    const why = "an encrypted tape keeps its id, and can only be repaired in place (inPlace, or --in-place)";
    throw new TapeError("invalid_argument", `Cannot repair ${before.tapeId}: ${why}`);
  }
  const plan = await planRepair(source, tape, reading);
  const sink = await store.openSink(key, { mode: "create" });
  const report = new CopyReport(store, tape, tapeKeys(outputId).dropped);
  let isDone = false;
  try {
    const output = new RepairOutput(sink, decoder);
    // Of a tape that was finalized the metadata know where it ended.
    const isCut = metadata?.status === "finalized" && !before.isFinalized;
    const lastSeq = isCut && metadata.stats?.frame_count ? metadata.stats.last_sequence ?? -1 : plan.lastSeq;
    const init = await writeInit(output, plan, isLost ? coding : undefined, before.tapeId, outputId, metadata);
    await new RepairCopy(source, tape, plan, reading, output, report).run(lastSeq);
    const isEnded = !output.isFinal;
    if (isEnded) {
      await output.checkpoint({
        type: "checkpoint",
        checkpoint_at: new Date().toISOString(),
        stats: {},
        final: true,
      });
    }
    await output.flush();
    await sink.close();
    await report.close();
    const after = await verifyRepaired(store, key, outputId, options);
    isDone = true;
    return {
      result: {
        ...report.result(),
        tapeId: outputId,
        isChanged: true,
        before,
        after,
        backupKey: undefined,
        init: init.how,
        isEnded,
        isFinished: false,
        isIndexBuilt: false,
      },
      metadata: repairedMetadata(metadata, init.record, output, outputId),
    };
  } finally {
    if (!isDone) {
      await sink.abort();
      await report.abort();
      await store.delete(key);
    }
  }
}

async function verifyRepaired(
  store: TapeStore,
  key: string,
  tapeId: string,
  options: RepairOptions,
): Promise<VerifyResult> {
  const { maxLineBytes, signal } = options;
  let first: string | undefined;
  const after = await verifyKey(store, key, tapeId, {
    maxLineBytes,
    signal,
    onFinding: ({ severity, line, message }) => {
      if (severity === "damage") first ??= `line ${line}: ${message}`;
    },
  });
  if (first === undefined) return after;
  throw new TapeError("internal", `Cannot repair ${tapeId}: what was repaired still has damage, at ${first}`);
}

/** Writes the first line: the init record that was found, under the tape's own id, or one that is made of what is known. */
async function writeInit(
  output: RepairOutput,
  { init }: RepairPlan,
  lost: TapeCoding | undefined,
  tapeId: string,
  outputId: string,
  metadata: TapeMetadata | undefined,
): Promise<{ readonly record: InitRecord; readonly how: RepairResult["init"] }> {
  // The key of an encrypted tape goes with its id.
  const ownId = lost?.encryption == null ? outputId : lost.tape_id;
  if (init === undefined) {
    const record: InitRecord = {
      type: "init",
      version: "2.0",
      session_id: "unknown",
      created_at: metadata?.created_at ?? new Date().toISOString(),
      protocol_version: "unknown",
      ...saidOf(lost),
      tape_id: ownId,
    };
    await output.record(record);
    return { record, how: "made" };
  }
  // A tape may have been given another name on purpose; that its metadata know it by this one shows that it was not.
  const isOther = init.record.tape_id !== ownId &&
    (outputId !== tapeId || metadata?.tape_id === tapeId || lost?.encryption != null);
  if (!isOther && lost === undefined) {
    await output.plain(init.bytes, init.record);
    return { record: init.record, how: "kept" };
  }
  const record = { ...init.record, ...saidOf(lost), tape_id: isOther ? ownId : init.record.tape_id };
  await output.record(record);
  return { record, how: "changed" };
}

/** What an init record says of how lines are coded. */
function saidOf({ tape_id: _, ...coding }: Partial<TapeCoding> = {}): Partial<InitRecord> {
  return Object.fromEntries(Object.entries(coding).filter(([, value]) => value != null));
}

function repairedMetadata(
  metadata: TapeMetadata | undefined,
  init: InitRecord,
  { stats, size }: RepairOutput,
  tape_id: string,
): TapeMetadata {
  const now = new Date().toISOString();
  return {
    ...metadata,
    tape_id,
    created_at: init.created_at,
    updated_at: now,
    finalized_at: metadata?.finalized_at ?? now,
    status: "finalized",
    stats: stats.snapshot(size),
    performance: stats.performance(),
  };
}

async function putMetadata(store: TapeStore, tapeId: string, { metadata }: Repaired): Promise<void> {
  const text = `${JSON.stringify(metadata, null, 2)}\n`;
  await store.put(tapeKeys(tapeId).meta, new TextEncoder().encode(text));
}

function nothingDone(before: VerifyResult): RepairResult {
  return {
    ...NOTHING_DONE,
    tapeId: before.tapeId,
    isChanged: false,
    before,
    after: before,
    backupKey: undefined,
    init: "kept",
    isEnded: false,
    isFinished: false,
    isIndexBuilt: false,
  };
}
