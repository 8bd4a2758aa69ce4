import { Buffer } from "node:buffer";
import process from "node:process";
import type { Writable } from "node:stream";
import { clearImmediate, setImmediate } from "node:timers";
import { isatty } from "node:tty";
import { deferred } from "../../deferred.ts";
import type { CommandIo, TextOutput } from "../command.ts";

/** Why {@linkcode CommandIo.signal} was aborted: a signal of the system. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** `SIGINT` or `SIGTERM`. */
  readonly signal: "SIGINT" | "SIGTERM";

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** Why {@linkcode CommandIo.signal} was aborted: nobody reads stdout any more. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** So much text is collected before whoever writes has to wait. */
const MAX_COLLECTED = 64 * 1024;

/** Narrower terminals see lines wrapped. */
const MIN_COLUMNS = 40;

/** What is written in one turn goes out at its end, in one piece. */
class StreamOutput implements TextOutput {
  readonly #open: () => Writable;
  readonly #onBroken: (error: Error) => void;
  /** Opened when something is to be written: a command that leaves stdio to others never touches it. */
  #stream: Writable | undefined;
  #parts: (string | Uint8Array)[] = [];
  #length = 0;
  #turn: ReturnType<typeof setImmediate> | undefined;
  #isBroken = false;
  /** Settles when the last piece was handed to the system, or could not be. */
  #written: Promise<void> = Promise.resolve();
  /** Settles when the stream takes more, or never will. */
  #room = deferred();

  constructor(open: () => Writable, onBroken: (error: Error) => void) {
    this.#open = open;
    this.#onBroken = onBroken;
  }

  async write(text: string | Uint8Array): Promise<void> {
    if (this.#isBroken) return;
    this.#parts.push(text);
    this.#length += text.length;
    this.#turn ??= setImmediate(() => this.#send());
    if (this.#length < MAX_COLLECTED) return;
    if (!this.#send()) await this.#room.promise;
  }

  /** Settles when all was handed to the system. */
  async flush(): Promise<void> {
    this.#send();
    await this.#written;
  }

  /** Whether the stream takes more at once. */
  #send(): boolean {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    if (parts.length === 0 || this.#isBroken) return true;
    const written = deferred();
    this.#written = written.promise;
    const onWritten = (error?: Error | null) => {
      if (error != null) this.#break(error);
      written.resolve();
    };
    try {
      return (this.#stream ??= this.#connect()).write(join(parts), onWritten);
    } catch (error) {
      // Deno throws what other runtimes report later.
      onWritten(error as Error);
      return true;
    }
  }

  #connect(): Writable {
    const stream = this.#open();
    stream.on("error", (error: Error) => this.#break(error));
    stream.on("drain", () => this.#makeRoom());
    return stream;
  }

  #break(error: Error): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#makeRoom();
    this.#onBroken(error);
  }

  #makeRoom(): void {
    const room = this.#room;
    this.#room = deferred();
    room.resolve();
  }
}

function join(parts: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  const encoder = new TextEncoder();
  return Buffer.concat(parts.map((part) => typeof part === "string" ? encoder.encode(part) : part));
}

/** The {@linkcode CommandIo} of this process, and how it ends. */
export interface ProcessIo extends CommandIo {
  /** What went wrong with stdout, other than that its reader has gone: a full disk. */
  readonly outputFailure: Error | undefined;
  /** Settles when everything that was written was handed to the system. */
  flush(): Promise<void>;
}

/** Ctrl-C while it waits is a signal like any other, and Ctrl-D an empty answer. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  try {
    return await Promise.race([lines.question(question, { signal }), ended]);
  } finally {
    lines.close();
  }
}

/** Listens to signals from here on: the first one aborts {@linkcode CommandIo.signal}, a second one ends the process. */
export function processIo(): ProcessIo {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => abort.abort(new Interrupted(name)));
  let outputFailure: Error | undefined;
  const onBroken = (error: Error) => {
    const isGone = "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED");
    if (!isGone) outputFailure ??= error;
    abort.abort(isGone ? new OutputClosed() : error);
  };
  const isTty = isatty(1);
  const defaultColumns = Number(process.env.COLUMNS) || 100;
  const stdout = new StreamOutput(() => process.stdout, onBroken);
  const stderr = new StreamOutput(() => process.stderr, () => {});
  return {
    stdout,
    stderr,
    isTty,
    isStderrTty: isatty(2),
    // A terminal may be made wider while a tape is followed.
    get columns() {
      return Math.max(MIN_COLUMNS, isTty && process.stdout.columns || defaultColumns);
    },
    env: process.env,
    signal: abort.signal,
    ask: isatty(0) && isatty(2) ? (question) => stderr.flush().then(() => ask(question, abort.signal)) : undefined,
    async askSecret(question) {
      await stderr.flush();
      const { askSecret } = await import("./ask-secret.ts");
      return await askSecret(question, abort.signal);
    },
    get outputFailure() {
      return outputFailure;
    },
    async flush() {
      await Promise.all([stdout.flush(), stderr.flush()]);
    },
  };
}
