import { parseQuery } from "../../../query/query.ts";
import { framesInside, linesBetween, setupFrames } from "../../../tape/derive/choice/choices.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
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
import { seqTest, timeTest } from "./query-tests.ts";

const HELP = `Makes a tape of a part of another one.

Usage:
  tapeline cut [--seq RANGE] [--at RANGE] [--from QUERY] [--to QUERY]
               [--with-context] [-o OUT] [--force] [--name NAME] [--json]
               [--dir DIR] [TAPE]

Everything in the part is taken, logs and gaps included. Frames are numbered
anew and say where they were; their messages are to the letter, and their times
stay what they were. A correlation of which one side lies outside is left out,
and stderr says how many these are. Where several of the options are given, all
must hold.

Options:
  --seq RANGE       the numbers of the frames: 100..200, 100.., ..200
  --at RANGE        the time: +10s..+30s since the start, 14:05..14:07 of the
                    day, 2026-11-24T14:05Z..
  --from QUERY      from the first frame that fits, which is part of it
  --to QUERY        up to the first frame that fits, which is part of it, from
                    there on
${CONTEXT_HELP}${MAKING_HELP}
${EXIT_HELP}
Examples:
  tapeline cut --seq 2..5 -o part.jsonl latest
  tapeline cut --at +0s..+30s latest > start.jsonl
  tapeline cut --from id:3 --to id:7 --with-context -o part.jsonl session.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("cut", args, {
    seq: { type: "string" },
    at: { type: "string" },
    from: { type: "string" },
    to: { type: "string" },
    "with-context": { type: "boolean" },
    ...MAKING_OPTIONS,
  });
  const { seq, at } = values;
  const [from, to] = [values.from, values.to].map((text) => text === undefined ? undefined : parseQuery(text));
  const asked = [
    seq === undefined ? "" : `seq:${seq}`,
    at === undefined ? "" : `at:${at}`,
    from === undefined ? "" : `from ${from}`,
    to === undefined ? "" : `to ${to}`,
  ].filter((part) => part !== "");
  if (asked.length === 0) throw new UsageError('cut needs --seq, --at, --from or --to; see "tapeline cut --help"');
  const isSeqInside = seq === undefined ? undefined : seqTest("--seq", seq);
  return await withTapes([optionalArgument("cut", positionals) ?? "latest"], values, io, async (tapes) => {
    const isTsInside = at === undefined ? undefined : timeTest("--at", at, tapes[0]!.init);
    const starts = from && await selectedOf(tapes[0]!, from, io);
    const ends = to && await selectedOf(tapes[0]!, to, io);
    const partOf = () => ({
      choice: seq === undefined && at === undefined ? undefined : framesInside({ seq: isSeqInside, ts: isTsInside }),
      lines: starts ?? ends ? linesBetween(starts, ends) : undefined,
      keeps: values["with-context"] === true ? setupFrames() : undefined,
    });
    return await makeTape({ by: "cut", values, tapes, query: asked.join(", "), partOf }, io);
  });
}

/** `tapeline cut` */
export const cut: Command = { name: "cut", summary: "a part of a tape, as a tape", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(cut);
