import { crc32 } from "../../../bytes/crc32.ts";
import { TapeError } from "../../../errors.ts";
import { type PackedSizes, packTape } from "../../../stores/packed/pack-tape.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { numberOption, optionalArgument, parseOptions } from "../../arguments/options.ts";
import { isPackedPath, packedPathStore } from "../../arguments/path-store.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { signerOption } from "../../arguments/keys/signing-keys.ts";
import { NO_KEYS } from "../../arguments/keys/tape-keys.ts";
import { findTape, naming, type OpenedTape, openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes, plural } from "../../terminal/units.ts";
import {
  checkReplaceable,
  dropDraft,
  keepDraft,
  letGo,
  openDraft,
  outputPath,
  removeTape,
  stdoutSink,
} from "./packed-output.ts";
import {
  checkPlace,
  RECODE_EXIT_HELP,
  RECODE_HELP,
  RECODE_OPTIONS,
  recodeFile,
  type RecodeValues,
} from "../recode/recode-file.ts";

const HELP = `Makes a tape smaller: line by line, or packed into one file as a whole.

Usage:
  tapeline compress (-o OUT | --in-place) [--level N] [--force] [--rm]
                    [--sign FILE] [--json] [--dir DIR] [TAPE]
  tapeline compress --blocks [-o OUT] [--level N] [--force] [--rm] [--json]
                    [--dir DIR] [TAPE]

Line by line it stays a tape as any other, which can be followed, gone on with
and repaired. An encrypted one stays encrypted, under the same key. "tapeline
decompress" makes the tape of it again.

With --blocks it is packed with its metadata and its index, and gets several
times smaller. The file ends in .jsonl.zst, and every command reads it as a
tape: it is not unpacked for that, only the blocks that are wanted are. Nothing
can be added to it. "tapeline decompress" makes the tape of it again, and so
does "zstd -d", to the byte.

Options:
  --blocks          packs it, in blocks of many lines; OUT is by default beside
                    the tape, as NAME.jsonl.zst
  --level N         1 (quick) to 19 (small); by default 9, and 15 with --blocks
${RECODE_HELP}
${KEY_HELP}
${RECODE_EXIT_HELP}
Examples:
  tapeline compress --in-place latest
  tapeline compress --blocks latest
  tapeline compress --blocks --level 19 -o small.jsonl.zst session.jsonl
  tapeline compress --blocks -o - session.jsonl | zstd -d | head -n 1
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("compress", args, {
    blocks: { type: "boolean" },
    level: { type: "string" },
    ...RECODE_OPTIONS,
    ...KEY_OPTIONS,
  });
  const isLevel = (level: number) => Number.isInteger(level) && level >= 1 && level <= 19;
  const level = numberOption("--level", values.level, "a whole number from 1 to 19", isLevel);
  const folder = tapeFolder(values.dir, io.env);
  const keys = await keysOf(values, io);
  const { path } = await findTape(optionalArgument("compress", positionals), folder, keys);
  // What is packed is read as it stands there.
  const tape = await openTape(path, folder, values.blocks === true ? NO_KEYS : keys);
  return values.blocks === true ? await packFile(tape, values, level, io) : await recodeLines(tape, values, level, io);
}

/** Compresses a tape line by line. */
async function recodeLines(
  tape: OpenedTape,
  values: RecodeValues & { readonly sign?: string | undefined },
  level: number = 9,
  io: CommandIo,
): Promise<number> {
  checkPlace("compress", values);
  if (tape.init.compression != null) {
    throw new UsageError(`Cannot compress ${escapeControls(tape.path)}: its lines are compressed already`);
  }
  const signer = await signerOption(values.sign, io.env);
  return await recodeFile(
    { name: "compress", done: "compressed", coding: { compress: { level }, signer } },
    tape,
    values,
    io,
  );
}

/** Packs a tape with what belongs to it. */
async function packFile(
  tape: OpenedTape,
  values: RecodeValues & { readonly sign?: string | undefined },
  level: number | undefined,
  io: CommandIo,
): Promise<number> {
  const other = values["in-place"] === true ? "--in-place" : values.sign === undefined ? undefined : "--sign";
  if (other !== undefined) throw new UsageError(`--blocks and ${other} exclude each other`);
  const isPiped = values.output === "-";
  if (isPiped && values.json === true) throw new UsageError("--json and -o - exclude each other: both are for stdout");
  if (isPiped && values.rm === true) {
    throw new UsageError("--rm and -o - exclude each other: nobody knows what is kept");
  }
  const name = escapeControls(tape.path);
  if (isPackedPath(tape.path)) throw new UsageError(`Cannot compress ${name}: it is packed already`);

  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const options = { level, onProgress: (bytes: number) => progress.at(bytes), signal: io.signal };
  const pack = (output: WritableStream<Uint8Array>) =>
    naming(tape, () => packTape(tape.store, tape.tapeId, output, options)).finally(() => progress.clear());
  if (isPiped) {
    await pack(stdoutSink("compress", "a packed tape", io));
    return 0;
  }

  const path = await outputPath(values.output, tape.path, ".jsonl.zst", io);
  if (!isPackedPath(path)) {
    throw new UsageError(`Cannot write ${escapeControls(path)}: the name of a packed tape ends in .jsonl.zst`);
  }
  // Whoever holds it is its only writer: nothing comes to it between packing and deleting.
  const held = values.rm === true
    ? await naming(tape, () => tape.store.openSink(tape.key, { mode: "append" }))
    : undefined;
  try {
    await checkReplaceable(path, values.force === true, tape.path);
    const file = await openDraft(path);
    let sizes: PackedSizes;
    try {
      sizes = await pack(file.sink);
      if (held !== undefined) await checkSame(tape, file.draft, io.signal);
      io.signal.throwIfAborted();
      await keepDraft(file);
    } catch (error) {
      await dropDraft(file);
      throw error;
    }
    if (held !== undefined) await naming(tape, () => removeTape(tape));
    if (await tape.store.writerOf?.(tape.key) === "alive" && held === undefined) {
      await io.stderr.write(`tapeline: ${name} is being written: what came since is not in it\n`);
    }
    const isRemoved = held !== undefined;
    if (values.json === true) await io.stdout.write(`${asciiJson(resultFields(tape, path, sizes, isRemoved))}\n`);
    else await io.stdout.write(`${escapeControls(path)}: ${summary(sizes, name, isRemoved)}\n`);
    return 0;
  } finally {
    await letGo(held);
  }
}

/**
 * Reads what was packed, and compares it with the tape.
 *
 * @throws {TapeError} code `internal`: they differ
 */
async function checkSame(tape: OpenedTape, draft: string, signal: AbortSignal): Promise<void> {
  const packed = packedPathStore(draft, tape.tapeId);
  const [there, here] = [await sumOf(tape.store, tape.key, signal), await sumOf(packed, tape.key, signal)];
  if (there !== here) {
    throw new TapeError(
      "internal",
      `Cannot compress ${escapeControls(tape.path)}: what was packed is not what is there`,
    );
  }
}

async function sumOf(store: TapeStore, key: string, signal: AbortSignal): Promise<string> {
  let [bytes, sum] = [0, 0];
  for await (const chunk of store.openSource(key, { signal })) {
    bytes += chunk.length;
    sum = crc32(chunk, sum);
  }
  return `${bytes} ${sum}`;
}

/** `91 KB in 4 blocks, 9.1 % of the 1 MB of demo.jsonl` */
function summary({ blocks, tapeBytes, packedBytes }: PackedSizes, name: string, isRemoved: boolean): string {
  const part = (100 * packedBytes / tapeBytes).toPrecision(2);
  const gone = isRemoved ? ", which is deleted" : "";
  return `${formatBytes(packedBytes)} in ${plural(blocks, "block")}, ${part} % of the ${
    formatBytes(tapeBytes)
  } of ${name}${gone}`;
}

function resultFields(tape: OpenedTape, path: string, sizes: PackedSizes, isRemoved: boolean): object {
  return {
    tape_id: tape.tapeId,
    path,
    tape_path: tape.path,
    block_count: sizes.blocks,
    tape_bytes: sizes.tapeBytes,
    packed_bytes: sizes.packedBytes,
    is_tape_deleted: isRemoved,
  };
}

/** `tapeline compress` */
export const compress: Command = { name: "compress", summary: "make a tape smaller", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(compress);
