import { VerbatimJson } from "../../json/verbatim-json.ts";
import { member } from "../../json/member.ts";
import { messageHeader } from "../jsonrpc.ts";
import type { FrameEnv, FrameRecord } from "../record.ts";
import type { JsonObject, JsonValue, MessageId, NotificationMethods, RequestMethods } from "./methods.ts";

/** A request as it stands in a frame. */
export interface RequestMessage<
  Method extends string = string,
  Params = JsonObject | readonly JsonValue[] | undefined,
> {
  /** Mostly `2.0`. */
  readonly jsonrpc?: string;
  /** Which answer is for it. */
  readonly id: MessageId;
  /** What it is about. */
  readonly method: Method;
  /** What it is called with. */
  readonly params: Params;
}

/** A notification as it stands in a frame. */
export interface NotificationMessage<
  Method extends string = string,
  Params = JsonObject | readonly JsonValue[] | undefined,
> {
  /** Mostly `2.0`. */
  readonly jsonrpc?: string;
  /** What it is about. */
  readonly method: Method;
  /** What it is called with. */
  readonly params: Params;
}

/** A response as it stands in a frame: a result, or an error. `failureOf` tells whether it reports a failure. */
export interface ResponseMessage<Result = JsonValue> {
  /** Mostly `2.0`. */
  readonly jsonrpc?: string;
  /** Which request it answers. */
  readonly id?: MessageId;
  /** What came out, unless it failed. */
  readonly result?: Result;
  /** What went wrong, if it failed. */
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JsonValue } | null;
}

/** A frame whose message is known. */
export interface FrameWith<Message> extends FrameRecord {
  /** The message, and what stands beside it. */
  env: FrameEnv & { message: Message };
}

/** What is known of the parameters of a request. */
export type ParamsOf<Method extends string> = Method extends keyof RequestMethods ? RequestMethods[Method]["params"]
  : JsonObject | readonly JsonValue[] | undefined;

/** What is known of the parameters of a notification. */
export type NoticeParamsOf<Method extends string> = Method extends keyof NotificationMethods
  ? NotificationMethods[Method]
  : JsonObject | readonly JsonValue[] | undefined;

/** What is known of the result of a request. */
export type ResultOf<Method extends string> = Method extends keyof RequestMethods ? RequestMethods[Method]["result"]
  : JsonValue;

/**
 * Whether a frame holds a request, of that method if one is given. The types of its parameters are those of MCP, see
 * {@linkcode RequestMethods}: of a method that is not listed they are JSON values. A message without the parameters that its
 * method cannot do without is none; beyond that, what a peer sends is not checked. Nor is a message one that was given as
 * `jsonText` and has not been written and read yet.
 *
 * @example
 * ```ts
 * import { type FrameRecord, isRequest } from "tapeline";
 *
 * function toolOf(frame: FrameRecord): string | undefined {
 *   return isRequest(frame, "tools/call") ? frame.env.message.params.name : undefined;
 * }
 * ```
 */
export function isRequest<Method extends (keyof RequestMethods & string) | (string & Record<never, never>) = string>(
  frame: FrameRecord,
  method?: Method,
): frame is FrameWith<RequestMessage<Method, ParamsOf<Method>>> {
  return isKind(frame, "request", method) && hasParams(frame, method);
}

/** Whether a frame holds a notification, of that method if one is given; see {@linkcode isRequest}. */
export function isNotification<
  Method extends (keyof NotificationMethods & string) | (string & Record<never, never>) = string,
>(
  frame: FrameRecord,
  method?: Method,
): frame is FrameWith<NotificationMessage<Method, NoticeParamsOf<Method>>> {
  return isKind(frame, "notification", method) && hasParams(frame, method);
}

/**
 * Whether a frame holds a response. What it answers does not stand in it: name the method of the request, where you know
 * it, for the type of its result.
 *
 * @example
 * ```ts
 * import { type FrameRecord, isResponse } from "tapeline";
 *
 * function textOf(answer: FrameRecord): string | undefined {
 *   return isResponse(answer, "tools/call") ? answer.env.message.result?.content?.[0]?.text : undefined;
 * }
 * ```
 */
export function isResponse<Method extends (keyof RequestMethods & string) | (string & Record<never, never>) = string>(
  frame: FrameRecord,
  _method?: Method,
): frame is FrameWith<ResponseMessage<ResultOf<Method>>> {
  return isKind(frame, "response", undefined);
}

function isKind(frame: FrameRecord, kind: string, method: string | undefined): boolean {
  if (frame.flags?.is_stray === true || frame.env.message instanceof VerbatimJson) return false;
  const header = messageHeader(frame.env.message);
  return header.kind === kind && (method === undefined || header.method === method);
}

const isText = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => typeof value === "number";
const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

/** The parameters that a method cannot do without. */
const REQUIRED = new Map<string, Readonly<Record<string, (value: unknown) => boolean>>>([
  ["initialize", { protocolVersion: isText, capabilities: isObject, clientInfo: isObject }],
  ["tools/call", { name: isText }],
  ["prompts/get", { name: isText }],
  ["resources/read", { uri: isText }],
  ["sampling/createMessage", { messages: Array.isArray }],
  ["elicitation/create", { message: isText }],
  ["notifications/progress", { progress: isNumber }],
  ["notifications/message", { level: isText }],
  ["notifications/resources/updated", { uri: isText }],
]);

function hasParams({ env: { message } }: FrameRecord, method: string | undefined): boolean {
  const params = member(message, "params");
  const required = REQUIRED.get(method ?? "") ?? {};
  return Object.entries(required).every(([name, fits]) => fits(member(params, name)));
}
