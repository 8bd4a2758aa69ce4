import * as fs from "node:fs/promises";
import { tapeKeys } from "../../../records/tape-id.ts";
import { pipe } from "../../../streams/pipe.ts";
import { stage } from "../../../streams/stage.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
import { isPackedPath, pathStore } from "../../arguments/path-store.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { signerOption } from "../../arguments/keys/signing-keys.ts";
import { NO_KEYS, type TapeKeys } from "../../arguments/keys/tape-keys.ts";
import { findTape, naming, openTape, type TapeFile, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes } from "../../terminal/units.ts";
import { outputFile, putInPlace } from "../derive/output.ts";
import {
  checkPlace,
  RECODE_EXIT_HELP,
  RECODE_HELP,
  RECODE_OPTIONS,
  recodeFile,
  type RecodeValues,
} from "../recode/recode-file.ts";
import { dropDraft, openDraft, outputPath, stdoutSink } from "./packed-output.ts";

const HELP = `Makes the tape of a packed one again, or one whose lines are not compressed.

Usage:
  tapeline decompress [-o OUT] [--force] [--rm] [--json] [--dir DIR] [TAPE]
  tapeline decompress (-o OUT | --in-place) [--force] [--rm] [--sign FILE]
                      [--json] [--dir DIR] [TAPE]

Of a packed tape it is the very tape, to the byte, with metadata and index;
commands that write to a tape need it unpacked. Of a tape that is compressed
line by line it is the same tape; an encrypted one stays encrypted. Commands
that read a tape read both as they are.

Options:
${RECODE_HELP}
OUT is by default beside a packed tape, as NAME.jsonl.

${KEY_HELP}
${RECODE_EXIT_HELP}
Examples:
  tapeline decompress packed.jsonl.zst
  tapeline decompress -o - packed.jsonl.zst | head -n 1
  tapeline decompress -o plain.jsonl packed.jsonl.zst
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("decompress", args, { ...RECODE_OPTIONS, ...KEY_OPTIONS });
  const argument = optionalArgument("decompress", positionals);
  const folder = tapeFolder(values.dir, io.env);
  const keys = await keysOf(values, io);
  const packed = await findPacked(argument, folder, keys);
  if (packed !== undefined) return await unpackFile(packed, values, io);
  const tape = await openTape(argument, folder, keys);
  if (tape.init.compression == null) {
    throw new UsageError(`Cannot decompress ${escapeControls(tape.path)}: it is not compressed`);
  }
  checkPlace("decompress", values);
  const coding = { compress: false, signer: await signerOption(values.sign, io.env) };
  return await recodeFile({ name: "decompress", done: "decompressed", coding }, tape, values, io);
}

/** Makes the tape of a packed one again. */
async function unpackFile(
  packed: TapeFile,
  values: RecodeValues & { readonly sign?: string | undefined },
  io: CommandIo,
): Promise<number> {
  const other = values["in-place"] === true ? "--in-place" : values.sign === undefined ? undefined : "--sign";
  if (other !== undefined) throw new UsageError(`Cannot use ${other}: the tape is packed, and is taken out as it is`);
  const isPiped = values.output === "-";
  if (isPiped && values.json === true) throw new UsageError("--json and -o - exclude each other: both are for stdout");
  if (isPiped && values.rm === true) {
    throw new UsageError("--rm and -o - exclude each other: nobody knows what is kept");
  }
  const { store, key, path: packedPath } = packed;
  const size = await naming(packed, async () => await store.size(key)) ?? 0;
  const progress = new Progress(size, io);
  let done = 0;
  const watched = stage<Uint8Array, Uint8Array>({
    transform(chunk, emit) {
      progress.at(done += chunk.length);
      emit(chunk);
    },
  });
  const unpack = (output: WritableStream<Uint8Array>) =>
    naming(packed, () => pipe(store.openSource(key, { signal: io.signal }), watched, output))
      .finally(() => progress.clear());
  if (isPiped) {
    await unpack(stdoutSink("decompress", "a tape", io));
    return 0;
  }

  const path = await outputPath(values.output, packedPath, ".jsonl", io);
  if (isPackedPath(path)) {
    throw new UsageError(`Cannot write ${escapeControls(path)}: a tape that is not packed has no .zst`);
  }
  await outputFile(path, values.force === true, "tape", [packed]);
  const file = await openDraft(path);
  try {
    await unpack(file.sink);
    const { meta, index } = tapeKeys(packed.tapeId);
    const beside = await naming(packed, async () => [await store.get(meta), await store.get(index)] as const);
    io.signal.throwIfAborted();
    await putInPlace({ path, written: file.draft });
    const plain = pathStore(path, "tape");
    if (beside[0] !== undefined) await plain.put("tape.meta.json", beside[0]);
    if (beside[1] !== undefined) await plain.put("tape.index", beside[1]);
  } catch (error) {
    await dropDraft(file);
    throw error;
  }
  if (values.rm === true) await fs.rm(packedPath);
  if (values.json === true) {
    const fields = { path, packed_path: packedPath, tape_bytes: size, is_packed_deleted: values.rm === true };
    await io.stdout.write(`${asciiJson(fields)}\n`);
  } else await io.stdout.write(`${escapeControls(path)}: ${formatBytes(size)} of ${escapeControls(packedPath)}\n`);
  return 0;
}

/**
 * The packed tape that an argument names, also where another one stands beside it; undefined where there is none.
 *
 * @param keys may tell the names of tapes; what is packed is taken out as it stands there
 */
async function findPacked(
  argument: string | undefined,
  folder: string,
  keys: TapeKeys,
): Promise<TapeFile | undefined> {
  const { path: found } = await findTape(argument, folder, keys);
  const path = isPackedPath(found) ? found : `${found}.zst`;
  if (isPackedPath(path) && (await fs.stat(path).catch(() => undefined))?.isFile()) {
    return await findTape(path, folder, NO_KEYS);
  }
  return undefined;
}

/** `tapeline decompress` */
export const decompress: Command = {
  name: "decompress",
  summary: "make a tape of a compressed one again",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(decompress);
