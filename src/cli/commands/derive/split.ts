import * as fs from "node:fs/promises";
import { join } from "node:path";
import type { TapeError } from "../../../errors.ts";
import { readDuration, readSize } from "../../../query/syntax/amounts.ts";
import { lineLimitOf } from "../../../stores/line-limit.ts";
import { derivedMetadata, keptMetadata } from "../../../tape/derive/derived-metadata.ts";
import type { CodingOptions } from "../../../tape/derive/output/derived-coding.ts";
import { type Part, type SplitBy, splitTape } from "../../../tape/derive/split.ts";
import { homePath } from "../../arguments/home-path.ts";
import { CODING_HELP, CODING_OPTIONS, codingOf } from "../../arguments/keys/coding-options.ts";
import { KEY_HELP, KEY_OPTIONS } from "../../arguments/keys/key-options.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { Interrupted } from "../../terminal/process-io.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes, plural } from "../../terminal/units.ts";
import { withTapes } from "./derived-tape.ts";
import { openOutput, type TapeOutput } from "./output.ts";

const HELP = `Splits a tape into several, each in a file of its own.

Usage:
  tapeline split (--size BYTES | --time DURATION) [--with-context] -o FOLDER
                 [--json] [--dir DIR] [TAPE]
  tapeline split --session -o FOLDER [--json] [--dir DIR] [TAPE]

The parts are put into FOLDER, which is made if need be, each under its own id;
these sort in the order of the tape. Frames are numbered anew in each part and
say where they were; their messages are to the letter, and their times stay what
they were. A correlation whose request and answer come into two parts is left
out, and stderr says how many these are.

Options:
  --size BYTES      no part is larger, unless one frame is, with its context:
                    500k, 10m, 1g
  --time DURATION   each part has what was said within so much time, counted
                    from the start of the tape: 30s, 10m, 1h
  --session         each session is a part: one begins with its initialize
                    request, and those of a merged tape are parted again
  --with-context    each part begins with what had set the session up by then:
                    the handshake and the list of tools; with --session each
                    has its own
  -o, --output FOLDER
                    where the parts go
  --json            each part as one JSON object a line
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes

${CODING_HELP}
${KEY_HELP}
TAPE is - for a tape on stdin.

Exit codes:
  0  done; correlations between two parts are not counted as lost
  1  failed; the parts that were complete by then stay
  2  wrong use, or no such tape
  3  done, but the tape is damaged or has gaps; stderr says so

Examples:
  tapeline split --size 10m -o parts latest
  tapeline split --time 1h -o hours session.jsonl
  tapeline split --size 1m --with-context -o parts session.jsonl
  tapeline split --session -o sessions latest
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("split", args, {
    size: { type: "string" },
    time: { type: "string" },
    session: { type: "boolean" },
    "with-context": { type: "boolean" },
    output: { type: "string", short: "o" },
    json: { type: "boolean" },
    dir: { type: "string" },
    ...CODING_OPTIONS,
    ...KEY_OPTIONS,
  });
  const by = splitBy(values.size, values.time, values.session);
  const withContext = values["with-context"] === true;
  if (withContext && values.session === true) throw new UsageError("--session and --with-context exclude each other");
  const { output } = values;
  if (output === undefined || output === "") {
    throw new UsageError('split needs a folder, with -o; see "tapeline split --help"');
  }
  const folder = homePath(output, io.env.HOME);
  const coding = await codingOf(values, io);
  return await withTapes([optionalArgument("split", positionals) ?? "latest"], values, io, async ([tape]) => {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    return await new Splitter(tape!, folder, coding, io, values.json === true).run(by, withContext);
  });
}

function splitBy(size: string | undefined, time: string | undefined, session: boolean | undefined): SplitBy {
  if ([size, time, session].filter((each) => each !== undefined).length !== 1) {
    throw new UsageError('split needs one of --size, --time and --session; see "tapeline split --help"');
  }
  if (size !== undefined) {
    const bytes = readSize(size)?.at ?? 0;
    if (bytes < 1) throw new UsageError(`--size must be bytes, such as 500k or 10m, not "${escapeControls(size)}"`);
    return { bytes };
  }
  if (time !== undefined) {
    // A number alone would be milliseconds.
    const ms = /\d$/.test(time) ? 0 : Math.floor((readDuration(time)?.at ?? 0) / 1000);
    if (ms < 1) {
      throw new UsageError(`--time must be a time with its unit, such as 30s or 1h, not "${escapeControls(time)}"`);
    }
    return { ms };
  }
  return { sessions: true };
}

/** So many of what is damaged are told one by one; of more there is a count. */
const MAX_REPORTS = 20;

/** Splits one tape into files. */
class Splitter {
  readonly #tape: OpenedTape;
  readonly #folder: string;
  readonly #coding: CodingOptions;
  readonly #io: CommandIo;
  readonly #isJson: boolean;
  readonly #open = new Map<string, TapeOutput>();
  #parts = 0;
  #left = 0;
  #lost = 0;
  #damaged = 0;

  constructor(tape: OpenedTape, folder: string, coding: CodingOptions, io: CommandIo, isJson: boolean) {
    this.#tape = tape;
    this.#folder = folder;
    this.#coding = coding;
    this.#io = io;
    this.#isJson = isJson;
  }

  async run(by: SplitBy, withContext: boolean): Promise<number> {
    const { store, key, init } = this.#tape;
    const size = await store.size(key) ?? 0;
    const progress = new Progress(size, this.#io);
    const query = "bytes" in by ? `by ${by.bytes} bytes` : "ms" in by ? `by ${by.ms} ms` : "by session";
    let isDone = false;
    try {
      const { missingFrames, unfinished, isInterrupted } = await splitTape({
        source: { store, key, size, init, maxLineBytes: lineLimitOf(init), name: init.tape_id, query },
        by,
        withContext,
        coding: this.#coding,
        open: async (tapeId) => {
          const path = join(this.#folder, `${tapeId}.jsonl`);
          const output = await openOutput({ to: path, force: false }, tapeId, [this.#tape], "split", this.#io);
          this.#open.set(tapeId, output);
          return output;
        },
        close: (part) => this.#close(part),
        signal: this.#io.signal,
        onError: (error) => this.#report(error),
        onProgress: (bytes) => progress.at(bytes),
      });
      isDone = true;
      progress.clear();
      return await this.#end(missingFrames, unfinished, isInterrupted);
    } finally {
      progress.clear();
      if (!isDone) { for (const output of this.#open.values()) await output.discard(); }
    }
  }

  async #close(part: Part): Promise<void> {
    const { init, encoder, output: { stats, size, sessionEnd }, all } = part;
    const output = this.#open.get(init.tape_id)!;
    const counted = stats.snapshot(size);
    const derived = { init, stats: counted, performance: stats.performance(), end: sessionEnd };
    await output.finish(keptMetadata(derivedMetadata(derived, this.#tape.metadata, undefined), encoder));
    this.#open.delete(init.tape_id);
    this.#parts++;
    this.#left += all.leftCorrelations;
    this.#lost += (counted.lost_frame_count ?? 0) + all.wrongCorrelations;
    const { path } = output;
    const text = this.#isJson
      ? asciiJson({ tape_id: init.tape_id, path, derived_from: init.derived_from, stats: counted })
      : `${escapeControls(path!)}: ${plural(counted.frame_count, "frame")}, ${formatBytes(size)}`;
    await this.#io.stdout.write(`${text}\n`);
  }

  #report(error: TapeError): void {
    if (++this.#damaged <= MAX_REPORTS) void this.#io.stderr.write(`tapeline: ${escapeControls(error.message)}\n`);
  }

  async #end(missing: number, unfinished: TapeError | undefined, isInterrupted: boolean): Promise<number> {
    const { stderr, signal } = this.#io;
    const { store, key, path } = this.#tape;
    const isTorn = unfinished !== undefined && await store.writerOf?.(key) !== "alive";
    if (this.#left > 0) {
      await stderr.write(
        `tapeline: ${plural(this.#left, "correlation")} left out whose two sides are in different parts\n`,
      );
    }
    const losses = [
      this.#damaged > 0 ? `${plural(this.#damaged, "damaged line")} left out` : "",
      this.#lost > missing ? `${plural(this.#lost - missing, "frame")} could not be recorded, as gap records say` : "",
      missing > 0 ? `${plural(missing, "frame")} missing, for which there is a gap record now` : "",
      isTorn ? `its last line, at byte ${unfinished.offset}, is torn` : "",
    ].filter((loss) => loss !== "");
    if (losses.length > 0) {
      await stderr.write(`tapeline: ${escapeControls(path)} is not complete: ${losses.join("; ")}\n`);
    }
    if (isInterrupted && signal.reason instanceof Interrupted) {
      await stderr.write(`tapeline: interrupted: the ${plural(this.#parts, "part")} that there are by now are whole\n`);
      throw signal.reason;
    }
    return losses.length > 0 ? 3 : 0;
  }
}

/** `tapeline split` */
export const split: Command = { name: "split", summary: "several tapes of one", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(split);
