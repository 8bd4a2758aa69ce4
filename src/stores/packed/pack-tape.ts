import { checkOptions, type OptionNames } from "../../arguments.ts";
import { type Bytes, concat } from "../../bytes/bytes.ts";
import { loadBlockZstd } from "../../codecs/zstd/engine.ts";
import { TapeError } from "../../errors.ts";
import { checkTapeId, tapeKeys } from "../../records/tape-id.ts";
import { checkStore, type TapeStore } from "../store.ts";
import { BLOCK_BYTES, FRAME, frameHeader, seekTable } from "./layout.ts";

/** Options of {@linkcode packTape}. */
export interface PackOptions {
  /**
   * How hard to compress: 1 (fast) to 19 (small).
   *
   * @default {15}
   */
  readonly level?: number | undefined;
  /** Is told how many bytes of the tape are done, each time that a block of it is. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Breaks off: the call rejects with the signal's reason, and the output is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@linkcode packTape} has made. */
export interface PackedSizes {
  /** How many blocks it has. */
  readonly blocks: number;
  /** The size of the tape in bytes. */
  readonly tapeBytes: number;
  /** The size of the packed tape in bytes, with its metadata and its index. */
  readonly packedBytes: number;
}

const OPTIONS: OptionNames<PackOptions> = { level: true, onProgress: true, signal: true };

const DEFAULT_LEVEL = 15;

const LF = 0x0a;

/**
 * Packs a tape with its metadata and its index into one file, several times smaller: zstd in blocks of 256 KiB, of which
 * readers decode those that they need. `zstd -d` makes the tape of it again, to the byte. A store that holds it as
 * `{tape_id}.jsonl.zst` reads it as a tape; it is not written to any more. Of a tape that is being written it holds what was
 * there when the call was made. No more than a few blocks are in memory.
 *
 * @param output where the bytes go; closed at the end, aborted where packing fails
 * @throws {TapeError} code `tape_not_found`; `invalid_argument`: an option that there is not, or no zstd; `invalid_tape`:
 * the tape was cut back meanwhile; `io`
 *
 * @example
 * ```ts
 * import { memorySink, memoryStore, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
 * import { packTape } from "tapeline/zstd";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 *
 * const packed = memorySink();
 * await packTape(store, writer.tapeId, packed);
 *
 * const elsewhere = memoryStore();
 * await elsewhere.put("ping.jsonl.zst", packed.bytes());
 * const reader = await StreamingTapeReader.open(elsewhere, "ping");
 * for await (const frame of reader.frames()) console.log(frame.env.message);
 * ```
 */
export async function packTape(
  store: TapeStore,
  tapeId: string,
  output: WritableStream<Uint8Array>,
  options: PackOptions = {},
): Promise<PackedSizes> {
  checkStore("pack a tape", store);
  checkOptions("pack a tape", options, OPTIONS);
  const { level = DEFAULT_LEVEL, onProgress, signal } = options;
  if (!Number.isInteger(level) || level < 1 || level > 19) {
    throw new TapeError("invalid_argument", "Cannot pack a tape: the level must be a whole number from 1 to 19");
  }
  const keys = tapeKeys(checkTapeId(tapeId));
  const writer = output.getWriter();
  // Whoever waits for a write gets the error; until then it is nobody's.
  writer.closed.catch(() => {});
  try {
    const size = await store.size(keys.tape);
    if (size === undefined) {
      throw new TapeError("tape_not_found", `Cannot pack ${keys.tape}: there is no such tape`);
    }
    let packedBytes = 0;
    const write = async (bytes: Uint8Array) => {
      packedBytes += bytes.length;
      await writer.write(bytes);
    };
    const zstd = await loadBlockZstd();
    const sizes: number[] = [];
    let tapeBytes = 0;
    for await (const block of blocksOf(store, keys.tape, size, signal)) {
      const frame = zstd.compress(block, level);
      await write(frame);
      sizes.push(frame.length, block.length);
      tapeBytes += block.length;
      onProgress?.(tapeBytes);
    }
    if (tapeBytes < size) {
      throw new TapeError("invalid_tape", `Cannot pack ${keys.tape}: it was cut to ${tapeBytes} bytes meanwhile`);
    }
    await write(metadataFrame(await store.get(keys.meta)));
    const indexBytes = await store.size(keys.index) ?? 0;
    if (indexBytes > 0) {
      await write(frameHeader(FRAME.index, indexBytes));
      const behind = packedBytes + indexBytes;
      for await (const chunk of store.openSource(keys.index, { end: indexBytes, signal })) await write(chunk);
      if (packedBytes < behind) {
        throw new TapeError("invalid_tape", `Cannot pack ${keys.index}: it was cut back meanwhile`);
      }
    }
    await write(seekTable(sizes));
    await writer.close();
    return { blocks: sizes.length / 2, tapeBytes, packedBytes };
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

/** A tape in blocks, which end where a line ends; but a line that is longer than a block is cut. */
async function* blocksOf(
  store: TapeStore,
  key: string,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Bytes> {
  let held: Bytes = new Uint8Array(0);
  for await (const chunk of store.openSource(key, { end: size, signal })) {
    held = held.length === 0 ? chunk : concat([held, chunk]);
    while (held.length >= BLOCK_BYTES) {
      const length = held.lastIndexOf(LF, BLOCK_BYTES - 1) + 1 || BLOCK_BYTES;
      yield held.subarray(0, length);
      held = held.subarray(length);
      signal?.throwIfAborted();
    }
  }
  if (held.length > 0) yield held;
}

/** What a packed tape says of itself. Metadata that are no JSON are a hint that is missing. */
function metadataFrame(stored: Bytes | undefined): Bytes {
  let metadata: unknown;
  try {
    if (stored !== undefined) metadata = JSON.parse(new TextDecoder().decode(stored));
  } catch {
    metadata = undefined;
  }
  const text = new TextEncoder().encode(`${JSON.stringify({ tapeline: 1, metadata })}\n`);
  return concat([frameHeader(FRAME.metadata, text.length), text as Bytes]);
}
