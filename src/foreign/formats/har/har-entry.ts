import { JsonText } from "../../../json/json-text.ts";
import type { JsonView } from "../../../json/split/json-view.ts";
import { batchHeaders, messageHeader } from "../../../records/jsonrpc.ts";
import type { Direction } from "../../../records/record.ts";
import { decodeStrictly } from "../../../utf8.ts";
import { epochUsOf, usOfMs } from "../../instant.ts";
import { withoutSecrets } from "../without-secrets.ts";
import { eventsIn } from "./server-sent.ts";

/** What one side has said in an exchange. */
export interface Said {
  readonly direction: Direction;
  readonly message?: JsonText;
  readonly raw?: string;
  /** When; undefined where the file does not tell. */
  readonly us: number | undefined;
  /** Where it belongs in the order of time. */
  readonly orderUs: number;
}

/** Members of the entries that are not part of HAR 1.2. */
const SOCKET_MESSAGES = "_webSocketMessages";
const EVENT_MESSAGES = "_eventSourceMessages";

/** What may come beside bodies. */
const EVENT = "event of a stream";
const SOCKET_MESSAGE = "message of a WebSocket";

/** A message, or the text that is left of one. */
type Content = Pick<Said, "message" | "raw">;

/** One exchange of a HAR file: what of it is JSON-RPC. */
export class HarEntry {
  readonly #entry: JsonView;
  readonly #request: JsonView | undefined;
  readonly #response: JsonView | undefined;
  readonly startUs: number | undefined;
  readonly #endUs: number | undefined;
  readonly method: string | undefined;
  readonly status: number | undefined;
  /** Whether an answer has a body, but not in the file. */
  lacksBody = false;
  /** What was said in the exchange and is no JSON-RPC, one text for each. */
  readonly leftOut: string[] = [];
  /** What of it is JSON-RPC without its end. It is said all the same, as it came. */
  readonly cutOff: string[] = [];

  constructor(entry: JsonView) {
    this.#entry = entry;
    this.#request = entry.object("request");
    this.#response = entry.object("response");
    this.startUs = epochUsOf(entry.string("startedDateTime"));
    const tookUs = usOfMs(entry.number("time"));
    this.#endUs = this.startUs === undefined || tookUs === undefined ? undefined : this.startUs + tookUs;
    this.method = this.#request?.string("method");
    const status = this.#response?.number("status");
    this.status = Number.isSafeInteger(status) && status! >= 0 ? status : undefined;
  }

  /** Where the request went: without its query, which may hold secrets. */
  get url(): URL | undefined {
    return withoutSecrets(this.#request?.string("url"));
  }

  /** The session of MCP that it belongs to. */
  get session(): string | undefined {
    return headerOf(this.#request, "mcp-session-id") ?? headerOf(this.#response, "mcp-session-id");
  }

  /** Whether its messages went over a WebSocket. */
  get isSocket(): boolean {
    return this.#entry.has(SOCKET_MESSAGES);
  }

  /** All messages in it; none where it has nothing to do with JSON-RPC. */
  said(): Said[] {
    const sent = this.#sent();
    return [...sent, ...this.#answered(sent.length > 0), ...this.#overSocket()];
  }

  #sent(): Said[] {
    const text = this.#request?.object("postData")?.string("text");
    if (text === undefined) return [];
    const at = { direction: "client_to_server", us: this.startUs, orderUs: this.startUs ?? 0 } as const;
    return this.#contentOf(text, "body of a request").map((content) => ({ ...at, ...content }));
  }

  #answered(isAsked: boolean): Said[] {
    const content = this.#response?.object("content");
    const events = this.#timedEvents();
    if (events.length > 0) return events;
    const text = content === undefined ? undefined : textOf(content);
    const at = { direction: "server_to_client", us: this.#endUs, orderUs: this.#endUs ?? this.startUs ?? 0 } as const;
    if (text === undefined || text === "") {
      if (!isAsked) return [];
      if ((this.status ?? 0) >= 400) return [{ ...at, raw: "" }];
      this.lacksBody ||= text === undefined && (content?.number("size") ?? 0) > 0;
      return [];
    }
    if (/^text\/event-stream\b/i.test(content?.string("mimeType") ?? "")) return this.#streamed(text);
    const message = new JsonText(text);
    if (isJsonRpc(message) || isAsked && message.shape !== undefined) return [{ ...at, message }];
    // Where JSON-RPC was asked for, what begins as JSON was such.
    const isCutOff = isAsked ? /^\s*[[{]/.test(text) : isCutOffJsonRpc(message);
    if (isCutOff) this.cutOff.push("body of an answer");
    return isAsked || isCutOff ? [{ ...at, raw: text }] : [];
  }

  /**
   * The events of a stream: of the answer to a request the last one has ended it, the others came before, and before what
   * the client has said to them.
   */
  #streamed(text: string): Said[] {
    const messages = [...eventsIn(text)].flatMap(({ data }) => this.#contentOf(data, EVENT));
    const endsWithAnswer = this.method === "POST" && this.#endUs !== undefined;
    return messages.map((content, at) => {
      const isLast = endsWithAnswer && at === messages.length - 1;
      const us = isLast ? this.#endUs : undefined;
      return { direction: "server_to_client", ...content, us, orderUs: us ?? this.startUs ?? 0 };
    });
  }

  /** The events of a stream where a browser has noted when each came. */
  #timedEvents(): Said[] {
    return notedMessages(this.#entry.value(EVENT_MESSAGES)).flatMap(({ data, us }) => {
      return this.#contentOf(data, EVENT).map((content) => (
        { direction: "server_to_client" as const, ...content, us, orderUs: us ?? this.startUs ?? 0 }
      ));
    });
  }

  /** The message that a text is, or what there is of it. An event without data only says from where a client may go on. */
  #contentOf(text: string, what: string): Content[] {
    const message = new JsonText(text);
    if (isJsonRpc(message)) return [{ message }];
    if (isCutOffJsonRpc(message)) {
      this.cutOff.push(what);
      return [{ raw: text }];
    }
    if (text !== "") this.leftOut.push(`${what} that is no JSON-RPC`);
    return [];
  }

  #overSocket(): Said[] {
    return notedMessages(this.#entry.value(SOCKET_MESSAGES)).flatMap(({ type, data, us }) => {
      if (type !== "send" && type !== "receive") {
        this.leftOut.push(`${SOCKET_MESSAGE} that is no JSON-RPC`);
        return [];
      }
      const direction = type === "send" ? "client_to_server" as const : "server_to_client" as const;
      return this.#contentOf(data, SOCKET_MESSAGE).map((content) => (
        { direction, ...content, us, orderUs: us ?? this.startUs ?? 0 }
      ));
    });
  }
}

/** Messages as browsers note them, with seconds since 1970. */
function notedMessages(
  value: unknown,
): { readonly type: unknown; readonly data: string; readonly us: number | undefined }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((noted: unknown) => {
    const { type, data, time } = Object(noted) as { type?: unknown; data?: unknown; time?: unknown };
    if (typeof data !== "string") return [];
    return [{ type, data, us: typeof time === "number" ? usOfMs(time * 1000) : undefined }];
  });
}

/** Whether a text is a message that says `jsonrpc`, or a batch of such. */
function isJsonRpc(message: JsonText): boolean {
  const { kind, version } = messageHeader(message);
  if (kind === "batch") return batchHeaders(message).some(({ version }) => version !== undefined);
  return kind !== "invalid" && version !== undefined;
}

/** Whether a text begins as JSON and says `jsonrpc`, but is no JSON: a message without its end. */
function isCutOffJsonRpc(message: JsonText): boolean {
  return /^\s*[[{]/.test(message.text) && message.shape === undefined && /"jsonrpc"\s*:/.test(message.text);
}

/** The text of a body; what is not UTF-8 stays as it is written down. */
function textOf(content: JsonView): string | undefined {
  const text = content.string("text");
  if (text === undefined || content.string("encoding") !== "base64") return text;
  try {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return decodeStrictly(bytes, 0, bytes.length);
  } catch {
    return text;
  }
}

function headerOf(side: JsonView | undefined, name: string): string | undefined {
  const headers = side?.value("headers");
  if (!Array.isArray(headers)) return undefined;
  for (const header of headers) {
    const { name: given, value } = Object(header) as { name?: unknown; value?: unknown };
    if (typeof given === "string" && given.toLowerCase() === name && typeof value === "string") return value;
  }
  return undefined;
}
