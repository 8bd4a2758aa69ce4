import { type Deferred, deferred } from "../../deferred.ts";
import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { NONE } from "../../streams/stage-spec.ts";
import type { ChunkReader } from "../../streams/source-spec.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { LineBatches, LineOrReport } from "./line-batches.ts";
import { type LiveBlock, type LiveReader, LiveTape } from "./live-tape.ts";

/** Where a follower starts, and what it is told. */
export interface LiveLinesOptions {
  readonly offset: number;
  readonly maxLineBytes?: number | undefined;
  /** Ends the lines. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of a line that is too long, before the line behind it is handed out. */
  readonly onError: (report: TapeError) => void;
}

interface OwnLines {
  readonly batches: LineBatches;
  readonly to: number;
}

/**
 * The lines of a tape that one follower is handed: those that are read for all, as long as it keeps up. What it has missed
 * it reads by itself, up to where the others are.
 */
export class LiveLines implements ChunkReader<TapeLine>, LiveReader {
  live: LiveTape | undefined;
  block: LiveBlock | undefined;
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #options: LiveLinesOptions;
  /** Those that were taken are gone where nobody else asks for them: each holds the record that was parsed from it. */
  #lines: (LineOrReport | undefined)[] = [];
  #at = 0;
  #isAlone = true;
  /** Where the line behind these starts. */
  #offset: number;
  /** What it reads by itself, up to `to`. */
  #own: OwnLines | undefined;
  #waiting: Deferred<void> | undefined;
  #isOver: boolean;

  constructor(store: TapeStore, key: string, options: LiveLinesOptions) {
    const { offset, signal } = options;
    this.#store = store;
    this.#key = key;
    this.#options = options;
    this.#offset = offset;
    this.#isOver = signal?.aborted === true;
    signal?.addEventListener("abort", this.#end, { once: true });
  }

  take(): TapeLine | typeof NONE {
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at]!;
      if (this.#isAlone) this.#lines[this.#at] = undefined;
      this.#at++;
      if (!(line instanceof TapeError)) return line;
      this.#options.onError(line);
    }
    return NONE;
  }

  async fill(): Promise<boolean> {
    try {
      const lines = await this.#next();
      if (lines === undefined) await this.cancel();
      else this.#hand(lines);
      return lines !== undefined;
    } catch (error) {
      await this.cancel();
      throw error;
    }
  }

  async cancel(): Promise<void> {
    this.#end();
    this.#options.signal?.removeEventListener("abort", this.#end);
    const own = this.#own;
    const live = this.live;
    this.#own = this.live = undefined;
    await own?.batches.close();
    await live?.leave(this);
  }

  wake(): void {
    this.#waiting?.resolve();
  }

  #hand(lines: LineOrReport[]): void {
    this.#lines = lines;
    this.#at = 0;
    this.#isAlone = this.#own !== undefined || this.live?.isOfOne === true;
  }

  async #next(): Promise<LineOrReport[] | undefined> {
    while (!this.#isOver) {
      if (this.live === undefined) await LiveTape.join(this, this.#store, this.#key, this.#offset, this.#options);
      const { live } = this;
      if (live === undefined || this.#isOver) break;
      if (this.#own !== undefined) {
        const lines = await this.#own.batches.next();
        if (lines !== undefined) {
          this.#offset = this.#own.batches.end;
          return lines;
        }
        if (!this.#isOver) await this.#endOwn(this.#own);
      } else if (this.block === undefined) {
        const { last } = live;
        this.block = last;
        if (last.end > this.#offset) {
          this.#own = { batches: live.linesBetween(this.#offset, last.end), to: last.end };
        }
      } else if (this.block.next !== undefined) {
        this.block = this.block.next;
        this.#offset = this.block.end;
        return this.block.lines;
      } else if (live.end === undefined) {
        this.#waiting = deferred();
        live.want(this);
        await this.#waiting.promise;
      } else if (live.end.failure === undefined) return undefined;
      else throw live.end.failure.error;
    }
    return undefined;
  }

  async #endOwn({ batches, to }: OwnLines): Promise<void> {
    this.#own = undefined;
    await batches.close();
    const { live } = this;
    if (this.#offset === to || live === undefined) return;
    // The tape was cut back meanwhile. Where the others are is not on it any more.
    live.retire();
    this.live = undefined;
    await live.leave(this);
  }

  readonly #end = (): void => {
    this.#isOver = true;
    this.wake();
  };
}
