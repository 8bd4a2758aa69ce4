import type { Direction, FrameRecord } from "../../records/record.ts";
import { messageBytes, messageText } from "../../records/recorded-text.ts";
import type { CommandIo } from "../command.ts";
import { choiceOption } from "../arguments/options.ts";
import { harmlessJson } from "./text.ts";

const LINE_END = Uint8Array.of(0x0a);

/** Writes a frame's message as it crossed the wire, on a line of its own; to a terminal only what cannot steer it. */
export async function writeMessage(frame: FrameRecord, io: CommandIo): Promise<void> {
  if (io.isTty) return await io.stdout.write(`${harmlessJson(messageText(frame))}\n`);
  void io.stdout.write(messageBytes(frame));
  await io.stdout.write(LINE_END);
}

/**
 * The direction that `--from` means; undefined for both.
 *
 * @throws {UsageError} it is none of client, server, both
 */
export function directionOption(from: string | undefined): Direction | undefined {
  switch (choiceOption("--from", from, ["client", "server", "both"])) {
    case "client":
      return "client_to_server";
    case "server":
      return "server_to_client";
    default:
      return undefined;
  }
}
