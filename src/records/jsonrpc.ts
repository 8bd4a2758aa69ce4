import type { JsonShape, JsonType } from "../json/json-shape.ts";
import { elementSpans, valueSpan } from "../json/json-span.ts";
import { jsonText } from "../json/json-text.ts";
import { VerbatimJson } from "../json/verbatim-json.ts";
import type { RecordOrigin, TransportMetadata } from "./record.ts";

/** The method that calls a tool (MCP); which one, `params.name` says. */
export const TOOL_CALL = "tools/call";

/** The method by which a peer says that it wants no answer any more (MCP). */
export const CANCELLED = "notifications/cancelled";

/** The method by which a peer says how far it has come with a request (MCP). */
export const PROGRESS = "notifications/progress";

/** What a message is to JSON-RPC; `invalid` is JSON that is no message, and text that is no JSON. */
export type MessageKind = "request" | "notification" | "response" | "batch" | "invalid";

/** What there is to know of a message without looking at what it carries. */
export interface MessageHeader {
  /** What the message is. */
  readonly kind: MessageKind;
  /**
   * The version of JSON-RPC that the message claims in its member `jsonrpc`: `2.0`, or `other` for anything else that
   * stands there; undefined where it claims none.
   */
  readonly version: "2.0" | "other" | undefined;
  /**
   * The id of a request or response as a key, to find the one by the other: a string in quotes, a number, or `null`.
   * Equal ids have equal keys (so 1 and 1.0) and different ids different ones, past 2^53 too if the message is text or bytes.
   */
  readonly idKey: string | undefined;
  /** The method of a request or notification. */
  readonly method: string | undefined;
  /** Whether this is a response that reports an error. A tool's result that says `isError` is a result. */
  readonly isError: boolean;
}

/**
 * The header of `message`: of a parsed value, or of `jsonText` or `jsonBytes` without parsing it.
 *
 * Peers are taken as they are: a message need not say `"jsonrpc": "2.0"` (`version` tells whether it does), null will
 * do as an id, and an error object may come without one. An object's members count only if they are its own.
 *
 * @example
 * ```ts
 * import { messageHeader } from "tapeline";
 *
 * messageHeader({ jsonrpc: "2.0", id: 1, method: "ping" });
 * // { kind: "request", version: "2.0", idKey: "1", method: "ping", isError: false }
 * ```
 */
export function messageHeader(message: unknown): MessageHeader {
  if (message instanceof VerbatimJson) {
    if (message.origin !== undefined) return messageHeader(message.origin);
    const shape = message.shape;
    return shape === undefined ? INVALID : headerOfShape(shape);
  }
  if (Array.isArray(message)) return BATCH;
  if (typeof message !== "object" || message === null) return INVALID;
  const method = member(message, "method");
  const version = member(message, "jsonrpc");
  return headerOf(
    typeOf(version) === undefined ? undefined : version === "2.0" ? "2.0" : "other",
    idKeyOfValue(member(message, "id")),
    typeof method === "string" ? method : undefined,
    typeOf(member(message, "result")),
    typeOf(member(message, "error")),
  );
}

/** The header of a message whose text looks like this. */
export function headerOfShape(shape: JsonShape): MessageHeader {
  if (shape.type === "array") return BATCH;
  const idKey = shape.id && idKeyOfText(shape.idText ?? "");
  return headerOf(shape.jsonrpc, idKey, shape.method, shape.result, shape.error);
}

/** The headers of the messages in a batch, in their order; none if `message` is no batch. Batches do not nest. */
export function batchHeaders(message: unknown): MessageHeader[] {
  return batchMessages(message).map(([, header]) => header);
}

/** The messages in a batch, each with its header; see {@linkcode batchHeaders}. */
export function batchMessages(message: unknown): (readonly [message: unknown, header: MessageHeader])[] {
  let elements: readonly unknown[] = [];
  if (message instanceof VerbatimJson) {
    if (message.origin !== undefined) return batchMessages(message.origin);
    if (message.shape?.type === "array") {
      elements = elementSpans(message.text).map((span) => jsonText(message.text.slice(...span)));
    }
  } else if (Array.isArray(message)) elements = message;
  return elements.map((element) => {
    const header = messageHeader(element);
    return [element, header.kind === "batch" ? INVALID : header];
  });
}

/** The {@linkcode MessageHeader.idKey} of the request that a `notifications/cancelled` (MCP) is about. */
export function cancelledRequestKey(
  message: unknown,
  { kind, method }: MessageHeader = messageHeader(message),
): string | undefined {
  if (kind !== "notification" || method !== CANCELLED) return undefined;
  const path = ["params", "requestId"];
  let key: string | undefined;
  if (message instanceof VerbatimJson) {
    const text = textAt(message, path);
    key = text && idKeyOfText(text);
  } else {
    key = idKeyOfValue(valueAt(message, path));
  }
  return key === UNUSABLE ? undefined : key;
}

/** What {@linkcode inputRequiredState} finds. */
export interface InputRequiredState {
  /** The opaque string by which the server knows where it was; the request that goes on repeats it. */
  readonly requestState?: string;
}

/**
 * Whether `message` links a request that needs more input with the request that brings it (MCP 2026-07-28): it is the
 * response with `resultType: "input_required"`, or the request that goes on from there, with `inputResponses` or with
 * nothing but the `requestState`. Undefined for any other message.
 *
 * @example
 * ```ts
 * import { jsonText } from "../json/json-text.ts";
 * import { inputRequiredState } from "./jsonrpc.ts";
 *
 * inputRequiredState(jsonText('{"id":1,"result":{"resultType":"input_required","requestState":"abc"}}'));
 * // { requestState: "abc" }
 * ```
 */
export function inputRequiredState(
  message: unknown,
  header: MessageHeader = messageHeader(message),
): InputRequiredState | undefined {
  switch (header.kind) {
    case "response": {
      if (resultMember(message, "resultType") !== "input_required") return undefined;
      return stateOf(valueAt(message, ["result", "requestState"]));
    }
    case "request": {
      if (!mayHold(message, "inputResponses") && !mayHold(message, "requestState")) return undefined;
      const state = stateOf(valueAt(message, ["params", "requestState"]));
      const isLink = state.requestState !== undefined || valueAt(message, ["params", "inputResponses"]) !== undefined;
      return isLink ? state : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * Whether `message` is the result of a tool that says `isError` (MCP): the call came through, and what was called failed.
 * A JSON-RPC error is none.
 */
export function isToolError(message: unknown, header: MessageHeader = messageHeader(message)): boolean {
  return header.kind === "response" && !header.isError && resultMember(message, "isError") === true;
}

/** Whether one method of MCP serves many, of which `params.name` says which is meant. */
export function isNamedCall(method: string): boolean {
  return method === TOOL_CALL || method === "prompts/get";
}

/** What MCP says in the result of a response, as far as it is the result's own. */
function resultMember(response: unknown, name: "isError" | "resultType"): unknown {
  let value = response as { readonly result?: unknown } | undefined;
  if (response instanceof VerbatimJson) {
    const { origin } = response;
    if (origin === undefined || hasOwnSpelling(origin)) {
      return name === "isError" ? response.shape?.resultIsError : response.shape?.resultType;
    }
    value = origin;
  }
  // Mostly it says no such thing, and a plain look-up tells.
  const found = (value?.result as Record<string, unknown> | null | undefined)?.[name];
  return found === undefined || found === false ? found : valueAt(value, ["result", name]);
}

/** Whether the result of a value is an object that `JSON.stringify` asks what to write. */
function hasOwnSpelling({ result }: { readonly result?: unknown }): boolean {
  return typeof (result as { readonly toJSON?: unknown } | null | undefined)?.toJSON === "function";
}

/** It is looked no further back: who makes a tape of a tape of a tape knows what he does. */
const MAX_ORIGINS = 16;

/**
 * Which of the tapes that a tape was made of a record comes from, as a text; empty where there is only one. Ids of messages
 * mean something within each only.
 */
export function originScope(origin: RecordOrigin | null | undefined): string {
  let scope = "";
  for (let depth = 0; origin != null && depth < MAX_ORIGINS; depth++) {
    if (typeof origin.tape === "number") scope += `@${origin.tape}`;
    origin = origin.origin as RecordOrigin | null | undefined;
  }
  return scope;
}

/**
 * Within what the ids of messages mean something, as far as a frame says how it travelled: its connection, and over HTTP one
 * exchange on it.
 */
export function transportScope(
  transport: TransportMetadata | null | undefined,
): { readonly connection?: unknown; readonly exchange?: unknown } {
  return transport?.http ?? transport?.other as Record<string, unknown> | null | undefined ?? {};
}

/** What sets a session up, whichever revision of MCP it speaks: the handshake, and what there is to be called. */
const SETUP_METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "notifications/initialized",
  "server/discover",
  "tools/list",
]);

/** Whether a session begins with that message (MCP). Since 2026-07-28 there is none that says so. */
export function startsSession({ kind, method }: MessageHeader): boolean {
  return kind === "request" && method === "initialize";
}

/** Whether a message of that method sets up a session (MCP). */
export function isSetupMethod(method: string | undefined): boolean {
  return method !== undefined && SETUP_METHODS.has(method);
}

const BATCH: MessageHeader = noMessage("batch", undefined);
const INVALID: MessageHeader = noMessage("invalid", undefined);
const INVALID_BY_VERSION = { "2.0": noMessage("invalid", "2.0"), other: noMessage("invalid", "other") };

function noMessage(kind: MessageKind, version: MessageHeader["version"]): MessageHeader {
  return { kind, version, idKey: undefined, method: undefined, isError: false };
}

/** Stands for an id that JSON-RPC does not know. No key is empty. */
const UNUSABLE = "";

function headerOf(
  version: MessageHeader["version"],
  idKey: string | undefined,
  method: string | undefined,
  result: JsonType | undefined,
  error: JsonType | undefined,
): MessageHeader {
  const invalid = version === undefined ? INVALID : INVALID_BY_VERSION[version];
  if (idKey === UNUSABLE) return invalid;
  if (method !== undefined) {
    return { kind: idKey === undefined ? "notification" : "request", version, idKey, method, isError: false };
  }
  const isResponse = idKey === undefined ? error === "object" : result !== undefined || error !== undefined;
  if (!isResponse) return invalid;
  return { kind: "response", version, idKey, method, isError: error !== undefined && error !== "null" };
}

function idKeyOfValue(id: unknown): string | undefined {
  switch (typeOf(id)) {
    case undefined:
      return undefined;
    case "string":
      return `"${id}"`;
    case "number":
      return Number.isSafeInteger(id) ? String(id) : numberKey(String(id));
    case "null":
      return "null";
    default:
      return UNUSABLE;
  }
}

/** The same for the JSON text of an id. */
export function idKeyOfText(text: string): string {
  if (text.startsWith('"')) return text.includes("\\") ? `"${JSON.parse(text)}"` : text;
  if (text === "null") return text;
  return /^[-\d]/.test(text) ? numberKey(text) : UNUSABLE;
}

/** A spelling that equal numbers share. It has all the digits: as a JavaScript number the id may be another one. */
function numberKey(text: string): string {
  if (/^(?:0|-?[1-9]\d{0,19})$/.test(text)) return text;
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e(.+))?$/i.exec(text)!;
  const digits = (whole + fraction).replace(/^0+/, "");
  let length = digits.length;
  while (digits[length - 1] === "0") length--;
  if (length === 0) return "0";
  const power = Number(exponent) - fraction.length + digits.length - length;
  const isShortInteger = power >= 0 && length + power <= 20;
  return sign + digits.slice(0, length) + (isShortInteger ? "0".repeat(power) : `e${power}`);
}

/** The JSON type of a value; undefined for what JSON leaves out. */
function typeOf(value: unknown): JsonType | undefined {
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "number":
      return Number.isFinite(value) ? "number" : "null"; // as JSON.stringify has it
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "array" : "object";
    default:
      return undefined;
  }
}

/** The member of that name if the object has one of its own: not what it inherits, `__proto__` included. */
function member(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function valueAt(message: unknown, path: readonly string[]): unknown {
  if (message instanceof VerbatimJson) {
    const text = textAt(message, path);
    return text === undefined ? undefined : JSON.parse(text);
  }
  let value = message;
  for (const name of path) value = typeof value === "object" && value !== null ? member(value, name) : undefined;
  return value;
}

function textAt(message: VerbatimJson, path: readonly string[]): string | undefined {
  const span = valueSpan(message.text, path);
  return span && message.text.slice(...span);
}

/** Rules out most texts without a walk through them. A letter of ASCII may be spelled as an escape, such as `\u0065`. */
function mayHold(message: unknown, name: string): boolean {
  return !(message instanceof VerbatimJson) || message.text.includes(name) || message.text.includes("\\u00");
}

function stateOf(requestState: unknown): InputRequiredState {
  return typeof requestState === "string" ? { requestState } : {};
}
