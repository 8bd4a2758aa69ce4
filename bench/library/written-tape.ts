import { rmSync } from "node:fs";
import { join } from "node:path";
import type { CreateWriterOptions, MessageEnvelope, TapeStore } from "../../src/mod.ts";
import { type Candidate, type Clock, clocks, type Measured, perSecond, rate } from "../harness.ts";
import { tapeline, tapelineFile } from "../built.ts";
import type { Job, Row } from "../plan.ts";
import { messagePool } from "../tape-maker.ts";

const { jsonText, pipe, StreamingTapeReader, StreamingTapeWriter } = tapeline;
const { fileStore } = tapelineFile;

/** Distinct messages; they come again and again. */
const POOL = 1_000;

/** Writes the same messages to tapes in one folder, in whatever way, and reads them. */
export class WrittenTapes {
  readonly frames: number;
  readonly store: TapeStore;
  readonly folder: string;
  readonly #clock: Clock;
  readonly #texts: readonly {
    readonly text: string;
    readonly direction: MessageEnvelope["direction"];
  }[];

  /** @param lineBytes about how long the lines become */
  constructor(
    { folder, quick, clock }: Job,
    frames: number,
    lineBytes: number,
  ) {
    this.folder = folder;
    this.frames = quick ? 2 * POOL : frames;
    this.store = fileStore(folder);
    this.#clock = clocks[clock];
    this.#texts = messagePool(POOL, { lineBytes })
      .map(({ message, direction }) => ({
        text: JSON.stringify(message),
        direction,
      }));
  }

  /** Writes a tape anew, and gives how many frames a second. */
  async write(
    tapeId: string,
    options: Partial<CreateWriterOptions>,
  ): Promise<number> {
    this.remove(tapeId);
    const writer = await StreamingTapeWriter.create(this.store, {
      tapeId,
      sessionId: "bench",
      ...options,
    });
    return await this.during(async () => {
      await pipe(this.#envelopes(), writer.writable);
      await writer.finalize();
    });
  }

  /** Reads all frames of a tape, and gives how many a second. */
  async read(
    tapeId: string,
    store: TapeStore = this.store,
  ): Promise<number> {
    return await this.during(async () => {
      await using reader = await StreamingTapeReader.open(store, tapeId);
      let count = 0;
      for await (const _ of reader.frames()) count++;
      if (count !== this.frames) throw new Error(`read ${count} frames`);
    });
  }

  /** How many frames a second some work takes. */
  async during(work: () => Promise<unknown>): Promise<number> {
    return await perSecond(this.#clock, this.frames, work);
  }

  async bytes(tapeId: string): Promise<number> {
    return await this.store.size(`${tapeId}.jsonl`) ?? 0;
  }

  remove(...tapeIds: readonly string[]): void {
    for (const id of tapeIds) {
      for (const ending of ["jsonl", "meta.json", "index"]) {
        rmSync(join(this.folder, `${id}.${ending}`), { force: true });
      }
    }
  }

  *#envelopes(): Generator<MessageEnvelope> {
    for (let n = 0; n < this.frames; n++) {
      const { text, direction } = this.#texts[n % POOL]!;
      yield { message: jsonText(text), direction };
    }
  }
}

/** Rows of candidates, the first of which the others are compared with. */
export function comparedRows(
  workload: string,
  candidates: readonly Candidate[],
  measured: ReadonlyMap<string, Measured>,
  goalOf: (name: string, ratio: number) => Pick<Row, "target" | "goal"> = () => ({ target: "" }),
): Row[] {
  const base = measured.get(candidates[0]!.name)!.median;
  return candidates.map(({ name }): Row => {
    const found = measured.get(name)!;
    const ratio = found.median / base;
    const { samples } = found;
    return {
      workload,
      candidate: name,
      figure: rate(found),
      ratio,
      samples,
      ...goalOf(name, ratio),
    };
  });
}
