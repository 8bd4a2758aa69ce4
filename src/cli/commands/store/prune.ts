import * as fs from "node:fs/promises";
import { join } from "node:path";
import { TapeError } from "../../../errors.ts";
import { readDuration, readSize } from "../../../query/syntax/amounts.ts";
import { fileStore } from "../../../stores/file.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { TapeManager } from "../../../tape/manager.ts";
import { noArguments, numberOption, parseOptions, styleOption } from "../../arguments/options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { checkFolder, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { chooseTapes, isTape, mayBeWritten, type PruneRules } from "../../listing/choose-tapes.ts";
import { FolderTapes } from "../../listing/folder-tapes.ts";
import { parseTapeQuery } from "../../listing/tape-query.ts";
import type { TapeRow } from "../../listing/tape-row.ts";
import { type Program, programOf } from "../../program.ts";
import { escapeControls } from "../../terminal/text.ts";
import { plural } from "../../terminal/units.ts";
import { type Doomed, leftover, removeTapes } from "./remove-tapes.ts";

const HELP = `Deletes tapes that are old, or too many, or too large together.

Usage:
  tapeline prune [--keep N] [--older-than AGE] [--max-size SIZE] [--leftovers]
                 [--where QUERY] [--yes] [--dry-run] [--json] [--dir DIR]

It shows what would go, and asks. Where nobody can be asked, as in a script, it
deletes only with --yes. How old a tape is counts from its last change, by its
file or by its metadata, whichever is later. What is being written, or may be,
is left alone, and so are files that are no tapes. What each tape is, it finds
out anew; no cache has a say.

Options:
  --keep N          the N newest tapes stay, whatever else is said; where
                    nothing else is said, all others go
  --older-than AGE  tapes go that have not changed for so long: 12h, 7d
  --max-size SIZE   the oldest go until all are no larger than this: 500MB, 2GB
                    (1 GB is 1024 MB here), with all that belongs to them
  --where QUERY     only tapes that fit, as in "tapeline list --help": the
                    others stay, and count for nothing
  --leftovers       files go that belong to tapes which are gone
  -y, --yes         delete without a question
  --dry-run         only say what would be deleted
  --json            one JSON object a line for each tape, as with
                    "tapeline rm --json"
  --color WHEN      auto, always or never; auto, the default, asks the terminal,
                    NO_COLOR and FORCE_COLOR
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  done, also where there was nothing to delete
  1  a tape that should be gone is still there, or the answer was no
  2  wrong use, or nobody to be asked; nothing was deleted then

Examples:
  tapeline prune --keep 100 --dry-run
  tapeline prune --older-than 30d --yes
  tapeline prune --keep 0 --where 'status:empty OR frames:0' --dry-run
  tapeline prune --max-size 2GB --keep 10 --yes --dir ~/tapes
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("prune", args, {
    keep: { type: "string" },
    "older-than": { type: "string" },
    "max-size": { type: "string" },
    leftovers: { type: "boolean" },
    where: { type: "string" },
    yes: { type: "boolean", short: "y" },
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  noArguments("prune", positionals);
  const style = styleOption(values.color, io);
  const rules = rulesOf(values);
  const { leftovers = false, where } = values;
  if (!leftovers && Object.values(rules).every((rule) => rule === undefined)) {
    throw new UsageError('prune needs --keep, --older-than, --max-size or --leftovers; see "tapeline prune --help"');
  }
  const folder = tapeFolder(values.dir, io.env);
  if (values.dir !== undefined) await checkFolder("prune", folder);

  const store = fileStore(folder);
  const nowMs = Date.now();
  const keys = await keysOf(values, io, "show");
  const fits = where === undefined ? () => true : parseTapeQuery(where, nowMs);
  const tapes = await FolderTapes.in(folder, undefined, io.signal, { keys });
  const bytes = await bytesById(folder);
  const bytesOf = ({ tapeId }: TapeRow) => bytes.get(tapeId) ?? 0;
  const chosen = chooseTapes(tapes.rows.filter(fits), bytesOf, rules, nowMs);
  const doomed: Doomed[] = chosen.map((row) => ({
    row,
    path: tapes.pathOf(row),
    bytes: bytesOf(row),
    remove: () => removeUnchanged(store, row),
  }));
  for (const id of leftovers ? tapes.leftovers : []) {
    doomed.push(leftover(store, id, join(folder, `${id}.jsonl`), bytes.get(id) ?? 0));
  }
  for (const note of notesOn(tapes.rows.filter(fits), doomed, folder, nowMs)) {
    await io.stderr.write(`tapeline: ${note}\n`);
  }
  if (doomed.length === 0) return 0;
  return await removeTapes(doomed, { ...values, command: "prune", style }, io);
}

function rulesOf(
  values: { readonly keep?: string; readonly "older-than"?: string; readonly "max-size"?: string },
): PruneRules {
  const { keep, "older-than": age, "max-size": size } = values;
  const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0;
  // A number alone would be milliseconds.
  const olderThanUs = age === undefined || /\d$/.test(age) ? undefined : readDuration(age)?.at;
  if (age !== undefined && olderThanUs === undefined) {
    throw new UsageError(`--older-than must be a time with its unit, such as 12h or 7d, not "${escapeControls(age)}"`);
  }
  const maxBytes = size === undefined ? undefined : readSize(size)?.at;
  if (size !== undefined && maxBytes === undefined) {
    throw new UsageError(`--max-size must be a size such as 500MB or 2GB, not "${escapeControls(size)}"`);
  }
  return {
    keep: numberOption("--keep", keep, "0 or more", isCount),
    olderThanMs: olderThanUs === undefined ? undefined : olderThanUs / 1000,
    maxBytes,
  };
}

/** What belongs to a tape, but for marks and locks. */
const BELONGS = /^([A-Za-z0-9_-]{1,128})(?:\.[a-z]+){1,2}(?<!\.lock|\.unproven)$/;

/** How many bytes on the disk all takes that belongs to each tape. */
async function bytesById(folder: string): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const [, id] = BELONGS.exec(name) ?? [];
    const stat = id === undefined ? undefined : await fs.lstat(join(folder, name)).catch(() => undefined);
    if (id === undefined || stat?.isFile() !== true) continue;
    bytes.set(id, (bytes.get(id) ?? 0) + stat.size);
  }
  return bytes;
}

/** Deletes a tape, unless it is no more what it was when it was chosen. */
async function removeUnchanged(store: TapeStore, { tapeId, sizeBytes }: TapeRow): Promise<void> {
  const size = await store.size(`${tapeId}.jsonl`);
  // Somebody else has deleted it: that is what was wanted.
  if (size === undefined) return;
  if (size !== sizeBytes) {
    throw new TapeError("locked", `Cannot delete ${tapeId}: somebody has written to it just now`);
  }
  await new TapeManager(store).delete(tapeId);
}

/** What stays although one might expect otherwise. */
function* notesOn(
  rows: readonly TapeRow[],
  doomed: readonly Doomed[],
  folder: string,
  nowMs: number,
): Generator<string> {
  const written = rows.filter((row) => mayBeWritten(row, nowMs)).length;
  if (written > 0) {
    yield `${plural(written, "tape")} ${written === 1 ? "is" : "are"} being written, or may be, and ${
      written === 1 ? "stays" : "stay"
    }`;
  }
  const foreign = rows.filter((row) => !isTape(row)).length;
  if (foreign > 0) {
    yield `${plural(foreign, "file")} called .jsonl ${
      foreign === 1 ? "is no tape and stays" : "are no tapes and stay"
    }`;
  }
  if (doomed.length === 0) yield `there is nothing to delete in ${escapeControls(folder)}`;
}

/** `tapeline prune` */
export const prune: Command = {
  name: "prune",
  summary: "delete tapes that are old, too many or too large",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(prune);
