import { specOf } from "../../streams/stage.ts";
import { checkpointInjector } from "../../transforms/checkpoint-injector.ts";
import { GroupCommit } from "./commit/group-commit.ts";
import { Ledger } from "./commit/ledger.ts";
import { LineCoding } from "./commit/line-coding.ts";
import type { PendingLines } from "./commit/pending-lines.ts";
import type { OpenedTape } from "./open-writer.ts";
import { RecordPath } from "./record-path.ts";
import type { WriterOptions } from "./writer-options.ts";

/** What stands between a record and its tape. */
export interface WriterParts {
  /** What is on the tape, and what was lost on the way. */
  readonly ledger: Ledger;
  /** The way of a record to its line. */
  readonly path: RecordPath;
  /** The way of the lines to the tape. */
  readonly commit: GroupCommit;
}

/** Puts together what a writer consists of, for a tape that is open. */
export function writerParts(
  opened: OpenedTape,
  { durability, maxPendingBytes = 4 * 1024 * 1024, checkpointEveryFrames, checkpointEveryMs, onLoss }: WriterOptions,
  lines: PendingLines,
  elapsedMs: () => number,
): WriterParts {
  const { stats, sink, encoder, correlate, seal, sealer } = opened;
  const ledger = new Ledger(stats, sink.offset, () => lines.total, elapsedMs, onLoss);
  const checkpoints = checkpointInjector({
    everyFrames: checkpointEveryFrames,
    everyMs: checkpointEveryMs,
    stats,
    // How large a coded tape becomes is not known before its lines are coded.
    fileSizeBytes: encoder === undefined ? () => ledger.size : undefined,
  });
  const commit = new GroupCommit(sink, lines, {
    synced: durability === "synced",
    sealer,
    coding: encoder && new LineCoding(encoder),
    highWaterMark: maxPendingBytes,
    preamble: () => ledger.announceLoss(),
    outdated: (pieces) => ledger.withoutCheckpoints(pieces),
    onWritten: () => ledger.onWritten(),
    onLost: (pieces, error) => ledger.onLost(pieces, error),
  });
  return { ledger, path: new RecordPath(correlate, specOf(checkpoints), lines, seal, elapsedMs), commit };
}
