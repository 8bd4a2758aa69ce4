import { TapeError } from "../../errors.ts";
import type { FrameRecord } from "../../records/record.ts";
import { messageText, wireBytes } from "../../records/recorded-text.ts";
import type { CommandIo } from "../command.ts";
import { harmlessJson } from "./text.ts";

const LINE_FEED = 0x0a;

/**
 * Writes messages to stdout as they crossed the wire, each with what ended its line. To a terminal only what cannot steer
 * it, on a line each.
 */
export class MessageOutput {
  readonly #io: CommandIo;
  readonly #onUnreadable: (error: TapeError) => void;
  /** Whether the last message had no line ending. It must not run into the next one, which is another stream's. */
  #isOpen = false;

  /** @param onUnreadable is told of a frame that does not hold what it says, which is then left out */
  constructor(io: CommandIo, onUnreadable: (error: TapeError) => void) {
    this.#io = io;
    this.#onUnreadable = onUnreadable;
  }

  async write(frame: FrameRecord): Promise<void> {
    const { isTty, stdout } = this.#io;
    if (isTty) return await stdout.write(`${harmlessJson(shownText(frame))}\n`);
    let bytes: Uint8Array;
    try {
      bytes = wireBytes(frame);
    } catch (cause) {
      if (frame.env.message !== undefined) throw cause;
      const why = `Cannot read frame ${frame.seq}: its raw text is not base64`;
      return this.#onUnreadable(new TapeError("corrupted_record", why, { cause }));
    }
    if (this.#isOpen) void stdout.write("\n");
    this.#isOpen = bytes.at(-1) !== LINE_FEED;
    await stdout.write(bytes);
  }
}

/** The text of a message, for people. Raw text that is not the base64 it says it is stands for itself. */
export function shownText(frame: FrameRecord): string {
  try {
    return messageText(frame);
  } catch (error) {
    if (frame.env.message === undefined && typeof frame.env.raw === "string") return frame.env.raw;
    throw error;
  }
}
