import { decoderOf } from "../../stores/decoding.ts";
import { TapeError } from "../../errors.ts";
import type { IndexEntry } from "../../index/index-entry.ts";
import type { TapeLine } from "../../lines/line.ts";
import { mayHoldMore, readParts } from "../../lines/line-parts.ts";
import { pipe } from "../../streams/pipe.ts";
import type { CheckpointRecord, TapeRecord } from "../../records/record.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import { type Stage, stage } from "../../streams/stage.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import { parseLine } from "../../lines/parse-line.ts";
import { wantedLines } from "../../tape/read/wanted-lines.ts";
import { TapeSearch } from "../../tape/seek/tape-search.ts";
import type { CommandIo } from "../command.ts";
import { OutputClosed } from "../terminal/process-io.ts";
import type { OpenedTape } from "./tape-argument.ts";
import { escapeControls } from "../terminal/text.ts";
import { plural } from "../terminal/units.ts";

/** So many damaged lines are reported one by one; of more there is a count. */
const MAX_REPORTS = 20;

/** Reads a tape for a command: skips what is damaged, says so on stderr, and decides on the exit code. */
export class TapeReading {
  readonly #tape: OpenedTape;
  readonly #io: CommandIo;
  /** The first damaged lines. */
  readonly damaged: TapeError[] = [];
  damagedCount = 0;
  /** Frames that are missing from the tape, as its gap records say. */
  lostCount = 0;
  /** The last line, if it has no end: it is torn, or still being written. */
  unfinished: TapeLine | undefined;
  /** What is wrong with parts of damaged lines. */
  readonly #strays = new WeakMap<TapeLine, TapeError>();
  readonly #search: TapeSearch;

  constructor(tape: OpenedTape, io: CommandIo) {
    this.#tape = tape;
    this.#io = io;
    this.#search = new TapeSearch(tape.store, tape.tapeId, lineLimitOf(tape.init));
  }

  /**
   * The lines of the tape; those that are too long are skipped and reported. Of a line on which several records stand, or
   * a torn one and a whole one, each is a line of its own: so the first bytes of a line say what is on it.
   */
  lines(
    range: { start?: number; end?: number; follow?: boolean; signal?: AbortSignal } = {},
  ): ReadableStream<TapeLine> {
    const { start = 0, signal = this.#io.signal } = range;
    const bytes = this.#tape.store.openSource(this.#tape.key, { ...range, signal });
    const onError = (error: TapeError) => this.report(error);
    const split = lineSplit({
      maxLineBytes: this.maxLineBytes,
      offset: start,
      line: start === 0 ? 1 : 0,
      onError,
      decoder: decoderOf(this.#tape.store),
    });
    return pipe(bytes, split, this.#apart());
  }

  /** The lines between two offsets, without a word about any that is too long. */
  linesBetween(start: number, end: number): ReadableStream<TapeLine> {
    const bytes = this.#tape.store.openSource(this.#tape.key, { start, end, signal: this.#io.signal });
    const split = lineSplit({
      maxLineBytes: this.maxLineBytes,
      offset: start,
      line: 0,
      onError: () => {},
      decoder: decoderOf(this.#tape.store),
    });
    return pipe(bytes, split, this.#apart());
  }

  /** The line that starts at an offset; undefined where the tape ends there, or the line is too long. */
  async lineAt(offset: number): Promise<TapeLine | undefined> {
    for await (const line of this.linesBetween(offset, offset + this.maxLineBytes + 2)) {
      return line.offset === offset ? line : undefined;
    }
    return undefined;
  }

  /**
   * As {@linkcode lines}, without blocks of which the index of the tape tells that they are not wanted. It is asked for each
   * block when the lines before it have been taken.
   */
  async *linesOfBlocks(isWanted: (entry: IndexEntry) => boolean): AsyncGenerator<TapeLine, void, undefined> {
    const { store, key } = this.#tape;
    const tape = { store, key, maxLineBytes: this.maxLineBytes, search: this.#search };
    for await (const lines of wantedLines(tape, 0, isWanted, this.#io.signal)) {
      for (const line of lines) {
        if (line instanceof TapeError) this.report(line);
        else yield* this.#partsOf(line);
      }
    }
  }

  /** Whether the tape has an index that can be read. */
  async isIndexed(): Promise<boolean> {
    return await this.#search.index() !== undefined;
  }

  /** The longest line that is not skipped. */
  get maxLineBytes(): number {
    return lineLimitOf(this.#tape.init);
  }

  #apart(): Stage<TapeLine, TapeLine> {
    return stage<TapeLine, TapeLine>({
      transform: (line, emit) => {
        if (isSimple(line)) emit(line);
        else for (const part of this.#partsOf(line)) emit(part);
      },
    });
  }

  #partsOf(line: TapeLine): readonly TapeLine[] {
    if (isSimple(line)) return [line];
    return readParts(line).map((part) => {
      if (part.record === undefined) this.#strays.set(part.line, part.error);
      return part.line;
    });
  }

  /** The record on a line; undefined if it is damaged, or a last line that is not whole yet. */
  parse(line: TapeLine): TapeRecord | undefined {
    let record: TapeRecord;
    try {
      record = parseLine(line);
    } catch (error) {
      if (line.terminated) this.report(this.#strays.get(line) ?? error as TapeError);
      else this.unfinished = line;
      return undefined;
    }
    if (record.type === "gap") this.lostCount += record.count;
    return record.type === "checkpoint" ? this.#opened(record) : record;
  }

  /** All that a checkpoint says, where it can be opened. That it is not authentic is for `verify` to tell. */
  #opened(record: CheckpointRecord): CheckpointRecord {
    try {
      return decoderOf(this.#tape.store)?.openCheckpoint?.(record) ?? record;
    } catch {
      return record;
    }
  }

  /** Says on stderr what is wrong with the tape as far as it was read, and gives the exit code. */
  async finish(): Promise<number> {
    const { damagedCount, lostCount } = this;
    if (this.#io.signal.reason instanceof OutputClosed) return 0;
    const wrong = [
      damagedCount > 0 ? `${plural(damagedCount, "line")} of it ${damagedCount === 1 ? "is" : "are"} damaged` : "",
      lostCount > 0 ? `${plural(lostCount, "frame")} could not be recorded` : "",
    ].filter((part) => part !== "");
    if (wrong.length === 0) return 0;
    await this.#io.stderr.write(`tapeline: ${escapeControls(this.#tape.path)} is not complete: ${wrong.join(", ")}\n`);
    return 3;
  }

  /** Counts what is damaged, and says so on stderr. */
  report(error: TapeError): void {
    this.damagedCount++;
    if (this.damaged.length === MAX_REPORTS) return;
    this.damaged.push(error);
    void this.#io.stderr.write(`tapeline: ${escapeControls(error.message)}\n`);
  }
}

/** Whether a line has to be parsed whoever asks for it: the exit code depends on it. */
export function isTelling({ type }: TapeLine): boolean {
  return type === undefined || type === "gap" || type === "end";
}

/** Whether nothing but a record can be on a line. */
function isSimple(line: TapeLine): boolean {
  return line.type !== undefined && !mayHoldMore(line);
}
