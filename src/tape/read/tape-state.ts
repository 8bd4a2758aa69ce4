import type { TapeMetadata } from "../../records/metadata.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { WriterState } from "../../streams/sink.ts";
import type { TapeStore } from "../../stores/store.ts";

/**
 * The state of a tape: what its metadata say of its status, corrected by what can be seen, as who crashed could not say
 * so. `interrupted`: it says that it is being recorded, and nobody does; `recording?`: that cannot be told from here;
 * `unknown`: it has no metadata.
 */
export type TapeState =
  | "recording"
  | "recording?"
  | "interrupted"
  | "error"
  | "unknown"
  | (string & Record<never, never>);

/** Metadata of a tape that nobody has taken hold of, and that are newer than this, come from a writer that does not ask. */
const FRESH_MS = 60_000;

/** The state of a tape with these metadata. */
export async function tapeState(
  store: TapeStore,
  tapeId: string,
  metadata: Pick<TapeMetadata, "status" | "updated_at"> | undefined,
): Promise<TapeState> {
  const { status } = metadata ?? {};
  if (status == null) return "unknown";
  if (typeof status === "object") return "error";
  if (status !== "recording") return status;
  return recordingState(await store.writerOf?.(tapeKeys(tapeId).tape) ?? "unknown", metadata?.updated_at);
}

/** The state of a tape that says it is being recorded. */
function recordingState(writer: WriterState, updatedAt: string | null | undefined): TapeState {
  switch (writer) {
    case "alive":
      return "recording";
    case "gone":
      return "interrupted";
    case "none":
      return Date.now() - Date.parse(updatedAt ?? "") < FRESH_MS ? "recording?" : "interrupted";
    default:
      return "recording?";
  }
}

/**
 * Whether more can come of a tape that has no end yet without somebody resuming it: its writer may live, or has paused
 * it; or it is a tape without metadata, of which nobody knows.
 */
export async function mayGrow(
  store: TapeStore,
  tapeId: string,
  readMetadata: () => Promise<Pick<TapeMetadata, "status" | "updated_at"> | undefined>,
): Promise<boolean> {
  const writer = await store.writerOf?.(tapeKeys(tapeId).tape);
  if (writer === "gone") return false;
  if (writer !== "none") return true;
  const { status, updated_at } = await readMetadata() ?? {};
  // Whoever has failed has let go of the tape for good.
  if (typeof status === "object" && status !== null) return false;
  return status !== "recording" || recordingState(writer, updated_at) !== "interrupted";
}
