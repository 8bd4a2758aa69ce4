import type { VerbatimJson } from "../json/verbatim-json.ts";
import { OldestFirst } from "../oldest-first.ts";
import { batchMessages, cancelledRequestKey, type MessageHeader, messageHeader } from "../records/jsonrpc.ts";
import { methodDirection, usualDirection } from "../records/messages/method-direction.ts";
import type { Direction } from "../records/record.ts";

/** So many open requests are remembered. */
const MAX_OPEN = 65_536;

/** Which way a message went, and whether that is certain. */
export interface Told {
  readonly direction: Direction;
  readonly isCertain: boolean;
}

/**
 * Tells which way messages went from nothing but themselves: MCP has methods that only clients or only servers send, and
 * an answer goes the other way than its request. For all others there is a guess.
 */
export class Directions {
  /** Who has asked under which id. */
  readonly #open = new OldestFirst<string, Told>();

  tell(message: VerbatimJson): Told {
    const header = messageHeader(message);
    if (header.kind !== "batch") return this.#tellOne(message, header);
    // The messages of a batch have one sender: what one of them tells counts for all.
    const told = batchMessages(message).map(([each, header]) => this.#tellOne(each, header));
    return told.find(({ isCertain }) => isCertain) ?? told[0] ?? CLIENT_GUESS;
  }

  #tellOne(message: unknown, header: MessageHeader): Told {
    switch (header.kind) {
      case "request": {
        const told = this.#fromMethod(header);
        this.#ask(header.idKey, told);
        return told;
      }
      case "notification": {
        const cancelled = cancelledRequestKey(message, header);
        return (cancelled === undefined ? undefined : this.#open.get(cancelled)) ?? this.#fromMethod(header);
      }
      case "response": {
        const asked = this.#open.get(header.idKey ?? "");
        if (asked === undefined) return SERVER_GUESS;
        this.#open.delete(header.idKey ?? "");
        return asked.direction === "client_to_server"
          ? asked.isCertain ? SERVER : SERVER_GUESS
          : asked.isCertain
          ? CLIENT
          : CLIENT_GUESS;
      }
      default:
        return CLIENT_GUESS;
    }
  }

  #fromMethod({ method }: MessageHeader): Told {
    switch (methodDirection(method ?? "")) {
      case "client_to_server":
        return CLIENT;
      case "server_to_client":
        return SERVER;
      default:
        return usualDirection(method ?? "") === "client_to_server" ? CLIENT_GUESS : SERVER_GUESS;
    }
  }

  #ask(idKey: string | undefined, told: Told): void {
    const key = idKey ?? "";
    const other = this.#open.get(key);
    // Both sides have asked under that id, so that its answers may go either way.
    const isUnclear = other !== undefined && other.direction !== told.direction;
    this.#open.set(key, isUnclear ? { direction: other.direction, isCertain: false } : told);
    if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.oldest()![0]);
  }
}

const CLIENT: Told = { direction: "client_to_server", isCertain: true };
const SERVER: Told = { direction: "server_to_client", isCertain: true };
const CLIENT_GUESS: Told = { direction: "client_to_server", isCertain: false };
const SERVER_GUESS: Told = { direction: "server_to_client", isCertain: false };
