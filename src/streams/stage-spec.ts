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

/** A spec whose chunk types no longer matter: neighbours in a chain have been matched by the type of `compose`. */
// deno-lint-ignore no-explicit-any
export type AnySpec = StageSpec<any, any>;
