import type { CommandIo, TextOutput } from "../../src/cli/command.ts";

/** Takes what a command prints. */
export class FakeIo implements CommandIo {
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  readonly stdout: TextOutput = { write: (text: string | Uint8Array) => take(this.#stdout, text) };
  readonly stderr: TextOutput = { write: (text: string | Uint8Array) => take(this.#stderr, text) };
  readonly isTty: boolean;
  readonly isStderrTty: boolean;
  readonly columns: number;
  readonly env: CommandIo["env"];
  readonly signal: AbortSignal = new AbortController().signal;
  readonly ask: CommandIo["ask"];
  readonly askSecret: CommandIo["askSecret"];

  constructor(
    { isTty = false, columns = 100, env = {}, ask, askSecret }: Partial<
      Pick<CommandIo, "isTty" | "columns" | "env" | "ask" | "askSecret">
    > = {},
  ) {
    this.ask = ask;
    this.askSecret = askSecret;
    this.isTty = isTty;
    this.isStderrTty = isTty;
    this.columns = columns;
    this.env = env;
  }

  /** All that was printed on stdout so far. */
  get out(): string {
    return textOf(this.#stdout);
  }

  /** All that was printed on stderr so far. */
  get err(): string {
    return textOf(this.#stderr);
  }
}

function take(parts: Uint8Array[], text: string | Uint8Array): Promise<void> {
  parts.push(typeof text === "string" ? new TextEncoder().encode(text) : text.slice());
  return Promise.resolve();
}

function textOf(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}
