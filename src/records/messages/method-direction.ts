import type { Direction } from "../record.ts";

/** The methods of MCP that only one side sends, of all its revisions. */
const CLIENT_METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "server/discover",
  "tools/list",
  "tools/call",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/read",
  "resources/templates/list",
  "resources/subscribe",
  "resources/unsubscribe",
  "completion/complete",
  "logging/setLevel",
  "subscriptions/listen",
  "notifications/initialized",
  "notifications/roots/list_changed",
]);
const SERVER_METHODS: ReadonlySet<string> = new Set([
  "sampling/createMessage",
  "elicitation/create",
  "roots/list",
  "notifications/message",
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
  "notifications/elicitation/complete",
  "notifications/subscriptions/acknowledged",
]);

/** Which way a message goes that has this method; undefined where either side may send it, or MCP does not know it. */
export function methodDirection(method: string): Direction | undefined {
  if (CLIENT_METHODS.has(method)) return "client_to_server";
  return SERVER_METHODS.has(method) ? "server_to_client" : undefined;
}

/** Which way messages of such a method mostly go: servers tell how far they have come, all else is asked by clients. */
export function usualDirection(method: string): Direction {
  return method === "notifications/progress" ? "server_to_client" : "client_to_server";
}
