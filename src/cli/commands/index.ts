import * as fs from "node:fs/promises";
import { TapeError } from "../../errors.ts";
import { ENTRY_BYTES } from "../../index/layout.ts";
import { indexer } from "../../index/indexer.ts";
import { writerOf } from "../../sinks/file/file-lock.ts";
import { fileSink } from "../../sinks/file/file.ts";
import { pipe } from "../../streams/pipe.ts";
import { sink } from "../../streams/sink.ts";
import { stage } from "../../streams/stage.ts";
import { buildIndex, type BuiltIndex } from "../../tape/index/build-index.ts";
import { homePath } from "../arguments/home-path.ts";
import { optionalArgument, parseOptions } from "../arguments/options.ts";
import { pathInStore } from "../arguments/path-store.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { naming, type OpenedTape, openTape, tapeFolder } from "../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { Progress } from "../terminal/progress.ts";
import { asciiJson, escapeControls } from "../terminal/text.ts";
import { formatBytes, plural } from "../terminal/units.ts";

const HELP = `Builds the index of a tape: by it other commands find a place on a long tape,
and pass over what they do not want, without reading what is before it.

Usage:
  tapeline index [-o OUT] [--force] [--json] [--dir DIR] [TAPE]

The index is written while a tape is recorded, unless "record" was told not to.
This command makes one for tapes of other programs, and one that is lost, or of
which "verify" says that it is wrong. It stands beside the tape, as NAME.index,
in place of any that was there, and takes 0.1 to 0.2 % of its size. The tape is
not changed. All answers are the same without an index; they only take longer.

Options:
  -o OUT     write the index to the file OUT, or to stdout with -, and leave
             what is beside the tape as it is
  --force    replace OUT if it is there
  --json     what was built, as one JSON object on one line; not with -o -
  --dir DIR  where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  it is built
  1  the tape could not be read, or the index not be written; what there is of
     it is of use, as far as it goes
  2  wrong use, no such tape, or a file that is no tape

Examples:
  tapeline index latest
  tapeline index --json session.jsonl
  tapeline index -o session.index session.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("index", args, {
    output: { type: "string", short: "o" },
    force: { type: "boolean" },
    json: { type: "boolean" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  if (values.output === "") throw new UsageError("-o needs a file, or - for stdout");
  const isPiped = values.output === "-";
  if (isPiped && values.json === true) throw new UsageError("--json and -o - exclude each other: both are for stdout");
  if (isPiped && io.isTty) {
    throw new UsageError("Cannot write an index to a terminal: say where with -o FILE, or pipe it");
  }
  const keys = await keysOf(values, io, "tell");
  const tape = await openTape(optionalArgument("index", positionals), tapeFolder(values.dir, io.env), keys);
  const path = values.output === undefined
    ? pathInStore(tape.path, tape.tapeId)(`${tape.tapeId}.index`)
    : homePath(values.output, io.env.HOME);
  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const onProgress = (bytes: number) => progress.at(bytes);
  let built: BuiltIndex;
  try {
    built = await naming(
      tape,
      () =>
        values.output === undefined
          ? buildIndex(tape.store, tape.tapeId, { onProgress, signal: io.signal })
          : buildApart(tape, path, values.force === true, onProgress, io),
    );
  } finally {
    progress.clear();
  }
  if (isPiped) return 0;
  if (values.json === true) await io.stdout.write(`${asciiJson(resultFields(tape, path, built))}\n`);
  else await io.stdout.write(`${escapeControls(path)}: ${summary(built)}\n`);
  return 0;
}

/** Builds an index that does not stand beside its tape. */
async function buildApart(
  { store, tapeId, key, path: tapePath }: OpenedTape,
  path: string,
  force: boolean,
  onProgress: (bytes: number) => void,
  { stdout, signal }: CommandIo,
): Promise<BuiltIndex> {
  let tapeBytes = 0;
  let indexBytes = 0;
  const watched = stage<Uint8Array, Uint8Array>({
    transform(chunk, emit) {
      onProgress(tapeBytes += chunk.length);
      emit(chunk);
    },
  });
  const counted = stage<Uint8Array, Uint8Array>({
    transform(chunk, emit) {
      indexBytes += chunk.length;
      emit(chunk);
    },
  });
  const written = path === "-" ? path : await outputFile(path, force, tapePath);
  const output = path === "-" ? stdoutSink(stdout) : fileSink(written);
  try {
    await pipe(store.openSource(key, { signal }), watched, indexer({ tapeId }), counted, output);
    if (written !== path) await fs.rename(written, path);
  } catch (error) {
    if (written !== path) await fs.rm(written, { force: true });
    throw error;
  }
  return { entries: indexBytes / ENTRY_BYTES - 1, indexBytes, tapeBytes };
}

/** Where to write a file: until the new one is whole, the old one stays. */
async function outputFile(path: string, force: boolean, tapePath: string): Promise<string> {
  const existing = await fs.lstat(path).catch(() => undefined);
  if (existing === undefined) return path;
  const name = escapeControls(path);
  if (!existing.isFile()) throw new UsageError(`Cannot write ${name}: it is not a regular file`);
  const tape = await fs.stat(tapePath);
  if (tape.dev === existing.dev && tape.ino === existing.ino) {
    throw new UsageError(`Cannot write ${name}: it is the tape that is read`);
  }
  if (!force) throw new UsageError(`Cannot write ${name}: it is there already; --force replaces it`);
  if (await writerOf(path) === "alive") throw new TapeError("locked", `Cannot replace ${name}: it is being written`);
  const draft = `${path}.draft`;
  await fs.rm(draft, { force: true });
  return draft;
}

function stdoutSink(stdout: CommandIo["stdout"]): WritableStream<Uint8Array> {
  return sink<Uint8Array>({
    async write(chunks) {
      for (const chunk of chunks) await stdout.write(chunk);
    },
  });
}

/** `1,725 blocks, 110 KB, of 113 MB of tape` */
function summary({ entries, indexBytes, tapeBytes }: BuiltIndex): string {
  return `${plural(entries, "block")}, ${formatBytes(indexBytes)}, of ${formatBytes(tapeBytes)} of tape`;
}

function resultFields(tape: OpenedTape, path: string, { entries, indexBytes, tapeBytes }: BuiltIndex): object {
  return {
    tape_id: tape.tapeId,
    path: tape.path,
    index_path: path,
    block_count: entries,
    index_bytes: indexBytes,
    tape_bytes: tapeBytes,
  };
}

/** `tapeline index` */
export const index: Command = { name: "index", summary: "build the index of a tape", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(index);
