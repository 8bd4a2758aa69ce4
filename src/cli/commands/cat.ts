import type { TapeLine } from "../../lines/line.ts";
import { askedRecords } from "../summary/asked-records.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { describeRecord, isNoteworthy, lineWidth } from "../report/describe-record.ts";
import { MessageOutput } from "../terminal/message-output.ts";
import { directionOption, optionalArgument, parseOptions, styleOption, typesOption } from "../arguments/options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { openTape, tapeFolder } from "../arguments/tape-argument.ts";
import { isTelling, TapeReading } from "../arguments/tape-reading.ts";
import { Where } from "../arguments/where.ts";
import { harmlessJson } from "../terminal/text.ts";

const HELP = `Prints all of a tape, as far as it is recorded.

Usage:
  tapeline cat [--where QUERY] [--from SIDE] [--type TYPES]
               [--json | --raw | --wide] [--color WHEN] [--dir DIR] [TAPE]

Without --json or --raw the lines are those of "tapeline tail". A damaged line
is skipped and reported on stderr; its neighbours are printed, and the exit code
is 3.

Options:
  --where QUERY only what the query selects: see "tapeline help query"
  --from SIDE   only messages of one side: client, server or both
  --type TYPES  only records of these types, with commas between them: init,
                frame, correlation, checkpoint, gap, log, end, and other for
                types that only newer versions know
  --json        the lines of the tape itself, as they stand there
  --raw         nothing but the messages, to the letter as they crossed the
                wire, line endings and all
  --wide        lines as long as they are, on a terminal too
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Examples:
  tapeline cat latest | less
  tapeline cat --type log,gap latest
  tapeline cat --where 'method:tools/call status:error' latest
  tapeline cat --from server --raw session.jsonl | jq .result
  tapeline cat --json damaged.jsonl > readable-lines.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("cat", args, {
    where: { type: "string" },
    from: { type: "string" },
    type: { type: "string", multiple: true },
    json: { type: "boolean" },
    raw: { type: "boolean" },
    wide: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  if (values.json === true && values.raw === true) throw new UsageError("--json and --raw exclude each other");
  const accepts = lineFilter(values.from, values.type);
  const where = new Where(values.where);
  const style = styleOption(values.color, io);
  const keys = await keysOf(values, io, values.raw === true ? "refuse" : "tell");
  const tape = await openTape(optionalArgument("cat", positionals), tapeFolder(values.dir, io.env), keys);
  const reading = new TapeReading(tape, io);
  if (values.json !== true && values.raw !== true) {
    for await (const { line, record, calls } of askedRecords(tape, reading, where, accepts)) {
      const text = describeRecord(line, record, calls, style, lineWidth(io, values.wide));
      // What is asked for by its type is told, and so is what is lost.
      const isTold = values.type !== undefined ||
        (where.query === undefined ? isNoteworthy(record) : record.type === "gap" || where.isAskedFor(line));
      if (isTold) await io.stdout.write(`${text}\n`);
    }
    return await reading.finish();
  }
  const messages = new MessageOutput(io, (error) => reading.report(error));
  const { lines, isSelected } = await where.read(tape, reading);
  for await (const line of lines) {
    const isAccepted = isSelected(line) && accepts(line);
    // What is left out is not parsed, unless the exit code depends on it.
    const record = isAccepted || isTelling(line) ? reading.parse(line) : undefined;
    if (record === undefined || !isAccepted) continue;
    if (values.json === true) await io.stdout.write(`${io.isTty ? harmlessJson(line.text()) : line.text()}\n`);
    else if (record.type === "frame") await messages.write(record);
  }
  return await reading.finish();
}

/** Decides on a line's first bytes. */
function lineFilter(from: string | undefined, types: readonly string[] | undefined): (line: TapeLine) => boolean {
  const dir = directionOption(from);
  const isWanted = typesOption(types) ?? (() => true);
  return (line) => line.type !== undefined && (dir === undefined || line.dir === dir) && isWanted(line.type);
}

/** `tapeline cat` */
export const cat: Command = { name: "cat", summary: "print all of a tape", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(cat);
