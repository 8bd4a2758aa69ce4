import { isTapeError, printable } from "../../errors.ts";
import type { CompleteTapeStats, TapeMetadata } from "../../records/metadata.ts";
import type { TapeStore } from "../../stores/store.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import { countsOf } from "./verify-counts.ts";
import type { Finding, FindingCode, Report } from "./verify-finding.ts";

/** Reads the metadata of a tape. Reports, where somebody listens, why they cannot be read; they are then undefined. */
export async function readMetadata(
  store: TapeStore,
  tapeId: string,
  report?: Report,
): Promise<TapeMetadata | undefined> {
  const { meta } = tapeKeys(tapeId);
  try {
    return await storedMetadata(store, meta);
  } catch (error) {
    if (!isTapeError(error, "invalid_tape")) throw error;
    const message = printable(error instanceof Error ? error.message : String(error), 400);
    report?.({ code: "metadata_unreadable", severity: "notice", message });
    return undefined;
  }
}

/** Checks what metadata say of a tape. They may lag behind it, but not while it is finalized. */
export function checkMetadata(
  metadata: TapeMetadata,
  tapeId: string,
  stats: CompleteTapeStats,
  isFinalized: boolean,
  report: Report,
): void {
  const find = (code: FindingCode, message: string, severity: Finding["severity"] = "notice") =>
    report({ code, severity, message });
  if (metadata.tape_id !== tapeId) {
    find("id_differs", `the metadata are those of tape "${printable(metadata.tape_id, 128)}"`);
  }
  const claimed = metadata.stats ?? {};
  const counts = countsOf(claimed, stats);
  const told = (names: readonly string[]) =>
    counts.filter((count) => names.includes(count.name) && count.claimed! > count.counted)
      .map(({ name, claimed, counted }) => `${name} was ${claimed}, is ${counted}`).join("; ");
  const lost = told(["frame_count", "file_size_bytes"]);
  if (metadata.status === "finalized") {
    if (!isFinalized && lost !== "") {
      find("cut_off", `the tape was finalized, but its end is not there: ${lost}`, "damage");
      return;
    }
    const others = counts.filter(({ name, claimed, counted }) => name !== "last_sequence" && claimed !== counted)
      .map(({ name, claimed, counted }) => `${name} is ${claimed}, counted ${counted}`).join("; ");
    if (others !== "") find("metadata_differ", `the metadata count other than the tape does: ${others}`);
  } else if (told(["frame_count"]) !== "") {
    find("metadata_differ", `the metadata know of frames that are not on the tape: ${told(["frame_count"])}`);
  }
}
