import type { TapeError } from "../../errors.ts";
import { Fused } from "../../streams/fuse.ts";
import { JsonMembers } from "../../json/json-members.ts";
import { JsonText } from "../../json/json-text.ts";
import { TapeLine } from "../../lines/line.ts";
import type { MessageHeader } from "../../records/jsonrpc.ts";
import type { Direction, MessageEnvelope } from "../../records/record.ts";
import { lenientHeader, lostMessage } from "../../transforms/unread.ts";
import { LINE_OVERHEAD_BYTES } from "../../tape/write/envelope-check.ts";
import { DEFAULT_MAX_LINE_BYTES, lineSplitting } from "../../transforms/line-split.ts";
import type { TapeFeed } from "./tape-feed.ts";
import { decodeUtf8 } from "../../utf8.ts";

/** What is recorded of a session: both sides of the protocol, and what the server says beside it. */
export type RecordedStream = Direction | "stderr";

/**
 * Makes records of the bytes of a session: a frame of every line, whether it holds JSON or not, and a log record of
 * every line of stderr. Of a message that is too long for the tape it finds out what it was. Whatever the bytes are, it
 * never throws.
 */
export class SessionRecorder {
  readonly #feed: TapeFeed;
  readonly #maxLineBytes: number;
  readonly #streams: Readonly<Record<RecordedStream, Lines>>;
  readonly #logOf: (text: string) => string;

  /**
   * @param maxLineBytes the longest line of the tape
   * @param logOf what of a line of stderr is recorded
   */
  constructor(
    feed: TapeFeed,
    maxLineBytes: number = DEFAULT_MAX_LINE_BYTES,
    logOf: (text: string) => string = (text) => text,
  ) {
    this.#feed = feed;
    this.#logOf = logOf;
    this.#maxLineBytes = maxLineBytes;
    const linesOf = () => new Lines(maxLineBytes);
    this.#streams = { client_to_server: linesOf(), server_to_client: linesOf(), stderr: linesOf() };
  }

  /** Takes the next bytes of a stream, however they are cut. */
  push(stream: RecordedStream, chunk: Uint8Array): void {
    // A view of a view costs a `Buffer` twice as much as plain bytes.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    for (const line of this.#streams[stream].push(bytes)) this.#record(stream, line);
  }

  /** The stream has come to its end: what stands behind its last line feed is recorded too. */
  end(stream: RecordedStream): void {
    for (const line of this.#streams[stream].end()) this.#record(stream, line);
  }

  #record(stream: RecordedStream, line: TapeLine | LongLine): void {
    if (!(line instanceof TapeLine)) this.#lose(stream, line.length, line.header);
    else if (stream === "stderr") this.#feed.log("stderr", this.#logOf(decodeUtf8(line.bytes)));
    else {
      const envelope = envelopeOf(line, stream);
      if (this.#fits(envelope, line)) return this.#feed.message(envelope, line.length);
      const members = new JsonMembers();
      members.push(line.bytes);
      this.#lose(stream, line.length, lenientHeader(members));
    }
  }

  #lose(stream: RecordedStream, length: number, header: MessageHeader): void {
    if (stream === "stderr") {
      return this.#feed.lose("logs", `a line of ${length} bytes is too long for the tape (${this.#maxLineBytes})`);
    }
    const room = this.#maxLineBytes - LINE_OVERHEAD_BYTES;
    const more = length > room ? "" : ", and this one becomes longer there";
    const reason = `a message of ${length} bytes is too long for the tape, which takes ${room}${more}`;
    this.#feed.loseMessage(lostMessage(stream, length, header), reason);
  }

  /** Whether the tape's line will be short enough. JSON stands there as it is; other text can become six times as long. */
  #fits({ raw, encoding, line_end }: MessageEnvelope, line: TapeLine): boolean {
    const room = this.#maxLineBytes - LINE_OVERHEAD_BYTES - (line_end?.length ?? 0) * 6;
    if (raw == null) return line.length <= room;
    if (encoding != null) return raw.length + 2 <= room;
    return line.length * 6 + 2 <= room || new TextEncoder().encode(JSON.stringify(raw)).length <= room;
  }
}

/** A line that was not kept, and what it seems to have been. */
interface LongLine {
  readonly offset: number;
  readonly length: number;
  readonly header: MessageHeader;
}

/** The lines of one stream, and among them what is known of those that are too long. */
class Lines {
  readonly #lines: Fused<Uint8Array, TapeLine>;
  #members: JsonMembers | undefined;
  #long: LongLine[] = [];

  constructor(maxLineBytes: number) {
    const onSkip = (piece: Uint8Array) => (this.#members ??= new JsonMembers()).push(piece);
    const onError = ({ offset, length }: TapeError) => {
      this.#long.push({ offset: offset!, length: length!, header: lenientHeader(this.#members!) });
      this.#members = undefined;
    };
    this.#lines = new Fused([lineSplitting({ maxLineBytes, onSkip, onError })]);
  }

  push(chunk: Uint8Array): (TapeLine | LongLine)[] {
    this.#lines.push(chunk);
    return this.#take();
  }

  end(): (TapeLine | LongLine)[] {
    this.#lines.end();
    return this.#take();
  }

  /** What has come since the last call, each in its place. */
  #take(): (TapeLine | LongLine)[] {
    const lines = this.#lines.take();
    if (this.#long.length === 0) return lines;
    const all = [...lines, ...this.#long].sort((a, b) => a.offset - b.offset);
    this.#long = [];
    return all;
  }
}

/**
 * The message on a line: as the very bytes where they are JSON, else what stands there, in base64 where it is no text; and
 * what ends the line, where that is not `\n`.
 */
function envelopeOf(line: TapeLine, direction: Direction): MessageEnvelope {
  const message = line.message();
  if (message.isLine) return { message, direction, line_end: notable(line.ending) };
  return oddEnvelopeOf(line, direction);
}

/** The same for a line that cannot stand on the tape as it is: mostly it is no JSON, or more than one `\r` ends it. */
function oddEnvelopeOf(line: TapeLine, direction: Direction): MessageEnvelope {
  let text: string;
  try {
    text = line.text();
  } catch {
    return { raw: base64(line.bytes), encoding: "base64", direction, line_end: notable(line.ending) };
  }
  const [said, line_end] = splitReturns(text, line.ending);
  const message = new JsonText(said);
  return message.shape === undefined
    ? { raw: said, direction, line_end: notable(line_end) }
    : { message, direction, line_end: notable(line_end) };
}

/** Carriage returns before the end of a line belong to its end: in a message they could not stand as they are. */
function splitReturns(text: string, ending: string): [text: string, ending: string] {
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0x0d) end--;
  return end === text.length ? [text, ending] : [text.slice(0, end), text.slice(end) + ending];
}

function notable(ending: string): string | undefined {
  return ending === "\n" ? undefined : ending;
}

function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return btoa(parts.join(""));
}
