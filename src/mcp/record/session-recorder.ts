import type { TapeError } from "../../errors.ts";
import { Fused } from "../../streams/fuse.ts";
import { JsonText } from "../../json/json-text.ts";
import type { TapeLine } from "../../lines/line.ts";
import type { Direction, MessageEnvelope } from "../../records/record.ts";
import { specOf } from "../../streams/stage.ts";
import { DEFAULT_MAX_LINE_BYTES, lineSplit } from "../../transforms/line-split.ts";
import type { TapeFeed } from "./tape-feed.ts";
import { decodeUtf8 } from "../../lines/utf8.ts";

/** What is recorded of a session: both sides of the protocol, and what the server says beside it. */
export type RecordedStream = Direction | "stderr";

/** What stands around a message on its line of the tape, at most. */
const ENVELOPE_BYTES = 1024;

/**
 * Makes records of the bytes of a session: a frame of every line, whether it holds JSON or not, and a log record of
 * every line of stderr. Whatever the bytes are, it never throws.
 */
export class SessionRecorder {
  readonly #feed: TapeFeed;
  readonly #streams: Readonly<Record<RecordedStream, Fused<Uint8Array, TapeLine>>>;

  /** @param maxLineBytes the longest line of the tape */
  constructor(feed: TapeFeed, maxLineBytes: number = DEFAULT_MAX_LINE_BYTES) {
    this.#feed = feed;
    const linesOf = (what: "messages" | "logs") => {
      const onError = ({ length }: TapeError) =>
        feed.lose(what, `a line of ${length} bytes is longer than a tape takes (${maxLineBytes})`);
      return new Fused<Uint8Array, TapeLine>([
        specOf(lineSplit({ maxLineBytes: maxLineBytes - ENVELOPE_BYTES, onError })),
      ]);
    };
    this.#streams = {
      client_to_server: linesOf("messages"),
      server_to_client: linesOf("messages"),
      stderr: linesOf("logs"),
    };
  }

  /** Takes the next bytes of a stream, however they are cut. */
  push(stream: RecordedStream, chunk: Uint8Array): void {
    const lines = this.#streams[stream];
    lines.push(chunk);
    for (const line of lines.take()) this.#record(stream, line);
  }

  /** The stream has come to its end: what stands behind its last line feed is recorded too. */
  end(stream: RecordedStream): void {
    const lines = this.#streams[stream];
    lines.end();
    for (const line of lines.take()) this.#record(stream, line);
  }

  #record(stream: RecordedStream, line: TapeLine): void {
    if (stream === "stderr") this.#feed.log("stderr", decodeUtf8(line.bytes));
    else this.#feed.message(envelopeOf(line, stream), line.length);
  }
}

/**
 * The message on a line: as the very text where it is JSON, else what stands there, in base64 where it is no text; and
 * what ends the line, where that is not `\n`.
 */
function envelopeOf(line: TapeLine, direction: Direction): MessageEnvelope {
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
