import { checkOptions, type OptionNames, wantRecord } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { RunningStats } from "../records/running-stats.ts";
import type { CheckpointRecord, TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";

/** Options of {@linkcode checkpointInjector}. */
export interface CheckpointInjectorOptions {
  /**
   * A checkpoint follows at least every so many frames.
   *
   * @default {1000}
   */
  readonly everyFrames?: number | undefined;
  /**
   * A checkpoint follows the first record that is so many milliseconds (of the tape's own time) behind the last one.
   *
   * @default {60000}
   */
  readonly everyMs?: number | undefined;
  /** Where the statistics are counted, for a caller that wants to see them, or that goes on with a tape. */
  readonly stats?: RunningStats | undefined;
  /** Size of the tape up to here in bytes, where the caller knows it; without it checkpoints leave the size out. */
  readonly fileSizeBytes?: (() => number) | undefined;
  /**
   * The wall clock, for `checkpoint_at`.
   *
   * @default {Date.now}
   */
  readonly now?: (() => number) | undefined;
}

const OPTIONS: OptionNames<CheckpointInjectorOptions> = {
  everyFrames: true,
  everyMs: true,
  stats: true,
  fileSizeBytes: true,
  now: true,
};

/**
 * Puts a checkpoint, a snapshot of the statistics, into the stream of records now and then, and one marked `final` at
 * its end.
 *
 * @throws {TapeError} code `invalid_argument`: `everyFrames` or `everyMs` is not above 0
 *
 * @example
 * ```ts
 * import { checkpointInjector, pipe, stampFrames } from "tapeline";
 *
 * const messages = [{ message: { jsonrpc: "2.0", method: "hello" }, direction: "client_to_server" as const }];
 * for await (const record of pipe(messages, stampFrames(), checkpointInjector())) {
 *   console.log(record.type); // "frame", then "checkpoint"
 * }
 * ```
 */
export function checkpointInjector(options: CheckpointInjectorOptions = {}): Stage<TapeRecord, TapeRecord> {
  checkOptions("checkpoint", options, OPTIONS);
  const { everyFrames = 1000, everyMs = 60_000, stats = new RunningStats(), fileSizeBytes, now = Date.now } = options;
  for (const [name, value] of Object.entries({ everyFrames, everyMs })) {
    if (!(value > 0)) {
      throw new TapeError("invalid_argument", `Cannot checkpoint: ${name} must be above 0, not ${value}`);
    }
  }
  let framesSince = 0;
  let lastTs: number | undefined;

  const checkpoint = (final: boolean): CheckpointRecord => {
    const { file_size_bytes: _unknown, ...counts } = stats.snapshot();
    const size = fileSizeBytes?.();
    const record: CheckpointRecord = {
      type: "checkpoint",
      checkpoint_at: new Date(now()).toISOString(),
      seq: stats.lastSequence ?? 0,
      stats: { ...counts, ...(size === undefined ? {} : { file_size_bytes: size }) },
    };
    if (final) record.final = true;
    stats.add(record);
    return record;
  };

  return stage<TapeRecord, TapeRecord>({
    transform(record, emit) {
      wantRecord("checkpoint", record);
      stats.add(record);
      emit(record);
      const { ts: time } = record as { readonly ts?: unknown };
      const ts = typeof time === "number" ? time : undefined;
      lastTs ??= ts;
      if (record.type === "frame") framesSince++;
      if (framesSince < everyFrames && !(ts !== undefined && lastTs !== undefined && ts - lastTs >= everyMs)) return;
      framesSince = 0;
      lastTs = ts;
      emit(checkpoint(false));
    },
    flush(emit) {
      emit(checkpoint(true));
    },
  });
}
