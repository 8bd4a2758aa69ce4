import { mayGrow } from "../../tape/read/tape-state.ts";
import { StreamingTapeWriter } from "../../tape/write/writer.ts";
import { type RepairResult, repairTape } from "../../tape/repair/repair.ts";
import { type RecordCounts, verifyTape } from "../../tape/verify/verify.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { optionalArgument, parseOptions, styleOption } from "../arguments/options.ts";
import { pathInStore } from "../arguments/path-store.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { findTape, naming, type TapeFile, tapeFolder } from "../arguments/tape-argument.ts";
import { readMetadata } from "../arguments/tape-names.ts";
import { asciiJson, escapeControls, type Style } from "../terminal/text.ts";
import { formatBytes, plural } from "../terminal/units.ts";
import { resultObject, summary } from "./verify.ts";

const HELP = `Makes a whole tape of a damaged one.

Usage:
  tapeline repair [--to ID | --in-place] [--json] [--color WHEN] [--dir DIR]
                  [TAPE]

Every line that is a record is kept, letter by letter. What is none is left out,
and kept in a file beside the repaired tape that ends in ".dropped". Frames are
put back in order; those that are missing get a gap record. Checkpoints count
right again and have new checksums; where the old ones did not vouch for what is
kept, a gap record with a count of 0 says so. The repaired tape ends with a
final checkpoint, and is verified before it takes anybody's place. A tape
without damage is left as it is; where its recorder was killed, it is ended.

Options:
  --to ID       id of the repaired tape, which is put beside the damaged one; by
                default the id of the damaged one and "-repaired"
  --in-place    puts the repaired tape in the place of the damaged one, which is
                kept in a file that ends in ".jsonl.bak"; an encrypted tape is
                only repaired so
  --json        what was done as one JSON object on one line
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  the tape is whole: it had no damage, or all of it is there again
  1  the tape could not be repaired
  2  wrong use, no such tape, or a file in the way
  3  the tape is whole, but something was lost, or no checksum vouches for it

Examples:
  tapeline repair latest
  tapeline repair --to session-2 session.jsonl
  tapeline repair --in-place latest && tapeline verify latest
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("repair", args, {
    to: { type: "string" },
    "in-place": { type: "boolean" },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const style = styleOption(values.color, io);
  const inPlace = values["in-place"] === true;
  if (inPlace && values.to !== undefined) throw new UsageError("--to and --in-place exclude each other");
  const keys = await keysOf(values, io);
  const tape = await findTape(optionalArgument("repair", positionals), tapeFolder(values.dir, io.env), keys);
  const options = { to: values.to, inPlace, signal: io.signal };
  const repaired = await naming(tape, () => repairTape(tape.store, tape.tapeId, options));
  const result = values.to === undefined ? await naming(tape, () => withEnd(repaired, tape)) : repaired;
  if (values.json === true) await io.stdout.write(`${asciiJson(resultFields(result, tape))}\n`);
  else await io.stdout.write(`${report(result, tape, style).join("\n")}\n`);
  return isComplete(result) ? 0 : 3;
}

/** Ends a tape that has no damage, and no end either because its recorder has died. */
async function withEnd(result: RepairResult, { store, tapeId }: TapeFile): Promise<RepairResult> {
  const { before, after } = result;
  if (before !== after || after.isFinalized) return result;
  if (await mayGrow(store, tapeId, () => readMetadata(store, `${tapeId}.meta.json`))) return result;
  await (await StreamingTapeWriter.resume(store, tapeId)).finalize();
  return { ...result, isChanged: true, isEnded: true, after: await verifyTape(store, tapeId) };
}

/** Whether all that was on the tape is there, and known to be right. */
function isComplete({ dropped, unreadableLines, missingFrames, unverified }: RepairResult): boolean {
  return missingFrames + unreadableLines + unverified.length + total(dropped) === 0;
}

function report(result: RepairResult, tape: TapeFile, style: Style): string[] {
  const { before, after, dropped, unreadableLines, missingFrames, movedFrames, retimedFrames, unverified } = result;
  const { unsignedCheckpoints } = result;
  const pathOf = pathInStore(tape.path, tape.tapeId);
  const name = (key: string) => escapeControls(pathOf(key));
  const finished = result.isFinished ? ["An earlier repair was interrupted; it has been brought to its end."] : [];
  const index = result.isIndexBuilt ? ", but its index was built anew" : "";
  if (before === after) return [...finished, `${name(tape.key)}: ${summary(after, style)}; nothing to repair${index}`];
  const left = [
    ...(unreadableLines > 0
      ? [`${plural(unreadableLines, "line")} that ${unreadableLines === 1 ? "is" : "are"} no record`]
      : []),
    ...typesOf(dropped),
  ];
  const rows: [what: string, text: string][] = [
    ["kept", typesOf(after.records).join(", ")],
    ["left out", left.join(", ")],
    ["", result.droppedKey === undefined ? "" : `${formatBytes(result.droppedBytes)} in ${name(result.droppedKey)}`],
    ["missing", missingFrames === 0 ? "" : `${plural(missingFrames, "frame")}; gap records say so`],
    ["moved", movedFrames === 0 ? "" : `${plural(movedFrames, "frame")} into their order`],
    ["time", retimedFrames === 0 ? "" : `of ${plural(retimedFrames, "frame")} set right`],
    ["unproven", unverified.map(({ from, to }) => `lines ${from} to ${to}`).slice(0, 5).join(", ")],
    ["", unverified.length > 5 ? `and ${unverified.length - 5} more stretches` : ""],
    [
      "unsigned",
      unsignedCheckpoints === 0 ? "" : `${plural(unsignedCheckpoints, "signature")} left out: they cannot hold`,
    ],
    ["init", result.init === "made" ? "the init record was made anew" : ""],
    ["end", result.isEnded ? "the tape had no end, and was given one" : ""],
    ["backup", result.backupKey === undefined ? "" : name(result.backupKey)],
  ];
  return [
    ...finished,
    `${name(tape.key)}: ${summary(before, style)}`,
    ...rows.filter(([, text]) => text !== "").map(([what, text]) => `  ${what.padEnd(10)}${text}`),
    `${name(`${result.tapeId}.jsonl`)}: ${summary(after, style)}`,
  ];
}

/** `12 frames`, `1 checkpoint` */
function typesOf(counts: Readonly<RecordCounts>): string[] {
  return Object.entries(counts).filter(([type, count]) => count > 0 && type !== "other")
    .map(([type, count]) => plural(count, type))
    .concat(counts.other > 0 ? [`${plural(counts.other, "record")} of other types`] : []);
}

function total(counts: Readonly<RecordCounts>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function resultFields(result: RepairResult, tape: TapeFile): object {
  const pathOf = pathInStore(tape.path, tape.tapeId);
  const path = (key: string | undefined) => key === undefined ? null : pathOf(key);
  return {
    tape_id: result.tapeId,
    path: path(`${result.tapeId}.jsonl`),
    is_changed: result.isChanged,
    is_complete: isComplete(result),
    dropped: result.dropped,
    unreadable_line_count: result.unreadableLines,
    dropped_bytes: result.droppedBytes,
    dropped_path: path(result.droppedKey),
    backup_path: path(result.backupKey),
    moved_frame_count: result.movedFrames,
    retimed_frame_count: result.retimedFrames,
    missing_frame_count: result.missingFrames,
    unsigned_checkpoint_count: result.unsignedCheckpoints,
    unverified: result.unverified,
    init: result.init,
    is_ended: result.isEnded,
    is_finished: result.isFinished,
    is_index_built: result.isIndexBuilt,
    before: resultObject(result.before, tape.path),
    after: resultObject(result.after, pathOf(`${result.tapeId}.jsonl`)),
  };
}

/** `tapeline repair` */
export const repair: Command = { name: "repair", summary: "make a whole tape of a damaged one", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(repair);
