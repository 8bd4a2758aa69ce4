import type { TapeLine } from "../../../lines/line.ts";
import { WriterWatch } from "../../../tape/read/writer-watch.ts";
import { parseLine, recordOn } from "../../../lines/parse-line.ts";
import { pipe } from "../../../streams/pipe.ts";
import { type Stage, stage } from "../../../streams/stage.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import { TapeReading } from "../../arguments/tape-reading.ts";
import { startOf, type Where } from "../../arguments/where.ts";
import { readMetadata } from "../../arguments/tape-names.ts";
import type { CommandIo } from "../../command.ts";
import { Calls } from "../../summary/calls.ts";
import { describeRecord, isNoteworthy, isNoteworthyLine } from "../../report/describe-record.ts";
import { escapeControls, harmlessJson, type Style } from "../../terminal/text.ts";
import { tailStart } from "./tail-start.ts";

/** How much of a tape is printed, and how. */
export interface TailOptions {
  /** How many of the last lines to begin with; `Infinity` for all of them. */
  readonly count: number;
  /** Whether to wait for more as long as the tape is being recorded. */
  readonly follow: boolean;
  /** Which of them. */
  readonly where: Where;
  /** Whether to wait also where its recorder has died: somebody may go on with it. */
  readonly waitForWriter: boolean;
  /** The records as they stand on the tape. */
  readonly isJson: boolean;
  readonly style: Style;
  /** How wide a line for people may be. */
  readonly width: () => number;
  /** Makes what is printed of a line; by default it is printed as it is. */
  readonly dress?: (text: string) => string;
}

/** So much before the first line is read to know the requests that later answers belong to. */
const CONTEXT_BYTES = 256 * 1024;

/** Prints the end of a tape, and then what comes, until the recording ends; gives the exit code. */
export async function followTape(tape: OpenedTape, options: TailOptions, io: CommandIo): Promise<number> {
  const { count, where, isJson, style, width, dress = (text) => text } = options;
  const reading = new TapeReading(tape, io);
  // A tape of an older writer has no mark for its end; what its metadata says is then all there is to know.
  const follow = options.follow && tape.metadata?.status !== "finalized";

  const size = await tape.store.size(tape.key) ?? 0;
  // What comes with what is selected is printed, and not counted.
  const isCounted = where.query !== undefined
    ? (line: TapeLine) => where.isAskedFor(line)
    : isJson
    ? () => true
    : isNoteworthyLine;
  const linesBetween = (start: number, end: number) => reading.linesBetween(start, end);
  const test = await where.test(tape, reading);
  const start = count === Infinity
    ? 0
    : await tailStart(linesBetween, size, count, (line) => test(line) && isCounted(line) && isRecord(line));
  const calls = new Calls();
  const before = linesBetween(Math.max(0, start - CONTEXT_BYTES), start);
  if (!isJson || where.query !== undefined) await learnCalls(calls, before, test);
  // What asks for the rest of an operation is held back until that has come, and begins with the tape.
  const isHeld = follow && where.query?.survey() !== undefined;
  const isSelected = isHeld ? (line: TapeLine) => line.offset >= start : test;

  const watch = follow && !options.waitForWriter
    ? await WriterWatch.join(tape.store, tape.tapeId, () => readMetadata(tape.store, `${tape.tapeId}.meta.json`))
    : undefined;
  const signal = watch === undefined ? io.signal : AbortSignal.any([io.signal, watch.gone]);
  let end = start;
  let isOver = false;
  const print = async (line: TapeLine) => {
    const isWanted = isSelected(line);
    // A line that is not wanted may be the end of the tape, damaged, or a request whose answer is.
    const isNeeded = isWanted || line.type === "checkpoint" || line.type === undefined || !isJson;
    const record = isNeeded ? reading.parse(line) : undefined;
    if (line.terminated) end = line.nextOffset;
    if (record === undefined) return;
    if (!isWanted) {
      if (!isJson) describeRecord(line, record, calls, style, width());
    } else if (isJson) await io.stdout.write(`${dress(io.isTty ? harmlessJson(line.text()) : line.text())}\n`);
    else {
      const text = describeRecord(line, record, calls, style, width());
      const isTold = where.query === undefined ? isNoteworthy(record) : record.type === "gap" || where.isAskedFor(line);
      if (isTold) await io.stdout.write(`${dress(text)}\n`);
    }
    if (!follow || record.type !== "checkpoint" || record.final !== true) return;
    // A tape that was gone on with has more behind its final checkpoint.
    isOver = (await tape.store.size(tape.key) ?? 0) <= line.nextOffset;
  };
  try {
    const lines = isHeld
      ? pipe(reading.lines({ follow, signal }), untilTheEnd(size), where.query!.stage({ startedAt: startOf(tape) }))
      : reading.lines({ start, follow, signal });
    for await (const line of lines) {
      await print(line);
      if (isOver) break;
    }
  } finally {
    watch?.stop();
  }
  if (isOver || io.signal.aborted || watch?.gone.aborted !== true) return await reading.finish();
  // What came since we looked last is printed too: its end may be there.
  if (!isHeld) { for await (const line of reading.lines({ start: end })) await print(line); }
  if (isOver) return await reading.finish();
  await io.stderr.write(`tapeline: ${interruption(tape)}\n`);
  return Math.max(3, await reading.finish());
}

/** What to say of a tape whose recorder has died. */
function interruption({ path }: OpenedTape): string {
  const quoted = escapeControls(/^[\w./-]+$/.test(path) ? path : `'${path}'`);
  return `the recording was interrupted: its recorder has ended without finishing it; "tapeline repair ${quoted}" does`;
}

function isRecord(line: TapeLine): boolean {
  try {
    parseLine(line);
    return true;
  } catch {
    return false;
  }
}

/** Ends with the record that ends a tape, unless the tape was gone on with when it had this size. */
function untilTheEnd(size: number): Stage<TapeLine, TapeLine> {
  return stage<TapeLine, TapeLine>({
    transform(line, emit) {
      emit(line);
      if (line.type !== "checkpoint" || line.nextOffset < size) return;
      const record = recordOn(line);
      if (record?.type === "checkpoint" && record.final === true) emit.terminate();
    },
  });
}

async function learnCalls(
  calls: Calls,
  lines: AsyncIterable<TapeLine>,
  test: (line: TapeLine) => boolean,
): Promise<void> {
  for await (const line of lines) {
    test(line);
    if (line.type !== "frame" && line.type !== "end") continue;
    try {
      const record = parseLine(line);
      if (record.type === "frame") calls.see(record);
      else if (record.type === "end") calls.sessionEnd = record;
    } catch {
      // Cut off at the start, or damaged: nobody asked for this line.
    }
  }
}
