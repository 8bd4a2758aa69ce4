import { scanJson } from "./json-scan.ts";
import type { JsonShape } from "./json-shape.ts";
import { flattenJson, VerbatimJson } from "./verbatim-json.ts";

/** A JSON value given as its very text. Make one with {@linkcode jsonText}. */
export class JsonText extends VerbatimJson {
  /** The text, as it was given. */
  readonly text: string;
  /** The value that `JSON.stringify` made the text of, if it did. */
  readonly origin: object | undefined;
  #shape: JsonShape | undefined;
  #isScanned = false;
  #line: string | undefined;

  /**
   * Takes any text; see {@linkcode jsonText}.
   *
   * @param text the text
   * @param origin the value that `JSON.stringify` made the text of, if it did: then nobody has to look into the text
   */
  constructor(text: string, origin?: object) {
    super();
    this.text = text;
    this.origin = origin;
  }

  /** What the text holds; undefined if it is not exactly one JSON value. Scanned on first use, then remembered. */
  get shape(): JsonShape | undefined {
    if (!this.#isScanned) {
      this.#shape = scanJson(this.text);
      this.#isScanned = true;
    }
    return this.#shape;
  }

  /** The text on one line, as it stands on a tape; undefined if it is not JSON. Made on first use, then remembered. */
  get line(): string | undefined {
    if (this.#line === undefined && (this.origin !== undefined || this.shape !== undefined)) {
      // JSON.stringify, without an indent, writes neither line ends nor lone surrogates.
      this.#line = this.origin === undefined ? flattenJson(this.text) : this.text;
    }
    return this.#line;
  }
}

/**
 * A JSON value given as its very text, to be recorded letter by letter: the spelling of numbers, integers past 2^53,
 * the order of keys, duplicate keys and escapes are kept, which a parsed value has lost.
 *
 * Whether the text is JSON is not checked here but where it is recorded.
 *
 * @example
 * ```ts
 * import { jsonText } from "tapeline";
 *
 * const message = jsonText('{"jsonrpc":"2.0","id":12345678901234567890,"result":{"total":1.0}}');
 * message.text; // the same text
 * message.value(); // { jsonrpc: "2.0", id: 12345678901234567000, result: { total: 1 } }
 * ```
 */
export function jsonText(text: string): JsonText {
  return new JsonText(text);
}
