import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { printable } from "../../errors.ts";
import { maskSecrets } from "../../records/mask-secrets.ts";
import { codeOf } from "../../sinks/file/file-error.ts";

/** How a process has ended. */
export interface ProcessEnding {
  /** Its exit code; null if a signal killed it. */
  readonly code: number | null;
  /** The signal that killed it, such as `SIGTERM`. */
  readonly signal: NodeJS.Signals | null;
}

/** A command that could not be started. */
export class CommandError extends Error {
  /** Always `CommandError`. */
  override readonly name = "CommandError";
  /** What a shell would end with: 127 if there is no such command, 126 if it is there and cannot be run. */
  readonly exitCode: 126 | 127;

  /**
   * Says why a command could not be started.
   *
   * @param command what could not be started
   * @param cause what the system said
   */
  constructor(command: string, cause: unknown) {
    const code = codeOf(cause);
    const reason = code === "ENOENT"
      ? "there is no such command"
      : code === "EACCES"
      ? "it is not executable"
      : printable(cause instanceof Error ? cause.message : String(cause), 200);
    super(`Cannot start ${printable(maskSecrets(command), 200)}: ${reason}`, { cause });
    this.exitCode = code === "ENOENT" ? 127 : 126;
  }
}

/** What to start. */
export interface ServerCommand {
  /** The program, looked up as a shell does. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The folder to start it in; by default that of this process. */
  readonly cwd?: string | undefined;
  /** Its environment; by default that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A server that was started with pipes for its three streams. */
export class ServerProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly pid: number;
  /** Settles when the process has ended, whatever of its output is still on the way. */
  readonly ended: Promise<ProcessEnding>;
  #hasEnded = false;

  private constructor(child: ChildProcessWithoutNullStreams, pid: number) {
    ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = child);
    this.pid = pid;
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal });
      });
    });
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.on("error", () => {});
  }

  /**
   * Starts the command, in our own process group: what a terminal sends to one it sends to the other.
   *
   * @throws {CommandError}
   */
  static async start({ command, args, cwd, env }: ServerCommand): Promise<ServerProcess> {
    try {
      const child = spawn(command, args, { cwd, env, stdio: "pipe", windowsHide: true });
      const started = new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
      // Without a process there need not be streams.
      if (child.pid === undefined) throw await started;
      const server = new ServerProcess(child as ChildProcessWithoutNullStreams, child.pid);
      await started;
      return server;
    } catch (error) {
      throw new CommandError(command, error);
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
