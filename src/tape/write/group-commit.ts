import type { Bytes } from "../../lines/bytes.ts";
import { type Deferred, deferred } from "../../deferred.ts";
import type { LineEncoder } from "../../lines/line-encoder.ts";
import type { TapeSink } from "../../streams/sink.ts";
import type { Sealer } from "./seal.ts";

/** When a write counts as done; see {@linkcode WriterOptions.durability}. */
export type Durability = "buffered" | "flushed" | "synced";

/** What a writer tells its commit queue. */
export interface GroupCommitOptions {
  readonly synced: boolean;
  /** Puts checksums into checkpoints. */
  readonly sealer?: Sealer | undefined;
  /** How many bytes may wait before {@linkcode GroupCommit.ready} pushes back. */
  readonly highWaterMark: number;
  /** What must stand before the next line: where lines were lost, that they were. */
  readonly preamble: () => Bytes | undefined;
  /** Gives lines that were encoded before it was known that others are lost, without what is no longer true. */
  readonly outdated: (pieces: readonly Bytes[]) => readonly Bytes[];
  /** Lines and preamble have arrived. */
  readonly onWritten: () => void;
  /** These lines could not be written and will not be. */
  readonly onLost: (pieces: readonly Bytes[], error: unknown) => void;
}

/** Who waits for the lines up to a position. */
interface Waiter {
  readonly end: number;
  /** Where the line ends that must have arrived for it: those behind it only came along. */
  readonly ownEnd: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The most that goes out in one write, give or take a block. */
const MAX_BATCH_BYTES = 1024 * 1024;

/**
 * Group commit: while one write is under way, lines gather; the next write takes all of them at once, and one sync
 * serves all who wait. There is no timer, so a single line goes out at once.
 */
export class GroupCommit {
  readonly #sink: TapeSink;
  readonly #lines: LineEncoder;
  readonly #options: GroupCommitOptions;
  /** Those who wait, in the order of their lines; the first `#served` of them have been answered. */
  #waiters: Waiter[] = [];
  #served = 0;
  #inFlight = 0;
  /** Lines up to this position were encoded before it was known that others are lost. */
  #outdatedUpTo = 0;
  #running: Promise<void> | undefined;
  #room: Deferred<void> | undefined;
  /** Why what is written counts as synced no more, from the first failed sync on. */
  syncFailure: { readonly error: unknown } | undefined;

  constructor(sink: TapeSink, lines: LineEncoder, options: GroupCommitOptions) {
    this.#sink = sink;
    this.#lines = lines;
    this.#options = options;
  }

  /** Bytes that were accepted and not yet written. */
  get pendingBytes(): number {
    return this.#lines.total - this.#lines.taken + this.#inFlight;
  }

  /** Settles when less than the high-water mark waits. */
  get ready(): Promise<void> {
    if (this.pendingBytes < this.#options.highWaterMark) return Promise.resolve();
    return (this.#room ??= deferred()).promise;
  }

  /** The lines appended since the last call are complete, and go out together. */
  commit(): void {
    this.#lines.endGroup();
    this.#running ??= this.#run();
  }

  /** Settles when all lines so far are written (and synced), or rejects when those up to `ownEnd` are not. */
  settled<T>(value: T, ownEnd: number = this.#lines.total): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ end: this.#lines.total, ownEnd, resolve: () => resolve(value), reject });
    });
  }

  /** Settles when nothing waits any more, written or lost. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // All that is committed before the current function returns goes out together.
    await Promise.resolve();
    do {
      const isOutdated = this.#lines.taken < this.#outdatedUpTo;
      const pieces = this.#lines.take(MAX_BATCH_BYTES);
      const waiters = this.#waitersUpTo(this.#lines.taken);
      this.#inFlight = pieces.reduce((sum, piece) => sum + piece.length, 0);
      await this.#write(pieces, isOutdated, waiters);
      if (this.#room !== undefined && this.pendingBytes < this.#options.highWaterMark) {
        this.#room.resolve();
        this.#room = undefined;
      }
    } while (this.#lines.total > this.#lines.taken || this.#served < this.#waiters.length);
    this.#running = undefined;
  }

  async #write(encoded: readonly Bytes[], isOutdated: boolean, waiters: readonly Waiter[]): Promise<void> {
    const { preamble, outdated, onWritten, onLost, synced, sealer } = this.#options;
    const first = preamble();
    let pieces = encoded;
    if (isOutdated || first !== undefined) {
      pieces = outdated(encoded);
      this.#outdatedUpTo = this.#lines.total;
    }
    const chunks = first === undefined ? pieces : [first, ...pieces];
    const offset = this.#sink.offset;
    let served = waiters;
    try {
      if (chunks.length > 0) {
        const crc = sealer?.fill(chunks);
        await this.#sink.append(chunks);
        if (crc !== undefined) sealer?.written(crc);
      }
      this.#inFlight = 0;
      onWritten();
    } catch (error) {
      this.#inFlight = 0;
      // Whole lines that have arrived stay, the preamble first of all: somebody may have read them.
      const [arrived, missing] = splitAt(chunks, this.#sink.offset - offset);
      if (arrived.length > 0) {
        sealer?.written(sealer.fill(arrived));
        onWritten();
      }
      const lost = arrived.length > 0 ? missing : pieces;
      const lostFrom = arrived.length > 0 ? this.#lines.taken - lengthFrom(lost, encoded) : -1;
      if (lost.length > 0 || arrived.length === 0) onLost(lost, error);
      served = waiters.filter(({ ownEnd }) => ownEnd <= lostFrom);
      for (const { ownEnd, reject } of waiters) if (ownEnd > lostFrom) reject(error);
    }
    // What was encoded meanwhile does not count the preamble in.
    if (first !== undefined) this.#outdatedUpTo = this.#lines.total;
    try {
      if (synced && served.length > 0) await this.#sink.sync();
    } catch (error) {
      this.syncFailure ??= { error };
      for (const { reject } of served) reject(error);
      return;
    }
    for (const { resolve } of served) resolve();
  }

  #waitersUpTo(position: number): Waiter[] {
    const from = this.#served;
    while (this.#served < this.#waiters.length && this.#waiters[this.#served]!.end <= position) this.#served++;
    const waiters = this.#waiters.slice(from, this.#served);
    if (this.#served === this.#waiters.length) {
      this.#waiters = [];
      this.#served = 0;
    } else if (this.#served > 4096) {
      this.#waiters.splice(0, this.#served);
      this.#served = 0;
    }
    return waiters;
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

/** How many bytes of `pieces` stand from the first of `part` on, which is a part of one of them. */
function lengthFrom([first]: readonly Bytes[], pieces: readonly Bytes[]): number {
  if (first === undefined) return 0;
  let length = 0;
  for (const piece of pieces.toReversed()) {
    const at = piece.buffer === first.buffer ? first.byteOffset - piece.byteOffset : -1;
    if (at >= 0 && at < piece.length) return length + piece.length - at;
    length += piece.length;
  }
  return length;
}
