import { kindOf } from "../arguments.ts";
import { hex, hmacSha256 } from "../bytes/sha256.ts";
import { TapeError } from "../errors.ts";

/** Shorter keys could be found by trying. */
const MIN_KEY_BYTES = 16;
/** So many tokens are remembered. */
const MAX_KNOWN = 10_000;
/** Of longer secrets none is remembered. */
const MAX_KNOWN_LENGTH = 1_000;
const encoder = new TextEncoder();

/** Makes what stands in the place of secrets: the same for the same secret, and telling nothing of it without the key. */
export class Tokens {
  readonly #key: Uint8Array;
  readonly #known = new Map<string, string>();

  /**
   * @param key 16 bytes at least, of a text its UTF-8; by default a random one, which nobody else has
   * @throws {TapeError} code `invalid_argument`
   */
  constructor(key: string | Uint8Array | undefined) {
    if (key !== undefined && typeof key !== "string" && !(key instanceof Uint8Array)) {
      throw new TapeError("invalid_argument", `Cannot redact: the key must be a text or bytes, not ${kindOf(key)}`);
    }
    const bytes = key ?? crypto.getRandomValues(new Uint8Array(32));
    this.#key = typeof bytes === "string" ? encoder.encode(bytes) : bytes.slice();
    if (this.#key.length >= MIN_KEY_BYTES) return;
    throw new TapeError(
      "invalid_argument",
      `Cannot redact: the key has ${this.#key.length} bytes, and needs ${MIN_KEY_BYTES} at least`,
    );
  }

  /** `[REDACTED:github-token:0123456789ab]` */
  of(rule: string, secret: string): string {
    const name = `${rule}\0${secret}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const token = `[REDACTED:${rule}:${hex(hmacSha256(this.#key, encoder.encode(name))).slice(0, 12)}]`;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    if (name.length <= MAX_KNOWN_LENGTH) this.#known.set(name, token);
    return token;
  }
}
