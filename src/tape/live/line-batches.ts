import type { TapeError } from "../../errors.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import type { LineDecoder } from "../../lines/coded-line.ts";
import type { TapeLine } from "../../lines/line.ts";
import { NONE } from "../../streams/stage-spec.ts";
import { hold } from "../../streams/source.ts";
import type { ChunkReader } from "../../streams/source-spec.ts";
import type { Emit, StageSpec } from "../../streams/stage-spec.ts";
import { lineSplitting } from "../../transforms/line-split.ts";

/** A line, or the report of one that is too long. */
export type LineOrReport = TapeLine | TapeError;

const LF = 0x0a;

/** The lines of a stream, as many at a time as come together. A last one without its end is left out. */
export class LineBatches {
  readonly #chunks: ChunkReader<Bytes>;
  readonly #split: StageSpec<Uint8Array, TapeLine>;
  #batch: LineOrReport[] = [];
  readonly #emit: Emit<TapeLine>;
  #end: number;
  #offset: number;

  /** @param offset where the stream starts in its tape */
  constructor(
    stream: ReadableStream<Bytes>,
    offset: number,
    maxLineBytes: number | undefined,
    decoder: LineDecoder | undefined,
  ) {
    this.#chunks = hold(stream).chunks;
    const onError = (report: TapeError) => this.#batch.push(report);
    // Numbers are counted by each who follows.
    this.#split = lineSplitting({ maxLineBytes, offset, line: 0, onError, decoder });
    const emit = (line: TapeLine) => void this.#batch.push(line);
    this.#emit = Object.assign(emit, { terminate() {} });
    this.#end = this.#offset = offset;
  }

  /** Where the line behind the last batch starts. */
  get end(): number {
    return this.#end;
  }

  /** The next lines; undefined at the end of the stream. */
  async next(): Promise<LineOrReport[] | undefined> {
    for (let isWhole = false; !isWhole;) {
      const chunk = this.#chunks.take();
      if (chunk !== NONE) {
        this.#split.transform(chunk, this.#emit);
        const length = chunk.lastIndexOf(LF) + 1;
        isWhole = length > 0;
        if (isWhole) this.#end = this.#offset + length;
        this.#offset += chunk.length;
      } else if (!await this.#chunks.fill()) return undefined;
    }
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }

  async close(): Promise<void> {
    await this.#chunks.cancel(undefined);
  }
}
