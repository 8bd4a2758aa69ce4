import { parseOptions } from "../../arguments/options.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { EXIT_HELP, makeTape, MAKING_HELP, MAKING_OPTIONS, withTapes } from "./derived-tape.ts";

const HELP = `Makes one tape of several by time: what was said at the same time on each of
them stands together.

Usage:
  tapeline merge [-o OUT] [--force] [--name NAME] [--json] [--dir DIR]
                 TAPE TAPE…

Every frame says which tape it comes from and which number it had there; its
message is to the letter. Times stay what they were: the new tape starts when
the earliest of the others did. Requests and answers belong together as on
their own tapes, though all of these use the same ids.

Options:
${MAKING_HELP}
${EXIT_HELP}
Examples:
  tapeline merge -o both.jsonl latest-1 latest
  tapeline merge latest-1 latest > both.jsonl && tapeline cat both.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("merge", args, MAKING_OPTIONS);
  if (positionals.length === 0) throw new UsageError('merge needs tapes; see "tapeline merge --help"');
  return await withTapes(
    positionals,
    values,
    io,
    (tapes) => makeTape({ by: "merge", values, tapes, order: "time" }, io),
  );
}

/** `tapeline merge` */
export const merge: Command = { name: "merge", summary: "one tape of several, by time", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(merge);
