import { nearest } from "../nearest.ts";
import { UsageError } from "./command.ts";
import { type Program, programOf } from "./program.ts";
import { escapeControls } from "./terminal/text.ts";

/** Names of commands, and what they do in a few words. */
export type Summaries = readonly (readonly [name: string, summary: string])[];

/** What `tapeline` does where it is not told which command to run. */
export function overviewOf(summaries: Summaries): Program {
  const run = (args: readonly string[]) => Promise.reject(wrongUse(args, summaries));
  return programOf({ name: "", summary: "", help: helpOf(summaries), run });
}

function wrongUse([first]: readonly string[], summaries: Summaries): UsageError {
  if (first === undefined) return new UsageError('no command was given; "tapeline --help" lists them');
  if (first === "--dir") return new UsageError('--dir needs a folder; see "tapeline --help"');
  if (first.startsWith("-")) return unknown("option", first, ["--dir", "--help", "--version"]);
  return unknown("command", first, summaries.map(([name]) => name));
}

function helpOf(summaries: Summaries): string {
  return `Records JSON-RPC and MCP sessions as tapes; follows, prints and replays them.

Usage:
  tapeline [--dir DIR] COMMAND …

Commands:
${summaries.map(([name, summary]) => `  ${name.padEnd(12)}${summary}`).join("\n")}

Options:
  --dir DIR      where tapes are kept; by default $TAPELINE_DIR, or else ./tapes
  -h, --help     help, also of each command: tapeline tail --help
  -V, --version  the version

A TAPE is the id of a tape in DIR, or so much of its beginning that no other id
begins so; the path of a file; the name of a tape, which means the latest one of
that name; "latest", the tape of DIR that was written last, or "latest-1", the
one before. Without a TAPE, the latest is meant. Where several of these fit, a
full id comes first, then a path, "latest", a name, and the beginning of an id.

A QUERY, as in "cat --where QUERY", is explained by "tapeline help query".

Examples:
  tapeline record -- npx -y @modelcontextprotocol/server-everything
  tapeline tail
  tapeline show 17
  tapeline info latest-1
  tapeline replay --speed 10 --from client session.jsonl

Exit codes:
  0  fine
  1  failed
  2  wrong use: an unknown command, option or tape, or a file that is no tape
  3  done, but the tape is damaged or has gaps; stderr says where ("verify" and
     "repair" say so on stdout)
`;
}

function unknown(what: string, word: string, known: readonly string[]): UsageError {
  const meant = nearest(word, known);
  const hint = meant === undefined ? '"tapeline --help" lists them all' : `did you mean ${meant}?`;
  return new UsageError(`there is no ${what} "${escapeControls(word)}"; ${hint}`);
}
