import { access, constants } from "node:fs/promises";
import { constants as system } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { deferred } from "../../deferred.ts";
import { dieBy, exitAtOnce } from "../terminal/exit.ts";
import { ownStdio } from "../../mcp/record/own-stdio.ts";
import { recordStdio, type StdioSession } from "../../mcp/record/record-stdio.ts";
import { CommandError } from "../../mcp/command/command-error.ts";
import { isPassing } from "../../mcp/record/passing-error.ts";
import { printable } from "../../errors.ts";
import { ioError } from "../../sinks/file/file-error.ts";
import { makeFolder } from "../../sinks/file/file-folder.ts";
import { systemFiles } from "../../sinks/file/file-system.ts";
import type { SealFor } from "../../codecs/crypto/keys/age.ts";
import { fileStore } from "../../stores/file.ts";
import type { Redaction } from "../../redact/redaction.ts";
import { newTapeId } from "../../records/tape-id.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { LINE_OVERHEAD_BYTES } from "../../tape/write/envelope-check.ts";
import { MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import { choiceOption, numberOption, parseOptions, splitCommandLine, withOptionalValue } from "../arguments/options.ts";
import { ENCRYPT_OPTIONS, newPassphrase, recipientsOption } from "../arguments/keys/encrypt-options.ts";
import { signerOption } from "../arguments/keys/signing-keys.ts";
import { tapeFolder } from "../arguments/tape-argument.ts";
import { escapeControls } from "../terminal/text.ts";
import { plural } from "../terminal/units.ts";

const { W_OK, X_OK } = constants;
/** How long the start of the server waits for a disk that does not answer. */
const FOLDER_PATIENCE_MS = 2_000;
const MAX_MESSAGE_BYTES = MAX_LINE_BYTES - LINE_OVERHEAD_BYTES;

const HELP = `Runs an MCP server and records what it and its client say to each other.

Usage:
  tapeline record [--dir DIR] [--name NAME] [--tag TAG …] [--] COMMAND ARGS…

Put it in front of a server's command in the configuration of an MCP client.
Bytes pass through at once and as they came; the session never waits for the
tape. Every run makes a tape of its own. The server's stderr is passed on and
recorded; its environment is not recorded. COMMAND starts with the first word
that is no option of ours; what comes behind it is its own, a -- as well.

A tape holds what the session held, secrets included. Only in the arguments of
COMMAND and on its stderr what looks like one, such as the value of --api-key,
of TOKEN= or of an Authorization header, is noted as [masked]. With --redact
they are taken out of all that is recorded; client and server still get them.

Options:
  --dir DIR           where tapes are kept; by default $TAPELINE_DIR or ./tapes
  --name NAME         a name for the tape, for people
  --description TEXT  more about it
  --tag TAG           a word to find it by; may be given several times
  --session ID        the id of the session; by default a new UUID
  --durability LEVEL  buffered: kept in memory for a moment;
                      flushed: survives a killed process (the default);
                      synced: survives a power loss
  --no-index          write no index beside the tape ("tapeline index")
  --sign FILE         sign the tape with the private key in FILE, as "tapeline
                      keygen" makes it; "tapeline verify --signer" checks that
  --redact [POLICY]   leave secrets out of the tape: in the place of each stands
                      [REDACTED:RULE:DIGITS], as "tapeline redact" explains.
                      POLICY is a file that says what else is a secret; a word
                      behind --redact is one where it ends in .json, and behind
                      --redact= all is
  --compress          compress every line, with zstd; the tape is followed,
                      searched and gone on with as any other
  --encrypt-to RECIPIENT|FILE
                      encrypt the tape: it can be read with the identities of
                      the recipients (age1…), or of those in FILE; may be given
                      several times
  --passphrase        encrypt the tape with a passphrase: asks for it, or takes
                      that of $TAPELINE_PASSPHRASE, which COMMAND does not see
  --keep-arguments    note the arguments of COMMAND as they are
  --keep-logs         record its stderr as it is
  --max-message-bytes N
                      a longer message is passed on and left out of the tape,
                      which says what it was; by default 10485504 (10 MiB)

Examples:
  tapeline record -- npx -y @modelcontextprotocol/server-everything
  tapeline record --dir ~/tapes --name search --tag nightly -- python server.py
  tapeline record --redact --sign ~/signing.pem -- python server.py
  tapeline record --compress --encrypt-to ~/team.txt -- python server.py

Exit codes:
  that of COMMAND, or 128 + n where signal n ended it
  2         wrong use, such as a folder that cannot be written: COMMAND was not
            started
  3         COMMAND ended with 0, but the tape is not whole
  126, 127  COMMAND cannot be started
`;

const OPTIONS = {
  dir: { type: "string" },
  name: { type: "string" },
  description: { type: "string" },
  tag: { type: "string", multiple: true },
  session: { type: "string" },
  durability: { type: "string" },
  "no-index": { type: "boolean" },
  sign: { type: "string" },
  redact: { type: "string" },
  compress: { type: "boolean" },
  ...ENCRYPT_OPTIONS,
  passphrase: { type: "boolean" },
  "keep-arguments": { type: "boolean" },
  "keep-logs": { type: "boolean" },
  "max-message-bytes": { type: "string" },
} as const;

/** What of the arguments is ours, and the command line of the server. */
function splitArguments(args: readonly string[]): ReturnType<typeof splitCommandLine> {
  return splitCommandLine(withOptionalValue(args, "redact", OPTIONS, (word) => word.endsWith(".json")), OPTIONS);
}

/** What the server sees of the environment: all but what opens tapes; nothing where that is all of it. */
function withoutPassphrases(env: CommandIo["env"]): CommandIo["env"] | undefined {
  const { TAPELINE_PASSPHRASE: passphrase, TAPELINE_NEW_PASSPHRASE: next, ...rest } = env;
  return passphrase === undefined && next === undefined ? undefined : rest;
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { own, commandLine } = splitArguments(args);
  const { values } = parseOptions("record", own, OPTIONS);
  const [command, ...commandArgs] = commandLine;
  if (!command) throw new UsageError('record needs the COMMAND of a server; see "tapeline record --help"');
  const maxMessageBytes = numberOption(
    "--max-message-bytes",
    values["max-message-bytes"],
    `from 1 to ${MAX_MESSAGE_BYTES}`,
    (n) => Number.isSafeInteger(n) && n >= 1 && n <= MAX_MESSAGE_BYTES,
  );
  const durability = choiceOption("--durability", values.durability, ["buffered", "flushed", "synced"]);

  const signer = await signerOption(values.sign, io.env);
  const redaction = await redactionOf(values.redact, io.env);
  const folder = tapeFolder(values.dir, io.env);
  const encryptTo = await encryptionOf(values, io);
  await prepareFolder(folder);
  const tapeId = newTapeId();
  const client = ownStdio();
  // Past `io`: it waits for nobody, and neither may what the server says.
  const say = (text: string) => client.stderr.write(`tapeline: ${escapeControls(text)}\n`);
  if (io.isStderrTty) say(`recording to ${join(folder, `${tapeId}.jsonl`)}`);

  let session: StdioSession;
  try {
    session = await recordStdio({
      store: fileStore(folder),
      tapeId,
      client,
      command,
      args: commandArgs,
      env: withoutPassphrases(io.env),
      sessionId: values.session,
      name: values.name,
      description: values.description,
      tags: values.tag,
      durability,
      index: values["no-index"] !== true,
      signer,
      redaction,
      compress: values.compress,
      encryptTo,
      keepArguments: values["keep-arguments"],
      keepLogs: values["keep-logs"],
      maxLineBytes: maxMessageBytes === undefined ? undefined : maxMessageBytes + LINE_OVERHEAD_BYTES,
      onTrouble: (reason) => say(`${reason}; the session goes on, but tape ${tapeId} may not be whole`),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    say(error.message);
    return error.exitCode;
  }
  if (session.reason !== undefined) say(`tape ${tapeId} is not whole: ${losses(session)}`);
  const code = exitCodeOf(session);
  if (session.signal !== null || session.isAbandoned) {
    await written(client.stderr);
    if (session.signal !== null) await dieBy(session.signal);
    if (session.isAbandoned) exitAtOnce(code);
  }
  return code;
}

/** What takes the secrets out, loaded only where somebody asks for it. */
async function redactionOf(policy: string | undefined, env: CommandIo["env"]): Promise<Redaction | undefined> {
  if (policy === undefined) return undefined;
  const { redactionOption } = await import("../arguments/policy-option.ts");
  return await redactionOption({ policy: policy === "" ? undefined : policy }, env);
}

/** Who can read the tape; undefined for everybody. */
async function encryptionOf(
  { "encrypt-to": to, passphrase = false }: {
    readonly "encrypt-to"?: readonly string[];
    readonly passphrase?: boolean;
  },
  io: CommandIo,
): Promise<SealFor | undefined> {
  if (to !== undefined && passphrase) throw new UsageError("--encrypt-to and --passphrase exclude each other");
  return passphrase ? await newPassphrase(io) : await recipientsOption(to, io.env);
}

/**
 * Makes the folder, so that one that is wrong is told of before the server is started. What may pass is no reason not to
 * start it, nor is a disk that does not answer.
 */
async function prepareFolder(folder: string): Promise<void> {
  const given = deferred();
  const timer = setTimeout(given.resolve, FOLDER_PATIENCE_MS);
  makeFolder(systemFiles, folder).then(() => checkWritable(folder)).then(given.resolve, given.reject);
  try {
    await given.promise;
  } catch (error) {
    if (!isPassing(error)) throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function checkWritable(folder: string): Promise<void> {
  try {
    await access(folder, W_OK | X_OK);
  } catch (error) {
    throw ioError(`Cannot make a tape in ${printable(folder, 4096)}`, error);
  }
}

/** What is missing, and why. */
function losses({ lostMessages, lostLogs, reason }: StdioSession): string {
  const parts = [
    ...(lostMessages > 0 ? [plural(lostMessages, "message")] : []),
    ...(lostLogs > 0 ? [`${plural(lostLogs, "line")} of stderr`] : []),
  ];
  return parts.length === 0 ? reason! : `it lacks ${parts.join(" and ")} (${reason})`;
}

/** The server's own exit code, whatever became of the tape; but what ended well and was not recorded did not end well. */
function exitCodeOf({ code, signal, reason }: StdioSession): number {
  if (signal !== null) return 128 + system.signals[signal];
  return code === 0 && reason !== undefined ? 3 : code ?? 1;
}

/** Settles when what was written has left this process, or nobody has read it for a second. */
async function written(stream: Writable): Promise<void> {
  const done = deferred();
  const timer = setTimeout(done.resolve, 1_000);
  stream.write("", () => done.resolve());
  await done.promise;
  clearTimeout(timer);
}

/** `tapeline record` */
export const record: Command = {
  name: "record",
  summary: "record an MCP server while a client talks to it",
  help: HELP,
  ownArguments: (args) => splitArguments(args).own,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(record);
