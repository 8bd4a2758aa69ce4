import type { TapeError } from "../../errors.ts";
import type { LineEncoder } from "../../lines/coded-line.ts";
import { OldestFirst } from "../../oldest-first.ts";
import { batchMessages, messageHeader, originScope, startsSession } from "../../records/jsonrpc.ts";
import type { CorrelationRecord, FrameRecord, InitRecord, RecordOrigin, TapeRecord } from "../../records/record.ts";
import { exactMessage } from "../../records/recorded-text.ts";
import { newTapeId } from "../../records/tape-id.ts";
import { ALL, type Candidate } from "./choice/choice.ts";
import { type CodingOptions, derivedCoding } from "./output/derived-coding.ts";
import { DerivedOutput } from "./output/derived-output.ts";
import type { LineTarget } from "./output/line-output.ts";
import { plainInit, startOf } from "./derived-init.ts";
import type { DerivedSource } from "./derive.ts";
import { FrameHead } from "./frames/frame-head.ts";
import { FrameRewriter } from "./frames/frame-rewriter.ts";
import { Renumbering, SourceRenumbering } from "./frames/renumbering.ts";
import { type CopyTarget, SourceCopy } from "./source-copy.ts";
import { SessionSetup } from "./session-setup.ts";
import { TapeInput } from "./tape-input.ts";

/** By what a tape is split: each part is no larger than this, no longer, or one session. */
export type SplitBy =
  | { readonly bytes: number }
  | { readonly ms: number }
  | { readonly sessions: true };

/** One of the tapes that a tape is split into. */
export interface Part extends CopyTarget {
  readonly init: InitRecord;
  /** What has coded its lines; undefined where they are plain. */
  readonly encoder: LineEncoder | undefined;
  readonly all: Renumbering;
  readonly target: LineTarget;
  /** So many of its frames were repeated from the beginning of the session. */
  contextFrames: number;
}

/** How a tape is split. */
export interface Splitting {
  readonly source: DerivedSource;
  readonly by: SplitBy;
  /** Whether each part but the first begins with what had set the session up by then; not where each session is a part. */
  readonly withContext?: boolean | undefined;
  /** How the lines of the parts are coded; by default as those of the tape are. */
  readonly coding?: CodingOptions | undefined;
  /** Opens the place for a part. */
  readonly open: (tapeId: string) => Promise<LineTarget>;
  /** A part has its end. */
  readonly close: (part: Part) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onError: (error: TapeError) => void;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** What became of the source. */
export interface Split {
  readonly missingFrames: number;
  readonly unfinished: TapeError | undefined;
  readonly isInterrupted: boolean;
}

/** So many sessions are open at once; of more, the one that has said nothing for longest gets its end. */
const MAX_OPEN = 128;
/** So many are told apart at any time. */
const MAX_SESSIONS = 65_536;
/** What a final checkpoint takes, and what a line grows by. */
const ROOM_BYTES = 1024;

/**
 * Splits a tape into several, in one pass: each has numbers of its own, starts when the tape did, and ends with a checkpoint.
 *
 * @throws {TapeError} code `io`; what `open` and `close` throw
 */
export async function splitTape(splitting: Splitting): Promise<Split> {
  const { source, signal, onProgress, onError } = splitting;
  const parts = new Parts(splitting);
  const head = new FrameHead();
  const choice = source.choice ?? ALL;
  const input = new TapeInput(source, 0, onError);
  const copy = new SourceCopy({
    head,
    rewriter: new FrameRewriter(head),
    choice,
    to: await parts.first(),
    name: source.name,
    onError,
    route: (candidate) => parts.of(candidate),
  });
  try {
    for (;;) {
      const line = input.peek();
      if (signal?.aborted === true) break;
      if (line === undefined) {
        onProgress?.(input.offset);
        if (!await input.fill()) break;
        continue;
      }
      parts.nextLength = line.length;
      const waiting = copy.line(line);
      input.pass();
      if (waiting !== undefined) await waiting;
    }
  } finally {
    await input.close();
  }
  const isInterrupted = signal?.aborted === true;
  await parts.end(isInterrupted);
  return { missingFrames: copy.missingFrames, unfinished: copy.unfinished, isInterrupted };
}

/** The parts that are open, and where each record belongs. */
class Parts {
  readonly #splitting: Splitting;
  /** By their session; all under one name where the tape is not split by these. */
  readonly #open = new Map<string, Part>();
  #current!: Part;
  #count = 0;
  /** The session of the last frame of each source of the tape. */
  readonly #sessions = new OldestFirst<string, number>();
  /** Bytes of the line that is being dealt with. */
  nextLength = 0;
  #window = 0;
  readonly #setup: SessionSetup | undefined;

  constructor(splitting: Splitting) {
    this.#splitting = splitting;
    this.#setup = splitting.withContext === true ? new SessionSetup() : undefined;
  }

  /** Where all goes until it is known better. A tape without frames is one part. */
  async first(): Promise<Part> {
    return this.#current = await this.#start("");
  }

  of(candidate: Candidate): Part | Promise<Part> {
    const { by } = this.#splitting;
    if ("sessions" in by) return this.#ofSession(candidate);
    // A correlation stays with its frames. Times part frames only: what stands between them may have none.
    const mayPart = candidate.type === "frame" || "bytes" in by && candidate.type !== "correlation";
    const part = mayPart && this.#isFull(by, candidate.ts ?? 0) ? this.#next(this.#setup?.records()) : this.#current;
    this.#setup?.add(candidate);
    return part;
  }

  /** Ends all that are open. */
  async end(isInterrupted: boolean): Promise<void> {
    for (const [name, part] of this.#open) {
      if (isInterrupted) {
        const reason = "tapeline split was interrupted: what the rest of the tape holds is not here";
        const { lastTs } = part.all;
        await part.output.record({ type: "gap", ts: lastTs, from_seq: null, to_seq: null, count: 0, reason });
      }
      await this.#finish(name, part);
    }
  }

  #isFull(by: SplitBy, ts: number): boolean {
    const { output, contextFrames } = this.#current;
    if ("ms" in by) {
      const window = Math.floor(ts / by.ms);
      const isLater = window > this.#window;
      this.#window = Math.max(window, this.#window);
      return isLater && output.stats.frameCount > contextFrames;
    }
    const hasContent = contextFrames === 0 ? output.hasContent : output.stats.frameCount > contextFrames;
    return "bytes" in by && hasContent && output.size + this.nextLength + ROOM_BYTES > by.bytes;
  }

  /** @param context what the next part begins with */
  async #next(context: readonly TapeRecord[] = []): Promise<Part> {
    await this.#finish("", this.#current);
    const part = await this.#start("");
    for (const record of context) {
      const placed = part.numbers.record(record);
      if (placed !== undefined) await part.output.record(placed);
    }
    part.contextFrames = part.output.stats.frameCount;
    return this.#current = part;
  }

  #ofSession(candidate: Candidate): Part | Promise<Part> {
    const record = candidate.record();
    if (record.type === "correlation") return this.#ofCorrelation(record);
    const source = originScope((record as { readonly origin?: RecordOrigin | null }).origin);
    const isFrame = record.type === "frame";
    const scope = isFrame ? `${source} ${record.env.session_id ?? ""}` : undefined;
    if (scope === undefined) return this.#current;
    const known = this.#sessions.get(scope);
    const session = known === undefined ? 0 : starts(record as FrameRecord) ? known + 1 : known;
    this.#sessions.set(scope, session);
    if (this.#sessions.size > MAX_SESSIONS) this.#sessions.delete(this.#sessions.oldest()![0]);
    const name = `${scope} ${session}`;
    const part = this.#open.get(name);
    if (part === undefined) return this.#startSession(name);
    // The one that was used last stands last.
    this.#open.delete(name);
    this.#open.set(name, part);
    return this.#current = part;
  }

  async #startSession(name: string): Promise<Part> {
    const unused = this.#open.get("");
    if (unused !== undefined && unused.output.stats.frameCount === 0) {
      this.#open.delete("");
      this.#open.set(name, unused);
      return this.#current = unused;
    }
    if (this.#open.size >= MAX_OPEN) {
      const [oldest, part] = this.#open.entries().next().value!;
      await this.#finish(oldest, part);
    }
    return this.#current = await this.#start(name);
  }

  #ofCorrelation({ request_seq }: CorrelationRecord): Part {
    if (this.#current.numbers.numberOf(request_seq) !== undefined) return this.#current;
    return [...this.#open.values()].find(({ numbers }) => numbers.numberOf(request_seq) !== undefined) ?? this.#current;
  }

  async #start(name: string): Promise<Part> {
    const { source, coding: wanted = {}, open } = this.#splitting;
    const tapeId = newTapeId();
    const query = [source.query, `part ${++this.#count}`].filter((text) => text !== undefined).join(", ");
    const { init: start } = startOf([{ ...source, query }], "given", tapeId, "split");
    const coding = await derivedCoding(start, [source], wanted);
    const init = { ...start, ...coding.init };
    const target = await open(tapeId);
    const all = new Renumbering();
    const output = new DerivedOutput(target, coding);
    await output.record(plainInit(init));
    const numbers = new SourceRenumbering(all, {});
    const part: Part = { init, encoder: coding.encoder, all, target, output, numbers, contextFrames: 0 };
    this.#open.set(name, part);
    return part;
  }

  async #finish(name: string, part: Part): Promise<void> {
    this.#open.delete(name);
    await part.output.finish();
    await this.#splitting.close(part);
  }
}

/** Whether a session begins with the message, or with one of the batch. */
function starts(frame: FrameRecord): boolean {
  if (frame.dir !== "client_to_server") return false;
  const message = exactMessage(frame);
  const header = messageHeader(message);
  return header.kind === "batch"
    ? batchMessages(message).some(([, each]) => startsSession(each))
    : startsSession(header);
}
