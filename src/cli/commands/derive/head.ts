import { firstFrames } from "../../../tape/derive/choice/choices.ts";
import { numberOption, optionalArgument, parseOptions } from "../../arguments/options.ts";
import type { Command, CommandIo } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { EXIT_HELP, makeTape, MAKING_HELP, MAKING_OPTIONS, withTapes } from "./derived-tape.ts";

const HELP = `Makes a tape of the first frames of another one.

Usage:
  tapeline head [-n COUNT] [-o OUT] [--force] [--name NAME] [--json] [--dir DIR]
                [TAPE]

The frames are numbered anew, which they mostly are already, and say where they
were; their messages are to the letter, and their times stay what they were.

Options:
  -n, --count COUNT how many frames; by default 10
${MAKING_HELP}
${EXIT_HELP}
Examples:
  tapeline head latest > start.jsonl
  tapeline head -n 1000 -o first.jsonl session.jsonl
  tapeline head latest | tapeline filter 'status:error' -o errors.jsonl -
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("head", args, {
    count: { type: "string", short: "n" },
    ...MAKING_OPTIONS,
  });
  const count = numberOption("-n", values.count, "0 or more frames", (n) => Number.isInteger(n) && n >= 0) ?? 10;
  const partOf = () => ({ choice: firstFrames(count) });
  const tape = optionalArgument("head", positionals) ?? "latest";
  return await withTapes(
    [tape],
    values,
    io,
    (tapes) => makeTape({ by: "head", values, tapes, query: `${count} frames`, partOf }, io),
  );
}

/** `tapeline head` */
export const head: Command = { name: "head", summary: "the first frames of a tape, as a tape", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(head);
