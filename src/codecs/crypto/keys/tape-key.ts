import type { Bytes } from "../../../bytes/bytes.ts";
import { TapeError } from "../../../errors.ts";
import { toBase64Url } from "../base64-url.ts";
import type { Primitives } from "../cipher.ts";
import { Epoch } from "../epoch.ts";

/** Bytes of a data key. */
export const KEY_BYTES = 32;
/** So many epochs are kept at hand; a tape may claim any number. */
const MAX_EPOCHS = 64;
const CHECK_BYTES = 16;
const encoder = new TextEncoder();

/**
 * The data key of one sealed tape, unwrapped. What it is made of does not show in anything that prints it. Make one with
 * {@linkcode createEncryption} or {@linkcode openEncryption}.
 */
export class TapeKey {
  /** The id of the tape. */
  readonly tapeId: string;
  readonly #primitives: Primitives;
  readonly #key: Bytes;
  readonly #epochs = new Map<string, Epoch>();
  #isWiped = false;

  /** @param key 32 bytes, which are wiped by {@linkcode TapeKey.wipe} */
  constructor(tapeId: string, key: Bytes, primitives: Primitives) {
    this.tapeId = tapeId;
    this.#key = key;
    this.#primitives = primitives;
  }

  /** What tells this key from others (GCM does not): it stands in the `init` record. */
  check(): string {
    this.#use();
    const info = encoder.encode("tapeline/check/1");
    return toBase64Url(this.#primitives.hkdf(this.#key, encoder.encode(this.tapeId), info, CHECK_BYTES));
  }

  /** The same key for another tape. Nothing that is sealed there has the key of an epoch here: these depend on the id of the tape. */
  of(tapeId: string): TapeKey {
    this.#use();
    return new TapeKey(tapeId, this.#key.slice(), this.#primitives);
  }

  /** A new epoch, under which nothing has been sealed yet. */
  newEpoch(): Epoch {
    return this.epoch(toBase64Url(crypto.getRandomValues(new Uint8Array(16))));
  }

  /** An epoch, by the 22 characters of base64url that name it. */
  epoch(id: string): Epoch {
    this.#use();
    let epoch = this.#epochs.get(id);
    if (epoch !== undefined) return epoch;
    if (this.#epochs.size === MAX_EPOCHS) this.#epochs.clear();
    epoch = new Epoch(this.tapeId, id, this.#key, this.#primitives);
    this.#epochs.set(id, epoch);
    return epoch;
  }

  /** Hands the key to who wraps it anew. */
  lend<T>(use: (key: Bytes) => T): T {
    this.#use();
    return use(this.#key);
  }

  /** Overwrites the key; it can no longer be used. What the runtime has copied of it nobody can reach. */
  wipe(): void {
    this.#isWiped = true;
    this.#key.fill(0);
    this.#epochs.clear();
  }

  #use(): void {
    if (this.#isWiped) throw new TapeError("closed", "Cannot use the key of a tape: it was wiped");
  }
}
