import { TapeError } from "../errors.ts";
import { parseMetadata, type TapeMetadata } from "../records/metadata.ts";
import type { TapeStore } from "./store.ts";

/** Longer metadata are not read: a list of tapes is not to fill the memory with one of them. */
export const MAX_METADATA_BYTES: number = 16 * 1024 * 1024;

/**
 * The metadata of a tape; undefined where it has none.
 *
 * @param size of them, where that is known
 * @throws {TapeError} code `invalid_tape`: they are none, or too long; `io`
 */
export async function storedMetadata(store: TapeStore, key: string, size?: number): Promise<TapeMetadata | undefined> {
  const length = size ?? await store.size(key);
  if (length === undefined) return undefined;
  if (length > MAX_METADATA_BYTES) {
    throw new TapeError("invalid_tape", `Cannot read ${key}: it has ${length} bytes, more than ${MAX_METADATA_BYTES}`);
  }
  const bytes = await store.get(key);
  return bytes && parseMetadata(new TextDecoder().decode(bytes), key);
}
