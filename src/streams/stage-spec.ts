/** Stands for "no chunk": any value can be one. */
export const NONE: unique symbol = Symbol("none");

/** Hands a chunk to whatever comes next. */
export interface Emit<O> {
  (chunk: O): void;
  /** Ends the stream behind this stage: later chunks are ignored, the source is cancelled. */
  terminate(): void;
}

/** What a stage does. All of it is synchronous; waiting belongs to sources, sinks and ordinary TransformStreams. */
export interface StageSpec<I, O> {
  /** Runs once, before the first chunk. */
  start?(emit: Emit<O>): void;
  /** Runs for every chunk. What it throws ends the stream; what it emitted before is still delivered. */
  transform(chunk: I, emit: Emit<O>): void;
  /** Runs once, after the last chunk, unless the stream failed or was cancelled. */
  flush?(emit: Emit<O>): void;
}

/** Under this name a stage that makes many chunks of one offers to make them one by one. */
export const PIECES: unique symbol = Symbol("pieces");
/** Under this name a stage says that no part of a chunk outlives the call of its `transform`. */
export const KEEPS_NOTHING: unique symbol = Symbol("keeps nothing");
/** Under this name a stage says that a chunk outlives the call of its `transform` only where it is emitted, as it came. */
export const ONLY_PASSES: unique symbol = Symbol("only passes");

/** Under this name a stage says which pieces of a chunk it would drop, before they are made. */
export const DROPS: unique symbol = Symbol("drops");

/**
 * Whether a piece of a chunk of bytes would be dropped. A piece that would not is handed to the stage right behind the call. A chunk that is
 * seen again may hold other bytes, but for where the loan is the same.
 */
export type Drops = (block: Uint8Array, start: number, end: number, loan: object) => boolean;

/** Makes many chunks of one: what `transform` does in one go, as it is asked for. */
export interface Pieces<I, O> {
  /** Begins with a chunk. */
  open(chunk: I): void;
  /** What comes of it next; `NONE` when that is all. It may lie in the chunk; nothing else keeps any part of that. */
  next(): O | typeof NONE;
  /** Gives a piece memory of its own, so that it outlives the chunk. */
  keep(piece: O): void;
  /** Makes no pieces of which the stage behind says that it would drop them. */
  leaveOut?(drops: Drops): void;
  /**
   * Ends what pieces can see of the chunk, the kept ones excepted. False where somebody may see it yet: then it must
   * stay as it is.
   */
  close(): boolean;
}

/** What a stage of this library may tell of itself, beside what it does. */
export interface StageTraits<I, O> {
  readonly [PIECES]?: Pieces<I, O>;
  readonly [KEEPS_NOTHING]?: true;
  readonly [ONLY_PASSES]?: true;
  readonly [DROPS]?: Drops;
}

/** A spec whose chunk types no longer matter: neighbours in a chain have been matched by the type of `compose`. */
// deno-lint-ignore no-explicit-any
export type AnySpec = StageSpec<any, any> & StageTraits<any, any>;
