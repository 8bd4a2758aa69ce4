import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import { TapeError } from "../../../errors.ts";
import { newTapeId, tapeKeys } from "../../../records/tape-id.ts";
import { redaction as redactionOf } from "../../../redact/redaction.ts";
import { ioError } from "../../../sinks/file/file-error.ts";
import { fileStore } from "../../../stores/file.ts";
import { type PackedSizes, packTape } from "../../../stores/packed/pack-tape.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { buildIndex } from "../../../tape/index/build-index.ts";
import { lintedPolicy } from "../../../tape/redact/linted-policy.ts";
import { copyRedacted, type RedactedCopy, redactedMetadata } from "../../../tape/redact/redact-tape.ts";
import { scanTape } from "../../../tape/redact/scan-tape.ts";
import { numberOption, optionalArgument, parseOptions } from "../../arguments/options.ts";
import { isPackedPath, packedPathStore } from "../../arguments/path-store.ts";
import { type GivenPolicy, POLICY_HELP, POLICY_OPTIONS, policyOptions } from "../../arguments/policy-option.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { naming, type OpenedTape, openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes, plural } from "../../terminal/units.ts";
import { takenOut } from "../redact/rule-counts.ts";
import { isTampered } from "../redact/tampered.ts";
import { checkReplaceable, dropDraft, keepDraft, openDraft, outputPath } from "./packed-output.ts";

const HELP = `Makes one small file of a tape that can be given away: without the secrets that
were found in it, packed, with its metadata and its index.

Usage:
  tapeline share [-o OUT] [--policy FILE] [--keep RULE …] [--secretlint]
                 [--name NAME] [--level N] [--force] [--json] [--dir DIR]
                 [TAPE]

The tape itself stays as it is. The new one has another id, is signed by nobody,
and says how many secrets of which rule were taken out. The file is searched
again once it is written; where anything is found there is no file.

Only what a rule describes is found: names, addresses and what a file said are
still there. Look at it before you give it away: "tapeline cat --json" shows its
lines, "tapeline info --json" the command that was recorded. On which machine
that was, and by whom, is left out. The file is plain, of an encrypted tape too.
Every command reads it as a tape.

Options:
  -o, --output OUT  the file, or a folder for it; by default it stands beside
                    the tape, as NAME.shared.jsonl.zst
${POLICY_HELP}  --name NAME       a name for the new tape
  --level N         1 (quick) to 19 (small); 15 by default
  --force           replaces OUT if it is there
  --json            what was done, as one JSON object on one line
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  done
  1  failed, a secret was still found, or an encrypted tape is damaged; nothing
     is left of the new file
  2  wrong use, no such tape, or a file in the way
  3  done, but the last line of TAPE was torn, and is left out

Examples:
  tapeline share latest
  tapeline share -o bug-17.jsonl.zst --policy policy.json session.jsonl
  tapeline share --keep url-credentials session.jsonl
`;

const ENDING = ".jsonl.zst";

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("share", args, {
    output: { type: "string", short: "o" },
    ...POLICY_OPTIONS,
    name: { type: "string" },
    level: { type: "string" },
    force: { type: "boolean" },
    json: { type: "boolean" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const isLevel = (level: number) => Number.isInteger(level) && level >= 1 && level <= 19;
  const level = numberOption("--level", values.level, "a whole number from 1 to 19", isLevel);
  const given = await policyOptions(values, io.env);
  const keys = await keysOf(values, io);
  const tape = await openTape(optionalArgument("share", positionals), tapeFolder(values.dir, io.env), keys);
  if (values.output === "-") throw new UsageError("share needs a file: what is written is read again");
  const path = await outputPath(values.output, tape.path, `.shared${ENDING}`, io);
  if (!isPackedPath(path)) {
    throw new UsageError(`Cannot write ${escapeControls(path)}: the name of a packed tape ends in ${ENDING}`);
  }
  await checkReplaceable(path, values.force === true, tape.path);

  if (await isTampered(tape, io.signal)) {
    const why = 'it is damaged, or somebody has changed it; "tapeline verify" says where';
    throw new TapeError("corrupted_record", `Cannot share ${escapeControls(tape.path)}: ${why}`);
  }
  const file = await openDraft(path);
  let shared: Shared;
  try {
    shared = await shareTape({ tape, draft: file.draft, output: file.sink, given, name: values.name, level }, io);
    io.signal.throwIfAborted();
    await keepDraft(file);
  } catch (error) {
    await dropDraft(file);
    throw error;
  }
  const name = escapeControls(tape.path);
  const isLive = await tape.store.writerOf?.(tape.key) === "alive";
  if (isLive) await io.stderr.write(`tapeline: ${name} is being written: what came since is not in it\n`);
  const isTorn = shared.isUnfinished && !isLive;
  if (isTorn) await io.stderr.write(`tapeline: ${name} is not complete: its last line is torn, and is left out\n`);
  if (tape.init.encryption != null) {
    await io.stderr.write(`tapeline: ${name} is encrypted; the shared file is plain\n`);
  }
  await io.stdout.write(values.json === true ? `${asciiJson(fieldsOf(shared, path, tape))}\n` : textOf(shared, path));
  return isTorn ? 3 : 0;
}

/** What is shared, and how. */
export interface Sharing {
  readonly tape: OpenedTape;
  /** Where the packed tape is written, and by what. */
  readonly draft: string;
  readonly output: WritableStream<Uint8Array>;
  readonly given: GivenPolicy;
  readonly name: string | undefined;
  readonly level: number | undefined;
}

interface Shared {
  readonly tapeId: string;
  /** How many secrets were taken out, by rule. */
  readonly rules: Readonly<Record<string, number>>;
  readonly policy: string;
  readonly sizes: PackedSizes;
  /** Whether the last line of the tape was left out. */
  readonly isUnfinished: boolean;
}

async function shareTape(sharing: Sharing, io: CommandIo): Promise<Shared> {
  const { draft, given: { policy } } = sharing;
  const tapeId = newTapeId();
  // Beside the file that it becomes: where that has room, it has.
  const folder = await fs.mkdtemp(join(dirname(draft), ".tapeline-share-")).catch((error) => {
    throw ioError(`Cannot write ${escapeControls(draft)}`, error);
  });
  try {
    const { counts: rules, isUnfinished } = await redactInto(folder, tapeId, sharing, io);
    const sizes = await packInto(folder, tapeId, sharing, io);
    await checkClean(packedPathStore(draft, tapeId), tapeId, sharing, io.signal);
    return { tapeId, rules, policy: policy.hash, sizes, isUnfinished };
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}

/** Writes the tape without its secrets, with metadata and index, and tells what became of its lines. */
async function redactInto(
  folder: string,
  tapeId: string,
  { tape, given: { policy, key }, name }: Sharing,
  io: CommandIo,
): Promise<RedactedCopy["lines"]> {
  const store = fileStore(folder);
  const keys = tapeKeys(tapeId);
  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const watched = { signal: io.signal, onProgress: (bytes: number) => progress.at(bytes) };
  const linted = await naming(tape, () => lintedPolicy(tape.store, tape.tapeId, policy, watched));
  const redaction = redactionOf(linted, { key });
  const target = await store.openSink(keys.tape, { mode: "create" });
  const copying = { ...watched, compress: false, encryptTo: false } as const;
  const copied = await naming(tape, () => copyRedacted(tape.store, tape.tapeId, tapeId, redaction, target, copying))
    .finally(() => progress.clear());
  await target.close();
  const { hostname: _hostname, user: _user, ...environment } = tape.metadata?.environment ?? {};
  const known = tape.metadata?.environment == null ? tape.metadata : { ...tape.metadata, environment };
  const metadata = redactedMetadata(copied, known, redaction, name);
  await store.put(keys.meta, new TextEncoder().encode(JSON.stringify(metadata)));
  await buildIndex(store, tapeId, { signal: io.signal });
  return copied.lines;
}

async function packInto(
  folder: string,
  tapeId: string,
  { output, level }: Sharing,
  io: CommandIo,
): Promise<PackedSizes> {
  const store = fileStore(folder);
  const progress = new Progress(await store.size(tapeKeys(tapeId).tape) ?? 0, io);
  const onProgress = (bytes: number) => progress.at(bytes);
  return await packTape(store, tapeId, output, { level, signal: io.signal, onProgress }).finally(() =>
    progress.clear()
  );
}

/**
 * Looks for secrets in what was written, with the same policy.
 *
 * @throws {TapeError} code `internal`: there are some
 */
export async function checkClean(
  written: TapeStore,
  tapeId: string,
  { tape, given: { policy } }: Pick<Sharing, "tape" | "given">,
  signal: AbortSignal,
): Promise<void> {
  const { count, rules } = await scanTape(written, tapeId, { policy, signal });
  if (count === 0) return;
  const why = `${plural(count, "secret")} of ${Object.keys(rules).sort().join(", ")} would still be in it`;
  throw new TapeError("internal", `Cannot share ${escapeControls(tape.path)}: ${why}`);
}

function textOf({ rules, sizes: { packedBytes, tapeBytes } }: Shared, path: string): string {
  return `${escapeControls(path)}: ${formatBytes(packedBytes)} of ${formatBytes(tapeBytes)}; ${takenOut(rules)}\n`;
}

function fieldsOf({ tapeId, rules, policy, sizes }: Shared, path: string, tape: OpenedTape): object {
  return {
    tape_id: tapeId,
    path,
    tape_path: tape.path,
    rules,
    policy,
    block_count: sizes.blocks,
    tape_bytes: sizes.tapeBytes,
    packed_bytes: sizes.packedBytes,
  };
}

/** `tapeline share` */
export const share: Command = {
  name: "share",
  summary: "make a file to give away, without secrets",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(share);
