import * as fs from "node:fs/promises";
import { join } from "node:path";
import type { TapeMetadata } from "../../records/metadata.ts";
import { fileStore } from "../../stores/file.ts";
import { TapeManager } from "../../tape/manager.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { noArguments, parseOptions, styleOption } from "../arguments/options.ts";
import { type Column, tableLines } from "../terminal/table.ts";
import { tapeFolder } from "../arguments/tape-argument.ts";
import { paintState, type TapeState, tapeState } from "../report/tape-state.ts";
import { asciiJson, escapeControls, type Style } from "../terminal/text.ts";
import { formatAgo, formatBytes, formatCount, formatDuration, formatTime } from "../terminal/units.ts";

const HELP = `Lists the tapes of a folder, newest first.

Usage:
  tapeline list [--json] [--color WHEN] [--dir DIR]

What it prints comes from the metadata beside each tape, which may be some
seconds old; "tapeline info" counts the tape itself. A tape is "interrupted"
when its recorder has ended without finishing it, "recording?" when that cannot
be told from here, and "unknown" when it has no metadata.

Options:
  --json        the metadata of each tape with its "path" and "state", as one
                JSON object a line
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

Examples:
  tapeline list
  tapeline list --dir ~/tapes
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
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
  });
  noArguments("list", positionals);
  const style = styleOption(values.color, io);
  const folder = tapeFolder(values.dir, io.env);
  if (values.dir !== undefined) await checkFolder(folder);
  const entries: Entry[] = [];
  for (const tape of await new TapeManager(fileStore(folder)).list()) {
    const path = join(folder, `${tape.tape_id}.jsonl`);
    entries.push({ tape, path, state: await tapeState(tape, path) });
  }
  if (values.json === true) {
    for (const { tape, path, state } of entries) await io.stdout.write(`${asciiJson({ ...tape, path, state })}\n`);
    return 0;
  }
  if (entries.length === 0) {
    const where = escapeControls(folder);
    await io.stderr.write(`tapeline: there are no tapes in ${where} yet; "tapeline record -- COMMAND" makes one\n`);
    return 0;
  }
  const lines = tableLines(entries, columnsOf(style, Date.now()), style, io.columns);
  await io.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

/** A folder that was named must be there; the default one need not be yet. */
async function checkFolder(folder: string): Promise<void> {
  let isFolder = false;
  try {
    isFolder = (await fs.stat(folder)).isDirectory();
  } catch {
    // Not there, or not to be seen: the same for whoever asks.
  }
  if (!isFolder) throw new UsageError(`Cannot list ${escapeControls(folder)}: there is no such folder`);
}

function columnsOf(style: Style, nowMs: number): readonly Column<Entry>[] {
  const number = (value: number | null | undefined, format: (value: number) => string) =>
    value == null ? "–" : format(value);
  return [
    { title: "TAPE", cell: ({ tape }) => tape.tape_id },
    { title: "NAME", cell: ({ tape }) => escapeControls(tape.name ?? ""), minWidth: 10, dropOrder: 1 },
    {
      title: "STATUS",
      cell: ({ state }) => escapeControls(state),
      paint: (text, { state }) => paintState(text, state, style),
    },
    { title: "STARTED", cell: ({ tape }) => tape.created_at == null ? "–" : formatAgo(tape.created_at, nowMs) || "–" },
    {
      title: "AT",
      cell: ({ tape }) => escapeControls(formatTime(tape.created_at ?? "")),
      paint: style.dim,
      dropOrder: 6,
    },
    {
      title: "DURATION",
      cell: ({ tape }) => number(tape.stats?.duration_ms, formatDuration),
      align: "right",
      dropOrder: 3,
    },
    { title: "FRAMES", cell: ({ tape }) => number(tape.stats?.frame_count, formatCount), align: "right", dropOrder: 2 },
    {
      title: "ERRORS",
      cell: ({ tape }) => number(tape.stats?.error_count, formatCount),
      align: "right",
      paint: (text, { tape }) => tape.stats?.error_count ? style.bad(text) : style.dim(text),
      dropOrder: 5,
    },
    {
      title: "SIZE",
      cell: ({ tape }) => number(tape.stats?.file_size_bytes, formatBytes),
      align: "right",
      dropOrder: 4,
    },
    { title: "NOTES", cell: notesOf, paint: style.dim, minWidth: 10, dropOrder: 7 },
  ];
}

/** The tags, and what went wrong. */
function notesOf({ tape: { tags, status } }: Entry): string {
  const fault = typeof status === "object" && status !== null ? [status.error] : [];
  return escapeControls([...fault, ...(tags ?? []).map((tag) => `#${tag}`)].join(" "));
}

/** `tapeline list` */
export const list: Command = { name: "list", summary: "list the tapes of a folder", help: HELP, run };
