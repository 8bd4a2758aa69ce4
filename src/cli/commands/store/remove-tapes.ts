import * as fs from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { isTapeError, printable, TapeError } from "../../../errors.ts";
import { codeOf } from "../../../sinks/file/file-error.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { withEach } from "../../../tape/listed-tape.ts";
import { TapeManager } from "../../../tape/manager.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { tapeColumns } from "../../listing/tape-columns.ts";
import { rowOf, type TapeRow } from "../../listing/tape-row.ts";
import { tableWidth } from "../../report/describe-record.ts";
import { tableLines } from "../../terminal/table.ts";
import { asciiJson, escapeControls, type Style } from "../../terminal/text.ts";
import { formatBytes, formatCount, plural } from "../../terminal/units.ts";

/** A tape that is to be deleted. */
export interface Doomed {
  readonly row: TapeRow;
  readonly path: string;
  /** All that belongs to it. */
  readonly bytes: number;
  /** Why it cannot be deleted now; undefined if it may. */
  readonly refusal?: TapeError | undefined;
  /** Deletes it. */
  readonly remove: () => Promise<void>;
}

/** How tapes are deleted. */
export interface RemoveOptions {
  /** `rm` or `prune`. */
  readonly command: string;
  readonly "dry-run"?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly style: Style;
}

/** So many are shown before the question. */
const MAX_SHOWN = 20;
/** So many are deleted together. */
const AT_ONCE = 8;
/** So long somebody else may take to delete a tape, and so often is looked. */
const PATIENCE_MS = 1000;
const POLL_MS = 20;

/**
 * Deletes tapes: after a question, or where `--yes` answers it. Tells of each one, and ends with the exit code.
 *
 * @throws {UsageError} nobody is there to answer
 */
export async function removeTapes(doomed: readonly Doomed[], options: RemoveOptions, io: CommandIo): Promise<number> {
  const { command, yes = false, json = false, "dry-run": isDryRun = false } = options;
  const free = doomed.filter(({ refusal }) => refusal === undefined);
  if (free.length > 0 && !isDryRun && !yes && !await isAgreed(free, options, io)) return 1;

  let failed = 0;
  let freed = 0;
  await withEach(doomed, AT_ONCE, async (tape) => {
    if (io.signal.aborted) return;
    let error: unknown = tape.refusal;
    if (error === undefined && !isDryRun) await removed(tape, io.signal).catch((thrown) => error = thrown);
    if (error === undefined) freed += tape.bytes;
    else failed++;
    if (json) await io.stdout.write(`${asciiJson(objectOf(tape, isDryRun, error))}\n`);
    else if (error === undefined) {
      const done = isDryRun ? "would delete" : "deleted";
      await io.stdout.write(`${done} ${escapeControls(tape.path)} (${formatBytes(tape.bytes)})\n`);
    } else await io.stderr.write(`tapeline: ${escapeControls(messageOf(error))}\n`);
  });
  io.signal.throwIfAborted();
  if (!json && doomed.length > 1) {
    const count = plural(doomed.length - failed, "tape");
    await io.stderr.write(
      `tapeline: ${command} ${isDryRun ? "would free" : "freed"} ${formatBytes(freed)}: ${count}\n`,
    );
  }
  return failed > 0 ? 1 : 0;
}

/**
 * Deletes a tape. Where somebody else deletes it as well, it is theirs for a moment, and then it is gone, which is what was
 * wanted.
 */
async function removed({ path, remove }: Doomed, signal: AbortSignal): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (isTapeError(error, "tape_not_found")) return;
    if (!isTapeError(error, "locked")) throw error;
    for (let waitedMs = 0; await isThere(path); waitedMs += POLL_MS) {
      if (waitedMs >= PATIENCE_MS || signal.aborted) throw error;
      await setTimeout(POLL_MS, undefined, { signal }).catch(() => {});
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return await fs.lstat(path).then(() => true, (error) => codeOf(error) !== "ENOENT");
}

async function isAgreed(
  doomed: readonly Doomed[],
  { command, style }: RemoveOptions,
  io: CommandIo,
): Promise<boolean> {
  const bytes = formatBytes(doomed.reduce((sum, { bytes }) => sum + bytes, 0));
  if (io.ask === undefined) {
    throw new UsageError(
      `${command} would delete ${plural(doomed.length, "tape")} (${bytes}), and nobody is there to be asked; ` +
        "--yes deletes without a question, --dry-run shows which",
    );
  }
  const rows = doomed.map(({ row }) => row);
  const columns = tapeColumns(() => rows.map(({ tapeId }) => tapeId), style, Date.now())
    .map(({ brief: _, ...column }) => column);
  const lines = tableLines(rows.slice(0, MAX_SHOWN), columns, style, tableWidth(io));
  if (rows.length > MAX_SHOWN) lines.push(`… and ${formatCount(rows.length - MAX_SHOWN)} more`);
  await io.stderr.write(`${lines.join("\n")}\n\n`);
  const answer = await io.ask(`Delete ${plural(rows.length, "tape")} (${bytes}) for good? [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  await io.stderr.write("tapeline: nothing was deleted\n");
  return false;
}

/** What is left of a tape that is gone, to be deleted too. */
export function leftover(store: TapeStore, tapeId: string, path: string, bytes: number): Doomed {
  const entry = { tapeId, tape: { key: `${tapeId}.jsonl`, size: 0, modifiedMs: 0 }, meta: undefined };
  const listed = { metadata: { tape_id: tapeId }, state: "gone", isLive: false, metadataFault: undefined };
  return { row: rowOf(entry, listed), path, bytes, remove: () => new TapeManager(store).deleteLeftovers(tapeId) };
}

/** Says that a tape cannot be deleted now. */
export function beingWritten(path: string, { state }: TapeRow): TapeError {
  const why = state === "recording"
    ? "it is being written"
    : "it may be being written, as it has changed within the last minute; try again later";
  return new TapeError("locked", `Cannot delete ${printable(path, 4096)}: ${why}`);
}

function objectOf({ row, path, bytes }: Doomed, isDryRun: boolean, error: unknown): object {
  return {
    tape_id: row.tapeId,
    path,
    name: row.name || null,
    state: row.state,
    size_bytes: bytes,
    dry_run: isDryRun,
    deleted: !isDryRun && error === undefined,
    error: error === undefined
      ? null
      : { code: isTapeError(error) ? error.code : "internal", message: messageOf(error) },
  };
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // Who writes it says why it cannot be written; here it is about deleting.
  return isTapeError(error, "locked") ? message.replace(/^Cannot write/, "Cannot delete") : message;
}
