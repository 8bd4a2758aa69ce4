import { pipe } from "../../streams/pipe.ts";
import type { FrameRecord } from "../../records/record.ts";
import { type Stage, stage } from "../../streams/stage.ts";
import type { TapeLine } from "../../lines/line.ts";
import { pace } from "../../transforms/pace.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { MessageOutput } from "../terminal/message-output.ts";
import { directionOption } from "../arguments/options.ts";
import { numberOption, optionalArgument, parseOptions } from "../arguments/options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { openTape, tapeFolder } from "../arguments/tape-argument.ts";
import { TapeReading } from "../arguments/tape-reading.ts";
import { Where } from "../arguments/where.ts";

const HELP = `Prints the messages of a tape, each at its time and to the letter as it crossed
the wire, with what ended its line there.

Usage:
  tapeline replay [--where QUERY] [--speed N | --at-once] [--from SIDE]
                  [--max-delay MS] [--dir DIR] [TAPE]

The clock starts with the first message that is printed. Frames that the
recorder lost are missing here too: stderr says so, and the exit code is 3.

Options:
  --where QUERY   only what the query selects: see "tapeline help query"
  --speed N       2 is twice as fast, 0.5 half as fast; by default 1
  --at-once       as fast as possible
  --from SIDE     only messages of one side: client, server or both
  --max-delay MS  cut longer pauses to so many milliseconds
  --dir DIR       where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Examples:
  tapeline replay latest
  tapeline replay --speed 10 --max-delay 500 session.jsonl
  tapeline replay --where 'tool:search' --at-once latest
  tapeline replay --at-once --from client session.jsonl | my-mcp-server
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("replay", args, {
    where: { type: "string" },
    speed: { type: "string" },
    "at-once": { type: "boolean" },
    from: { type: "string" },
    "max-delay": { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const speed = numberOption("--speed", values.speed, "a number above 0", (n) => n > 0);
  const maxDelayMs = numberOption("--max-delay", values["max-delay"], "0 or more milliseconds", (n) => n >= 0);
  const atOnce = values["at-once"] === true;
  if (atOnce && speed !== undefined) throw new UsageError("--speed and --at-once exclude each other");
  const dir = directionOption(values.from);
  const where = new Where(values.where);
  const keys = await keysOf(values, io);
  const tape = await openTape(optionalArgument("replay", positionals), tapeFolder(values.dir, io.env), keys);
  const reading = new TapeReading(tape, io);

  const output = new MessageOutput(io, (error) => reading.report(error));
  const { lines, isSelected } = await where.read(tape, reading);
  const messages = stage<TapeLine, FrameRecord>({
    transform(line, emit) {
      if (!isSelected(line)) return;
      // What the other side has sent is not parsed.
      if (line.type === "frame" && dir !== undefined && line.dir !== undefined && line.dir !== dir) return;
      const record = reading.parse(line);
      if (record?.type === "frame") emit(record);
    },
  });
  for await (const frame of inTime(lines, messages)) await output.write(frame);
  return await reading.finish();

  function inTime(lines: AsyncIterable<TapeLine>, frames: Stage<TapeLine, FrameRecord>): ReadableStream<FrameRecord> {
    // Without a clock nothing has to travel alone.
    if (atOnce) return pipe(lines, frames);
    return pipe(lines, frames, pace<FrameRecord>({ speed, maxDelayMs, signal: io.signal }));
  }
}

/** `tapeline replay` */
export const replay: Command = {
  name: "replay",
  summary: "print the messages of a tape, in their time",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(replay);
