import { closeSync, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { devNull } from "node:os";
import process from "node:process";
import { type Readable, Writable } from "node:stream";

/** The three streams between a client and a server that is started by it. */
export interface StdioStreams {
  /** What the client sends. Destroying it tells the client that nobody reads any more. */
  readonly stdin: Readable;
  /** What the client gets. Ending it tells the client that nothing more will come. */
  readonly stdout: Writable;
  /** What the server says beside the protocol. */
  readonly stderr: Writable;
}

/**
 * The streams of this process, for a program that stands in for a server: a client that reads slowly never holds up
 * anything but its own output, and a stream that is over is over for the client too, not only when the process ends.
 *
 * On Deno a client that is connected by a pipe, not a socket, sees the end of stdout only when the process ends.
 */
export function ownStdio(): StdioStreams {
  return { stdin: ownInput(), stdout: ownOutput(1), stderr: ownOutput(2) };
}

type Descriptor = 0 | 1 | 2;

interface BunFileSink {
  write(chunk: Uint8Array): unknown;
  flush(): unknown;
  end(): unknown;
}

const { Deno, Bun } = globalThis as {
  Deno?: unknown;
  Bun?: { file(descriptor: number): { writer(options: { highWaterMark: number }): BunFileSink } };
};

/**
 * A stream of Deno's own. It closes its descriptor itself: when the other side has ended or gone, and when it is destroyed.
 * The number is free then, and the next file that is opened would get it: a tape, or the pipe to a server.
 */
class DenoStream extends Socket {
  readonly #descriptor: Descriptor;

  constructor(descriptor: Descriptor) {
    super({ fd: descriptor, readable: descriptor === 0, writable: descriptor !== 0 });
    this.#descriptor = descriptor;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    super._destroy(error, done);
    takePlaceOf(this.#descriptor);
  }
}

function ownInput(): Readable {
  if (Deno !== undefined && isPipe(0)) return new DenoStream(0);
  const { stdin } = process;
  // A client that may still send must learn that nobody reads.
  stdin.once("close", () => {
    if (!stdin.readableEnded) letGoOf(0);
  });
  return stdin;
}

function ownOutput(descriptor: 1 | 2): Writable {
  // Not asked for where it is not used: Bun's opens a second handle, so that nobody can end it any more.
  const own = () => descriptor === 1 ? process.stdout : process.stderr;
  // To a file, or to a terminal, every runtime writes at once and waits until that is done.
  if (!isPipe(descriptor)) return own();
  // Deno's own stdout waits for its reader, and everything else with it.
  if (Deno !== undefined) return new DenoStream(descriptor);
  const output = Bun === undefined ? own() : bunOutput(Bun.file(descriptor).writer({ highWaterMark: 1 }));
  return output.once("finish", () => letGoOf(descriptor));
}

function bunOutput(sink: BunFileSink): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      settle(async () => {
        await sink.write(chunk);
        await sink.flush();
      }, done);
    },
    final(done) {
      settle(async () => void await sink.end(), done);
    },
  });
}

function settle(work: () => Promise<void>, done: (error?: Error) => void): void {
  work().then(() => done(), done);
}

/** Node and Bun never close these three by themselves. */
function letGoOf(descriptor: Descriptor): void {
  if (!isPipe(descriptor)) return;
  closeSync(descriptor);
  takePlaceOf(descriptor);
}

/**
 * The system gives the lowest number that is free, so nothing else gets that of a stream which was closed just now. Those
 * that were closed before this process started are no matter: every runtime opens the null device in their place.
 */
function takePlaceOf(descriptor: Descriptor): void {
  const taken = openSync(devNull, descriptor === 0 ? "r" : "w");
  // Another thread was faster, with a file that nothing writes to by this number.
  if (taken !== descriptor) closeSync(taken);
}

function isPipe(descriptor: Descriptor): boolean {
  try {
    const stat = fstatSync(descriptor);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    // It was closed before we were started.
    return false;
  }
}
