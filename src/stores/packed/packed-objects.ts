import type { Bytes } from "../../bytes/bytes.ts";
import type { OpenSourceOptions } from "../../streams/source.ts";
import { source } from "../../streams/source.ts";
import type { TapeStore } from "../store.ts";
import { DecodedBlocks } from "./decoded-blocks.ts";
import { PACKED } from "./layout.ts";
import { PackedTape } from "./packed-tape.ts";

/** What a packed tape has under a key. */
export interface PackedObject {
  readonly size: number;
  open(options: OpenSourceOptions): Promise<ReadableStream<Bytes>>;
}

/** What the packed tapes of a store answer for. */
export class PackedObjects {
  readonly #store: TapeStore;
  readonly #decoded = new DecodedBlocks();

  constructor(store: TapeStore) {
    this.#store = store;
  }

  /**
   * What stands under a key, as if it were not packed.
   *
   * @returns undefined where there is nothing
   * @throws {TapeError} code `invalid_tape`: it is no packed tape; `io`
   */
  async find(tapeId: string, ending: string): Promise<PackedObject | undefined> {
    const tape = await PackedTape.open(this.#store, `${tapeId}.jsonl${PACKED}`, this.#decoded);
    if (tape === undefined) return undefined;
    if (ending === ".jsonl") return { size: tape.size, open: (options) => tape.open(options) };
    if (ending === ".index") return await tape.index();
    const metadata = await tape.metadata();
    return metadata && ofBytes(new TextEncoder().encode(`${JSON.stringify(metadata, null, 2)}\n`));
  }
}

function ofBytes(bytes: Bytes): PackedObject {
  return {
    size: bytes.length,
    open({ start = 0, end }) {
      const part = bytes.subarray(start, end);
      const chunks = [part].values();
      return Promise.resolve(source<Bytes>({
        pull() {
          const { value } = chunks.next();
          return Promise.resolve(value && value.length > 0 ? [value] : undefined);
        },
      }));
    },
  };
}
