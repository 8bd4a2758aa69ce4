import { deferred } from "../../deferred.ts";
import type { Flow } from "./flow.ts";

const TICK_MS = 50;
const SILENT_TICKS = 10;

/**
 * Settles when nothing has come from any of the flows for half a second in which it could have. Time in which this
 * process was stopped, or a flow was blocked by whoever reads, does not count.
 */
export function silence(flows: readonly Flow[]): { readonly promise: Promise<void>; cancel(): void } {
  const silent = deferred();
  let seen = -1;
  let ticks = 0;
  const timer = setInterval(() => {
    const count = flows.reduce((sum, { byteCount }) => sum + byteCount, 0);
    ticks = count === seen && !flows.some(({ isBlocked }) => isBlocked) ? ticks + 1 : 0;
    seen = count;
    if (ticks >= SILENT_TICKS) silent.resolve();
  }, TICK_MS);
  return { promise: silent.promise, cancel: () => clearInterval(timer) };
}
