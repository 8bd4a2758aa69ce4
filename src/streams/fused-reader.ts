import { type AnySpec, DROPS, KEEPS_NOTHING, NONE, ONLY_PASSES, PIECES, type Pieces } from "./stage-spec.ts";
import { Fused } from "./fuse.ts";
import type { HeldChunks } from "./held-chunks.ts";
import type { ChunkReader } from "./source-spec.ts";
import { hold, Source } from "./source.ts";

/** A stream read through stages. */
export function fusedSource(stream: ReadableStream<unknown>, specs: readonly AnySpec[]): Source<unknown> {
  return new Source(new FusedReader(hold(stream), specs));
}

/**
 * Reads chunks through stages. The first stage may make many chunks of one (lines of a block): it makes each, and the
 * stages behind it work on it, only when it is asked for.
 */
class FusedReader implements ChunkReader<unknown> {
  readonly #held: HeldChunks<unknown>;
  readonly #upstream: ChunkReader<unknown>;
  readonly #first: Fused<unknown, unknown>;
  readonly #rest: Fused<unknown, unknown> | undefined;
  /** Who lends the pieces of a chunk to the stages behind it, where the source can use a chunk again. */
  readonly #lender: Pick<Pieces<unknown, unknown>, "close"> | undefined;
  #lent: unknown = NONE;
  /** Whether the source has come to its end or was let go. */
  #isDetached = false;

  constructor(held: HeldChunks<unknown>, specs: readonly AnySpec[]) {
    this.#held = held;
    this.#upstream = held.chunks;
    const rest = specs.slice(1);
    this.#lender = held.chunks.reuse === undefined ? undefined : lend(specs[0]!, rest);
    const drops = rest[0]?.[DROPS];
    if (drops !== undefined) specs[0]![PIECES]?.leaveOut?.(drops);
    this.#first = new Fused(specs.slice(0, 1), true);
    this.#rest = rest.length > 0 ? new Fused(rest) : undefined;
    this.#releaseIfRefused();
  }

  take(): unknown {
    const first = this.#first;
    const rest = this.#rest;
    for (;;) {
      const out = (rest ?? first).shift();
      if (out !== NONE) return out;
      if ((rest ?? first).ended) break;
      const queued = rest === undefined ? NONE : first.shift();
      if (queued !== NONE) rest!.push(queued);
      else {
        if (this.#lent !== NONE) this.#giveBack();
        const chunk = first.ended ? NONE : this.#upstream.take();
        if (chunk === NONE) break;
        if (this.#lender !== undefined) this.#lent = chunk;
        first.push(chunk);
      }
      if (first.ended || rest?.ended) this.#releaseIfRefused();
    }
    // A stage may also fail while it makes the next of many chunks.
    if (first.ended) this.#releaseIfRefused();
    return NONE;
  }

  async fill(): Promise<boolean> {
    const last = this.#rest ?? this.#first;
    // The stages nearest to the reader come first: what they have ended, nothing before them can change.
    const failure = last.ended ? last.failure : this.#first.failure;
    if (failure !== undefined) throw failure.error;
    if (last.ended) return false;
    if (this.#first.ended) {
      last.end();
      return true;
    }
    let hasMore: boolean;
    try {
      hasMore = await this.#upstream.fill();
    } catch (error) {
      this.#held.finish({ error });
      throw error;
    }
    if (this.#isDetached) return false; // cancelled meanwhile: that is no end to flush at
    if (!hasMore) {
      this.#isDetached = true;
      this.#held.finish();
      this.#first.end();
    }
    return true;
  }

  async cancel(reason: unknown): Promise<void> {
    if (this.#isDetached) return;
    this.#isDetached = true;
    // What comes of that stays between the source and the stages, as it does in a pipe.
    await this.#held.cancel(reason).catch(() => {});
  }

  #giveBack(): void {
    const lent = this.#lent;
    this.#lent = NONE;
    if (this.#lender!.close()) this.#upstream.reuse!(lent);
  }

  /** Where the stages end before their input, the source learns why. Nobody waits for it to let go. */
  #releaseIfRefused(): void {
    const refusal = this.#first.refusal ?? this.#rest?.refusal;
    if (refusal !== undefined) void this.cancel(refusal.error);
  }
}

/** Of a chunk that the first stage keeps nothing of, nobody sees anything afterwards. */
const UNSEEN = { close: () => true };

/**
 * Finds how far the pieces of a chunk can be lent: to stages that only pass them, and to one that keeps nothing of them. A piece that
 * goes further gets memory of its own before. `undefined` where the first stage behind the pieces may keep them.
 */
function lend(first: AnySpec, rest: AnySpec[]): Pick<Pieces<unknown, unknown>, "close"> | undefined {
  const pieces = first[PIECES];
  if (pieces === undefined) return first[KEEPS_NOTHING] === true ? UNSEEN : undefined;
  let end = 0;
  while (rest[end]?.[ONLY_PASSES] === true) end++;
  if (rest[end]?.[KEEPS_NOTHING] === true) return pieces;
  if (end === 0) return undefined;
  rest.splice(end, 0, {
    transform(piece, emit) {
      pieces.keep(piece);
      emit(piece);
    },
  });
  return pieces;
}
