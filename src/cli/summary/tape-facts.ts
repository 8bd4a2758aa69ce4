import type { CompleteTapeStats, SessionEnd, TapePerformance } from "../../records/metadata.ts";
import { peerText } from "../../records/messages/peers.ts";
import type { Direction, GapRecord } from "../../records/record.ts";
import type { Strange } from "./strange.ts";
import type { ErrorSummary, OpenCall, TapeSummary, TimedCall } from "./tape-summary.ts";

/** What is known of one method. Times are in microseconds, null where there was no answer. */
export interface MethodFacts {
  /** The method, and which tool or prompt. Foreign text, not escaped. */
  readonly label: string;
  readonly dir: Direction;
  readonly count: number;
  readonly errors: number;
  readonly answers: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

/** All that `info` tells of what stands on a tape, in plain values. */
export interface TapeFacts {
  readonly stats: CompleteTapeStats;
  readonly performance: TapePerformance;
  readonly client: string | undefined;
  readonly server: string | undefined;
  readonly protocolVersion: string | undefined;
  readonly sessionEnd: SessionEnd | undefined;
  readonly methods: readonly MethodFacts[];
  readonly slowest: readonly TimedCall[];
  readonly errors: readonly ErrorSummary[];
  readonly open: readonly OpenCall[];
  readonly strange: readonly Strange[];
  readonly gaps: readonly GapRecord[];
  /** Frames, and members of batches, that are no JSON-RPC. */
  readonly invalid: number;
  readonly logs: number;
}

/** What a summary of a tape of this size says. */
export function factsOf(summary: TapeSummary, sizeBytes: number): TapeFacts {
  const { client, server, protocolVersion } = summary.peers;
  const { sessionEnd, slowest, gaps, invalid, logs } = summary;
  return {
    stats: summary.stats.snapshot(sizeBytes),
    performance: summary.stats.performance(),
    client: client && peerText(client),
    server: server && peerText(server),
    ...{ protocolVersion, sessionEnd, slowest, gaps, invalid, logs },
    methods: summary.methods().map(({ label, dir, count, errors, latencies }) => ({
      ...{ label, dir, count, errors, answers: latencies.count, max: latencies.max },
      p50: latencies.quantile(0.5),
      p95: latencies.quantile(0.95),
    })),
    errors: summary.errors(),
    open: summary.openCalls(),
    strange: summary.strange.list(),
  };
}
