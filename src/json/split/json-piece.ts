/** A value that was cut out of a document. */
export interface JsonPiece {
  /** Where it stands: `metadata`, `log.creator`, and `frames[]` for an element of the array `frames`. */
  readonly path: string;
  /** What holds its bytes, with a NUL behind them. It is only lent: the next piece may lie there. */
  readonly block: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Bytes from the start of the document to the start of the value. */
  readonly offset: number;
  /** The line on which it starts, counted from 1. */
  readonly line: number;
}

/** What stands in a document and is no value of it. */
export interface JsonDamage {
  readonly offset: number;
  readonly line: number;
  /** How many bytes were passed over. */
  readonly length: number;
  readonly why: "it is not JSON" | "it is torn" | "it is too long" | "the document ends too early";
}

/** What is cut, and what becomes of it. */
export interface JsonSplitterOptions {
  /**
   * The containers that are opened, by their paths, the outermost one left aside: what they hold comes in pieces. The last
   * one is the array of which the document is made.
   */
  readonly open: readonly string[];
  /** The longest piece, in bytes. A longer one is passed over in bounded memory. */
  readonly maxBytes: number;
  readonly onPiece: (piece: JsonPiece) => void;
  /** Is told of every container that is opened. */
  readonly onOpen?: (path: string) => void;
  readonly onDamage: (damage: JsonDamage) => void;
}
