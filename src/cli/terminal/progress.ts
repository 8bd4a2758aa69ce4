import type { CommandIo } from "../command.ts";
import { formatBytes } from "./units.ts";

/** Reading more than this takes a while. */
const LONG_BYTES = 64 * 1024 * 1024;

/** Tells on stderr how far a long reading has come, on one line that is drawn anew; only if somebody looks. */
export class Progress {
  readonly #size: number;
  readonly #io: CommandIo;
  readonly #isShown: boolean;
  #shown = 0;

  constructor(size: number, io: CommandIo) {
    this.#size = size;
    this.#io = io;
    this.#isShown = size > LONG_BYTES && io.isStderrTty;
  }

  /** So many bytes have been read. */
  at(offset: number): void {
    if (!this.#isShown) return;
    const percent = Math.floor(offset / this.#size * 100);
    if (percent === this.#shown) return;
    this.#shown = percent;
    void this.#io.stderr.write(`\r\x1b[Kreading ${formatBytes(this.#size)}: ${percent} %`);
  }

  /** Takes the line away again. */
  clear(): void {
    if (this.#isShown) void this.#io.stderr.write("\r\x1b[K");
  }
}
