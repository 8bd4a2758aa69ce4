import type { Bytes } from "../../bytes/bytes.ts";
import type { LineDecoder, LineEncoder, SealedLines } from "../../lines/coded-line.ts";
import type { CheckpointRecord, TapeEncryption } from "../../records/record.ts";
import type { ZstdLineDecoder } from "../zstd/line-decoder.ts";
import type { ZstdLineEncoder } from "../zstd/line-encoder.ts";
import type { TapeKey } from "./keys/tape-key.ts";
import { LineOpener } from "./line-opener.ts";
import { LineSealer } from "./line-sealer.ts";
import { type SealedFinding, SealedOrder } from "./sealed-order.ts";

/** All that somebody who has its key needs to read a sealed tape, and to go on with it. */
export class SealedTape implements LineDecoder {
  /** A line in plain may be from anybody. */
  readonly codesAll = true;
  readonly #key: TapeKey;
  readonly #inner: ZstdLineDecoder | undefined;
  /** Opens its lines, each by itself. */
  readonly opener: LineOpener;
  readonly #order: SealedOrder;

  readonly #encryption: TapeEncryption | undefined;

  /** @param encryption what its `init` record says */
  constructor(key: TapeKey, encryption?: TapeEncryption | null, inner?: ZstdLineDecoder) {
    this.#key = key;
    this.#encryption = encryption ?? undefined;
    this.#inner = inner;
    this.opener = new LineOpener(key, inner);
    this.#order = new SealedOrder({ onFinding() {} });
  }

  get lacksDictionary(): boolean {
    return this.opener.lacksDictionary;
  }

  decode(stored: Uint8Array): Bytes {
    return this.opener.decode(stored);
  }

  openCheckpoint(record: CheckpointRecord): CheckpointRecord {
    return this.opener.checkpoint(record).record;
  }

  learn(stored: Uint8Array): void {
    this.opener.learn(stored);
  }

  see(stored: Uint8Array): void {
    this.#order.next(stored);
  }

  orderCheck(onFinding: (finding: SealedFinding) => void): SealedOrder {
    return new SealedOrder({ onFinding, opener: this.opener });
  }

  anew(): LineSealer {
    return new LineSealer(this.#key, { encryption: this.#encryption, inner: this.#inner?.fresh() });
  }

  another(tapeId: string, inner: LineEncoder | undefined): SealedLines {
    const key = this.#key.of(tapeId);
    return sealedLines(key, { ...this.#encryption!, check: key.check() }, inner);
  }

  goOn(size: number): LineSealer {
    return new LineSealer(this.#key, {
      previous: this.#order.epochs,
      encryption: this.#encryption,
      inner: this.#inner?.goOn(size),
    });
  }
}

/** How the lines of a sealed tape are made, and read, that has none yet. */
export function sealedLines(key: TapeKey, encryption: TapeEncryption, inner: LineEncoder | undefined): SealedLines {
  return {
    encryption,
    encoder: new LineSealer(key, { encryption, inner: inner as ZstdLineEncoder | undefined }),
    decoderWith: (inner) => new SealedTape(key, encryption, inner as ZstdLineDecoder | undefined),
  };
}
