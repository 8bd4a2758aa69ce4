import type { TapeLine } from "../../../lines/line.ts";
import { parseLine } from "../../../transforms/parse-record.ts";
import { Calls } from "../../report/calls.ts";
import type { Command, CommandIo } from "../../command.ts";
import { describeRecord, isNoteworthy, isNoteworthyLine, lineWidth } from "../../report/describe-record.ts";
import { numberOption, optionalArgument, parseOptions, styleOption } from "../../arguments/options.ts";
import { openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { TapeReading } from "../../arguments/tape-reading.ts";
import { tailStart } from "./tail-start.ts";
import { harmlessJson } from "../../terminal/text.ts";

const HELP = `Prints the end of a tape, and then each new record as it is recorded.

Usage:
  tapeline tail [-n LINES] [--no-follow] [--json | --wide] [--color WHEN]
                [--dir DIR] [TAPE]

Each line has the time since the start of the tape, the sequence number, which
way the message went (→ to the server, ← to the client; ✓ and ✗ mark good and
bad answers), the method, the id, the latency of an answer, and what it carries:
the text of a tool's result, the arguments of a call. A terminal shows the
beginning, a pipe or file gets all of it. What the server said on stderr, output
that is not JSON, requests without an answer and gaps have lines of their own.

It ends when the recording does. Ctrl-C ends it too, with exit code 0.

Options:
  -n, --lines LINES  how many lines to begin with; by default 10
  --no-follow        end at the end of what is recorded so far
  -f, --follow       wait for more (the default)
  --json             the records as they stand on the tape, one a line
  --wide             lines as long as they are, on a terminal too
  --color WHEN       auto, always or never; auto, the default, asks the
                     terminal, NO_COLOR and FORCE_COLOR
  --dir DIR          where tapes are kept; by default $TAPELINE_DIR or ./tapes

Examples:
  tapeline tail latest
  tapeline tail -n 50 --no-follow sessions/friday.jsonl
  tapeline tail --json latest | jq .env.message.method
`;

/** So much before the first line is read to know the requests that later answers belong to. */
const CONTEXT_BYTES = 256 * 1024;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("tail", args, {
    lines: { type: "string", short: "n" },
    follow: { type: "boolean", short: "f" },
    "no-follow": { type: "boolean" },
    json: { type: "boolean" },
    wide: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
  });
  const count = numberOption("-n", values.lines, "0 or more", (n) => Number.isSafeInteger(n) && n >= 0) ?? 10;
  const style = styleOption(values.color, io);
  const tape = await openTape(optionalArgument("tail", positionals), tapeFolder(values.dir, io.env));
  const reading = new TapeReading(tape, io);
  const isJson = values.json === true;
  // A tape of an older writer has no mark for its end; what its metadata says is then all there is to know.
  const follow = values["no-follow"] !== true && tape.metadata?.status !== "finalized";

  const size = await tape.store.size(tape.key) ?? 0;
  const isPrinted = isJson ? () => true : isNoteworthyLine;
  const linesBetween = (start: number, end: number) => reading.linesBetween(start, end);
  const start = await tailStart(linesBetween, size, count, (line) => isWhole(line) && isPrinted(line));
  const calls = new Calls();
  if (!isJson) await learnCalls(calls, linesBetween(Math.max(0, start - CONTEXT_BYTES), start));

  for await (const line of reading.lines({ start, follow })) {
    const record = reading.parse(line);
    if (record === undefined) continue;
    if (isJson) await io.stdout.write(`${io.isTty ? harmlessJson(line.text()) : line.text()}\n`);
    else {
      const text = describeRecord(line, record, calls, style, lineWidth(io, values.wide));
      if (isNoteworthy(record)) await io.stdout.write(`${text}\n`);
    }
    if (!follow || record.type !== "checkpoint" || record.final !== true) continue;
    // A tape that was gone on with has more behind its final checkpoint.
    if ((await tape.store.size(tape.key) ?? 0) <= line.nextOffset) break;
  }
  return await reading.finish();
}

/** Whether a last line without its end is a record all the same. */
function isWhole(line: TapeLine): boolean {
  if (line.terminated) return true;
  try {
    parseLine(line);
    return true;
  } catch {
    return false;
  }
}

async function learnCalls(calls: Calls, lines: AsyncIterable<TapeLine>): Promise<void> {
  for await (const line of lines) {
    if (line.type !== "frame" && line.type !== "end") continue;
    try {
      const record = parseLine(line);
      if (record.type === "frame") calls.see(record);
      else if (record.type === "end") calls.sessionEnd = record;
    } catch {
      // Cut off at the start, or damaged: nobody asked for this line.
    }
  }
}

/** `tapeline tail` */
export const tail: Command = { name: "tail", summary: "watch a tape while it grows", help: HELP, run };
