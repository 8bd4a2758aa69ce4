import type { Bytes } from "../../../bytes/bytes.ts";
import { type Deferred, deferred } from "../../../deferred.ts";
import { indexOfNewline } from "../../../bytes/newline.ts";
import type { TapeSink } from "../../../streams/sink.ts";
import type { Batch, Outcome, PendingLines } from "./pending-lines.ts";
import type { LineCoding } from "./line-coding.ts";
import { type BatchSealer, endsWithCheckpoint, type Written } from "./seal.ts";

/** When a write counts as done; see {@linkcode WriterOptions.durability}. */
export type Durability = "buffered" | "flushed" | "synced";

/** What a writer tells its commit queue. */
export interface GroupCommitOptions {
  readonly synced: boolean;
  /** Puts checksums into checkpoints, and signatures. */
  readonly sealer?: BatchSealer | undefined;
  /** Compresses or encrypts what is written. */
  readonly coding?: LineCoding | undefined;
  /** How many bytes may wait before {@linkcode GroupCommit.ready} pushes back. */
  readonly highWaterMark: number;
  /**
   * How long lines gather behind a write that failed, in milliseconds, where nobody waits for them.
   *
   * @default {20}
   */
  readonly restMs?: number | undefined;
  /** What must stand before the next line: where lines were lost, that they were. */
  readonly preamble: () => Bytes | undefined;
  /** Gives lines that were encoded before it was known that others are lost, without what is no longer true. */
  readonly outdated: (pieces: readonly Bytes[]) => readonly Bytes[];
  /** Lines and preamble have arrived. */
  readonly onWritten: () => void;
  /** These lines could not be written and will not be. */
  readonly onLost: (pieces: readonly Bytes[], error: unknown) => void;
}

/** Behind a write that failed the next one fails too, most likely, at the cost of three system calls. */
const REST_MS = 20;

/**
 * Group commit: while one write is under way, lines gather; the next write takes all of them at once, and one sync
 * serves all who wait. A single line goes out at once, but behind a write that failed: then the next is tried a moment
 * later, unless somebody waits for it.
 */
export class GroupCommit {
  readonly #sink: TapeSink;
  readonly #lines: PendingLines;
  readonly #options: GroupCommitOptions;
  #inFlight = 0;
  /** Lines up to this one were encoded before it was known that others are lost. */
  #outdatedUpTo = 0;
  #running: Promise<void> | undefined;
  #room: Deferred<void> | undefined;
  #failedAt = -Infinity;
  /** How many wait for all to be written or lost. */
  #drainers = 0;
  /** The pause behind a write that failed, while it lasts. */
  #rest: Deferred<void> | undefined;
  /** Why what is written counts as synced no more, from the first failed sync on. */
  syncFailure: { readonly error: unknown } | undefined;
  /** Why the last checkpoint could not be signed, and is not on the tape. */
  signFailure: { readonly error: unknown } | undefined;

  constructor(sink: TapeSink, lines: PendingLines, options: GroupCommitOptions) {
    this.#sink = sink;
    this.#lines = lines;
    this.#options = options;
  }

  /** Bytes that were accepted and not yet written; see {@linkcode PendingLines.waiting}. */
  get pendingBytes(): number {
    return this.#lines.waiting + this.#inFlight;
  }

  /** Settles when less than the high-water mark waits. */
  get ready(): Promise<void> {
    if (this.pendingBytes < this.#options.highWaterMark) return Promise.resolve();
    this.#rest?.resolve();
    return (this.#room ??= deferred()).promise;
  }

  /** The lines appended since the last call are complete, and go out together. */
  commit(): void {
    this.#lines.endGroup();
    this.#running ??= this.#run();
  }

  /** Settles when all lines so far are written (and synced), or rejects when those up to `ownLine` are not. */
  settled<T>(value: T, ownLine: number = this.#lines.count): Promise<T> {
    this.#rest?.resolve();
    return this.#lines.settled().then(({ arrivedUpTo, error, syncFailure }) => {
      if (ownLine > arrivedUpTo) throw error;
      if (syncFailure !== undefined) throw syncFailure.error;
      return value;
    });
  }

  /** Settles when nothing waits any more, written or lost. */
  async drained(): Promise<void> {
    this.#drainers++;
    this.#rest?.resolve();
    while (this.#running !== undefined) await this.#running;
    this.#drainers--;
  }

  async #run(): Promise<void> {
    // All that is committed before the current function returns goes out together.
    await Promise.resolve();
    do {
      const leftMs = this.#failedAt + (this.#options.restMs ?? REST_MS) - performance.now();
      if (leftMs > 0 && !this.#isAwaited) await this.#pause(leftMs);
      const batch = this.#lines.take();
      this.#inFlight = batch.length;
      const outcome = await this.#write(batch);
      this.#lines.release(batch);
      batch.outcome?.resolve(await this.#synced(batch, outcome));
      if (this.#room !== undefined && this.pendingBytes < this.#options.highWaterMark) {
        this.#room.resolve();
        this.#room = undefined;
      }
    } while (this.#lines.isWaiting);
    this.#running = undefined;
  }

  get #isAwaited(): boolean {
    return this.#drainers > 0 || this.#room !== undefined || this.#lines.isAwaited;
  }

  /** Lets lines gather until the time is over, or somebody waits for them. */
  async #pause(ms: number): Promise<void> {
    this.#rest = deferred();
    const timer = setTimeout(this.#rest.resolve, ms);
    await this.#rest.promise;
    clearTimeout(timer);
    this.#rest = undefined;
  }

  /** Writes a batch, or notes what of it is lost. */
  async #write({ pieces: encoded, firstLine, lastLine }: Batch): Promise<Outcome> {
    const { preamble, outdated, onWritten, onLost, sealer, coding } = this.#options;
    const first = preamble();
    let pieces = encoded;
    if (firstLine < this.#outdatedUpTo || first !== undefined) {
      pieces = outdated(encoded);
      this.#outdatedUpTo = this.#lines.count;
    }
    let chunks = first === undefined ? pieces : [first, ...pieces];
    let coded = coding?.code(chunks);
    let stored = coded?.pieces ?? chunks;
    const offset = this.#sink.offset;
    let outcome: Outcome = { arrivedUpTo: lastLine };
    try {
      let written: Written | undefined;
      if (stored.length > 0) {
        try {
          const filled = sealer?.fill(stored);
          written = filled instanceof Promise ? await this.#signed(filled) : filled;
        } catch (error) {
          this.signFailure = { error };
          // What stands beside a checkpoint is written without it, and the next one takes its place.
          pieces = outdated(pieces);
          this.#outdatedUpTo = this.#lines.count;
          chunks = first === undefined ? pieces : [first, ...pieces];
          coding?.failed([]);
          coded = coding?.code(chunks);
          stored = coded?.pieces ?? chunks;
          written = await sealer?.fill(stored);
          if (encoded.length > 0 && endsWithCheckpoint(encoded.at(-1)!)) outcome = { arrivedUpTo: lastLine - 1, error };
        }
        if (stored.length > 0) await this.#sink.append(stored);
        written?.();
        coding?.written();
      }
      this.#inFlight = 0;
      onWritten();
    } catch (error) {
      this.#inFlight = 0;
      this.#failedAt = performance.now();
      // Whole lines that have arrived stay, the preamble first of all: somebody may have read them.
      const arrivedBytes = this.#sink.offset - offset;
      const [arrived, missing] = splitAt(chunks, coded?.plainLength(arrivedBytes) ?? arrivedBytes);
      const [stands] = splitAt(stored, arrivedBytes);
      // Nothing is signed again. What stands there may be no line of ours, but one that these need.
      if (stands.length > 0) (await sealer?.fill(stands))?.();
      if (arrived.length > 0) onWritten();
      coding?.failed(stands);
      const lost = arrived.length > 0 ? missing : pieces;
      outcome = { arrivedUpTo: arrived.length > 0 ? lastLine - linesFrom(lost, encoded) : -1, error };
      if (lost.length > 0 || arrived.length === 0) onLost(lost, error);
    }
    // What was encoded meanwhile does not count the preamble in.
    if (first !== undefined) this.#outdatedUpTo = this.#lines.count;
    return outcome;
  }

  async #signed(filled: Promise<Written>): Promise<Written> {
    const written = await filled;
    this.signFailure = undefined;
    return written;
  }

  /** Syncs what has arrived, if somebody waits for that. */
  async #synced(batch: Batch, outcome: Outcome): Promise<Outcome> {
    if (!this.#options.synced || batch.outcome === undefined || outcome.arrivedUpTo < 0) return outcome;
    try {
      await this.#sink.sync();
      return outcome;
    } catch (error) {
      this.syncFailure ??= { error };
      return { ...outcome, syncFailure: { error } };
    }
  }
}

/** The first `length` bytes of these pieces, and the others. */
function splitAt(pieces: readonly Bytes[], length: number): [before: Bytes[], behind: Bytes[]] {
  const before: Bytes[] = [];
  const behind: Bytes[] = [];
  let left = Math.max(0, length);
  for (const piece of pieces) {
    const count = Math.min(left, piece.length);
    if (count > 0) before.push(piece.subarray(0, count));
    if (count < piece.length) behind.push(piece.subarray(count));
    left -= count;
  }
  return [before, behind];
}

/** How many lines of `pieces` there are from the first of `part` on, which is a part of one of them. */
function linesFrom([first]: readonly Bytes[], pieces: readonly Bytes[]): number {
  if (first === undefined) return 0;
  let lines = 0;
  for (const piece of pieces.toReversed()) {
    const at = piece.buffer === first.buffer ? first.byteOffset - piece.byteOffset : -1;
    const isHere = at >= 0 && at < piece.length;
    lines += countLines(isHere ? piece.subarray(at) : piece);
    if (isHere) break;
  }
  return lines;
}

function countLines(bytes: Bytes): number {
  let lines = 0;
  for (let at = indexOfNewline(bytes, 0); at >= 0; at = indexOfNewline(bytes, at + 1)) lines++;
  return lines;
}
