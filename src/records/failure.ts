import { VerbatimJson } from "../json/verbatim-json.ts";
import { member } from "../json/member.ts";
import { isToolError, type MessageHeader, messageHeader } from "./jsonrpc.ts";

/** What a response says has failed. */
export interface Failure {
  /** `error` for a JSON-RPC error, `tool_error` for a tool's result that says `isError`. */
  readonly kind: "error" | "tool_error";
  /** The code of a JSON-RPC error, by rights a number; undefined of a tool's result, which has none. */
  readonly code: number | string | undefined;
  /** What the peer said, empty if nothing. Of a tool's result it is the first text. */
  readonly message: string;
}

/**
 * What has failed, according to a response; undefined if nothing did, and for any message that is no response. There are
 * two ways to fail: a JSON-RPC error, which a frame's flag `is_error` tells of, and the result of a tool that says
 * `isError` (MCP), which `is_tool_error` tells of.
 *
 * @example
 * ```ts
 * import { failureOf } from "tapeline";
 *
 * failureOf({ id: 1, error: { code: -32601, message: "no such method" } })?.code; // -32601
 * failureOf({ id: 2, result: { isError: true, content: [{ type: "text", text: "disk full" }] } })?.message; // disk full
 * failureOf({ id: 3, result: {} }); // undefined
 * ```
 */
export function failureOf(message: unknown, header: MessageHeader = messageHeader(message)): Failure | undefined {
  if (header.kind !== "response") return undefined;
  if (header.isError) {
    const error = member(valueOf(message), "error");
    const [code, text] = [member(error, "code"), typeof error === "string" ? error : member(error, "message")];
    return {
      kind: "error",
      code: typeof code === "number" || typeof code === "string" ? code : "?",
      message: typeof text === "string" ? text : "",
    };
  }
  if (!isToolError(message, header)) return undefined;
  const content = member(member(valueOf(message), "result"), "content");
  const texts = Array.isArray(content) ? content.map((part) => member(part, "text")) : [];
  return { kind: "tool_error", code: undefined, message: texts.find((text) => typeof text === "string") ?? "" };
}

function valueOf(message: unknown): unknown {
  return message instanceof VerbatimJson ? message.value() : message;
}
