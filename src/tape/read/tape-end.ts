import type { TapeStats } from "../../records/metadata.ts";
import type { TapeRecord } from "../../records/record.ts";
import { RunningStats } from "../../records/running-stats.ts";
import type { TapeStore } from "../../stores/store.ts";
import { pipe } from "../../streams/pipe.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { parseRecord } from "../../transforms/parse-record.ts";

/** How much of the end of a tape is read. A checkpoint comes every 1000 frames or 60 seconds. */
const END_BYTES = 256 * 1024;

/** What the end of a tape tells of it. */
export interface TapeEnd {
  /** Whether its last record is a final checkpoint. */
  readonly isFinalized: boolean;
  /** Counted from the last checkpoint on; what cannot be known from there is missing. */
  readonly stats: TapeStats;
}

/** Reads the last records of a tape, for who need not know all of it. */
export async function readTapeEnd(store: TapeStore, key: string, size: number): Promise<TapeEnd> {
  const start = Math.max(0, size - END_BYTES);
  // Cut off at the start, torn at the end, or damaged: nobody asked for such a line.
  const ignore = { onError: () => {} };
  let checkpoint: TapeStats | undefined;
  let since = new RunningStats();
  const all = new RunningStats();
  let last: TapeRecord | undefined;
  const lines = pipe(store.openSource(key, { start, end: size }), lineSplit({ offset: start, ...ignore }));
  for await (const record of pipe(lines, parseRecord(ignore))) {
    last = record;
    since.add(record);
    all.add(record);
    if (record.type !== "checkpoint") continue;
    checkpoint = { ...record.stats, checkpoint_count: (record.stats.checkpoint_count ?? 0) + 1 };
    since = new RunningStats();
  }
  // The checkpoints of an encrypted tape tell no times, but its lines do.
  const counted = { ...since.snapshot(size), duration_ms: all.snapshot().duration_ms };
  return {
    isFinalized: last?.type === "checkpoint" && last.final === true,
    stats: checkpoint !== undefined ? sum(checkpoint, counted) : start === 0 ? counted : guess(counted),
  };
}

function sum(before: TapeStats, since: TapeStats): TapeStats {
  const add = (a: number | null | undefined, b: number | null | undefined) => a == null ? a : a + (b ?? 0);
  const { message_counts: counts } = before;
  const lost = (before.lost_frame_count ?? 0) + (since.lost_frame_count ?? 0);
  return {
    ...before,
    frame_count: add(before.frame_count, since.frame_count),
    duration_ms: Math.max(before.duration_ms ?? 0, since.duration_ms ?? 0),
    file_size_bytes: since.file_size_bytes,
    last_sequence: Math.max(before.last_sequence ?? 0, since.last_sequence ?? 0),
    message_counts: counts == null ? counts : {
      client_to_server: add(counts.client_to_server, since.message_counts?.client_to_server),
      server_to_client: add(counts.server_to_client, since.message_counts?.server_to_client),
    },
    error_count: add(before.error_count, since.error_count),
    correlation_count: add(before.correlation_count, since.correlation_count),
    ...(lost > 0 ? { lost_frame_count: lost } : {}),
  };
}

/** The numbers of the last frames tell how many there were before them; nothing tells what they were. */
function guess({ file_size_bytes, duration_ms, last_sequence }: TapeStats): TapeStats {
  return { frame_count: (last_sequence ?? 0) + 1, file_size_bytes, duration_ms, last_sequence };
}
