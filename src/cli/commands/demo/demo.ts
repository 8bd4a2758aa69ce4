import { join } from "node:path";
import { fileStore } from "../../../stores/file.ts";
import { StreamingTapeReader } from "../../../tape/read/reader.ts";
import type { Command, CommandIo } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { DemoSession, loadDemoParts } from "./demo-session.ts";
import { info } from "../info.ts";
import { noArguments, parseOptions, styleOption } from "../../arguments/options.ts";
import { tail } from "../tail/tail.ts";
import { tapeFolder } from "../../arguments/tape-argument.ts";
import { escapeControls } from "../../terminal/text.ts";

const HELP = `Records a real MCP session while you watch.

Usage:
  tapeline demo [--color WHEN] [--dir DIR]

Starts @modelcontextprotocol/server-everything behind "tapeline record", and the
MCP SDK's own client in front of it. The client lists tools, calls some of them,
two of which fail, and waits for one that tells of its progress. The tape is
shown line by line while it grows, then summed up. It takes a few seconds and
needs no network.

Options:
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where the tape is kept; by default $TAPELINE_DIR or ./tapes

Exit codes:
  0  recorded and shown
  1  failed, or a package that it needs is not installed
  2  wrong use

Examples:
  tapeline demo
  npm run demo
`;

/** Whatever goes wrong, it is over then. */
const TIMEOUT_MS = 60_000;
/** The client is gone, and the recorder has ended its tape or never will. */
const LAST_WORDS_MS = 10_000;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("demo", args, { color: { type: "string" }, dir: { type: "string" } });
  noArguments("demo", positionals);
  const style = styleOption(values.color, io);
  const look = values.color === undefined ? [] : ["--color", values.color];
  const folder = tapeFolder(values.dir, io.env);
  const parts = await loadDemoParts();
  const say = (text: string) => io.stdout.write(`${style.bold(text)}\n`);

  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const timer = setTimeout(() => over.abort(new Error(`the demo took longer than ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  const sessionId = crypto.randomUUID();
  const session = new DemoSession(
    parts,
    ["--dir", folder, "--session", sessionId, "--name", "demo", "--tag", "demo"],
    signal,
  );
  try {
    await say("An MCP client, a server, and tapeline record in between. This is the tape while it grows:");
    let tapeId: string;
    let watching: Promise<unknown>;
    try {
      await session.connect();
      tapeId = await tapeOf(folder, sessionId);
      const stop = new AbortController();
      over.signal.addEventListener("abort", () => stop.abort());
      watching = tail.run([...look, "-n", "1000", "--dir", folder, tapeId], {
        ...io,
        signal: AbortSignal.any([signal, stop.signal]),
      });
      watching.catch(() => {});
      await session.talk();
    } finally {
      await session.close();
    }
    const lastWords = setTimeout(() => over.abort(new Error("the recorder did not end")), LAST_WORDS_MS);
    await watching;
    clearTimeout(lastWords);
    signal.throwIfAborted();

    await say("\nThe session is over. This is what was recorded:");
    await io.stdout.write("\n");
    const code = await info.run([...look, "--dir", folder, tapeId], io);
    const path = escapeControls(join(folder, `${tapeId}.jsonl`));
    await say(`\nThe tape is ${path}. What you can do now:`);
    await io.stdout.write(
      `  tapeline replay ${path}  its messages again, in their time\n` +
        `  tapeline record -- COMMAND  a session with a server of your own\n`,
    );
    return code;
  } finally {
    clearTimeout(timer);
  }
}

/** The id of the tape of a session, which is one of the youngest. */
async function tapeOf(folder: string, sessionId: string): Promise<string> {
  const store = fileStore(folder);
  const ids: string[] = [];
  for await (const { key } of store.list()) if (key.endsWith(".jsonl")) ids.push(key.slice(0, -".jsonl".length));
  for (const id of ids.sort().reverse()) {
    try {
      await using reader = await StreamingTapeReader.open(store, id);
      if (reader.init.session_id === sessionId) return id;
    } catch {
      // Another tape, a damaged one.
    }
  }
  throw new Error(`Cannot find the tape of the demo in ${folder}`);
}

/** `tapeline demo` */
export const demo: Command = {
  name: "demo",
  summary: "record, watch and summarise a real MCP session",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(demo);
