import type { TapeLine } from "../../../lines/line.ts";
import { parseLine } from "../../../transforms/parse-record.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import { TapeReading } from "../../arguments/tape-reading.ts";
import type { CommandIo } from "../../command.ts";
import { Calls } from "../../report/calls.ts";
import { describeRecord, isNoteworthy, isNoteworthyLine } from "../../report/describe-record.ts";
import { harmlessJson, type Style } from "../../terminal/text.ts";
import { tailStart } from "./tail-start.ts";

/** How much of a tape is printed, and how. */
export interface TailOptions {
  /** How many of the last lines to begin with; `Infinity` for all of them. */
  readonly count: number;
  /** Whether to wait for more as long as the tape is being recorded. */
  readonly follow: boolean;
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
  const { count, isJson, style, width, dress = (text) => text } = options;
  const reading = new TapeReading(tape, io);
  // A tape of an older writer has no mark for its end; what its metadata says is then all there is to know.
  const follow = options.follow && tape.metadata?.status !== "finalized";

  const size = await tape.store.size(tape.key) ?? 0;
  const isPrinted = isJson ? () => true : isNoteworthyLine;
  const linesBetween = (start: number, end: number) => reading.linesBetween(start, end);
  const start = count === Infinity
    ? 0
    : await tailStart(linesBetween, size, count, (line) => isWhole(line) && isPrinted(line));
  const calls = new Calls();
  if (!isJson) await learnCalls(calls, linesBetween(Math.max(0, start - CONTEXT_BYTES), start));

  for await (const line of reading.lines({ start, follow })) {
    const record = reading.parse(line);
    if (record === undefined) continue;
    if (isJson) await io.stdout.write(`${dress(io.isTty ? harmlessJson(line.text()) : line.text())}\n`);
    else {
      const text = describeRecord(line, record, calls, style, width());
      if (isNoteworthy(record)) await io.stdout.write(`${dress(text)}\n`);
    }
    if (!follow || record.type !== "checkpoint" || record.final !== true) continue;
    // A tape that was gone on with has more behind its final checkpoint.
    if ((await tape.store.size(tape.key) ?? 0) <= line.nextOffset) break;
  }
  return await reading.finish();
}

/** Whether a last line without its end is a record all the same. */
function isWhole(line: TapeLine): boolean {
  if (line.terminated) return true;
  try {
    parseLine(line);
    return true;
  } catch {
    return false;
  }
}

async function learnCalls(calls: Calls, lines: AsyncIterable<TapeLine>): Promise<void> {
  for await (const line of lines) {
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
