import { LatencyHistogram } from "./latency-histogram.ts";
import type { CompleteTapeStats, TapePerformance } from "./metadata.ts";
import type { FrameFlags } from "./record.ts";

/** Statistics of a tape without frames. */
export function emptyStats(): CompleteTapeStats {
  return {
    frame_count: 0,
    duration_ms: 0,
    file_size_bytes: 0,
    last_sequence: 0,
    message_counts: { client_to_server: 0, server_to_client: 0 },
    error_count: 0,
    correlation_count: 0,
    checkpoint_count: 0,
  };
}

/** What {@linkcode RunningStats} reads of a record; every record of a tape is one. */
export interface CountedRecord {
  /** The record's type. */
  readonly type: string;
  /** Sequence number of a frame. */
  readonly seq?: unknown;
  /** Milliseconds since the start. */
  readonly ts?: unknown;
  /** Direction of a frame. */
  readonly dir?: unknown;
  /** Flags of a frame. */
  readonly flags?: unknown;
  /** Of a correlation: null where no answer came. */
  readonly response_seq?: unknown;
  /** Round trip in milliseconds. */
  readonly rtt_ms?: unknown;
  /** Round trip in microseconds. */
  readonly rtt_us?: unknown;
  /** Of a gap: how many frames are missing. */
  readonly count?: unknown;
}

/**
 * Statistics that grow with a tape, record by record, in fixed memory (about 13 KB). The writer, `checkpointInjector`
 * and `info` count with it, so that they agree.
 *
 * @example
 * ```ts
 * const stats = new RunningStats();
 * stats.add({ type: "frame", seq: 0, ts: 12, dir: "client_to_server" });
 * stats.snapshot().frame_count; // 1
 * ```
 */
export class RunningStats {
  #clientToServer = 0;
  #serverToClient = 0;
  #frames = 0;
  #errors = 0;
  #toolErrors = 0;
  #answered = 0;
  #checkpoints = 0;
  #lost = 0;
  #lastSequence: number | null = null;
  #durationMs = 0;
  #latencies: LatencyHistogram = new LatencyHistogram();

  /** Counts a record. One of an unknown type counts only for the duration. */
  add(record: CountedRecord): void {
    this.#count(record, 1);
    const { type, ts } = record;
    // Records of unknown types may have any number there.
    if (Number.isSafeInteger(ts) && ts as number > this.#durationMs) this.#durationMs = ts as number;
    if (type === "frame") {
      const { seq } = record;
      if (typeof seq === "number" && (this.#lastSequence === null || seq > this.#lastSequence)) {
        this.#lastSequence = seq;
      }
    } else if (type === "correlation") {
      const { rtt_us, rtt_ms } = record;
      if (typeof rtt_us === "number") this.#latencies.record(rtt_us);
      else if (typeof rtt_ms === "number") this.#latencies.record(rtt_ms * 1000);
    }
  }

  /**
   * Takes back the counts of a record that was added but could not be written. What it did to the duration, to the
   * last sequence number (which is never given again) and to the latencies stays.
   */
  subtract(record: CountedRecord): void {
    this.#count(record, -1);
  }

  #count(record: CountedRecord, by: 1 | -1): void {
    switch (record.type) {
      case "frame":
        this.#frames += by;
        if (record.dir === "client_to_server") this.#clientToServer += by;
        else if (record.dir === "server_to_client") this.#serverToClient += by;
        this.#countErrors(record.flags, by);
        break;
      case "correlation":
        if (typeof record.response_seq === "number") this.#answered += by;
        break;
      case "checkpoint":
        this.#checkpoints += by;
        break;
      case "gap":
        if (typeof record.count === "number") this.#lost += by * record.count;
        break;
    }
  }

  #countErrors(flags: unknown, by: 1 | -1): void {
    if (typeof flags !== "object" || flags === null) return;
    // Plain look-ups: this is done for every frame.
    const { is_error, is_tool_error } = flags as FrameFlags;
    if (is_error === true) this.#errors += by;
    if (is_tool_error === true) this.#toolErrors += by;
  }

  /** Frames counted. */
  get frameCount(): number {
    return this.#frames;
  }

  /** The highest sequence number, null while there is no frame. */
  get lastSequence(): number | null {
    return this.#lastSequence;
  }

  /**
   * The statistics as they stand now, in an object of the caller's own.
   *
   * @param fileSizeBytes size of the tape where the caller knows it; 0 if left out
   */
  snapshot(fileSizeBytes: number = 0): CompleteTapeStats {
    return {
      frame_count: this.#frames,
      duration_ms: this.#durationMs,
      file_size_bytes: fileSizeBytes,
      // 0 and not null: a reader that knows only the fixed part of the format expects a number here.
      last_sequence: this.#lastSequence ?? 0,
      message_counts: { client_to_server: this.#clientToServer, server_to_client: this.#serverToClient },
      error_count: this.#errors,
      correlation_count: this.#answered,
      checkpoint_count: this.#checkpoints,
      ...(this.#toolErrors > 0 ? { tool_error_count: this.#toolErrors } : {}),
      ...(this.#lost > 0 ? { lost_frame_count: Math.min(this.#lost, Number.MAX_SAFE_INTEGER) } : {}),
    };
  }

  /** Latencies and throughput as they stand now, in an object of the caller's own. */
  performance(): TapePerformance {
    const latencies = this.#latencies;
    return {
      avg_rtt_ms: milliseconds(latencies.mean),
      max_rtt_ms: milliseconds(latencies.max),
      min_rtt_ms: milliseconds(latencies.min),
      messages_per_second: this.#durationMs === 0 ? null : this.#frames / (this.#durationMs / 1000),
      p50_rtt_ms: milliseconds(latencies.quantile(0.5)),
      p95_rtt_ms: milliseconds(latencies.quantile(0.95)),
      p99_rtt_ms: milliseconds(latencies.quantile(0.99)),
    };
  }
}

function milliseconds(us: number | null): number | null {
  return us === null ? null : Math.round(us) / 1000;
}
