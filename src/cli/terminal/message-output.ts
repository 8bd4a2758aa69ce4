import type { FrameRecord } from "../../records/record.ts";
import { messageBytes, messageText } from "../../records/recorded-text.ts";
import type { CommandIo } from "../command.ts";
import { harmlessJson } from "./text.ts";

const LINE_END = Uint8Array.of(0x0a);

/** Writes a frame's message as it crossed the wire, on a line of its own; to a terminal only what cannot steer it. */
export async function writeMessage(frame: FrameRecord, io: CommandIo): Promise<void> {
  if (io.isTty) return await io.stdout.write(`${harmlessJson(messageText(frame))}\n`);
  void io.stdout.write(messageBytes(frame));
  await io.stdout.write(LINE_END);
}
