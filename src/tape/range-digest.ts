import type { Bytes } from "../bytes.ts";

/** Bytes that are digested at a time. */
const BLOCK_BYTES = 1024 * 1024;

/** Web Crypto digests beside the thread that asks; browsers have it on secure pages only. */
const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;

/** Whether there is Web Crypto here to digest with. */
export const canDigest: boolean = subtle !== undefined;

/**
 * The digest of a range of a tape, of any length in bounded memory: the SHA-256 of the SHA-256s of its blocks of 1 MiB,
 * the last of which may be shorter.
 */
export class RangeDigest {
  readonly #blocks: Promise<ArrayBuffer>[] = [];
  #buffer: Bytes = new Uint8Array(16 * 1024);
  #used = 0;

  /** Adds bytes to the range. */
  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, BLOCK_BYTES - this.#used);
      this.#reserve(this.#used + count);
      this.#buffer.set(bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
      if (this.#used === BLOCK_BYTES) {
        // It has taken a copy when it returns.
        this.#blocks.push(subtle!.digest("SHA-256", this.#buffer));
        this.#used = 0;
      }
    }
  }

  /** Settles when no full block waits to be digested; undefined if there is none. Await it now and then. */
  settled(): Promise<unknown> | undefined {
    return this.#blocks.at(-1);
  }

  /** The digest of the range so far, 64 hexadecimal digits. */
  async hex(): Promise<string> {
    const blocks = [...this.#blocks];
    if (this.#used > 0) blocks.push(subtle!.digest("SHA-256", this.#buffer.subarray(0, this.#used)));
    const digests = new Uint8Array(await new Blob(await Promise.all(blocks)).arrayBuffer());
    const digest = new Uint8Array(await subtle!.digest("SHA-256", digests));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** Another range that begins with the same bytes. */
  copy(): RangeDigest {
    const copy = new RangeDigest();
    copy.#blocks.push(...this.#blocks);
    copy.#buffer = this.#buffer.slice();
    copy.#used = this.#used;
    return copy;
  }

  #reserve(size: number): void {
    if (size <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(size, 2 * this.#buffer.length)));
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
  }
}
