import process from "node:process";
import { Schedule } from "./schedule.ts";

/** How to see a schedule again. */
export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed}`;
}

/**
 * Runs the schedule of a seed, and tells what happens in it if asked to. Fails with the seed in its message, and with how
 * to run it again.
 */
export async function simulate(seed: number, onTrace?: (line: string) => void): Promise<{ readonly steps: number }> {
  const schedule = new Schedule(seed);
  schedule.world.onTrace = onTrace;
  // What nobody waits for any more, because whoever waited was killed, must not fail unseen either.
  let unseen: { readonly error: unknown } | undefined;
  const onUnhandled = (error: unknown) => void (unseen ??= { error });
  process.on("unhandledRejection", onUnhandled);
  try {
    await schedule.run();
    if (unseen !== undefined) throw unseen.error;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed}: ${what}\nSee it again: ${replayCommand(seed)}`, { cause: error });
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
  return { steps: schedule.world.steps };
}
