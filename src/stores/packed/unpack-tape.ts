import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { printable, TapeError } from "../../errors.ts";
import { checkOptions, type OptionNames } from "../../arguments.ts";
import { pipe } from "../../streams/pipe.ts";
import { checkStore, type TapeStore } from "../store.ts";
import { DecodedBlocks } from "./decoded-blocks.ts";
import { PACKED } from "./layout.ts";
import { PackedTape } from "./packed-tape.ts";

/** Options of {@linkcode unpackTape}. */
export interface UnpackOptions {
  /** Breaks off: the call rejects with the signal's reason, and the output is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: OptionNames<UnpackOptions> = { signal: true };

/**
 * Writes the tape that a packed one holds, to the byte: what `zstd -d` would write.
 *
 * @param output where the bytes go; closed at the end, aborted where it fails
 * @returns the size of the tape in bytes
 * @throws {TapeError} code `tape_not_found`: there is no such packed tape; `invalid_tape`: it is no packed
 * tape; `io`: it is damaged, or cannot be read
 *
 * @example
 * ```ts
 * import { memorySink, memoryStore } from "tapeline";
 * import { packTape, unpackTape } from "tapeline/zstd";
 *
 * const store = memoryStore();
 * await store.put("demo.jsonl", new TextEncoder().encode('{"type":"init"}\n'));
 * const packed = memorySink();
 * await packTape(store, "demo", packed);
 * await store.put("demo.jsonl.zst", packed.bytes());
 *
 * const plain = memorySink();
 * await unpackTape(store, "demo", plain);
 * console.log(plain.text()); // {"type":"init"}
 * ```
 */
export async function unpackTape(
  store: TapeStore,
  tapeId: string,
  output: WritableStream<Uint8Array>,
  options: UnpackOptions = {},
): Promise<number> {
  checkStore("unpack a tape", store);
  checkOptions("unpack a tape", options, OPTIONS);
  const key = tapeKeys(checkTapeId(tapeId)).tape + PACKED;
  try {
    const tape = await PackedTape.open(store, key, new DecodedBlocks());
    if (tape === undefined) {
      throw new TapeError("tape_not_found", `Cannot unpack ${printable(key)}: there is no such packed tape`);
    }
    await pipe(await tape.open(options), output);
    return tape.size;
  } catch (error) {
    if (!output.locked) await output.abort(error).catch(() => {});
    throw error;
  }
}
