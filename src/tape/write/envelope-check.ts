import { TapeError } from "../../errors.ts";
import { JsonBytes } from "../../json/json-bytes.ts";
import { JsonText } from "../../json/json-text.ts";
import { VerbatimJson } from "../../json/verbatim-json.ts";
import { explainEnvelope, explainRecord, isMessageEnvelope, isTapeRecord } from "../../records/record-guard.ts";
import type { FrameFlags, MessageEnvelope, TapeRecord, TransportMetadata } from "../../records/record.ts";
import { checkedText, stringify } from "../../records/recorded-text.ts";
import { recordLine } from "../../transforms/encode-record.ts";

/**
 * The most that the fields of a frame take on its line, but for the message, and those that come with it from outside.
 */
export const LINE_OVERHEAD_BYTES = 256;

/** Records that a tape cannot do without may be so long in any case. */
const NEEDED_BYTES = 2048;

/** Everything that could go wrong with a message goes wrong here, before it takes a sequence number. */
export class EnvelopeCheck {
  readonly #maxLineBytes: number;
  /** The last transport, and the most bytes that it takes on a line: often the same object comes with every message. */
  #transport: { readonly value: TransportMetadata; readonly bytes: number } | undefined;
  #flags: { readonly value: FrameFlags; readonly bytes: number } | undefined;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * The message of an envelope as it is spelled, ready to be written; undefined of one that is around raw text.
   *
   * @throws {TapeError} code `invalid_argument`, `serialization`, `line_too_long`
   */
  message(envelope: MessageEnvelope, transport: TransportMetadata | null | undefined): VerbatimJson | undefined {
    if (!isMessageEnvelope(envelope)) {
      throw new TapeError("invalid_argument", `Cannot record a message: ${explainEnvelope(envelope)}`);
    }
    const { message, timestamp, session_id, line_end, action, flags, raw } = envelope;
    let bytes = LINE_OVERHEAD_BYTES;
    if (timestamp != null) bytes += timestamp.length * 6;
    if (session_id != null) bytes += session_id.length * 6;
    if (line_end != null) bytes += line_end.length * 6;
    if (transport != null) bytes += this.#transportLength(transport);
    if (action != null) bytes += 3 * stringify(action, "the action of a message").length;
    if (flags != null) bytes += this.#flagsLength(flags);
    if (message === undefined) {
      this.#checkLength(bytes + utf8Length(JSON.stringify(raw)));
      return undefined;
    }
    if (message instanceof JsonBytes && message.isLine) {
      this.#checkLength(bytes + message.length);
      return message;
    }
    const text = message instanceof VerbatimJson ? message : textOf(message);
    const flat = checkedText(text);
    if (flat.length * 3 + bytes > this.#maxLineBytes) this.#checkLength(utf8Length(flat) + bytes);
    return text;
  }

  /** The most bytes that it takes on a line. Often the same object comes with every message. */
  #transportLength(transport: TransportMetadata): number {
    if (this.#transport?.value !== transport) {
      const envelope = { message: null, direction: "client_to_server", transport };
      if (!isMessageEnvelope(envelope)) {
        throw new TapeError("invalid_argument", `Cannot record a message: ${explainEnvelope(envelope)}`);
      }
      this.#transport = { value: transport, bytes: 3 * stringify(transport, "the transport of a message").length };
    }
    return this.#transport.bytes;
  }

  /** The same of flags. */
  #flagsLength(flags: FrameFlags): number {
    // Those that somebody may change meanwhile are looked at again.
    if (this.#flags?.value !== flags || !Object.isFrozen(flags)) {
      this.#flags = { value: flags, bytes: 3 * stringify(flags, "the flags of a message").length };
    }
    return this.#flags.bytes;
  }

  #checkLength(bytes: number, what = "a message"): void {
    if (bytes <= this.#maxLineBytes) return;
    throw new TapeError(
      "line_too_long",
      `Cannot record ${what}: its line would have ${bytes} bytes, the limit is ${this.#maxLineBytes}`,
      { length: bytes },
    );
  }

  /**
   * A record that is written as it is.
   *
   * @throws {TapeError} code `invalid_argument`, `serialization`, `line_too_long`
   */
  record<R extends TapeRecord>(record: R): R {
    const what = `${/^[aeiou]/.test(record.type) ? "an" : "a"} ${record.type} record`;
    if (!isTapeRecord(record)) {
      throw new TapeError("invalid_argument", `Cannot record ${what}: ${explainRecord(record)}`);
    }
    // Without these two there is no tape, or one that does not say what it lacks, however short its lines should be.
    const isNeeded = record.type === "init" || record.type === "gap";
    const length = utf8Length(recordLine(record)) - 1;
    if (!isNeeded || length > NEEDED_BYTES) this.#checkLength(length, what);
    return record;
  }

  /** The number of a frame that is on the tape. */
  frame(seq: number, nextSeq: number): void {
    if (Number.isSafeInteger(seq) && seq >= 0 && seq < nextSeq) return;
    throw new TapeError("invalid_argument", `Cannot correlate frame ${seq}: the tape has no such frame yet`);
  }

  /** How many frames a gap may have. */
  gap(count: number): void {
    if (Number.isSafeInteger(count) && count >= 1) return;
    throw new TapeError("invalid_argument", `Cannot write a gap of ${count} frames: it must be 1 or more`);
  }
}

/** The text of a message that is a value. What has a `toJSON` of its own may be other than it looks. */
function textOf(message: unknown): JsonText {
  const text = stringify(message, "a message");
  if (typeof message !== "object" || message === null || "toJSON" in message) return new JsonText(text);
  const { params, result } = message as { readonly params?: unknown; readonly result?: unknown };
  return new JsonText(text, hasToJson(params) || hasToJson(result) ? undefined : message);
}

function hasToJson(value: unknown): boolean {
  return typeof value === "object" && value !== null && "toJSON" in value;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
