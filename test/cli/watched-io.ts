import type { CommandIo, TextOutput } from "../../src/cli/command.ts";
import { deferred } from "../../src/deferred.ts";
import { within } from "../helpers/within.ts";

/** What a command prints while it runs, and how it is stopped. */
export class WatchedIo implements CommandIo {
  readonly #stop = new AbortController();
  #wake = deferred();
  /** All that was printed on stdout so far. */
  out = "";
  /** All that was printed on stderr so far. */
  err = "";
  readonly stdout: TextOutput = { write: (text: string | Uint8Array) => this.#take("out", text) };
  readonly stderr: TextOutput = { write: (text: string | Uint8Array) => this.#take("err", text) };
  readonly isTty = false;
  readonly isStderrTty = false;
  readonly columns = 100;
  readonly env = {};
  readonly signal: AbortSignal = this.#stop.signal;

  /** Waits until what was printed holds for `isEnough`. */
  async until(what: string, isEnough: (io: WatchedIo) => boolean): Promise<void> {
    while (!isEnough(this)) await within(this.#wake.promise, `${what}; so far: ${this.out}${this.err}`, 60_000);
  }

  /** What Ctrl-C does. */
  stop(): void {
    this.#stop.abort();
  }

  #take(to: "out" | "err", text: string | Uint8Array): Promise<void> {
    this[to] += typeof text === "string" ? text : new TextDecoder().decode(text);
    const woken = this.#wake;
    this.#wake = deferred();
    woken.resolve();
    return Promise.resolve();
  }
}
