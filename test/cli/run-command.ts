import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { command } from "../helpers/mcp/stdio-client.ts";
import { within } from "../helpers/within.ts";

/** How a command ended, and all that it printed. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a command runs. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Opened for its stdout, in place of a pipe. */
  readonly stdout?: string;
}

/** `tapeline ARGS…`, running on this runtime. */
export class RunningCommand implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #outcome: Promise<Outcome>;
  #stdout = "";
  #taken = 0;
  #stderr = "";
  #grown = () => {};

  constructor(args: readonly string[], { cwd, env, stdout }: RunOptions = {}) {
    const [program, ...words] = command(...args);
    const { TAPELINE_DIR: _, COLUMNS: __, NO_COLOR: ___, FORCE_COLOR: ____, ...inherited } = process.env;
    const file = stdout === undefined ? undefined : openSync(stdout, "w");
    const child = spawn(program, words, {
      cwd,
      env: { ...inherited, ...env },
      stdio: ["ignore", file ?? "pipe", "pipe"],
    });
    if (file !== undefined) closeSync(file);
    this.#process = child;
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      this.#stdout += text;
      this.#grown();
    });
    child.stderr!.setEncoding("utf8").on("data", (text) => this.#stderr += text);
    this.#outcome = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        this.#grown();
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#stdout.indexOf("\n", this.#taken);
      if (end >= 0) {
        const line = this.#stdout.slice(this.#taken, end);
        this.#taken = end + 1;
        return line;
      }
      if (this.#process.exitCode !== null) throw new Error(`it printed no more: ${this.#stderr}`);
      await within(new Promise<void>((resolve) => this.#grown = resolve), "a line of tapeline", 60_000);
    }
  }

  /** Ends it as Ctrl-C or `kill` does. */
  signal(name: "SIGINT" | "SIGTERM"): void {
    // Not child.kill(): on Deno the child then seems killed, whatever it made of the signal.
    process.kill(this.#process.pid!, name);
  }

  /** Closes the reading end of its stdout, as `head` does. */
  closeStdout(): void {
    this.#process.stdout!.destroy();
  }

  /** Waits until it has ended. */
  outcome(): Promise<Outcome> {
    return within(this.#outcome, "the end of tapeline", 60_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#outcome;
  }
}

/** Runs `tapeline ARGS…` on this runtime, to its end. */
export async function tapeline(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  await using command = new RunningCommand(args, options);
  return await command.outcome();
}
