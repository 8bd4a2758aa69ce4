import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { lineWidth } from "../../report/describe-record.ts";
import { numberOption, optionalArgument, parseOptions, styleOption } from "../../arguments/options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { followTape, type TailOptions } from "./follow-tape.ts";
import { tailAll } from "./tail-all.ts";
import { Where } from "../../arguments/where.ts";
import { waitForTape } from "./new-tapes.ts";

const HELP = `Prints the end of a tape, and then each new record as it is recorded.

Usage:
  tapeline tail [-n LINES] [--where QUERY] [--no-follow] [--wait]
                [--json | --wide] [--color WHEN] [--dir DIR] [TAPE]
  tapeline tail --all [-n LINES] [--where QUERY] [--json | --wide]
                [--color WHEN] [--dir DIR]

Each line has the time since the start of the tape, the sequence number, which
way the message went (→ to the server, ← to the client; ✓ and ✗ mark good and
bad answers), the method, the id, the latency of an answer, and what it carries:
the text of a tool's result, the arguments of a call. A terminal shows the
beginning, a pipe or file gets all of it. What the server said on stderr, output
that is not JSON, requests without an answer and gaps have lines of their own.

It ends when the recording does. Ctrl-C ends it too, with exit code 0. Where the
recorder was killed it says so, and ends with exit code 3.

With --all it begins with the tapes of DIR that are being written, or else with
the latest, goes on with every new tape that is made there, and ends with Ctrl-C
only. Each line then begins with the name of its tape, or a beginning of its id.

Options:
  -n, --lines LINES  how many lines to begin with; by default 10
  --where QUERY      only what the query selects: see "tapeline help query";
                     where it asks how a request ends, it waits for that
  --no-follow        end at the end of what is recorded so far
  -f, --follow       wait for more (the default)
  --wait             wait for the tape if there is none yet; if its recorder was
                     killed, for somebody who goes on with it
  --all              all tapes of DIR, those that are still to come too
  --json             the records as they stand on the tape, one a line; with
                     --all as the "record" of an object with its "tape_id"
  --wide             lines as long as they are, on a terminal too
  --color WHEN       auto, always or never; auto, the default, asks the
                     terminal, NO_COLOR and FORCE_COLOR
  --dir DIR          where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Examples:
  tapeline tail
  tapeline tail --all --dir ~/tapes
  tapeline tail -n 50 --no-follow sessions/friday.jsonl
  tapeline tail --where 'status:error OR dur:>1s'
  tapeline tail --json --wait search | jq .env.message.method
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("tail", args, {
    lines: { type: "string", short: "n" },
    where: { type: "string" },
    follow: { type: "boolean", short: "f" },
    "no-follow": { type: "boolean" },
    wait: { type: "boolean" },
    all: { type: "boolean" },
    json: { type: "boolean" },
    wide: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const folder = tapeFolder(values.dir, io.env);
  const argument = optionalArgument("tail", positionals);
  const options: TailOptions = {
    count: numberOption("-n", values.lines, "0 or more", (n) => Number.isSafeInteger(n) && n >= 0) ?? 10,
    follow: values["no-follow"] !== true,
    where: new Where(values.where),
    waitForWriter: values.wait === true,
    isJson: values.json === true,
    style: styleOption(values.color, io),
    width: () => lineWidth(io, values.wide),
  };
  if (values.all === true) {
    if (argument !== undefined) throw new UsageError("--all and a TAPE exclude each other");
    if (!options.follow) throw new UsageError("--all and --no-follow exclude each other");
    return await tailAll(folder, await keysOf(values, io, "show"), options, io);
  }
  const keys = await keysOf(values, io, "tell");
  const tape = values.wait === true
    ? await waitForTape(argument, folder, keys, io)
    : await openTape(argument, folder, keys);
  return tape === undefined ? 0 : await followTape(tape, options, io);
}

/** `tapeline tail` */
export const tail: Command = { name: "tail", summary: "watch a tape while it grows", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(tail);
