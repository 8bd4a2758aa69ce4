import { type Bytes, concat } from "../bytes/bytes.ts";
import { checkBytes, Sink } from "../streams/sink.ts";

/** A sink that keeps what it is given. */
export class MemorySink extends Sink<Uint8Array> {
  readonly #chunks: Bytes[];

  constructor() {
    const chunks: Bytes[] = [];
    super({
      // deno-lint-ignore require-await -- an error shall become a rejection
      async write(more) {
        for (const chunk of more) checkBytes(chunk);
        chunks.push(...more.map((chunk) => chunk.slice()));
      },
    });
    this.#chunks = chunks;
  }

  /** Everything that was written so far. */
  bytes(): Bytes {
    return concat(this.#chunks);
  }

  /** Everything that was written so far, as text. */
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }
}

/**
 * A sink that keeps what it is given, for tests and for small tapes.
 *
 * @example
 * ```ts
 * import { encodeRecord, memorySink, pipe } from "tapeline";
 *
 * const tape = memorySink();
 * await pipe([{ type: "log" as const, ts: 0, stream: "stderr", text: "ready" }], encodeRecord(), tape);
 * console.log(tape.bytes().length);
 * ```
 */
export function memorySink(): MemorySink {
  return new MemorySink();
}
