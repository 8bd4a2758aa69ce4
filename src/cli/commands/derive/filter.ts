import { parseQuery } from "../../../query/query.ts";
import { setupFrames } from "../../../tape/derive/choice/choices.ts";
import { optionalArgument } from "../../arguments/options.ts";
import { parseQueryOptions } from "../../arguments/query-options.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import {
  CONTEXT_HELP,
  EXIT_HELP,
  makeTape,
  MAKING_HELP,
  MAKING_OPTIONS,
  selectedOf,
  withTapes,
} from "./derived-tape.ts";

const HELP = `Makes a tape of what a query selects from another one.

Usage:
  tapeline filter [--with-context] [-o OUT] [--force] [--name NAME] [--json]
                  [--dir DIR] QUERY [TAPE]

Frames are numbered anew and say where they were; their messages are to the
letter, and their times stay what they were. Gaps and the end are taken too, and
other records where the query asks for them. A correlation whose request or
answer is not selected is left out, and stderr says how many these are; op:
selects whole operations. "tapeline help query" explains queries, "tapeline cat
--where QUERY" prints what one selects.

Options:
${CONTEXT_HELP}${MAKING_HELP}
${EXIT_HELP}
Examples:
  tapeline filter method:tools/call latest > calls.jsonl
  tapeline filter --with-context -o errors.jsonl status:error session.jsonl
  tapeline filter 'tool:search dur:>200ms' latest | wc -l
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseQueryOptions("filter", args, {
    "with-context": { type: "boolean" },
    ...MAKING_OPTIONS,
  });
  const [text, ...rest] = positionals;
  if (text === undefined) throw new UsageError('filter needs a query; see "tapeline filter --help"');
  const query = parseQuery(text);
  return await withTapes([optionalArgument("filter", rest) ?? "latest"], values, io, async (tapes) => {
    const keeps = values["with-context"] === true ? setupFrames() : undefined;
    const accepts = await selectedOf(tapes[0]!, query, io);
    const partOf = () => ({ lines: { accepts }, keeps });
    return await makeTape({ by: "filter", values, tapes, query: String(query), partOf }, io);
  });
}

/** `tapeline filter` */
export const filter: Command = {
  name: "filter",
  summary: "what a query selects of a tape, as a tape",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(filter);
