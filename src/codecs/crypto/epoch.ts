import type { Bytes } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";
import { putAscii } from "../../utf8.ts";
import { fromBase64Url } from "./base64-url.ts";
import type { LineCipher, Primitives } from "./cipher.ts";
import { pad, unpad } from "./padding.ts";

/** What is told of a sealed thing in plain, and authenticated with it. */
export interface SealedHead {
  /** Its number in its epoch, from 0. */
  readonly n: number;
  /** The type of the record; `epoch`, `checkpoint`, `metadata` for what sealing itself needs. */
  readonly kind: string;
  /** The number of a frame. */
  readonly seq?: number | undefined;
  /** Milliseconds since the start of the tape. */
  readonly ts?: number | undefined;
  /** How the content was compressed before it was sealed. */
  readonly codec?: string | undefined;
}

/** What a box may be: nothing that was sealed as one is taken for the other. */
export type BoxLabel = "tapeline/line/1" | "tapeline/metadata/1";

const encoder = new TextEncoder();

/** A key under which things are sealed, each with a number of its own: from opening a tape to closing it. */
export class Epoch {
  /** 22 characters of base64url, the 16 random bytes that make it another than all others. */
  readonly id: string;
  readonly #cipher: LineCipher;
  readonly #start: string;
  /** Where associated data are put together: nobody keeps them. */
  #room = new Uint8Array(256);
  readonly #nonce = new DataView(new ArrayBuffer(12));
  readonly #nonceBytes = new Uint8Array(this.#nonce.buffer);

  /** @throws {TapeError} code `corrupted_record`: that is no name of an epoch */
  constructor(tapeId: string, id: string, key: Bytes, primitives: Primitives) {
    const salt = fromBase64Url(id);
    if (salt?.length !== 16) throw new TapeError("corrupted_record", "Cannot open a sealed line: its epoch is damaged");
    this.id = id;
    const own = primitives.hkdf(key, salt, encoder.encode(`tapeline/epoch/1${tapeId}`), 32);
    this.#cipher = primitives.cipher(own);
    own.fill(0);
    this.#start = `${JSON.stringify(tapeId)},"${id}",`;
  }

  /** The ciphertext of content and its padding, and the tag. */
  seal(content: Uint8Array, head: SealedHead, label: BoxLabel = "tapeline/line/1"): Bytes {
    return this.#cipher.seal(this.#nonceOf(head.n), this.#associated(head, label), pad(content));
  }

  /** The content; undefined where it, or anything told of it in plain, is not as it was sealed. */
  open(sealed: Uint8Array, head: SealedHead, label: BoxLabel = "tapeline/line/1"): Bytes | undefined {
    const padded = this.#cipher.open(this.#nonceOf(head.n), this.#associated(head, label), sealed);
    return padded === undefined ? undefined : unpad(padded);
  }

  /** Four zeros, and the number in eight bytes, the highest first. */
  #nonceOf(n: number): Uint8Array {
    const nonce = this.#nonce;
    nonce.setUint32(4, Math.floor(n / 2 ** 32));
    nonce.setUint32(8, n % 2 ** 32);
    return this.#nonceBytes;
  }

  #associated({ n, kind, seq, ts, codec }: SealedHead, label: BoxLabel): Uint8Array {
    const how = codec === undefined ? "null" : `"${codec}"`;
    if (kind !== "frame") {
      const about = `${n},${JSON.stringify(kind)},${seq ?? null},${ts ?? null},${how}`;
      return encoder.encode(`["${label}",${this.#start}${about}]`);
    }
    // This is all ASCII.
    const text = `["${label}",${this.#start}${n},"frame",${seq},${ts},${how}]`;
    if (text.length > this.#room.length) this.#room = new Uint8Array(2 * text.length);
    putAscii(this.#room, text, 0);
    return this.#room.subarray(0, text.length);
  }
}
