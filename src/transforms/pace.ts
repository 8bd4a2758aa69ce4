import { checkOptions, type OptionNames, wrongChunk } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { isBytes } from "../bytes/bytes.ts";

/** Options of {@linkcode pace}. */
export interface PaceOptions {
  /**
   * How fast to go: 1 is the original timing, 2 twice as fast, `Infinity` as fast as possible.
   *
   * @default {1}
   */
  readonly speed?: number | undefined;
  /** The longest pause in milliseconds, at any speed: a longer one is cut to this. Unlimited by default. */
  readonly maxDelayMs?: number | undefined;
  /** Ends the waiting: the stream then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A chunk that may say when it happened, in milliseconds since the start of its tape. */
export interface Timed {
  /** Milliseconds since the start of the tape; anything else is no time. */
  readonly ts?: unknown;
}

const OPTIONS: OptionNames<PaceOptions> = { speed: true, maxDelayMs: true, signal: true };

/**
 * Holds chunks back until their time, counted from the first one that has a `ts`; those without one follow at once.
 * Late ones are not waited for, so a slow reader does not stretch the session. The only transform that waits, and
 * therefore no stage: it is piped through, not fused.
 *
 * @throws {TapeError} code `invalid_argument`: `speed` is not above 0, or `maxDelayMs` is below 0
 *
 * @example Replay ten times as fast
 * ```ts
 * import { pace, pipe } from "tapeline";
 *
 * const chunks = [{ ts: 0, text: "tick" }, { ts: 100, text: "tock" }];
 * for await (const { text } of pipe(chunks, pace({ speed: 10 }))) console.log(text);
 * ```
 */
export function pace<T extends Timed>(options: PaceOptions = {}): TransformStream<T, T> {
  checkOptions("pace", options, OPTIONS);
  const { speed = 1, maxDelayMs = Infinity, signal } = options;
  if (!(speed > 0)) throw new TapeError("invalid_argument", `Cannot pace: speed must be above 0, not ${speed}`);
  if (!(maxDelayMs >= 0)) {
    throw new TapeError("invalid_argument", `Cannot pace: maxDelayMs must be 0 or more, not ${maxDelayMs}`);
  }
  /** When the last chunk was due, on the clock of `performance.now()`, and its `ts`. */
  let due: number | undefined;
  let lastTs = 0;
  /** Without it a cancelled stream would hold its source until the time of the chunk that it holds back. */
  const cancelled = new AbortController();
  const signals = signal === undefined ? [cancelled.signal] : [cancelled.signal, signal];
  // The compiler's library does not know `cancel` yet.
  const transformer: Transformer<T, T> & { cancel(): void } = {
    async transform(chunk, controller) {
      if (Object(chunk) !== chunk || isBytes(chunk)) {
        throw wrongChunk("pace", "records, lines, or objects with a ts", chunk);
      }
      const { ts } = chunk;
      if (typeof ts === "number" && speed !== Infinity) {
        due = due === undefined ? performance.now() : due + Math.min(Math.max(ts - lastTs, 0) / speed, maxDelayMs);
        lastTs = Math.max(lastTs, ts);
        await until(due, signals);
      }
      signal?.throwIfAborted();
      if (!cancelled.signal.aborted) controller.enqueue(chunk);
    },
    cancel: () => cancelled.abort(),
  };
  return new TransformStream(transformer);
}

/** The longest time that `setTimeout` takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Waits for a time on the clock of `performance.now()`, or until one of the signals is aborted. */
async function until(time: number, signals: readonly AbortSignal[]): Promise<void> {
  for (let left = time - performance.now(); left > 0; left = time - performance.now()) {
    if (signals.some((signal) => signal.aborted)) return;
    await sleep(Math.min(left, MAX_TIMEOUT_MS), signals);
  }
}

function sleep(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    for (const signal of signals) signal.addEventListener("abort", wake);
  });
}
