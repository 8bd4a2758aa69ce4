import type { Command } from "../../../../src/cli/command.ts";
import { FakeIo } from "../../fake-io.ts";

/** How a command ended that ran in this process, which is quicker than one of its own. */
export interface Ending {
  /** Its exit code; undefined where it failed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it failed. */
  readonly error: string | undefined;
}

/** Runs a command in this process. */
export async function runIn(command: Command, args: readonly string[], io: FakeIo = new FakeIo()): Promise<Ending> {
  let [code, error]: [number | undefined, string | undefined] = [undefined, undefined];
  try {
    code = await command.run(args, io);
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  return { code, stdout: io.out, stderr: io.err, error };
}
