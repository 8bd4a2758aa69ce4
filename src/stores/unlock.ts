import { checkOptions, type OptionNames } from "../arguments.ts";
import type { Bytes } from "../bytes/bytes.ts";
import type { OpenWith } from "../codecs/crypto/keys/age.ts";
import { openEncryption } from "../codecs/crypto/keys/encryption.ts";
import type { TapeKey } from "../codecs/crypto/keys/tape-key.ts";
import { LineSealer } from "../codecs/crypto/line-sealer.ts";
import { openMetadata, sealMetadata } from "../codecs/crypto/sealed-metadata.ts";
import { SealedTape } from "../codecs/crypto/sealed-tape.ts";
import type { ZstdLineDecoder } from "../codecs/zstd/line-decoder.ts";
import { TapeError } from "../errors.ts";
import type { LineEncoder } from "../lines/coded-line.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import type { InitRecord } from "../records/record.ts";
import { type LineKeys, withKeys } from "./decoding.ts";
import { checkStore, type TapeStore } from "./store.ts";
import type { TapeCoding } from "./tape-coding.ts";

const OPTIONS: OptionNames<OpenWith> = { identities: true, passphrase: true };

/**
 * The same store, for who can open its encrypted tapes: a reader, a follower, a writer that goes on, `verifyTape` and all others find them as if they
 * were plain. Tapes that are not encrypted are what they were.
 *
 * @param keys identities of age, or a passphrase
 * @throws {TapeError} code `invalid_argument`: wrong options; where a tape is opened: nothing of what was given opens it
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
 * import { unlock } from "tapeline/crypto";
 *
 * const store = memoryStore();
 * const passphrase = "correct horse battery staple";
 * const encryptTo = { passphrase, workFactor: 10 };
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", encryptTo });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 *
 * const reader = await StreamingTapeReader.open(unlock(store, { passphrase }), writer.tapeId);
 * for await (const frame of reader.frames()) console.log(frame.env.message); // { id: 1, method: "ping" }
 * ```
 */
export function unlock(store: TapeStore, keys: OpenWith): TapeStore {
  checkStore("unlock a store", store);
  checkOptions("unlock a store", keys, OPTIONS);
  return withKeys(store, lineKeys(keys));
}

/** What opens the tapes of any store with these keys. */
export function lineKeys(keys: OpenWith): LineKeys {
  /** By how they are wrapped: to unwrap one may take a second. */
  const known = new Map<string, Promise<TapeKey>>();
  const keyOf = (init: TapeCoding): Promise<TapeKey> => {
    const name = `${init.tape_id} ${init.encryption!.key}`;
    let key = known.get(name);
    if (key === undefined) {
      known.set(name, key = openEncryption(init, keys));
      key.catch(() => known.delete(name));
    }
    return key;
  };
  return keysFrom(keyOf);
}

/** What opens the encrypted tape that is written by this, for who goes on with it. */
export function keysOfWriter(encoder: LineEncoder): LineKeys {
  return keysFrom((init) =>
    encoder instanceof LineSealer
      ? Promise.resolve().then(() => encoder.keyOf(init))
      : Promise.reject(new TapeError("internal", "Cannot go on with a tape: it was not encrypted"))
  );
}

function keysFrom(keyOf: (init: TapeCoding) => Promise<TapeKey>): LineKeys {
  return {
    async decoderOf(init, inner) {
      return new SealedTape(await keyOf(init), init.encryption, inner as ZstdLineDecoder | undefined);
    },
    async openMetadata(bytes) {
      try {
        return await opened(bytes, keyOf);
      } catch {
        // They are a hint, and whoever has no key for them sees of them what is plain.
        return bytes;
      }
    },
    async sealMetadata(bytes) {
      const metadata = metadataIn(bytes);
      if (metadata === undefined || metadata.sealed !== undefined || metadata.encryption == null) return bytes;
      const { encryption, ...told } = metadata;
      const sealed = sealMetadata(await keyOf(metadata), told, encryption);
      return encoder.encode(`${JSON.stringify(sealed, undefined, 2)}\n`);
    },
  };
}

/** Metadata as they may be kept: once opened, they still tell how they were sealed. */
type KeptMetadata = TapeMetadata & Pick<InitRecord, "encryption"> & { readonly sealed?: unknown };

const encoder = new TextEncoder();

/** What is no metadata tells nothing, and is kept as it is. */
function metadataIn(bytes: Uint8Array): KeptMetadata | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) ?? undefined;
  } catch {
    return undefined;
  }
}

async function opened(bytes: Bytes, keyOf: (init: TapeCoding) => Promise<TapeKey>): Promise<Bytes> {
  const metadata = metadataIn(bytes);
  if (metadata?.sealed === undefined || metadata.encryption == null) return bytes;
  const key = await keyOf(metadata);
  return encoder.encode(JSON.stringify({ ...openMetadata(key, metadata), encryption: metadata.encryption }));
}
