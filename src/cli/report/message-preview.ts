import { member } from "../../json/member.ts";
import { formatBytes, plural } from "../terminal/units.ts";
import type { SeenMessage } from "../summary/calls.ts";

/** The very text of a part of the message; empty if there is none. */
export type TextAt = (path: readonly string[]) => string;

/** So many names of a list are shown. */
const MAX_NAMES = 50;

/**
 * What a message says, for people: the text of a tool's result, the arguments of a call, how far something has come.
 * Where that is not known, the very text of the parameters or of the result. Foreign text, not escaped, of any length.
 */
export function previewOf({ message, header, label }: SeenMessage, textAt: TextAt): string {
  if (header.kind === "response") return resultText(member(message, "result"), textAt) || textAt(["result"]);
  const params = member(message, "params");
  const known = METHODS.get(header.method ?? "")?.(params, textAt);
  if (known) return known;
  // The name of what is called stands in the label.
  return textAt(label === header.method ? ["params"] : ["params", "arguments"]);
}

/** What the parameters of methods say that have something to say; undefined where they are not as expected. */
const METHODS = new Map<string, (params: unknown, textAt: TextAt) => string | undefined>([
  ["initialize", (params) => introduction(member(params, "clientInfo"), member(params, "protocolVersion"))],
  ["resources/read", uriOf],
  ["resources/subscribe", uriOf],
  ["resources/unsubscribe", uriOf],
  ["notifications/resources/updated", uriOf],
  ["notifications/progress", progressText],
  ["notifications/message", logText],
  ["notifications/cancelled", cancelledText],
  ["elicitation/create", (params) => text(member(params, "message"))],
  ["sampling/createMessage", (params) => messagesText(member(params, "messages"))],
]);

/** What a result says, known by its shape: the request need not have been seen. */
function resultText(result: unknown, textAt: TextAt): string | undefined {
  for (const name of ["tools", "prompts", "resources", "resourceTemplates", "roots"]) {
    const list = member(result, name);
    if (Array.isArray(list)) {
      return namesText(list, name === "resourceTemplates" ? "resource template" : name.slice(0, -1));
    }
  }
  return partsText(member(result, "content")) || partsText(member(result, "contents")) ||
    messagesText(member(result, "messages")) || textAt(["result", "structuredContent"]) ||
    introduction(member(result, "serverInfo"), member(result, "protocolVersion"));
}

/** `3 tools: echo, add, sum` */
function namesText(list: readonly unknown[], noun: string): string {
  const names = list.slice(0, MAX_NAMES).map((item) => text(member(item, "name")) ?? text(member(item, "uri")) ?? "?");
  if (list.length > MAX_NAMES) names.push("…");
  return `${plural(list.length, noun)}${names.length > 0 ? ": " : ""}${names.join(", ")}`;
}

/** What the parts of a content say, one after the other. */
function partsText(content: unknown): string {
  const parts = Array.isArray(content) ? content : [content];
  return parts.map(partText).filter((part) => part !== "").join(" ");
}

function partText(part: unknown): string {
  const own = text(member(part, "text"));
  if (own !== undefined) return own;
  const resource = member(part, "resource");
  if (resource !== undefined) {
    return `[${uriOf(resource) ?? "resource"}] ${text(member(resource, "text")) ?? ""}`.trimEnd();
  }
  const data = text(member(part, "data")) ?? text(member(part, "blob"));
  const kind = text(member(part, "mimeType")) ?? text(member(part, "type"));
  // Four letters of base64 are three bytes.
  if (data !== undefined) return `[${kind ?? "data"}, ${formatBytes(Math.floor(data.length * 3 / 4))}]`;
  const uri = uriOf(part);
  return uri === undefined ? "" : `[${uri}]`;
}

/** What the last of several messages says. */
function messagesText(messages: unknown): string | undefined {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  return partsText(member(last, "content"));
}

/** `2 of 4, token 1: half way` */
function progressText(params: unknown): string | undefined {
  const [progress, total, token] = [
    member(params, "progress"),
    member(params, "total"),
    member(params, "progressToken"),
  ];
  if (typeof progress !== "number") return undefined;
  const far = typeof total === "number" ? `${progress} of ${total}` : String(progress);
  return withDetail(isKey(token) ? `${far}, token ${token}` : far, text(member(params, "message")));
}

/** `warning: the disk is nearly full` */
function logText(params: unknown, textAt: TextAt): string | undefined {
  const level = text(member(params, "level"));
  return level && withDetail(level, text(member(params, "data")) ?? textAt(["params", "data"]));
}

/** `request 5: the user pressed Escape` */
function cancelledText(params: unknown): string | undefined {
  const id = member(params, "requestId");
  return isKey(id) ? withDetail(`request ${id}`, text(member(params, "reason"))) : undefined;
}

/** `everything 1.0.0, protocol 2025-06-18` */
function introduction(info: unknown, protocol: unknown): string | undefined {
  const name = text(member(info, "name"));
  if (name === undefined) return undefined;
  const who = [name, text(member(info, "version"))].filter((part) => part !== undefined).join(" ");
  return typeof protocol === "string" ? `${who}, protocol ${protocol}` : who;
}

function withDetail(what: string, detail: string | undefined): string {
  return detail === undefined || detail === "" ? what : `${what}: ${detail}`;
}

function uriOf(value: unknown): string | undefined {
  return text(member(value, "uri"));
}

function isKey(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
