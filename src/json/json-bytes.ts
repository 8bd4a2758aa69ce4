import { kindOf } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { decodeStrictly, decodeUtf8 } from "../utf8.ts";
import { scanJson, scanJsonLine } from "./json-scan.ts";
import type { JsonShape } from "./json-shape.ts";
import { flattenJson, VerbatimJson } from "./verbatim-json.ts";

/** A JSON value given as its very bytes. Make one with {@linkcode jsonBytes}. */
export class JsonBytes extends VerbatimJson {
  /** What holds the bytes. */
  readonly block: Uint8Array;
  /** Where in the block they start. */
  readonly start: number;
  /** Where they end. */
  readonly end: number;
  #shape: JsonShape | undefined;
  #isScanned = false;
  #isLine = false;
  #text: string | undefined;

  /**
   * Takes any bytes where they lie: unlike with {@linkcode jsonBytes} they are not copied, and must not change as long as
   * anybody looks at them.
   *
   * @param block bytes that hold the message
   * @param start where in the block it starts
   * @param end where it ends; a line ending right behind it spares the scanner a copy
   */
  constructor(block: Uint8Array, start: number, end: number) {
    super();
    this.block = block;
    this.start = start;
    this.end = end;
  }

  /** How many bytes the message has. */
  get length(): number {
    return this.end - this.start;
  }

  /** The same bytes in memory of their own. */
  copy(): JsonBytes {
    // One more, which stays 0, for the scanner to stop at.
    const block = new Uint8Array(this.length + 1);
    block.set(this.bytes);
    return new JsonBytes(block, 0, this.length);
  }

  /** A view of the bytes, as they were given. */
  get bytes(): Uint8Array {
    return this.block.subarray(this.start, this.end);
  }

  /** The bytes as text, decoded on first use; what is not UTF-8 becomes U+FFFD. */
  get text(): string {
    return this.#text ??= decodeUtf8(this.block, this.start, this.end);
  }

  /** What the bytes hold; undefined if they are not exactly one JSON value in UTF-8. Scanned on first use, then remembered. */
  get shape(): JsonShape | undefined {
    if (!this.#isScanned) this.#scan();
    return this.#shape;
  }

  /** Whether the bytes are one JSON value on one line, so that they can stand on a tape as they are. */
  get isLine(): boolean {
    if (!this.#isScanned) this.#scan();
    return this.#isLine;
  }

  /** The bytes as text on one line, as it stands on a tape; undefined if they are not JSON. */
  get line(): string | undefined {
    if (this.shape === undefined) return undefined;
    return this.#isLine ? this.text : flattenJson(this.text);
  }

  /** There is none: bytes are not made of a value. */
  get origin(): undefined {
    return undefined;
  }

  #scan(): void {
    this.#shape = scanJsonLine(this.block, this.start, this.end);
    this.#isLine = this.#shape !== undefined;
    // What has line endings between its tokens is rare enough to be decoded.
    if (!this.#isLine) this.#shape = this.#scanText();
    this.#isScanned = true;
  }

  #scanText(): JsonShape | undefined {
    try {
      return scanJson(this.#text = decodeStrictly(this.block, this.start, this.end));
    } catch {
      return undefined; // not UTF-8
    }
  }
}

/**
 * A JSON value given as its very UTF-8 bytes, for callers that hear bytes: it is recorded as `jsonText` of the same text
 * would be, to the letter, but is copied to the tape without ever becoming a string. (Only if line endings stand between its
 * tokens, it is decoded.)
 *
 * The bytes are copied at once: the caller may use the memory again. Whether they are JSON, in UTF-8 and without a byte
 * order mark, is not checked here but where they are recorded.
 *
 * @throws {TapeError} code `invalid_argument`: not a `Uint8Array`
 *
 * @example
 * ```ts
 * import { jsonBytes, memoryStore, StreamingTapeWriter } from "tapeline";
 *
 * const heard = new TextEncoder().encode('{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}');
 * const writer = await StreamingTapeWriter.create(memoryStore(), { sessionId: "demo" });
 * await writer.writeFrame({ message: jsonBytes(heard), direction: "client_to_server" });
 * await writer.finalize();
 * ```
 */
export function jsonBytes(bytes: Uint8Array): JsonBytes {
  if (Object.prototype.toString.call(bytes) !== "[object Uint8Array]") {
    throw new TapeError(
      "invalid_argument",
      `Cannot take a message as bytes: it must be a Uint8Array, not ${kindOf(bytes)}`,
    );
  }
  return new JsonBytes(bytes, 0, bytes.length).copy();
}
