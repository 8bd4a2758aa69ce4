import { parseOptions } from "../../arguments/options.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { EXIT_HELP, makeTape, MAKING_HELP, MAKING_OPTIONS, withTapes } from "./derived-tape.ts";

const HELP = `Puts tapes one behind the other, in the order in which they are named.

Usage:
  tapeline concat [-o OUT] [--force] [--name NAME] [--json] [--dir DIR]
                  TAPE TAPE…

Every frame says which tape it comes from and which number it had there; its
message is to the letter. Times stay what they were: the new tape starts when
the first one did. A tape that started before the one before it had ended is
moved behind that one, and stderr says so; "tapeline merge" takes such tapes
by time.

Options:
${MAKING_HELP}
${EXIT_HELP}
Examples:
  tapeline concat -o all.jsonl latest-1 latest
  tapeline concat --name week -o week.jsonl --dir ~/tapes latest-1 latest
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("concat", args, MAKING_OPTIONS);
  if (positionals.length === 0) throw new UsageError('concat needs tapes; see "tapeline concat --help"');
  return await withTapes(positionals, values, io, (tapes) => makeTape({ by: "concat", values, tapes }, io));
}

/** `tapeline concat` */
export const concat: Command = {
  name: "concat",
  summary: "one tape of several, one behind the other",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(concat);
