import type { Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, join } from "node:path";
import { isTapeError, type TapeError } from "../../errors.ts";
import { type Conversion, type ConvertOptions, convertTape } from "../../foreign/convert.ts";
import { formatNamed } from "../../foreign/detect.ts";
import { newTapeId } from "../../records/tape-id.ts";
import { fileSource } from "../../sources/file/file.ts";
import { MAX_LINE_BYTES } from "../../transforms/line-split.ts";
import type { TapeStore } from "../../stores/store.ts";
import { LINE_OVERHEAD_BYTES } from "../../tape/write/envelope-check.ts";
import { CODING_OPTIONS } from "../arguments/keys/coding-options.ts";
import { recipientsOption } from "../arguments/keys/encrypt-options.ts";
import { signerOption } from "../arguments/keys/signing-keys.ts";
import { homePath } from "../arguments/home-path.ts";
import { numberOption, parseOptions } from "../arguments/options.ts";
import { pathInStore, pathStore } from "../arguments/path-store.ts";
import { tapeFolder } from "../arguments/tape-argument.ts";
import { stdoutStore } from "../arguments/stdout-store.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { Interrupted } from "../terminal/process-io.ts";
import { Progress } from "../terminal/progress.ts";
import { stdinBytes } from "../terminal/stdin.ts";
import { asciiJson, escapeControls } from "../terminal/text.ts";
import { plural } from "../terminal/units.ts";
import { type OutputFile, outputFile, putInPlace } from "./derive/output.ts";

const MAX_MESSAGE_BYTES = MAX_LINE_BYTES - LINE_OVERHEAD_BYTES;
/** So many of what is damaged are told one by one; of more there is a count. */
const MAX_REPORTS = 20;

const HELP = `Makes tapes of what other programs have recorded.

Usage:
  tapeline convert [--from FORMAT] [-o OUT | --dir DIR] [--force] [--json]
                   FILE …

The format is told from the content of FILE, which is read once and never held
as a whole. Messages are kept to the letter, and answers are matched with their
requests. What FILE does not tell (times, directions) is flagged on the frames,
and said on stderr and in the metadata, under "converted_from".

FILE is - for stdin. Of a folder, all files are converted that can be.

Formats:
  monolithic    tapes in one JSON document, as before version 2.0
  mcpsnoop      captures of mcpsnoop (session logs, JSON Lines)
  mcporter      recordings of "mcporter record" (NDJSON)
  mcp-recorder  cassettes of mcp-recorder
  har           HAR files of browsers and proxies, with JSON-RPC in them
  jsonrpc       a log of JSON-RPC messages, one a line, and nothing else

Options:
  --from FORMAT     the format, where it cannot be told from the content
  -o, --output OUT  the file of the new tape, or a folder for it or for several;
                    by default, or with -, it goes to stdout, without metadata
  --force           replaces OUT if it is there; never a file that is read
  --max-message-bytes N
                    the longest message to keep; by default 10485504, at most
                    ${MAX_MESSAGE_BYTES}
  --compress        compresses every line, as "record --compress" does
  --encrypt-to RECIPIENT
                    encrypts every line, for an age recipient (age1…) or those
                    in a file; may be given several times
  --sign FILE       signs the tapes with the private key in FILE
  --json            what was done, as one JSON object a line; with -o or --dir
  --dir DIR         the folder of the new tapes, where there is no -o

Exit codes:
  0  done
  1  failed; nothing is left of the new tape
  2  wrong use, no such file or format, or a file in the way
  3  done, but parts of FILE could not be read or are missing; stderr says which

Examples:
  tapeline convert -o capture.jsonl capture.har
  tapeline convert recording.ndjson > session.jsonl
  tapeline convert --from jsonrpc -o ~/tapes/ messages.log
  tapeline convert --dir ~/tapes cassettes/
`;

/** What a recording was is no tape, so nothing is undone. */
const { plain: _plain, ...OWN_CODING } = CODING_OPTIONS;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("convert", args, {
    from: { type: "string" },
    output: { type: "string", short: "o" },
    force: { type: "boolean" },
    "max-message-bytes": { type: "string" },
    json: { type: "boolean" },
    dir: { type: "string" },
    ...OWN_CODING,
  });
  if (positionals.length === 0) throw new UsageError('convert needs a FILE; see "tapeline convert --help"');
  const to = outputOf(values.output, values.dir, io.env);
  if (values.json === true && to === undefined) throw new UsageError("--json needs -o FILE: stdout is the tape");
  if (values.from !== undefined) formatNamed(values.from);
  const maxMessageBytes = numberOption(
    "--max-message-bytes",
    values["max-message-bytes"],
    `from 1 to ${MAX_MESSAGE_BYTES}`,
    (n) => Number.isSafeInteger(n) && n >= 1 && n <= MAX_MESSAGE_BYTES,
  );
  const signer = await signerOption(values.sign, io.env);
  const encryptTo = await recipientsOption(values["encrypt-to"], io.env);
  const inputs = await inputsOf(positionals);
  await checkRoom(inputs, to, io);
  const how: How = {
    to,
    from: values.from,
    isForced: values.force === true,
    isJson: values.json === true,
    maxLineBytes: maxMessageBytes === undefined ? undefined : maxMessageBytes + LINE_OVERHEAD_BYTES,
    coding: { compress: values.compress, encryptTo, signer },
  };
  let code = 0;
  for (const input of inputs) {
    try {
      code = Math.max(code, await convertOne(input, how, io));
    } catch (error) {
      // One of several that cannot be converted is no reason to leave the others.
      if (inputs.length === 1 || io.signal.aborted || !isTapeError(error, "invalid_argument")) throw error;
      await io.stderr.write(`tapeline: ${escapeControls(error.message)}\n`);
      code = 3;
    }
  }
  return code;
}

/** The file or folder that the tapes go to; undefined for stdout. */
function outputOf(output: string | undefined, dir: string | undefined, env: CommandIo["env"]): string | undefined {
  if (output === "") throw new UsageError("-o needs a file, a folder, or - for stdout");
  if (output === "-" || output === undefined && dir === undefined) return undefined;
  return output === undefined ? `${tapeFolder(dir, env)}/` : homePath(output, env.HOME);
}

/** A file that is to be converted. */
interface Input {
  /** As it was given; `-` for stdin. */
  readonly path: string;
  /** How it is called, for people and on the tape. */
  readonly name: string;
  /** Bytes, where that is known. */
  readonly size: number | undefined;
}

/** What the options say. */
interface How {
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly isForced: boolean;
  readonly isJson: boolean;
  readonly maxLineBytes: number | undefined;
  readonly coding: Pick<ConvertOptions, "compress" | "encryptTo" | "signer">;
}

async function inputsOf(paths: readonly string[]): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const path of paths) {
    if (path === "-") {
      inputs.push({ path, name: "stdin", size: undefined });
      continue;
    }
    const stat = await statOf(path);
    if (!stat.isDirectory()) {
      inputs.push({ path, name: basename(path), size: stat.isFile() ? stat.size : undefined });
      continue;
    }
    for (const entry of (await fs.readdir(path, { withFileTypes: true })).sort((a, b) => a.name < b.name ? -1 : 1)) {
      if (!entry.isFile() || entry.name.startsWith(".")) continue;
      const inside = join(path, entry.name);
      inputs.push({ path: inside, name: entry.name, size: (await statOf(inside)).size });
    }
  }
  return inputs;
}

async function statOf(path: string): Promise<Stats> {
  try {
    return await fs.stat(path);
  } catch (error) {
    const { code } = error as { code?: string };
    const why = code === "ENOENT" ? "there is no such file" : code ?? String(error);
    throw new UsageError(`Cannot convert ${escapeControls(path)}: ${why}`, { cause: error });
  }
}

/** @throws {UsageError} the tapes cannot go there */
async function checkRoom(inputs: readonly Input[], to: string | undefined, io: CommandIo): Promise<void> {
  if (inputs.length === 0) throw new UsageError("Cannot convert an empty folder");
  if (to === undefined && inputs.length > 1) {
    throw new UsageError("several files need -o with a folder for their tapes");
  }
  if (to === undefined && io.isTty) {
    throw new UsageError(
      'Cannot write a tape to a terminal: say where with -o FILE, or pipe it; see "tapeline convert --help"',
    );
  }
  if (to === undefined || inputs.length === 1) return;
  const isFolder = /[/\\]$/.test(to) || await fs.stat(to).then((stat) => stat.isDirectory(), () => false);
  if (!isFolder) {
    throw new UsageError(`Cannot write ${plural(inputs.length, "tape")} to one file: -o must name a folder`);
  }
}

async function convertOne(input: Input, how: How, io: CommandIo): Promise<number> {
  const tapeId = newTapeId();
  const output = how.to === undefined ? undefined : await outputFile(how.to, how.isForced, tapeId, [input]);
  const store = output === undefined ? stdoutStore(io) : pathStore(output.written, tapeId);
  const progress = new Progress(input.size ?? 0, io);
  const reports = new Reports(io);
  let isDone = false;
  try {
    const conversion = await convertTape(bytesOf(input), store, {
      from: how.from,
      name: input.name,
      tapeId,
      maxLineBytes: how.maxLineBytes,
      ...how.coding,
      signal: io.signal,
      onDamage: (error) => reports.add(error),
      onProgress: (bytes) => progress.at(bytes),
    }).catch((error) => {
      throw named(error, input);
    }).finally(() => progress.clear());
    if (output !== undefined) await settle(output, store, tapeId);
    isDone = true;
    await tell(conversion, input, output?.path, how, io);
    if (io.signal.reason instanceof Interrupted) throw io.signal.reason;
    return io.signal.aborted || conversion.isComplete ? 0 : 3;
  } finally {
    // The disk is full, or the file cannot be read: half of a tape is not left behind.
    if (!isDone && output !== undefined) {
      for (const key of [`${tapeId}.jsonl`, `${tapeId}.meta.json`]) {
        await fs.rm(pathInStore(output.written, tapeId)(key), { force: true });
      }
    }
  }
}

function bytesOf({ path, size }: Input): ReadableStream<Uint8Array> {
  if (path === "-") return stdinBytes();
  // What is no regular file has no size, and can only be read from its start to its end.
  return size === undefined ? stdinBytes(path) : fileSource(path);
}

/** An error about a file: with its path, where only its name was known. */
function named(error: unknown, { path, name }: Input): unknown {
  if (isTapeError(error) && path !== "-") {
    const start = `Cannot convert ${name}`;
    if (error.message.startsWith(start)) error.message = `Cannot convert ${path}${error.message.slice(start.length)}`;
    if (/name (it|the one that it is)$/.test(error.message)) error.message += " with --from";
  }
  return error;
}

/** A tape that is whole gets its name, and its metadata theirs. */
async function settle(output: OutputFile, store: TapeStore, tapeId: string): Promise<void> {
  if (output.written === output.path) return;
  const meta = `${tapeId}.meta.json`;
  const draft = pathInStore(output.written, tapeId)(meta);
  await putInPlace(output);
  if (await store.size(meta) !== undefined) await fs.rename(draft, pathInStore(output.path, tapeId)(meta));
}

/** Says at once what cannot be read, as the rest may take long. */
class Reports {
  readonly #io: CommandIo;
  #count = 0;

  constructor(io: CommandIo) {
    this.#io = io;
  }

  add(error: TapeError): void {
    if (++this.#count <= MAX_REPORTS) void this.#io.stderr.write(`tapeline: ${escapeControls(error.message)}\n`);
  }
}

async function tell(
  conversion: Conversion,
  input: Input,
  path: string | undefined,
  how: How,
  io: CommandIo,
): Promise<void> {
  if (io.signal.aborted && !(io.signal.reason instanceof Interrupted)) return;
  const { messages, notes, format, tapeId, isComplete } = conversion;
  const { converted_from, stats } = conversion.metadata;
  const from = escapeControls(input.path === "-" ? "stdin" : input.path);
  for (const note of notes) await io.stderr.write(`tapeline: ${from}: ${escapeControls(note)}\n`);
  if (path === undefined) return;
  const fields = { tape_id: tapeId, path, file: input.path, converted_from, stats, is_complete: isComplete };
  const text = how.isJson
    ? asciiJson(fields)
    : `${escapeControls(path)}: ${plural(messages, "message")} from ${from} (${format})`;
  await io.stdout.write(`${text}\n`);
}

/** `tapeline convert` */
export const convert: Command = {
  name: "convert",
  summary: "make tapes of what other programs recorded",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(convert);
