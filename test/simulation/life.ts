import { isTapeError, TapeError } from "../../src/errors.ts";
import type { TapeStatus } from "../../src/records/metadata.ts";
import type { MessageEnvelope, TapeRecord } from "../../src/records/record.ts";
import type { Durability } from "../../src/tape/write/commit/group-commit.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { simulatedStore } from "./files.ts";
import { type Model, numberOf, Violation } from "./model.ts";
import type { Process, World } from "./world.ts";

/** What a writer is to do. */
export interface LifeOptions {
  readonly tapeId: string;
  readonly isNew: boolean;
  readonly durability: Durability;
  readonly end: "finalize" | "close" | "crash";
  /** Is called when the tape is open. */
  readonly onOpen?: (() => void) | undefined;
}

/** One process that writes a tape: from opening it to letting go of it, or until it is killed. */
export class Life {
  readonly process: Process;
  readonly #model: Model;
  readonly #world: World;
  readonly #options: LifeOptions;
  readonly #waiting = new Set<number>();
  readonly #written: number[] = [];
  readonly #open: number[] = [];
  #hasFailedToSync = false;
  #violation: unknown;

  constructor(model: Model, options: LifeOptions) {
    this.#model = model;
    this.#world = model.world;
    this.#options = options;
    this.process = this.#world.startProcess();
  }

  /** Lives. Whoever opens the tape in vain gives the error. */
  async live(numbers: () => number): Promise<TapeError | undefined> {
    const store = simulatedStore(this.#world, this.process, true);
    let writer: StreamingTapeWriter;
    try {
      writer = await this.#openWriter(store);
    } catch (error) {
      if (error instanceof TapeError) return error;
      throw error;
    }
    await this.#model.prepare();
    const records = this.#model.check();
    if (records.length === 0) throw new Violation("a writer was opened, and there is no tape");
    this.#options.onOpen?.();
    const { random } = this.#world;
    for (let left = random(random(4) === 0 ? 12 : 5); left > 0; left--) await this.#act(writer, numbers);
    if (this.#options.end === "crash") this.#world.kill(this.process);
    else await this.#end(writer);
    if (this.#violation !== undefined) throw this.#violation;
    return undefined;
  }

  #openWriter(store: TapeStore): Promise<StreamingTapeWriter> {
    const { tapeId, durability } = this.#options;
    const { random } = this.#world;
    const options = {
      durability,
      ...this.#model.coding.options,
      checkpointEveryFrames: 2 + random(10),
      metadataEveryMs: 20 + random(200),
      maxPendingBytes: random(3) === 0 ? 300 : undefined,
      onLoss: (record: TapeRecord) => {
        const n = numberOf(record);
        if (n !== undefined) this.#model.lost(n);
      },
    };
    return this.#options.isNew
      ? this.#model.coding.create(store, { ...options, tapeId, sessionId: "simulated" })
      : StreamingTapeWriter.resume(this.#model.coding.open(store), tapeId, options);
  }

  async #act(writer: StreamingTapeWriter, numbers: () => number): Promise<void> {
    const { random } = this.#world;
    switch (random(8)) {
      case 0:
        return await this.#world.pause(this.process);
      case 1:
        return await writer.writeLog("stderr", "said").catch(isExpected);
      case 2:
        return await writer.writeGap(1 + random(3), "dropped").catch(isExpected);
      case 3:
        return await writer.ready;
      default: {
        let last: Promise<void> | undefined;
        for (let left = 1 + random(4); left > 0; left--) last = this.#write(writer, numbers());
        if (random(3) > 0) await last;
      }
    }
  }

  async #write(writer: StreamingTapeWriter, n: number): Promise<void> {
    const { durability } = this.#options;
    const envelope = this.#message(n);
    this.#waiting.add(n);
    this.#written.push(n);
    try {
      await writer.writeFrame(envelope);
      if (durability === "synced" && this.#hasFailedToSync) {
        throw new Violation(`message ${n} was called synced after a failed sync`);
      }
      this.#model.acknowledged(n, durability);
    } catch (error) {
      if (!isTapeError(error, "io")) this.#violation ??= error;
      else if (error.message.startsWith("Cannot sync")) {
        this.#hasFailedToSync = true;
        if (typeof writer.metadata().status !== "object") this.#violation ??= new Violation("the metadata do not tell");
      } else if (!this.#model.isLost(n)) this.#violation ??= new Violation(`message ${n} was rejected and not lost`);
    } finally {
      this.#waiting.delete(n);
    }
  }

  #message(n: number): MessageEnvelope {
    const { random } = this.#world;
    const content = { n, text: "x".repeat(random(10) === 0 ? random(800) : random(30)) };
    const id = this.#open[random(3)];
    if (id !== undefined && random(3) > 0) {
      this.#open.splice(this.#open.indexOf(id), 1);
      return { message: { jsonrpc: "2.0", id, result: content }, direction: "server_to_client" };
    }
    this.#open.push(n);
    return { message: { jsonrpc: "2.0", id: n, method: "m", params: content }, direction: "client_to_server" };
  }

  async #end(writer: StreamingTapeWriter): Promise<void> {
    const isFinal = this.#options.end === "finalize";
    let failure: unknown;
    let isPutFailed = false;
    try {
      if (isFinal) await writer.finalize();
      else await writer.close();
    } catch (error) {
      if (!isTapeError(error, "io")) throw error;
      failure = error;
      isPutFailed = /\.meta\.json|the folder/.test(error.message);
    }
    await Promise.resolve();
    if (this.#waiting.size > 0) throw new Violation(`messages ${[...this.#waiting]} wait for ever`);
    const { status } = writer.metadata();
    if (failure === undefined || isPutFailed) {
      if (this.#hasFailedToSync) throw new Violation("a tape was closed in good order after a failed sync");
      this.#model.closed();
      this.#check(writer, isFinal);
    }
    checkStatus(status, failure === undefined || isPutFailed ? isFinal ? "finalized" : "paused" : "error");
  }

  /** The tape was closed in good order: everything is on it, or it says that it is not. */
  #check(writer: StreamingTapeWriter, isFinal: boolean): void {
    const records = this.#model.check();
    this.#model.checkCorrelations(records);
    for (const n of this.#written) {
      if (this.#model.isOnTape(n) === this.#model.isLost(n)) throw new Violation(`nobody knows what became of ${n}`);
    }
    const last = records.at(-1);
    if (isFinal && !(last?.type === "checkpoint" && last.final === true)) {
      throw new Violation("a finalized tape has no final checkpoint");
    }
    const frames = records.filter((record) => record.type === "frame").length;
    const { stats } = writer;
    const counted = { ...stats, frame_count: frames, file_size_bytes: this.#model.content.length };
    if (JSON.stringify(stats) !== JSON.stringify(counted)) {
      throw new Violation(`the statistics say ${JSON.stringify(stats)}, counted are ${JSON.stringify(counted)}`);
    }
  }
}

function isExpected(error: unknown): void {
  if (!isTapeError(error, "io")) throw error;
}

function checkStatus(status: TapeStatus | null | undefined, expected: string): void {
  const is = typeof status === "object" ? "error" : status;
  if (is !== expected) throw new Violation(`the metadata call the tape ${is}, it is ${expected}`);
}
