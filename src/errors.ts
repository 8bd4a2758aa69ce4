/**
 * What went wrong, for a program to decide on:
 *
 * - `io`: the backend failed to read or write
 * - `serialization`: a value has no JSON text
 * - `invalid_tape`: this is no tape, or no metadata of one
 * - `tape_not_found`: the store holds no tape under that id
 * - `corrupted_record`: a line of the tape is no record; `line`, `offset` and `length` say which
 * - `line_too_long`: a line is longer than the limit
 * - `locked`: another writer holds the tape
 * - `closed`: the writer or reader was closed before
 * - `invalid_argument`: the caller passed something that cannot work
 * - `internal`: a fault of this library
 */
export type TapeErrorCode =
  | "io"
  | "serialization"
  | "invalid_tape"
  | "tape_not_found"
  | "corrupted_record"
  | "line_too_long"
  | "locked"
  | "closed"
  | "invalid_argument"
  | "internal";

/** Where in a tape an error happened, and what caused it. */
export interface TapeErrorOptions {
  /** The error underneath, kept as it was thrown. */
  readonly cause?: unknown;
  /** Line of the tape, counted from 1. */
  readonly line?: number | undefined;
  /** Bytes from the start of the tape to the start of that line. */
  readonly offset?: number | undefined;
  /** Length of that line in bytes. */
  readonly length?: number | undefined;
}

/**
 * The one error class of this library. Decide by {@linkcode TapeError.code}; the message is for people and reads
 * `Cannot <do> <what>: <why>`.
 *
 * @example
 * ```ts
 * const error = new TapeError("corrupted_record", "Cannot read line 7 of demo.jsonl: it is not JSON", {
 *   line: 7,
 *   offset: 1204,
 *   length: 80,
 * });
 * console.log(error.code, error.line); // corrupted_record 7
 * ```
 */
export class TapeError extends Error {
  /** What went wrong, for a program. */
  readonly code: TapeErrorCode;
  // `declare`: a field that was not given does not show up as `undefined` in every printed error.
  /** Line of the tape, counted from 1, where the error has one. */
  declare readonly line?: number;
  /** Bytes from the start of the tape to the start of that line. */
  declare readonly offset?: number;
  /** Length of that line in bytes. */
  declare readonly length?: number;

  /**
   * Makes an error.
   *
   * @param code what went wrong, for a program
   * @param message what went wrong, for a person: `Cannot <do> <what>: <why>`, without a period at the end
   * @param options the cause and the place in the tape
   */
  constructor(code: TapeErrorCode, message: string, options: TapeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TapeError";
    this.code = code;
    // Bun and Safari give every error a `line` of its own, that of the source code. Ours must not read as that one.
    Object.defineProperty(this, "line", {
      value: options.line,
      enumerable: options.line !== undefined,
      configurable: true,
    });
    if (options.offset !== undefined) this.offset = options.offset;
    if (options.length !== undefined) this.length = options.length;
  }
}

/**
 * Whether an error is a {@linkcode TapeError}, and of this code if one is given.
 *
 * @param error anything that was thrown
 * @param code the code it must have; any if left out
 */
export function isTapeError(error: unknown, code?: TapeErrorCode): error is TapeError {
  return error instanceof TapeError && (code === undefined || error.code === code);
}

/**
 * Foreign text made fit for an error message: whatever could steer a terminal or hide in a log (control and format
 * characters, line separators, lone surrogates) is escaped as `\u{…}`, and long text is cut.
 *
 * @param text text from outside, of any length
 * @param maxLength UTF-16 units of `text` to keep, at least 1
 */
export function printable(text: string, maxLength: number = 80): string {
  const kept = text.length > maxLength ? `${text.slice(0, maxLength)}… (${text.length} characters)` : text;
  return kept.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
