import type { TapeMetadata } from "../../../records/metadata.ts";
import { newTapeId } from "../../../records/tape-id.ts";
import type { Query } from "../../../query/query.ts";
import { lineLimitOf } from "../../../stores/line-limit.ts";
import { type LineTest, testOfTape } from "../../../tape/derive/choice/line-test.ts";
import { derive, type Derived, type DerivedSource } from "../../../tape/derive/derive.ts";
import { derivedMetadata, keptMetadata } from "../../../tape/derive/derived-metadata.ts";
import type { CodingOptions } from "../../../tape/derive/output/derived-coding.ts";
import type { SourceOrder } from "../../../tape/derive/derived-init.ts";
import { readTapeEnd } from "../../../tape/read/tape-end.ts";
import { CODING_HELP, CODING_OPTIONS, codingOf, type CodingValues } from "../../arguments/keys/coding-options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf, type KeyValues } from "../../arguments/keys/key-options.ts";
import { type StdinTape, stdinTape } from "../../arguments/stdin-tape.ts";
import { naming, type OpenedTape, openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { DamageReports } from "../../terminal/damage-reports.ts";
import { Interrupted } from "../../terminal/process-io.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes, plural } from "../../terminal/units.ts";
import { openOutput, type TapeOutput } from "./output.ts";

const OWN_OPTIONS = {
  output: { type: "string", short: "o" },
  force: { type: "boolean" },
  name: { type: "string" },
  json: { type: "boolean" },
  dir: { type: "string" },
} as const;

/** The options that all commands have which make a tape. */
export const OUTPUT_OPTIONS: typeof OWN_OPTIONS & typeof KEY_OPTIONS = { ...OWN_OPTIONS, ...KEY_OPTIONS };

/** Those of the commands that leave it to the user how it is coded. */
export const MAKING_OPTIONS: typeof OUTPUT_OPTIONS & typeof CODING_OPTIONS = { ...OUTPUT_OPTIONS, ...CODING_OPTIONS };

/** Their values. */
export interface OutputValues extends KeyValues, CodingValues {
  readonly output?: string | undefined;
  readonly force?: boolean | undefined;
  readonly name?: string | undefined;
  readonly json?: boolean | undefined;
  readonly dir?: string | undefined;
}

const OWN_HELP = `  -o, --output OUT  the file of the new tape, or a folder for it; by default, or
                    with -, it goes to stdout, without metadata
  --force           replaces OUT if it is there; never a tape that is read
  --name NAME       a name for the new tape
  --json            what was done, as one JSON object on one line; with -o
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes
`;
const STDIN_HELP = "TAPE is - for a tape on stdin.\n";

/** How their help explains them. */
export const OUTPUT_HELP: string = `${OWN_HELP}\n${KEY_HELP}\n${STDIN_HELP}`;

/** How their help explains them. */
export const MAKING_HELP: string = `${OWN_HELP}\n${CODING_HELP}\n${KEY_HELP}\n${STDIN_HELP}`;

/** How that of those explains it which leave frames out. */
export const CONTEXT_HELP = `  --with-context    takes what has set the session up as well: the handshake and
                    the list of tools
`;

/** How it explains the exit codes. */
export const EXIT_HELP = `Exit codes:
  0  done; what was not asked for is not counted as lost
  1  failed; nothing is left of the new tape
  2  wrong use, no such tape, or a file in the way
  3  done, but a tape that was read is damaged or has gaps; stderr says so
`;

/** What is taken of a tape. */
export type Taken = Pick<DerivedSource, "choice" | "lines" | "keeps">;

/** What a command makes a tape of, and how. */
export interface Making {
  /** Name of the command. */
  readonly by: string;
  readonly values: OutputValues;
  readonly tapes: readonly OpenedTape[];
  readonly order?: SourceOrder | undefined;
  /** What of each of them is taken; all, where that is left out. */
  readonly partOf?: ((tape: OpenedTape) => Taken) | undefined;
  /** What was asked for, as it is to stand on the tape. */
  readonly query?: string | undefined;
}

/**
 * Whether the new tape goes to stdout.
 *
 * @throws {UsageError} what was done is to go there too
 */
export function isPiped({ output, json }: OutputValues): boolean {
  const isPiped = output === undefined || output === "-";
  if (json === true && isPiped) throw new UsageError("--json needs -o FILE: stdout is the tape");
  return isPiped;
}

/** Makes a tape, says what has become of it, and gives the exit code. */
export async function makeTape(making: Making, io: CommandIo): Promise<number> {
  const { by, values, tapes } = making;
  isPiped(values);
  const coding = await codingOf(values, io);
  const tapeId = newTapeId();
  const output = await openOutput({ to: values.output, force: values.force === true }, tapeId, tapes, by, io);
  let isDone = false;
  try {
    const made = await new TapeMaking(making, coding, tapeId, io).run(output);
    await output.finish(made.metadata);
    isDone = true;
    await made.tell(output.path);
    if (io.signal.reason instanceof Interrupted) throw io.signal.reason;
    return io.signal.aborted ? 0 : made.exitCode;
  } finally {
    if (!isDone) await output.discard();
  }
}

/**
 * Does something with the tapes that are named; one of them may be `-`, for stdin.
 *
 * @throws {UsageError} several are
 */
export async function withTapes(
  names: readonly string[],
  values: OutputValues,
  io: CommandIo,
  act: (tapes: readonly OpenedTape[]) => Promise<number>,
): Promise<number> {
  const folder = tapeFolder(values.dir, io.env);
  if (names.filter((name) => name === "-").length > 1) {
    throw new UsageError("Cannot read several tapes from stdin: only one of them can be -");
  }
  const keys = await keysOf(values, io);
  const tapes: OpenedTape[] = [];
  let stdin: StdinTape | undefined;
  try {
    for (const name of names) {
      if (name === "-") stdin = await stdinTape(io, keys);
      tapes.push(name === "-" ? stdin!.tape : await openTape(name, folder, keys));
    }
    return await act(tapes);
  } finally {
    await stdin?.close();
  }
}

/** What of the lines of a tape a query selects. A long tape that has to be read before says how far that has come. */
export async function selectedOf({ store, key, init }: OpenedTape, query: Query, io: CommandIo): Promise<LineTest> {
  const size = await store.size(key) ?? 0;
  const progress = new Progress(size, io);
  const tape = { store, key, size, init, maxLineBytes: lineLimitOf(init) };
  return await testOfTape(query, tape, { signal: io.signal, onProgress: (bytes) => progress.at(bytes) })
    .finally(() => progress.clear());
}

/** What was made. */
interface Made {
  readonly metadata: TapeMetadata;
  readonly exitCode: number;
  /** Says so, on stdout where that is not the tape, and what was lost on stderr. */
  tell(path: string | undefined): Promise<void>;
}

/** One tape, while it is made. */
class TapeMaking {
  readonly #making: Making;
  readonly #coding: CodingOptions;
  readonly #tapeId: string;
  readonly #io: CommandIo;
  readonly #damage: DamageReports;
  readonly #notes: string[] = [];
  readonly #losses: string[] = [];

  constructor(making: Making, coding: CodingOptions, tapeId: string, io: CommandIo) {
    this.#making = making;
    this.#coding = coding;
    this.#tapeId = tapeId;
    this.#io = io;
    this.#damage = new DamageReports(io);
  }

  async run(output: TapeOutput): Promise<Made> {
    const { by, tapes, order, partOf } = this.#making;
    const sources = new Map<DerivedSource, OpenedTape>();
    for (const tape of tapes) sources.set(await this.#source(tape), tape);
    const size = [...sources.keys()].reduce((sum, source) => sum + source.size, 0);
    const progress = new Progress(size, this.#io);
    const derived = await derive({
      sources: [...sources.keys()],
      order,
      target: output,
      tapeId: this.#tapeId,
      by,
      coding: this.#coding,
      signal: this.#io.signal,
      onError: (error, source) => this.#damage.report(error, tapes.length > 1 ? sources.get(source)!.path : undefined),
      onProgress: (bytes) => progress.at(bytes),
    }).finally(() => progress.clear());
    await this.#note(derived, sources, partOf === undefined);
    const known = tapes.length === 1 ? tapes[0]!.metadata : undefined;
    return {
      metadata: keptMetadata(derivedMetadata(derived, known, this.#making.values.name), derived.encoder),
      exitCode: this.#losses.length > 0 ? 3 : 0,
      tell: (path) => this.#tell(path, derived, size),
    };
  }

  async #source(tape: OpenedTape): Promise<DerivedSource> {
    const { store, key, init } = tape;
    const { order = "given", tapes, partOf, query } = this.#making;
    const size = await naming(tape, async () => await store.size(key)) ?? 0;
    const isBehind = order === "given" && tapes.length > 1;
    return {
      store,
      key,
      size,
      init,
      maxLineBytes: lineLimitOf(init),
      name: init.tape_id,
      ...partOf?.(tape),
      query,
      durationMs: isBehind ? (await readTapeEnd(store, key, size)).stats.duration_ms ?? 0 : undefined,
    };
  }

  async #note(derived: Derived, sources: ReadonlyMap<DerivedSource, OpenedTape>, isAll: boolean): Promise<void> {
    const { stats, missingFrames, retimedFrames, leftCorrelations, wrongCorrelations, moved, unfinished } = derived;
    const losses = this.#losses;
    const notes = this.#notes;
    if (this.#damage.count > 0) losses.push(`${plural(this.#damage.count, "damaged line")} left out`);
    const told = (stats.lost_frame_count ?? 0) - missingFrames;
    if (told > 0) losses.push(`${plural(told, "frame")} could not be recorded, as gap records say`);
    if (missingFrames > 0) {
      losses.push(`${plural(missingFrames, "frame")} missing, for which there is a gap record now`);
    }
    if (wrongCorrelations > 0) {
      losses.push(`${plural(wrongCorrelations, "correlation")} left out that contradict the frames they name`);
    }
    // Where all was asked for, even those count of which nothing is there.
    const left = leftCorrelations + (isAll ? derived.otherCorrelations : 0);
    if (left > 0) {
      (isAll ? losses : notes).push(`${plural(left, "correlation")} left out of which one side is not there`);
    }
    for (const { source, error } of unfinished) {
      const { path } = sources.get(source)!;
      const name = escapeControls(path);
      if (await source.store.writerOf?.(source.key) === "alive") {
        notes.push(`${name} is being written: what came since is not in it`);
      } else losses.push(`the last line of ${name}, at byte ${error.offset}, is torn`);
    }
    if (!isAll && stats.frame_count === 0 && !derived.isInterrupted) notes.push("no frame fits");
    if (retimedFrames > 0) {
      notes.push(`${plural(retimedFrames, "frame")} had times that go back; "origin" in them tells what they were`);
    }
    for (const { tape, why } of moved) {
      const name = escapeControls([...sources.values()][tape]!.path);
      notes.push(
        why === "overlap"
          ? `${name} starts before the tape before it has ended, and was moved behind it`
          : `nobody knows when ${name} was started; it was put at the earliest time`,
      );
    }
  }

  async #tell(path: string | undefined, derived: Derived, readBytes: number): Promise<void> {
    const { stderr, stdout, signal } = this.#io;
    const name = path === undefined ? "the new tape" : escapeControls(path);
    if (signal.aborted && !(signal.reason instanceof Interrupted)) return;
    for (const note of this.#notes) await stderr.write(`tapeline: ${note}\n`);
    if (this.#losses.length > 0) await stderr.write(`tapeline: ${name} is not complete: ${this.#losses.join("; ")}\n`);
    if (derived.isInterrupted) {
      await stderr.write(`tapeline: interrupted: ${name} is whole, and ends with what had been read by then\n`);
    }
    if (path === undefined) return;
    if (this.#making.values.json === true) await stdout.write(`${asciiJson(this.#fields(path, derived))}\n`);
    else {
      const { frame_count, file_size_bytes } = derived.stats;
      const from = `made of ${formatBytes(readBytes)} in ${plural(this.#making.tapes.length, "tape")}`;
      await stdout.write(`${name}: ${plural(frame_count, "frame")}, ${formatBytes(file_size_bytes)}, ${from}\n`);
    }
  }

  #fields(path: string, derived: Derived): object {
    return {
      tape_id: this.#tapeId,
      path,
      derived_from: derived.init.derived_from,
      stats: derived.stats,
      damaged_line_count: this.#damage.count,
      missing_frame_count: derived.missingFrames,
      retimed_frame_count: derived.retimedFrames,
      left_correlation_count: derived.leftCorrelations,
      wrong_correlation_count: derived.wrongCorrelations,
      is_interrupted: derived.isInterrupted,
      is_complete: this.#losses.length === 0 && !derived.isInterrupted,
    };
  }
}
