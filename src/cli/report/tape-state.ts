import * as fs from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import type { TapeMetadata } from "../../records/metadata.ts";
import { codeOf } from "../../sinks/file/file-error.ts";
import type { Style } from "../terminal/text.ts";

/** What a tape's metadata say of its status, corrected by what can be seen: who crashed could not say so. */
export type TapeState =
  | "recording"
  | "recording?"
  | "interrupted"
  | "error"
  | "unknown"
  | (string & Record<never, never>);

/** Metadata without a lock beside it that are newer than this come from a writer that takes none. */
const FRESH_MS = 60_000;

/**
 * The state of a tape. One that says it is being recorded is so only as long as its writer lives, which the lock file
 * beside it tells; of a writer on another host, or one that takes no lock, nobody knows.
 *
 * @param path of the tape
 */
export async function tapeState(
  metadata: Pick<TapeMetadata, "status" | "updated_at"> | undefined,
  path: string,
): Promise<TapeState> {
  const { status, updated_at } = metadata ?? {};
  if (status == null) return "unknown";
  if (typeof status === "object") return "error";
  if (status !== "recording") return status;
  const holder = await lockHolder(path);
  if (holder === undefined) return Date.now() - Date.parse(updated_at ?? "") < FRESH_MS ? "recording?" : "interrupted";
  if (typeof holder.pid !== "number" || (typeof holder.host === "string" && holder.host !== hostname())) {
    return "recording?";
  }
  return isAlive(holder.pid) ? "recording" : "interrupted";
}

async function lockHolder(path: string): Promise<{ readonly pid?: unknown; readonly host?: unknown } | undefined> {
  let text: string;
  try {
    text = await fs.readFile(`${path}.lock`, "utf8");
  } catch (error) {
    return codeOf(error) === "ENOENT" ? undefined : {};
  }
  try {
    const holder: unknown = JSON.parse(text);
    return typeof holder === "object" && holder !== null ? holder : {};
  } catch {
    // It is just being written.
    return {};
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/** A state in the colour of what it means. */
export function paintState(text: string, state: TapeState, style: Style): string {
  switch (state) {
    case "finalized":
      return style.good(text);
    case "recording":
      return style.out(text);
    case "error":
      return style.bad(text);
    case "interrupted":
      return style.warn(text);
    default:
      return style.dim(text);
  }
}
