import { isTapeError, type TapeError } from "../../src/errors.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { simulatedStore } from "./files.ts";
import { type Model, Violation } from "./model.ts";
import type { Process } from "./world.ts";

/** Somebody who looks at a tape while it is being written, in a process of their own. */
export class Observer {
  readonly process: Process;
  /** Settles when it has seen all it wanted to; never if it is killed. */
  readonly done: Promise<void>;
  readonly #model: Model;
  readonly #tapeId: string;
  readonly #stop = new AbortController();
  /** Lines that it has seen, in the order in which it saw them. */
  #seen = 0;
  #identity: unknown;

  constructor(model: Model, tapeId: string, kind: "reader" | "follower") {
    this.#model = model;
    this.#tapeId = tapeId;
    this.process = model.world.startProcess();
    const done = this.#open().then((reader) => {
      if (reader === undefined) return;
      return kind === "follower" ? this.#follow(reader) : this.#read(reader);
    });
    this.done = done.catch((error) => {
      // A tape that could not be made is deleted, and made anew.
      if (this.process.isAlive && model.identity !== undefined && this.#identity === model.identity) {
        model.world.violation ??= error;
      }
    });
  }

  get lineCount(): number {
    return this.#seen;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Undefined where there is no tape yet. */
  async #open(): Promise<StreamingTapeReader | undefined> {
    const store = this.#model.coding.open(simulatedStore(this.#model.world, this.process, false));
    const options = { onError: (error: TapeError) => this.#report(error) };
    for (;;) {
      try {
        const reader = await StreamingTapeReader.open(store, this.#tapeId, options);
        this.#identity = this.#model.identity;
        await this.#model.prepare();
        return reader;
      } catch (error) {
        const isEmpty = isTapeError(error, "tape_not_found") || isTapeError(error, "invalid_tape");
        if (!isEmpty) throw error;
        if (this.#model.lines.length > 0) continue;
        if (this.#stop.signal.aborted || this.#model.world.random(4) === 0) return undefined;
        await this.#model.world.pause(this.process);
      }
    }
  }

  async #follow(reader: StreamingTapeReader): Promise<void> {
    const waitForWriter = this.#model.world.random(2) === 0;
    const options = { signal: this.#stop.signal, waitForWriter };
    for await (const record of reader.follow(options)) this.#see(JSON.stringify(record));
    await reader.close();
  }

  async #read(reader: StreamingTapeReader): Promise<void> {
    const { random } = this.#model.world;
    if (random(3) === 0) {
      const target = random(20);
      const lines = this.#model.lines;
      const first = lines.findIndex((line) => {
        const record = JSON.parse(line);
        return record.type === "frame" && record.seq >= target;
      });
      // What is there cannot go away; more may come meanwhile.
      if (!await reader.seekToFrame(target) && first >= 0) throw new Violation(`frame ${target} was not found`);
      if (first < 0) return;
      this.#seen = first;
    }
    for await (const line of reader.lines()) {
      // A last line that is not whole yet may still be cut off.
      if (line.terminated) this.#see(line.text());
      else break;
      if (random(200) === 0) break;
    }
    await reader.close();
  }

  #see(text: string): void {
    if (!this.process.isAlive || this.#identity !== this.#model.identity) return;
    const expected = this.#model.lines[this.#seen];
    if (text !== expected) {
      throw new Violation(`line ${this.#seen + 1} was seen as ${text}, and stands there as ${expected}`);
    }
    this.#seen++;
  }

  #report(error: TapeError): void {
    // The last line of a tape may be torn; nothing else is ever damaged here.
    if ((error.offset ?? 0) < this.#wholeLength()) throw new Violation(`a damaged line was reported: ${error.message}`);
  }

  #wholeLength(): number {
    return this.#model.content.lastIndexOf(0x0a) + 1;
  }
}
