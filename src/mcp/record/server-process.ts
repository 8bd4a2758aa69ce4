import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { CommandError } from "../command/command-error.ts";
import type { ServerCommand } from "../command/server-command.ts";
import { whyNotStarted } from "../command/why-not-started.ts";
import { Watchdog } from "./watchdog.ts";

/** How a process has ended. */
export interface ProcessEnding {
  /** Its exit code; null if a signal killed it. */
  readonly code: number | null;
  /** The signal that killed it, such as `SIGTERM`. */
  readonly signal: NodeJS.Signals | null;
}

/** A server that was started with pipes for its three streams. */
export class ServerProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly pid: number;
  /** Settles when the process has ended, whatever of its output is still on the way. */
  readonly ended: Promise<ProcessEnding>;
  /** Settles when nothing is left of what was started to watch over it, which is a moment later. */
  readonly unwatched: Promise<void>;
  #hasEnded = false;

  private constructor(child: ChildProcessWithoutNullStreams, pid: number) {
    ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = child);
    this.pid = pid;
    const watchdog = new Watchdog(pid);
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal });
      });
    });
    this.unwatched = this.ended.then(() => watchdog.dismiss());
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.on("error", () => {});
  }

  /**
   * Starts the command, in our own process group: what a terminal sends to one it sends to the other. It does not outlive
   * this process, however that ends.
   *
   * @throws {CommandError}
   */
  static async start(options: ServerCommand): Promise<ServerProcess> {
    const { command, args, cwd, env } = options;
    try {
      const child = spawn(command, args, { cwd, env, stdio: "pipe", windowsHide: true });
      const started = new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
      // Without a process there need not be streams.
      if (child.pid === undefined) throw await started;
      const server = new ServerProcess(child as ChildProcessWithoutNullStreams, child.pid);
      await started;
      return server;
    } catch (error) {
      throw new CommandError(command, await whyNotStarted(options, error), error);
    }
  }

  /** Sends it a signal; false if it has ended. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.#hasEnded) return false;
    try {
      // Not `child.kill()`: on Deno the process would then seem to have died of it, whatever it did.
      return process.kill(this.pid, signal);
    } catch {
      return false;
    }
  }
}
