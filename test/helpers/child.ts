import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { currentRuntime, findRuntime, type Runtime } from "./runtime.ts";
import { within } from "./within.ts";

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A script of `programs/`, running in a process of its own. End it with {@linkcode Child.end}, whatever happens. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;
  readonly #ended: Promise<Ending>;
  #errors = "";

  constructor(script: string, args: readonly string[], runtime: Runtime = thisRuntime()) {
    const [program, ...before] = runtime.command;
    const path = fileURLToPath(new URL(`programs/${script}`, import.meta.url));
    const child = spawn(program, [...before, path, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    this.#process = child;
    this.#lines = linesOf(child.stdout);
    child.stderr.setEncoding("utf8").on("data", (text) => this.#errors += text);
    child.stdin.on("error", () => {});
    this.#exited = new Promise((resolve) => child.on("exit", resolve));
    this.#ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal }));
    });
    this.#ended.catch(() => {});
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The next line that it prints; the output on stderr becomes the error where there is none. */
  async line(): Promise<string> {
    const { done, value } = await within(this.#lines.next(), "a line of the child", 60_000);
    if (done === true) throw new Error(`the child printed no more: ${this.#errors}`);
    return value;
  }

  /** Writes a line to its stdin. */
  tell(line: string): void {
    this.#process.stdin!.write(`${line}\n`);
  }

  /** Waits until it has ended by itself. */
  async ended(): Promise<Ending> {
    const ending = await within(this.#ended, "the end of the child", 120_000);
    if (ending.code !== 0 && ending.signal === null) throw new Error(`the child failed: ${this.#errors}`);
    return ending;
  }

  /** Kills it with a signal that it cannot handle, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    // What it printed and nobody read would keep its streams from closing.
    await within(this.#exited, "the end of a killed child");
    this.#process.stdout!.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
  }
}

/** The lines of a stream of text. */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.setEncoding("utf8")) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** The runtime that this test runs on. */
export function thisRuntime(): Runtime {
  const runtime = findRuntime(currentRuntime());
  if ("missing" in runtime) throw new Error(runtime.missing);
  return runtime;
}
