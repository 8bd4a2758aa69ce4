import { choiceOption, noArguments, numberOption, parseOptions, styleOption } from "../../arguments/options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { OPENERS } from "../../arguments/keys/tape-keys.ts";
import { noTapes } from "../../arguments/tape-names.ts";
import { checkFolder, tapeFolder } from "../../arguments/tape-argument.ts";
import { cacheFolder } from "../../cache-folder.ts";
import type { Command, CommandIo } from "../../command.ts";
import { FolderTapes } from "../../listing/folder-tapes.ts";
import { SORT_KEYS, sortRows } from "../../listing/sort-rows.ts";
import { tapeColumns } from "../../listing/tape-columns.ts";
import { parseTapeQuery, WHERE_HELP } from "../../listing/tape-query.ts";
import type { TapeRow } from "../../listing/tape-row.ts";
import { type Program, programOf } from "../../program.ts";
import { tableWidth } from "../../report/describe-record.ts";
import { tableLines } from "../../terminal/table.ts";
import { escapeControls } from "../../terminal/text.ts";
import { formatCount, plural } from "../../terminal/units.ts";

const HELP = `Lists the tapes of a folder, newest first.

Usage:
  tapeline list [--where QUERY] [--name TEXT] [--tag TAG …] [--sort KEY]
                [--reverse] [-n COUNT] [--json] [--no-cache] [--color WHEN]
                [--dir DIR]

What it prints comes from the metadata beside each tape, which may be some
seconds old; "tapeline info" counts the tape itself. SERVER is what the server
calls itself, or else its command. Of a server that crashed or failed STATUS
tells how: "SIGSEGV", "exit 3", "not started". Or else it is
  recording    being written; "recording?" when that cannot be told from here
  finalized    ended as it should be
  paused       ended so that somebody can go on with it
  interrupted  its recorder has ended without finishing it, which "tapeline
               repair" does
  damaged      it is shorter than its metadata say; "tapeline verify" tells more
  empty        its recorder was killed before it could write anything
  invalid      a file that does not start as a tape does
  error        its recorder, or the disk, has failed; NOTES say how
  unknown      it has no metadata

On a narrow terminal ids are shortened to a beginning that no other tape has; a
pipe or file gets all of them.

Options:
  --where QUERY
                only tapes that fit, see below
  --name TEXT   only tapes with this in their name, in capitals or not
  --tag TAG     only tapes with this tag; with several, only those that have all
  --sort KEY    started (the default), changed, name, id, status, server, size,
                duration, frames or errors: times and numbers with the greatest
                first, what is unknown last
  --reverse     the other way round
  -n, --lines COUNT
                so many tapes
  --json        the metadata of each tape with its "path" and "state", as one
                JSON object a line
  --no-cache    neither use what was found out before, nor keep it
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
${WHERE_HELP}
Examples:
  tapeline list
  tapeline list --dir ~/tapes --name search
  tapeline list --tag nightly -n 10
  tapeline list --sort size --where 'server:everything status:interrupted'
  tapeline list --where 'tool:search* (errors:1.. OR dur:>10m) age:<7d'
  tapeline list --json | jq 'select(.state == "interrupted") | .path'
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("list", args, {
    where: { type: "string" },
    name: { type: "string" },
    tag: { type: "string", multiple: true },
    sort: { type: "string" },
    reverse: { type: "boolean" },
    lines: { type: "string", short: "n" },
    json: { type: "boolean" },
    "no-cache": { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  noArguments("list", positionals);
  const style = styleOption(values.color, io);
  const key = choiceOption("--sort", values.sort, SORT_KEYS);
  const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0;
  const count = numberOption("--lines", values.lines, "0 or more", isCount) ?? Infinity;
  const fits = values.where === undefined ? () => true : parseTapeQuery(values.where, Date.now());
  const folder = tapeFolder(values.dir, io.env);
  if (values.dir !== undefined) await checkFolder("list", folder);

  const keys = await keysOf(values, io, "show");
  const cache = values["no-cache"] === true ? undefined : cacheFolder("lists", io.env);
  const tapes = await FolderTapes.in(folder, cache, io.signal, { keys });
  const wanted = tapes.rows.filter(filterOf(values.name, values.tag)).filter(fits);
  const rows = sortRows(wanted, key, values.reverse).slice(0, count);
  if (values.json === true) {
    for await (const json of tapes.jsonOf(rows)) await io.stdout.write(`${json}\n`);
  } else {
    if (rows.length > 0) {
      const columns = tapeColumns(() => tapes.rows.map(({ tapeId }) => tapeId), style, Date.now());
      await io.stdout.write(`${tableLines(rows, columns, style, tableWidth(io)).join("\n")}\n`);
    }
    const unasked = values.where === undefined
      ? 0
      : tapes.rows.filter((row) => row.isLocked && !wanted.includes(row)).length;
    for (const note of notesOn(tapes, wanted, rows, unasked, folder)) await io.stderr.write(`tapeline: ${note}\n`);
  }
  await tapes.keep();
  return 0;
}

/** Whether a tape is one of those that were asked for. */
function filterOf(name: string = "", tags: readonly string[] = []): (tape: TapeRow) => boolean {
  const part = name.toLowerCase();
  return (tape) => tape.name.toLowerCase().includes(part) && tags.every((tag) => tape.tags.includes(tag));
}

/**
 * What a person should know beside the table.
 *
 * @param unasked how many encrypted tapes a query has left out
 */
function* notesOn(
  { rows: all, leftovers, odd }: FolderTapes,
  wanted: readonly TapeRow[],
  shown: readonly TapeRow[],
  unasked: number,
  folder: string,
): Generator<string> {
  if (all.length === 0) yield noTapes(folder);
  else if (wanted.length === 0) {
    yield `of ${plural(all.length, "tape")} in ${escapeControls(folder)} none is like that`;
  } else if (shown.length < wanted.length) {
    yield `${formatCount(shown.length)} of ${plural(wanted.length, "tape")}`;
  }
  const interrupted = shown.filter(({ state }) => state === "interrupted");
  if (interrupted.length > 0) {
    const id = interrupted.length === 1 ? interrupted[0]!.tapeId : "TAPE";
    const many = plural(interrupted.length, "recording");
    yield `${many} interrupted; "tapeline repair ${id}" ends ${id === "TAPE" ? "one" : "it"}`;
  }
  const locked = shown.filter(({ isLocked }) => isLocked).length;
  if (locked > 0) {
    yield `${plural(locked, "tape")} ${locked === 1 ? "is" : "are"} encrypted; ${OPENERS} shows what is in ${
      locked === 1 ? "it" : "them"
    }`;
  }
  if (unasked > 0) {
    yield `${plural(unasked, "encrypted tape")} could not be asked all of that; ${OPENERS} shows what is in ${
      unasked === 1 ? "it" : "them"
    }`;
  }
  if (odd.length > 0) {
    const [what, they] = odd.length === 1 ? ["1 file is", "it is a link, or its name is"] : [
      `${formatCount(odd.length)} files are`,
      "they are links, or their names are",
    ];
    yield `${what} called .jsonl and not listed, as ${they} no id; "tapeline info PATH" reads such a tape`;
  }
  if (leftovers.length > 0) {
    const them = leftovers.length === 1 ? "1 tape that is" : `${formatCount(leftovers.length)} tapes that are`;
    yield `there are files of ${them} gone; "tapeline prune --leftovers" deletes them`;
  }
}

/** `tapeline list` */
export const list: Command = { name: "list", summary: "list the tapes of a folder", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(list);
