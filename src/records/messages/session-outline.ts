import { JsonBytes } from "../../json/json-bytes.ts";
import { valueSpan } from "../../json/json-span.ts";
import { member } from "../../json/member.ts";
import { VerbatimJson } from "../../json/verbatim-json.ts";
import { batchMessages, messageHeader } from "../jsonrpc.ts";
import type { TapeMetadata } from "../metadata.ts";
import type { FrameRecord } from "../record.ts";
import { Peers } from "./peers.ts";

/** So many names are counted one by one; a peer can think of more than lists should carry. */
const MAX_NAMES = 64;
const MAX_NAME = 128;
/** What is counted of names that found no room. */
const OTHERS = "*";
/** Peers introduce themselves at the start: so many messages are looked at for that. */
const OPENING = 32;
/** A message that is longer is not looked into. */
const MAX_MESSAGE = 64 * 1024;

/** What lists tell of a session: who talks, and about what. */
export type OutlinedFields = Pick<
  TapeMetadata,
  "client_info" | "server_info" | "protocol_version" | "methods" | "tools"
>;

/** Learns from the frames of a session what lists tell of it, in little time and fixed memory. */
export class SessionOutline {
  readonly #peers = new Peers();
  readonly #methods = new NameCounts();
  readonly #tools = new NameCounts();
  #opening = OPENING;

  /** Takes in the next frame, with the flags that it has on the tape. */
  see({ flags, env: { message } }: Pick<FrameRecord, "flags" | "env">): void {
    if (message === undefined || flags?.is_stray === true) return;
    try {
      if (!isBatch(message)) this.#message(message);
      else for (const [each] of batchMessages(message)) this.#message(each);
    } catch {
      // A value may fail who looks into it, and is recorded all the same. A hint is not worth a message.
    }
  }

  /** What is known so far; a field of which nothing is known is left out. */
  fields(): OutlinedFields {
    const { client, server, protocolVersion } = this.#peers;
    return {
      ...(client === undefined ? {} : { client_info: client }),
      ...(server === undefined ? {} : { server_info: server }),
      ...(protocolVersion === undefined ? {} : { protocol_version: protocolVersion }),
      ...(this.#methods.isEmpty ? {} : { methods: this.#methods.toObject() }),
      ...(this.#tools.isEmpty ? {} : { tools: this.#tools.toObject() }),
    };
  }

  #message(message: unknown): void {
    if (this.#opening > 0) this.#introduce(message);
    const method = methodOf(message);
    if (method === undefined) return;
    this.#methods.add(method);
    if (method === "tools/call") this.#tools.add(toolOf(message) ?? OTHERS);
  }

  #introduce(message: unknown): void {
    this.#opening--;
    const value = valueOf(message);
    if (value === undefined) return;
    const peers = this.#peers;
    peers.see({ header: messageHeader(message), message: value });
    const { client, server, protocolVersion } = peers;
    if (client !== undefined && server !== undefined && protocolVersion !== undefined) this.#opening = 0;
  }
}

/** How often there was each name. */
class NameCounts {
  readonly #counts = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(name: string): void {
    const count = this.#counts.get(name);
    if (count !== undefined) this.#counts.set(name, count + 1);
    else if (this.#counts.size < MAX_NAMES && name.length <= MAX_NAME) this.#counts.set(name, 1);
    else this.#counts.set(OTHERS, (this.#counts.get(OTHERS) ?? 0) + 1);
  }

  /** Not by assignment: a name may be `__proto__`. */
  toObject(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

function isBatch(message: unknown): boolean {
  if (!(message instanceof VerbatimJson)) return Array.isArray(message);
  return message.origin === undefined ? message.shape?.type === "array" : Array.isArray(message.origin);
}

function methodOf(message: unknown): string | undefined {
  if (message instanceof VerbatimJson && message.origin === undefined) return message.shape?.method;
  const method = member(message instanceof VerbatimJson ? message.origin : message, "method");
  return typeof method === "string" ? method : undefined;
}

function toolOf(message: unknown): string | undefined {
  let name: unknown;
  if (message instanceof VerbatimJson && message.origin === undefined) {
    if (lengthOf(message) > MAX_MESSAGE) return undefined;
    const span = valueSpan(message.text, ["params", "name"]);
    name = span && JSON.parse(message.text.slice(...span));
  } else {
    const value = message instanceof VerbatimJson ? message.origin : message;
    name = member(member(value, "params"), "name");
  }
  return typeof name === "string" ? name : undefined;
}

/** The message as a value; undefined of one that is too long to parse, or no JSON. */
function valueOf(message: unknown): unknown {
  if (!(message instanceof VerbatimJson)) return message;
  if (message.origin !== undefined) return message.origin;
  return message.shape === undefined || lengthOf(message) > MAX_MESSAGE ? undefined : message.value();
}

function lengthOf(message: VerbatimJson): number {
  return message instanceof JsonBytes ? message.length : message.text.length;
}
