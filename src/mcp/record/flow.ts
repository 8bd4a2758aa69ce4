import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers";
import { deferred } from "../../deferred.ts";

/** What happens to the bytes of a {@linkcode Flow} on their way. */
export interface FlowOptions {
  /** Sees every chunk after it was passed on. */
  readonly onChunk: (chunk: Uint8Array) => void;
  /** The source has come to its end: nothing follows. */
  readonly onEnd: () => void;
  /** One of the two ends was closed, by whoever is there: not by {@linkcode Flow.stop}. */
  readonly onClosed?: ((by: "from" | "to") => void) | undefined;
  /**
   * Whether the target ends with the source.
   *
   * @default {true}
   */
  readonly endsTarget?: boolean | undefined;
}

/** After so many bytes everything else gets its turn: the other direction, and the disk. */
const TURN_BYTES = 64 * 1024;

/**
 * Bytes on their way from one stream to another: each chunk at once and as it came, and no faster than the target takes
 * them. When the target breaks, the source is destroyed, so that whoever writes there learns what it would have learned
 * without anybody in between.
 */
export class Flow {
  readonly #from: Readable;
  readonly #to: Writable;
  readonly #options: FlowOptions;
  readonly #done = deferred();
  #unwritten = 0;
  #turnBytes = 0;
  #isEnded = false;
  #isBlocked = false;
  #byteCount = 0;

  constructor(from: Readable, to: Writable, options: FlowOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
    from.on("data", this.#onData);
    for (const event of ["end", "close", "error"]) from.on(event, this.#onSourceEnd);
    to.on("drain", () => {
      this.#isBlocked = false;
      from.resume();
    });
    for (const event of ["error", "close"]) to.on(event, this.#onTargetEnd);
    // A client may have gone before there was a server.
    if (to.destroyed) this.#onTargetEnd();
    else if (from.destroyed || from.readableEnded) this.#onSourceEnd();
  }

  /** Settles when nothing more will be passed on and all that was is in the hands of the system, or of nobody. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Whether bytes are held back because the target takes no more. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** How many bytes have come. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Takes no more from the source, and lets go of it. */
  stop(): void {
    this.#end();
    this.#from.destroy();
    this.#done.resolve();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#byteCount += chunk.length;
    this.#unwritten++;
    if (!this.#to.write(chunk, this.#onWritten)) {
      this.#isBlocked = true;
      this.#from.pause();
    } else if ((this.#turnBytes += chunk.length) >= TURN_BYTES) {
      this.#from.pause();
      setImmediate(this.#nextTurn);
    }
    this.#options.onChunk(chunk);
  };

  readonly #nextTurn = (): void => {
    this.#turnBytes = 0;
    if (!this.#isBlocked) this.#from.resume();
  };

  readonly #onWritten = (): void => {
    this.#unwritten--;
    this.#finish();
  };

  readonly #onSourceEnd = (): void => {
    if (!this.#isEnded) this.#options.onClosed?.("from");
    this.#end();
  };

  readonly #onTargetEnd = (): void => {
    if (!this.#isEnded) this.#options.onClosed?.("to");
    this.stop();
  };

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#options.onEnd();
    this.#finish();
  }

  #finish(): void {
    if (!this.#isEnded || this.#unwritten > 0) return;
    if (this.#options.endsTarget === false) this.#done.resolve();
    else this.#to.end(() => this.#done.resolve());
  }
}
