import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { loadLineDecoder, type ZstdLineDecoder } from "../../src/codecs/zstd/line-decoder.ts";
import { loadLineEncoder } from "../../src/codecs/zstd/line-encoder.ts";
import { deferred } from "../../src/deferred.ts";
import { openEncryption } from "../../src/codecs/crypto/keys/encryption.ts";
import { SealedTape } from "../../src/codecs/crypto/sealed-tape.ts";
import type { LineDecoder } from "../../src/lines/coded-line.ts";
import { generateSigningKey, signerOf, verifierOf } from "../../src/signing/keys.ts";
import { decoding, withKeys } from "../../src/stores/decoding.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import type { TapeCoding } from "../../src/stores/tape-coding.ts";
import type { VerifyOptions } from "../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import type { CreateWriterOptions, WriterOptions } from "../../src/tape/write/writer-options.ts";
import type { World } from "./world.ts";

// Made once, as they take long. What compresses is loaded before a world is there that would have to wait for it.
const identity = await generateX25519Identity();
const recipients = [await identityToRecipient(identity)];
const keys = await generateSigningKey();
const signer = await signerOf(keys.privateKey);
const verifier = await verifierOf(keys.publicKey);
await loadLineEncoder({});
await decoding(memoryStore(), "any.jsonl", { tape_id: "any", compression: "zstd" });

/** How the lines of the tape of a schedule are coded: of eight, three are as they come. */
export class SimulatedCoding {
  readonly #world: World;
  readonly isCompressed: boolean;
  readonly isSealed: boolean;
  readonly isSigned: boolean;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.isCompressed = [1, 2].includes(seed % 8);
    this.isSealed = [2, 3].includes(seed % 8);
    this.isSigned = [2, 4].includes(seed % 8);
  }

  /** The store for who has the keys. */
  open(store: TapeStore): TapeStore {
    if (!this.isSealed) return store;
    return withKeys(store, {
      decoderOf: (init, inner) => this.decoderOf(init, inner),
      openMetadata: (bytes) => Promise.resolve(bytes),
      sealMetadata: (bytes) => Promise.resolve(bytes as typeof bytes & Uint8Array<ArrayBuffer>),
    });
  }

  /** What decodes the lines of a tape; undefined where they are plain. */
  async decoderOf(init: TapeCoding, inner?: LineDecoder): Promise<LineDecoder> {
    const decompressing = inner ?? (init.compression == null ? undefined : await loadLineDecoder());
    if (init.encryption == null) return decompressing!;
    const key = await this.#world.outside(openEncryption(init, { identities: [identity] }));
    return new SealedTape(key, init.encryption, decompressing as ZstdLineDecoder | undefined);
  }

  /** Makes a tape. What it takes to wrap its key happens before anything else does. */
  async create(store: TapeStore, options: CreateWriterOptions): Promise<StreamingTapeWriter> {
    const { promise, resolve } = deferred();
    void this.#world.outside(promise);
    const waiting: TapeStore = {
      ...store,
      openSink: (...args) => {
        resolve();
        return store.openSink(...args);
      },
    };
    try {
      return await StreamingTapeWriter.create(waiting, {
        ...options,
        compress: this.isCompressed && { dictionaryBytes: 256 },
        ...(this.isSealed ? { encryptTo: { recipients } } : {}),
      });
    } finally {
      resolve();
    }
  }

  /** Of whoever writes. */
  get options(): Pick<WriterOptions, "signer" | "checksums"> {
    if (!this.isSigned) return { checksums: this.isSealed };
    const sign: typeof signer.sign = (bytes) => this.#world.outside(Promise.resolve(signer.sign(bytes)));
    return { signer: { ...signer, sign } };
  }

  /** Of whoever checks what was written. */
  get checks(): Pick<VerifyOptions, "signers"> {
    if (!this.isSigned) return {};
    const verify: typeof verifier.verify = (...args) => this.#world.outside(Promise.resolve(verifier.verify(...args)));
    return { signers: [{ ...verifier, verify }] };
  }
}
