import { isTapeError } from "../errors.ts";
import { readParts } from "../lines/line-parts.ts";
import type { TapeLine } from "../lines/line.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import { isOptionalEncryption } from "../records/record-guard.ts";
import type { InitRecord } from "../records/record.ts";
import { pipe } from "../streams/pipe.ts";
import { lineSplit, MAX_LINE_BYTES } from "../transforms/line-split.ts";
import type { TapeStore } from "./store.ts";
import { storedMetadata } from "./stored-metadata.ts";

/** What an `init` record says of how the lines of its tape are coded. */
export type TapeCoding = Pick<InitRecord, "tape_id" | "max_line_bytes" | "compression" | "encryption">;

/** How the lines of a tape are coded. */
export interface FoundCoding {
  readonly coding: TapeCoding;
  /** Whether there is no `init` record that says so. */
  readonly isLost: boolean;
  /** Whether the tape is encrypted, and nothing tells its key. */
  readonly isKeyLost: boolean;
}

/** A tape that is coded has coded lines within its first bytes, so many at most. */
const LOOKED_AT = 4 * 1024 * 1024;
const TAPE = /\.jsonl$/;

/**
 * How the lines of a tape are coded, whatever has become of its `init` record: one that stands further on tells it too, and what it does not
 * tell any more the lines themselves and the metadata do.
 */
export async function findCoding(store: TapeStore, key: string): Promise<FoundCoding> {
  const { init, isCompressed, isSealed } = await lookAt(store, key);
  const said: TapeCoding = init ?? { tape_id: key.replace(TAPE, "") };
  const isSaid = isCompressed === (said.compression != null) && isSealed === (said.encryption != null);
  if (isSaid) return { coding: said, isLost: false, isKeyLost: false };
  const known = isSealed ? await metadataOf(store, key) : undefined;
  const encryption = said.encryption ?? known?.encryption;
  const coding: TapeCoding = {
    tape_id: known?.tape_id ?? said.tape_id,
    max_line_bytes: said.max_line_bytes ?? (isSealed ? MAX_LINE_BYTES : undefined),
    compression: isCompressed ? "zstd" : undefined,
    encryption: isSealed ? encryption : undefined,
  };
  return { coding, isLost: true, isKeyLost: isSealed && encryption == null };
}

/** What the metadata of an encrypted tape tell of its key, where that is something else than what its `init` record says. */
export async function codingOfMetadata(
  store: TapeStore,
  key: string,
  said: TapeCoding,
): Promise<TapeCoding | undefined> {
  const known = said.encryption == null ? undefined : await metadataOf(store, key);
  if (known?.encryption == null) return undefined;
  const { tape_id, encryption } = known;
  const isSame = tape_id === said.tape_id && JSON.stringify(encryption) === JSON.stringify(said.encryption);
  const { max_line_bytes, compression } = said;
  return isSame ? undefined : { tape_id, max_line_bytes, compression, encryption };
}

interface Seen {
  /** The first `init` record. */
  readonly init: InitRecord | undefined;
  readonly isCompressed: boolean;
  readonly isSealed: boolean;
}

async function lookAt(store: TapeStore, key: string): Promise<Seen> {
  let init: InitRecord | undefined;
  let [isCompressed, isSealed] = [false, false];
  for await (const line of pipe(store.openSource(key, { end: LOOKED_AT }), lineSplit({ onError: () => {} }))) {
    init ??= initOn(line);
    const { type } = line;
    isSealed ||= type === "sealed";
    isCompressed ||= type === "zstd" || type === "dictionary" || type === "sealed" && IS_COMPRESSED.test(line.text());
    if (isCompressed && init !== undefined) break;
  }
  return {
    init,
    isCompressed: isCompressed || init?.compression != null,
    isSealed: isSealed || init?.encryption != null,
  };
}

/** What is authentic in a sealed line is compressed; or it is a dictionary. */
const IS_COMPRESSED = /^\{"type":"sealed",(?:"kind":"dictionary"|[^{}]{0,400}"codec":"zstd)/;

function initOn(line: TapeLine): InitRecord | undefined {
  if (line.type !== "init" && line.type !== undefined) return undefined;
  for (const { record } of readParts(line)) if (record?.type === "init") return record;
  return undefined;
}

type KeptMetadata = TapeMetadata & Pick<InitRecord, "encryption">;

async function metadataOf(store: TapeStore, key: string): Promise<KeptMetadata | undefined> {
  if (!TAPE.test(key)) return undefined;
  try {
    const metadata: KeptMetadata | undefined = await storedMetadata(store, key.replace(TAPE, ".meta.json"));
    return isOptionalEncryption(metadata?.encryption) ? metadata : undefined;
  } catch (error) {
    if (isTapeError(error, "invalid_tape")) return undefined;
    throw error;
  }
}
