import * as fs from "node:fs/promises";
import { join } from "node:path";
import type { TapeMetadata } from "../../records/metadata.ts";
import { fileStore } from "../../stores/file.ts";
import { TapeManager } from "../../tape/manager.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { noArguments, parseOptions, styleOption } from "../arguments/options.ts";
import { briefIds, noTapes } from "../arguments/tape-names.ts";
import { type Column, tableLines } from "../terminal/table.ts";
import { tapeFolder } from "../arguments/tape-argument.ts";
import { outcomeOf } from "../report/session-end.ts";
import { tableWidth } from "../report/describe-record.ts";
import { type TapeState, tapeState } from "../../tape/read/tape-state.ts";
import { paintState } from "../report/tape-state.ts";
import { asciiJson, escapeControls, type Style } from "../terminal/text.ts";
import { formatAgo, formatBytes, formatCount, formatDuration, formatTime, plural } from "../terminal/units.ts";

const HELP = `Lists the tapes of a folder, newest first.

Usage:
  tapeline list [--name TEXT] [--tag TAG …] [--json] [--color WHEN] [--dir DIR]

What it prints comes from the metadata beside each tape, which may be some
seconds old; "tapeline info" counts the tape itself. A tape is "interrupted"
when its recorder has ended without finishing it ("tapeline repair" does then),
"recording?" when that cannot be told from here, and "unknown" when it has no
metadata. Of a server that crashed or failed it tells how: "SIGSEGV", "exit 3",
"not started".

On a narrow terminal ids are shortened to a beginning that no other tape has; a
pipe or file gets all of them.

Options:
  --name TEXT   only tapes with this in their name, in capitals or not
  --tag TAG     only tapes with this tag; with several, only those that have all
  --json        the metadata of each tape with its "path" and "state", as one
                JSON object a line
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

Examples:
  tapeline list
  tapeline list --dir ~/tapes --name search
  tapeline list --tag nightly
  tapeline list --json | jq 'select(.state == "interrupted") | .path'
`;

/** A tape as it stands in the list. */
interface Entry {
  readonly tape: TapeMetadata;
  readonly path: string;
  readonly state: TapeState;
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("list", args, {
    name: { type: "string" },
    tag: { type: "string", multiple: true },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
  });
  noArguments("list", positionals);
  const style = styleOption(values.color, io);
  const folder = tapeFolder(values.dir, io.env);
  if (values.dir !== undefined) await checkFolder(folder);
  const store = fileStore(folder);
  const tapes = await new TapeManager(store).list();
  const entries: Entry[] = [];
  for (const tape of tapes.filter(filterOf(values.name, values.tag))) {
    const path = join(folder, `${tape.tape_id}.jsonl`);
    entries.push({ tape, path, state: await tapeState(store, tape.tape_id, tape) });
  }
  if (values.json === true) {
    for (const { tape, path, state } of entries) await io.stdout.write(`${asciiJson({ ...tape, path, state })}\n`);
    return 0;
  }
  if (entries.length === 0) {
    const others = `of ${plural(tapes.length, "tape")} in ${escapeControls(folder)} none is like that`;
    await io.stderr.write(`tapeline: ${tapes.length === 0 ? noTapes(folder) : others}\n`);
    return 0;
  }
  const columns = columnsOf(briefIds(tapes.map(({ tape_id }) => tape_id)), style, Date.now());
  const lines = tableLines(entries, columns, style, tableWidth(io));
  await io.stdout.write(`${lines.join("\n")}\n`);
  const interrupted = entries.filter(({ state }) => state === "interrupted");
  if (interrupted.length > 0) {
    const id = interrupted.length === 1 ? interrupted[0]!.tape.tape_id : "TAPE";
    const many = plural(interrupted.length, "recording");
    await io.stderr.write(
      `tapeline: ${many} interrupted; "tapeline repair ${id}" ends ${id === "TAPE" ? "one" : "it"}\n`,
    );
  }
  return 0;
}

/** A folder that was named must be there; the default one need not be yet. */
async function checkFolder(folder: string): Promise<void> {
  // Not there, or not to be seen: the same for whoever asks.
  const stat = await fs.stat(folder).catch(() => undefined);
  if (stat?.isDirectory()) return;
  const why = stat === undefined ? "there is no such folder" : "it is a file, not a folder";
  throw new UsageError(`Cannot list ${escapeControls(folder)}: ${why}`);
}

/** Whether a tape is one of those that were asked for. */
function filterOf(name: string = "", tags: readonly string[] = []): (tape: TapeMetadata) => boolean {
  const part = name.toLowerCase();
  return (tape) =>
    (tape.name ?? "").toLowerCase().includes(part) && tags.every((tag) => tape.tags?.includes(tag) === true);
}

function columnsOf(brief: ReadonlyMap<string, string>, style: Style, nowMs: number): readonly Column<Entry>[] {
  const number = (value: number | null | undefined, format: (value: number) => string) =>
    value == null ? "–" : format(value);
  return [
    { title: "TAPE", cell: ({ tape }) => tape.tape_id, brief: ({ tape }) => brief.get(tape.tape_id)! },
    { title: "NAME", cell: ({ tape }) => escapeControls(tape.name ?? ""), minWidth: 10, dropOrder: 3 },
    {
      title: "STATUS",
      cell: (entry) => escapeControls(serverFailure(entry) ?? entry.state),
      paint: (text, entry) =>
        serverFailure(entry) === undefined ? paintState(text, entry.state, style) : style.bad(text),
    },
    { title: "STARTED", cell: ({ tape }) => tape.created_at == null ? "–" : formatAgo(tape.created_at, nowMs) || "–" },
    {
      title: "AT",
      cell: ({ tape }) => escapeControls(formatTime(tape.created_at ?? "")),
      paint: style.dim,
      dropOrder: 7,
    },
    {
      title: "DURATION",
      cell: ({ tape }) => number(tape.stats?.duration_ms, formatDuration),
      align: "right",
      dropOrder: 5,
    },
    { title: "FRAMES", cell: ({ tape }) => number(tape.stats?.frame_count, formatCount), align: "right", dropOrder: 4 },
    {
      title: "ERRORS",
      cell: ({ tape }) => errorsOf(tape),
      align: "right",
      paint: (text, { tape: { stats } }) =>
        stats?.error_count || stats?.tool_error_count ? style.bad(text) : style.dim(text),
      dropOrder: 1,
    },
    {
      title: "SIZE",
      cell: ({ tape }) => number(tape.stats?.file_size_bytes, formatBytes),
      align: "right",
      dropOrder: 2,
    },
    { title: "NOTES", cell: notesOf, paint: style.dim, minWidth: 10, dropOrder: 6 },
  ];
}

/** JSON-RPC errors, and the results of tools that say `isError`: `2`, `2 + 1 tool`. */
function errorsOf({ stats }: TapeMetadata): string {
  const errors = stats?.error_count == null ? "–" : formatCount(stats.error_count);
  return stats?.tool_error_count ? `${errors} + ${formatCount(stats.tool_error_count)} tool` : errors;
}

/** How the server failed, of a tape that was finished as it should be. */
function serverFailure({ tape, state }: Entry): string | undefined {
  if (state !== "finalized" || tape.end == null) return undefined;
  const outcome = outcomeOf(tape.end);
  return outcome?.isFailure === true ? outcome.short : undefined;
}

/** The tags, and what went wrong. */
function notesOf({ tape: { tags, status } }: Entry): string {
  const fault = typeof status === "object" && status !== null ? [status.error] : [];
  return escapeControls([...fault, ...(tags ?? []).map((tag) => `#${tag}`)].join(" "));
}

/** `tapeline list` */
export const list: Command = { name: "list", summary: "list the tapes of a folder", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(list);
