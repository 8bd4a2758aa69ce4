import type { TapeLine } from "../../lines/line.ts";
import type { CompleteTapeStats, TapeStats } from "../../records/metadata.ts";
import type { CheckpointRecord } from "../../records/record.ts";
import type { RunningStats } from "../../records/running-stats.ts";
import { type Finding, placeOfLine, type Report } from "./verify-finding.ts";

/** One count: what it is called, what was claimed, what is there. */
interface Count {
  readonly name: string;
  readonly claimed: number | null | undefined;
  readonly counted: number;
}

/** Counts about frames mean the same to every writer. */
const ABOUT_FRAMES = new Set(["frame_count", "last_sequence", "client_to_server", "server_to_client"]);

/** Counts that are not written while they are 0. */
const LEFT_OUT_AT_ZERO = new Set(["lost_frame_count", "tool_error_count"]);

/** The counts that are claimed and not unknown, beside those that are there. */
export function countsOf(claimed: TapeStats, counted: CompleteTapeStats): Count[] {
  const { message_counts: sides, lost_frame_count: lost, tool_error_count: toolErrors, ...others } = claimed;
  return [
    ...Object.entries(counted).flatMap(([name, value]) => {
      if (typeof value !== "number" || LEFT_OUT_AT_ZERO.has(name)) return [];
      return [{ name, claimed: others[name as keyof typeof others], counted: value }];
    }),
    { name: "client_to_server", claimed: sides?.client_to_server, counted: counted.message_counts.client_to_server },
    { name: "server_to_client", claimed: sides?.server_to_client, counted: counted.message_counts.server_to_client },
    { name: "lost_frame_count", claimed: lost, counted: counted.lost_frame_count ?? 0 },
    { name: "tool_error_count", claimed: toolErrors, counted: counted.tool_error_count ?? 0 },
  ].filter(({ claimed }) => claimed != null);
}

/** Checks what checkpoints count against what stands before them. */
export class CountCheck {
  readonly #stats: RunningStats;
  readonly #report: Report;
  /** How far off each count was in the last checkpoint: what was missing once is missing in all that follow. */
  #off = new Map<string, number>();

  constructor(stats: RunningStats, report: Report) {
    this.#stats = stats;
    this.#report = report;
  }

  /** @param lastNumber the highest number that frames and gap records have used up */
  checkpoint(line: TapeLine, record: CheckpointRecord, lastNumber: number): void {
    const off = new Map<string, number>();
    const wrong: string[] = [];
    let severity: Finding["severity"] = record.crc32 == null ? "notice" : "damage";
    const counts = countsOf(record.stats, this.#stats.snapshot(line.offset));
    for (const { name, claimed, counted } of counts) {
      const difference = claimed! - counted;
      if (difference === 0 || mayDiffer(name, claimed!, counted, lastNumber)) continue;
      off.set(name, difference);
      if (this.#off.get(name) === difference) continue;
      wrong.push(`${name} is ${claimed}, counted ${counted}`);
      if (ABOUT_FRAMES.has(name)) severity = "damage";
    }
    this.#off = off;
    if (wrong.length === 0) return;
    const message = `the checkpoint counts other than the tape does: ${wrong.join("; ")}`;
    this.#report({ code: "counts_differ", severity, message, ...placeOfLine(line) });
  }
}

/** Whether a count need not be what was counted: numbers that were lost are used up, a size of 0 is unknown. */
function mayDiffer(name: string, claimed: number, counted: number, lastNumber: number): boolean {
  if (name === "last_sequence") return claimed > counted && claimed <= lastNumber;
  return name === "file_size_bytes" && claimed === 0;
}
