import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { deferred } from "../../../src/deferred.ts";
import { thisRuntime } from "../child.ts";
import { within } from "../within.ts";

const source = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

/** A command line: a program and its arguments. */
export type CommandLine = readonly [program: string, ...args: string[]];

/** A server that is a few lines of shell: the same program on every runtime, and quick to start. */
export function shell(script: string): CommandLine {
  return ["sh", "-c", script];
}

/** A command line as text for a shell. */
export function quoted(line: CommandLine): string {
  return line.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
}

/**
 * `tapeline` on this runtime: as `npm test` has bundled it from its source, which starts several times as fast; the source itself
 * for who runs a file alone, or counts what of it is covered.
 */
export function command(...args: readonly string[]): CommandLine {
  const { name, command: [program, ...before] } = thisRuntime();
  const bundle = process.env.TAPELINE_TEST_COMMAND;
  if (bundle === undefined || process.env.NODE_V8_COVERAGE !== undefined) return [program, ...before, source, ...args];
  // Node needs no loader for JavaScript.
  return name === "node" ? [program, bundle, ...args] : [program, ...before, bundle, ...args];
}

/** `tapeline record` in front of a server. */
export function recorded(server: readonly string[], options: readonly string[]): CommandLine {
  return command("record", ...options, "--", ...server);
}

/** What a client saw of a server. */
export interface Seen {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** The exit code, as a shell tells it: 128 + n for signal n. */
  readonly code: number;
  readonly signal: string | null;
}

/** A server as its client has it. */
export class Peer {
  readonly child: ChildProcess;
  readonly #chunks: Buffer[] = [];
  readonly #errors: Buffer[] = [];
  #byteCount = 0;
  #news = deferred();
  #isEnded = false;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdin!.on("error", () => {});
    child.stdout!.on("error", () => {});
    child.stdout!.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#byteCount += chunk.length;
      this.#announce();
    });
    child.stdout!.on("end", () => {
      this.#isEnded = true;
      this.#announce();
    });
    child.stderr!.on("data", (chunk: Buffer) => {
      this.#errors.push(chunk);
      this.#announce();
    });
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get stderr(): Buffer {
    return Buffer.concat(this.#errors);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Sends text or bytes, without waiting. */
  send(content: string | Uint8Array): void {
    this.child.stdin!.write(content);
  }

  /** Sends until nobody takes it any more. */
  async sendUntilRefused(): Promise<void> {
    const send = () => new Promise<unknown>((resolve) => this.child.stdin!.write("line\n".repeat(1000), resolve));
    while (!await within(send(), "an answer of the pipe")) { /* and again */ }
  }

  /** Ends the server's input. */
  end(): void {
    this.child.stdin!.end();
  }

  /** Waits until `isThere` says so of what came so far. */
  async until(what: string, isThere: (peer: Peer) => boolean): Promise<void> {
    while (!isThere(this)) {
      if (this.#isEnded) throw new Error(`${what} never came, only ${this.#byteCount} bytes, and: ${this.stderr}`);
      await within(this.#news.promise, `${what}; so far ${this.#byteCount} bytes`, 60_000);
    }
  }

  /** Waits until so many bytes have come. */
  async bytes(count: number): Promise<void> {
    await this.until(`${count} bytes`, () => this.#byteCount >= count);
  }

  /** Waits until text has come. */
  async text(text: string): Promise<void> {
    await this.until(JSON.stringify(text), () => this.stdout.includes(text));
  }

  /** Waits until text has come on stderr. */
  async errorText(text: string): Promise<void> {
    while (!this.stderr.includes(text)) await within(this.#news.promise, `${JSON.stringify(text)} on stderr`, 60_000);
  }

  /** Waits until the server has closed its output. */
  async outputEnd(): Promise<void> {
    await this.until("the end of stdout", () => this.#isEnded);
  }

  #announce(): void {
    const news = this.#news;
    this.#news = deferred();
    news.resolve();
  }
}

/** Starts a server, lets `talk` speak with it, and waits until it has ended. Nothing is left behind. */
export async function talkWith(
  [program, ...args]: CommandLine,
  talk: (peer: Peer) => void | Promise<void> = (peer) => peer.end(),
): Promise<Seen> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const closed = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  closed.catch(() => {});
  try {
    const peer = new Peer(child);
    await talk(peer);
    const { code, signal } = await within(closed, "the end of the server", 60_000);
    const { stdout, stderr } = peer;
    return { stdout, stderr, code: signal === null ? code! : 128 + constants.signals[signal], signal };
  } finally {
    child.kill("SIGKILL");
  }
}
