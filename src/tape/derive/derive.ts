import type { TapeError } from "../../errors.ts";
import type { LineEncoder } from "../../lines/coded-line.ts";
import type { CompleteTapeStats, SessionEnd, TapePerformance } from "../../records/metadata.ts";
import type { InitRecord } from "../../records/record.ts";
import { newTapeId } from "../../records/tape-id.ts";
import { ALL, type Candidate, type Choice, type LineChoice } from "./choice/choice.ts";
import { type CodingOptions, derivedCoding } from "./output/derived-coding.ts";
import { DerivedOutput } from "./output/derived-output.ts";
import type { LineTarget } from "./output/line-output.ts";
import { type InitSource, plainInit, type SourceOrder, startOf } from "./derived-init.ts";
import { FrameHead } from "./frames/frame-head.ts";
import { FrameRewriter } from "./frames/frame-rewriter.ts";
import { MergeOrder } from "./merge-order.ts";
import { Renumbering, SourceRenumbering } from "./frames/renumbering.ts";
import { SourceCopy } from "./source-copy.ts";
import { type InputRange, TapeInput } from "./tape-input.ts";

/** A tape that another one is made of. */
export interface DerivedSource extends InputRange, InitSource {
  /**
   * What of it to take.
   *
   * @default {all}
   */
  readonly choice?: Choice | undefined;
  /** Decides on its lines before the choice does. */
  readonly lines?: LineChoice | undefined;
  /** Frames to take whatever these say; asked for each. */
  readonly keeps?: ((candidate: Candidate) => boolean) | undefined;
  /** Names it in what is said of it on the tape. */
  readonly name: string;
}

/** How a tape is made of others. */
export interface Derivation {
  readonly sources: readonly DerivedSource[];
  /**
   * One behind the other, or by time.
   *
   * @default {"given"}
   */
  readonly order?: SourceOrder | undefined;
  /** Where it goes. */
  readonly target: LineTarget;
  /** Its id; by default a new one. */
  readonly tapeId?: string | undefined;
  /** What is done: `filter`, `merge` … It stands on the tape. */
  readonly by: string;
  /** How its lines are coded; by default as those of its sources are. */
  readonly coding?: CodingOptions | undefined;
  /** Ends the reading: the tape then ends there, and says so. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of everything that is on a source and cannot be taken. */
  readonly onError?: ((error: TapeError, source: DerivedSource) => void) | undefined;
  /** Is told how many bytes of all sources have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** What has become of it. */
export interface Derived {
  readonly init: InitRecord;
  /** What has coded its lines; undefined where they are plain. */
  readonly encoder: LineEncoder | undefined;
  readonly stats: CompleteTapeStats;
  readonly performance: TapePerformance;
  /** How the session has ended, if that is known and nothing came behind it. */
  readonly end: SessionEnd | undefined;
  /** Frames that were on no source, though no gap record said so. There is one now. */
  readonly missingFrames: number;
  /** Frames whose times went back. */
  readonly retimedFrames: number;
  /** Correlations of which one side was taken and the other was not. */
  readonly leftCorrelations: number;
  /** Correlations of which neither was. */
  readonly otherCorrelations: number;
  /** Correlations that contradict their frames. */
  readonly wrongCorrelations: number;
  /** Sources whose times are not what they were. */
  readonly moved: readonly { readonly tape: number; readonly why: "unknown" | "overlap" }[];
  /** The last lines of sources that have no end: torn, or still being written. */
  readonly unfinished: readonly { readonly source: DerivedSource; readonly error: TapeError }[];
  /** Whether the signal has ended it. */
  readonly isInterrupted: boolean;
}

/** A source that is being read. */
interface Running {
  readonly source: DerivedSource;
  readonly input: TapeInput;
  readonly copy: SourceCopy;
  readonly key: number;
}

/**
 * Makes a tape of others: reads them in one pass, in memory that does not grow with them, and writes the tape with numbers of
 * its own, checkpoints, and an end. What is damaged on a source is left out and told.
 *
 * @throws {TapeError} code `tape_not_found`, `io`; `invalid_argument`: its lines cannot be coded so; what the target throws
 */
export async function derive(derivation: Derivation): Promise<Derived> {
  const { sources, order = "given", target, by, signal, onProgress } = derivation;
  const start = startOf(sources, order, derivation.tapeId ?? newTapeId(), by);
  const coding = await derivedCoding(start.init, sources, derivation.coding ?? {});
  const init = { ...start.init, ...coding.init };
  const output = new DerivedOutput(target, coding);
  await output.record(plainInit(init));
  const all = new Renumbering();
  const head = new FrameHead();
  const rewriter = new FrameRewriter(head);
  const running = sources.map((source, at): Running => {
    const onError = (error: TapeError) => derivation.onError?.(error, source);
    const place = { tape: sources.length === 1 ? undefined : at, offsetMs: start.offsets[at]! };
    const { choice = ALL, lines, keeps, name } = source;
    const to = { numbers: new SourceRenumbering(all, place), output };
    const input = new TapeInput(source, place.offsetMs, onError);
    const copy = new SourceCopy({ head, rewriter, choice, lines, keeps, to, name, onError });
    return {
      source,
      input,
      copy,
      get key() {
        return input.key;
      },
    };
  });
  const onRead = () => onProgress?.(running.reduce((sum, { input }) => sum + input.offset, 0));
  try {
    if (order === "time" && running.length > 1) await merge(running, signal, onRead);
    else for (const each of running) await readThrough(each, signal, onRead);
  } finally {
    for (const { input } of running) await input.close();
  }
  const isInterrupted = signal?.aborted === true;
  if (isInterrupted) {
    const reason = `tapeline ${by} was interrupted: what the rest of its sources holds is not here`;
    await output.record({ type: "gap", ts: all.lastTs, from_seq: null, to_seq: null, count: 0, reason });
  }
  await output.finish();
  const sum = (of: (copy: SourceCopy) => number) => running.reduce((total, { copy }) => total + of(copy), 0);
  return {
    init,
    encoder: coding.encoder,
    stats: output.stats.snapshot(output.size),
    performance: output.stats.performance(),
    end: output.sessionEnd,
    missingFrames: sum(({ missingFrames }) => missingFrames),
    retimedFrames: all.retimedFrames,
    leftCorrelations: all.leftCorrelations,
    otherCorrelations: all.otherCorrelations,
    wrongCorrelations: all.wrongCorrelations,
    moved: start.moved,
    unfinished: running.flatMap(({ source, copy: { unfinished: error } }) =>
      error === undefined ? [] : [{ source, error }]
    ),
    isInterrupted,
  };
}

/** Reads one source to its end, or until nothing more is taken. */
async function readThrough(
  { input, copy }: Running,
  signal: AbortSignal | undefined,
  onRead: () => void,
): Promise<void> {
  while (signal?.aborted !== true) {
    const line = input.peek();
    if (line === undefined) {
      onRead();
      if (!await input.fill()) return;
      continue;
    }
    const waiting = copy.line(line);
    input.pass();
    if (waiting !== undefined) await waiting;
    if (copy.isOver) return;
  }
}

/** Reads several at once, and takes of each what is next in time. */
async function merge(running: readonly Running[], signal: AbortSignal | undefined, onRead: () => void): Promise<void> {
  const order = new MergeOrder<Running>();
  for (const each of running) if (await hasNext(each.input)) order.add(each);
  for (let first = order.first; first !== undefined && signal?.aborted !== true; first = order.first) {
    const { input, copy } = first;
    const waiting = copy.line(input.peek()!);
    input.pass();
    if (waiting !== undefined) await waiting;
    if (!copy.isOver && (input.peek() !== undefined || await hasNext(input, onRead))) order.update();
    else order.removeFirst();
  }
}

async function hasNext(input: TapeInput, onRead?: () => void): Promise<boolean> {
  while (input.peek() === undefined) {
    onRead?.();
    if (!await input.fill()) return false;
  }
  return true;
}
