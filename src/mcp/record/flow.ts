import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers";
import { deferred } from "../../deferred.ts";

/** What happens to the bytes of a {@linkcode Flow} on their way. */
export interface FlowOptions {
  /** Sees every chunk after it was passed on. */
  readonly onChunk: (chunk: Uint8Array) => void;
  /** The source has come to its end: nothing follows. */
  readonly onEnd: () => void;
  /** Asked after every chunk: until what it gives settles, no more is taken from the source. */
  readonly hold?: (() => Promise<void> | undefined) | undefined;
  /** One of the two ends was closed, by whoever is there: not by {@linkcode Flow.stop}. */
  readonly onClosed?: ((by: "from" | "to") => void) | undefined;
  /**
   * Whether the target ends with the source.
   *
   * @default {true}
   */
  readonly endsTarget?: boolean | undefined;
}

/** No pipe and no socket pair holds more, unless somebody with special rights has made it larger. */
export const PIPE_BYTES: number = 1024 * 1024;

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
  readonly #ended = deferred();
  readonly #done = deferred();
  /** So much may wait for the target before the source has to. */
  #mayWait = 0;
  #unwritten = 0;
  #turnBytes = 0;
  #isEnded = false;
  #isBlocked = false;
  #isHeld = false;
  #byteCount = 0;

  constructor(from: Readable, to: Writable, options: FlowOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
    from.on("data", this.#onData);
    for (const event of ["end", "close", "error"]) from.on(event, this.#onSourceEnd);
    to.on("drain", () => {
      this.#isBlocked = false;
      this.#goOn();
    });
    for (const event of ["error", "close"]) to.on(event, this.#onTargetEnd);
    // A client may have gone before there was a server.
    if (to.destroyed) this.#onTargetEnd();
    else if (from.destroyed || from.readableEnded) this.#onSourceEnd();
  }

  /** Settles when nothing more will come. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Settles when nothing more will be passed on and all that was is in the hands of the system, or of nobody. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** How many bytes have come. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** How many chunks the target has not taken. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Whoever wrote to the source has ended: takes all that it can have left there, without waiting for the target. */
  takeAll(): void {
    this.#mayWait = PIPE_BYTES;
    this.#isBlocked = false;
    this.#from.resume();
  }

  /** Takes no more from the source, and lets go of it. What has come is passed on. */
  cut(): void {
    this.#end();
    this.#from.destroy();
  }

  /** Takes no more from the source, and waits for nobody. */
  stop(): void {
    this.cut();
    this.#done.resolve();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#byteCount += chunk.length;
    this.#unwritten++;
    if (!this.#to.write(chunk, this.#onWritten) && this.#to.writableLength > this.#mayWait) {
      this.#isBlocked = true;
      this.#from.pause();
    } else if ((this.#turnBytes += chunk.length) >= TURN_BYTES) {
      this.#from.pause();
      setImmediate(this.#nextTurn);
    }
    this.#options.onChunk(chunk);
    const held = this.#options.hold?.();
    if (held !== undefined && !this.#isHeld) {
      this.#isHeld = true;
      this.#from.pause();
      held.then(this.#letGo, this.#letGo);
    }
  };

  readonly #nextTurn = (): void => {
    this.#turnBytes = 0;
    this.#goOn();
  };

  readonly #letGo = (): void => {
    this.#isHeld = false;
    this.#goOn();
  };

  #goOn(): void {
    if (!this.#isBlocked && !this.#isHeld) this.#from.resume();
  }

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
    this.#ended.resolve();
    this.#options.onEnd();
    this.#finish();
  }

  #finish(): void {
    if (!this.#isEnded || this.#unwritten > 0) return;
    if (this.#options.endsTarget === false) this.#done.resolve();
    else this.#to.end(() => this.#done.resolve());
  }
}
