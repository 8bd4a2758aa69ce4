import { isThenable } from "../arguments.ts";
import { type AnySpec, type Emit, NONE, PIECES, type Pieces } from "./stage-spec.ts";

/** Why a run takes no more input: what a stage threw, or that one has terminated it. */
export interface Refusal {
  readonly error: unknown;
  readonly thrown: boolean;
}

/**
 * Neighbouring stages run as one function call: what a stage emits is handed to the next at once, and what the last
 * one emits waits for {@linkcode Fused.shift}. Nothing is queued between stages.
 *
 * A stage that throws ends the run, but its error never travels through the code of the stage that called `emit`. Where
 * several end it in one go, the reader learns of the last one in the chain and the source of the first one: whoever is
 * nearest, as if the stages were piped.
 */
export class Fused<I, O> {
  readonly #specs: readonly AnySpec[];
  readonly #emits: Emit<unknown>[];
  /** While the stages start, what each of them does: it takes effect only once all have started. */
  #starting: (() => void)[][] | undefined;
  /** Stages up to this one may no longer emit: one of them, or one behind them, has ended. */
  #dead = -1;
  /** The first stage that ended the run by itself. */
  #cut: number;
  #refusal: Refusal | undefined;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;
  /** Where the run is one stage that is asked for its chunks one by one. */
  readonly #pieces: Pieces<I, O> | undefined;
  /** What came out and was not taken yet: the slots from `#head` to `#tail`. */
  readonly #out: (O | undefined)[] = [];
  #head = 0;
  #tail = 0;

  /** @param isLazy whether a stage that makes many chunks of one may make them when they are shifted off */
  constructor(specs: readonly AnySpec[], isLazy = false) {
    this.#specs = specs;
    this.#pieces = isLazy && specs.length === 1 ? specs[0]![PIECES] : undefined;
    this.#cut = specs.length;
    this.#emits = new Array(specs.length);
    for (let at = specs.length - 1; at >= 0; at--) this.#emits[at] = this.#emitOf(at);
    if (specs.some((spec) => spec.start !== undefined)) this.#start();
  }

  /** Whether the run is over: flushed, terminated by a stage, or failed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What the reader is told behind the last chunk, once a stage has thrown. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** What the source is told, once a stage has ended the run before its input did. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Sends one chunk through all stages. After the end it does nothing. What a lazy run still has of the last one is lost. */
  push(chunk: I): void {
    if (this.#dead >= 0) return;
    try {
      if (this.#pieces !== undefined) return this.#pieces.open(chunk);
      const result: unknown = this.#specs[0]!.transform(chunk, this.#emits[0]!);
      if (result !== undefined) refusePromise(result, "transform");
    } catch (error) {
      this.#fail(error, 0);
    }
  }

  /** Ends the input: flushes the stages, first to last. */
  end(): void {
    // What a lazy run still has of the last chunk comes before the end.
    for (let piece = this.#nextPiece(); piece !== NONE; piece = this.#nextPiece()) this.#out[this.#tail++] = piece;
    if (!this.#ended) this.#flushFrom(0);
  }

  /** The next chunk that came out; `NONE` if there is no other. */
  shift(): O | typeof NONE {
    if (this.#head === this.#tail) return this.#nextPiece();
    const chunk = this.#out[this.#head] as O;
    // The array keeps its slots, so that a chunk at a time costs no allocation; it does not keep the chunks.
    this.#out[this.#head++] = undefined;
    if (this.#head === this.#tail) this.#head = this.#tail = 0;
    return chunk;
  }

  /** All that came out and was not taken yet. */
  take(): O[] {
    const out = this.#out.slice(this.#head, this.#tail) as O[];
    this.#out.fill(undefined, this.#head, this.#tail);
    this.#head = this.#tail = 0;
    return out;
  }

  /** The next of a lazy run that is not made yet. */
  #nextPiece(): O | typeof NONE {
    const pieces = this.#pieces;
    if (pieces === undefined || this.#ended) return NONE;
    try {
      return pieces.next();
    } catch (error) {
      this.#fail(error, 0);
      return NONE;
    }
  }

  #emitOf(at: number): Emit<unknown> {
    const next = this.#specs[at + 1];
    const nextEmit = this.#emits[at + 1]!;
    const emit = (chunk: unknown) => {
      if (this.#starting !== undefined) this.#starting[at]!.push(() => emit(chunk));
      else if (at <= this.#dead) return;
      else if (next === undefined) this.#out[this.#tail++] = chunk as O;
      else {
        try {
          const result: unknown = next.transform(chunk, nextEmit);
          if (result !== undefined) refusePromise(result, "transform");
        } catch (error) {
          this.#fail(error, at + 1);
        }
      }
    };
    const terminate = () => {
      if (this.#starting !== undefined) {
        this.#starting[at]!.push(terminate);
        return;
      }
      if (at < this.#cut) this.#refuse(at, { error: terminated(), thrown: false });
      if (at > this.#dead) this.#flushFrom(at + 1);
    };
    return Object.assign(emit, { terminate });
  }

  #start(): void {
    const started: (() => void)[][] = this.#specs.map(() => []);
    this.#starting = started;
    for (let at = 0; at < this.#specs.length; at++) {
      try {
        refusePromise(this.#specs[at]!.start?.(this.#emits[at]!), "start");
      } catch (error) {
        started[at]!.push(() => this.#fail(error, at));
      }
    }
    this.#starting = undefined;
    // The last stage is nearest to the reader, so what it did comes first, as it would from queues.
    for (const acts of started.reverse()) for (const act of acts) act();
  }

  #flushFrom(first: number): void {
    this.#dead = Math.max(this.#dead, first - 1);
    this.#ended = true;
    for (let at = first; at < this.#specs.length; at++) {
      if (at <= this.#dead) continue;
      try {
        refusePromise(this.#specs[at]!.flush?.(this.#emits[at]!), "flush");
      } catch (error) {
        this.#fail(error, at);
      }
      this.#dead = Math.max(this.#dead, at);
    }
  }

  #fail(error: unknown, at: number): void {
    if (at <= this.#cut) this.#refuse(at, { error, thrown: true });
    if (at <= this.#dead) return;
    this.#failure = { error };
    this.#ended = true;
    this.#dead = this.#specs.length;
  }

  #refuse(at: number, refusal: Refusal): void {
    this.#cut = at;
    this.#refusal = refusal;
  }
}

/** Nobody would wait for it, and what it emits later would be lost. */
function refusePromise(result: unknown, name: string): void {
  if (!isThenable(result)) return;
  // Its own failure would end the process.
  Promise.resolve(result).catch(() => {});
  throw new TypeError(
    `Cannot run a stage: its ${name}() returned a promise, and a stage cannot wait; use new TransformStream({ ${name} })`,
  );
}

function terminated(): TypeError {
  return new TypeError("Cannot write to the pipeline: a stage has terminated it");
}
