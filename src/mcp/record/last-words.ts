import { deferred } from "../../deferred.ts";
import { type Flow, PIPE_BYTES } from "./flow.ts";

/** Ticks are counted, not milliseconds: time in which this process was stopped is nobody's silence. */
const TICK_MS = 50;
/** Half a second. */
const SILENT_TICKS = 10;
/** Two seconds. */
const TALKING_TICKS = 40;
/** Three seconds. */
const UNREAD_TICKS = 60;

/** What became of the output of a server that has ended. */
export interface LastWords {
  /** Outputs that had not come to their end: something that the server left behind holds them open. */
  readonly held: readonly Flow[];
  /** Outputs of which the client has not taken all that was to be passed on. */
  readonly unread: readonly Flow[];
}

/**
 * Passes on what a server said before it ended. Its output usually comes to its end with it, and the client gets all of
 * it, however slowly it reads: without us, the server would have waited for it.
 *
 * A process that the server left behind may hold the output open, and may even write to it without end. So an output that
 * does not end is cut after half a second of silence, or of more than the server can have left, and in any case after two
 * seconds. From then on the client has as long as it takes something at least every three seconds.
 *
 * @param isGivenUp settles when nobody wants to wait for the client any longer
 */
export async function lastWords(outputs: readonly Flow[], isGivenUp: Promise<void>): Promise<LastWords> {
  for (const output of outputs) output.takeAll();
  const byteCount = () => sum(outputs.map((output) => output.byteCount));
  const most = byteCount() + outputs.length * PIPE_BYTES;
  const talk = whenTicked(
    (ticks, still) => still >= SILENT_TICKS || ticks >= TALKING_TICKS || (ticks >= SILENT_TICKS && byteCount() > most),
    byteCount,
  );
  await Promise.race([Promise.all(outputs.map(({ ended }) => ended)), talk.promise]);
  talk.cancel();
  const held = outputs.filter(({ isEnded }) => !isEnded);
  for (const output of held) output.cut();

  const unwritten = () => sum(outputs.map((output) => output.unwritten));
  const unread = whenTicked((_, still) => held.length > 0 && still >= UNREAD_TICKS, unwritten);
  await Promise.race([Promise.all(outputs.map(({ done }) => done)), unread.promise, isGivenUp]);
  unread.cancel();
  return { held, unread: outputs.filter(({ unwritten }) => unwritten > 0) };
}

/** Settles when `isOver` says so of the ticks so far, and of the last ones in which `measure` has given the same. */
function whenTicked(
  isOver: (ticks: number, still: number) => boolean,
  measure: () => number,
): { readonly promise: Promise<void>; cancel(): void } {
  const over = deferred();
  let seen = measure();
  let still = 0;
  let ticks = 0;
  const timer = setInterval(() => {
    const measured = measure();
    still = measured === seen ? still + 1 : 0;
    seen = measured;
    if (isOver(++ticks, still)) over.resolve();
  }, TICK_MS);
  return { promise: over.promise, cancel: () => clearInterval(timer) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
