import type { Process, World } from "./world.ts";

/**
 * Runs `body` with the clock and the timers of a world in the place of the program's own. Writers stamp frames and put
 * metadata by the platform's clock; in a simulated world that has to be the simulated one.
 */
export async function withTimeOf<T>(world: World, process: () => Process, body: () => Promise<T>): Promise<T> {
  const start = world.now;
  const names = ["Date", "setTimeout", "clearTimeout"] as const;
  const own = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name)!);
  const ownNow = Object.getOwnPropertyDescriptor(performance, "now");
  const RealDate = Date;
  class SimulatedDate extends RealDate {
    constructor(...args: [] | [number | string]) {
      super(...(args.length === 0 ? [world.now] : args) as [number]);
    }
    static override now(): number {
      return world.now;
    }
  }
  const simulated = {
    Date: SimulatedDate,
    setTimeout: (fire: () => void, ms: number) => world.after(process(), ms, fire),
    clearTimeout: (stop: (() => void) | undefined) => stop?.(),
  };
  for (const name of names) {
    Object.defineProperty(globalThis, name, { value: simulated[name], configurable: true, writable: true });
  }
  Object.defineProperty(performance, "now", { value: () => world.now - start, configurable: true, writable: true });
  try {
    return await body();
  } finally {
    for (const [at, name] of names.entries()) Object.defineProperty(globalThis, name, own[at]!);
    if (ownNow === undefined) delete (performance as { now?: unknown }).now;
    else Object.defineProperty(performance, "now", ownNow);
  }
}
