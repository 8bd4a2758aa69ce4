/** Any JSON value. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object whose members are not known. A member that is not there is undefined. */
export interface JsonObject {
  /** Its members. */
  readonly [name: string]: JsonValue | undefined;
}

/** The id of a JSON-RPC request. Past 2^53 a number is not exact; `messageText` has its digits. */
export type MessageId = string | number | null;

/** Who one side is, as it says. */
export interface PeerInfo extends JsonObject {
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
}

/** A part of what a tool or a model says; `text` stands in those of type `text`. */
export interface ContentPart extends JsonObject {
  /** `text`, `image`, `resource` … */
  readonly type: string;
  /** What it says, in a part of type `text`. */
  readonly text?: string;
}

/**
 * The requests of MCP that most sessions have: the parameters and the result of each method. Add your own by declaration
 * merging; arguments and everything else that the protocol leaves open are JSON values.
 *
 * @example
 * ```ts ignore
 * declare module "tapeline" {
 *   interface RequestMethods {
 *     "acme/search": { params: { query: string }; result: { hits: string[] } };
 *   }
 * }
 * ```
 */
export interface RequestMethods {
  /** A client introduces itself. */
  "initialize": {
    params: { readonly protocolVersion: string; readonly capabilities: JsonObject; readonly clientInfo: PeerInfo };
    result: { readonly protocolVersion: string; readonly capabilities: JsonObject; readonly serverInfo: PeerInfo };
  };
  /** Are you there? */
  "ping": { params: JsonObject | undefined; result: JsonObject };
  /** Which tools there are. */
  "tools/list": {
    params: { readonly cursor?: string } | undefined;
    result: { readonly tools: readonly ({ readonly name: string } & JsonObject)[]; readonly nextCursor?: string };
  };
  /** Calls a tool. */
  "tools/call": {
    params: { readonly name: string; readonly arguments?: JsonObject; readonly _meta?: JsonObject };
    result: {
      readonly content?: readonly ContentPart[];
      readonly structuredContent?: JsonObject;
      readonly isError?: boolean;
    };
  };
  /** Which prompts there are. */
  "prompts/list": {
    params: { readonly cursor?: string } | undefined;
    result: { readonly prompts: readonly ({ readonly name: string } & JsonObject)[]; readonly nextCursor?: string };
  };
  /** A prompt, filled in. */
  "prompts/get": {
    params: { readonly name: string; readonly arguments?: JsonObject };
    result: { readonly messages: readonly { readonly role: string; readonly content: ContentPart }[] };
  };
  /** Which resources there are. */
  "resources/list": {
    params: { readonly cursor?: string } | undefined;
    result: { readonly resources: readonly ({ readonly uri: string } & JsonObject)[]; readonly nextCursor?: string };
  };
  /** What a resource holds. */
  "resources/read": {
    params: { readonly uri: string };
    result: { readonly contents: readonly ({ readonly uri: string; readonly text?: string } & JsonObject)[] };
  };
  /** A server has a question for the client's model. */
  "sampling/createMessage": {
    params: { readonly messages: readonly JsonObject[]; readonly maxTokens?: number } & JsonObject;
    result: { readonly role: string; readonly content: JsonValue } & JsonObject;
  };
  /** A server has a question for the user. */
  "elicitation/create": { params: { readonly message: string } & JsonObject; result: JsonObject };
}

/** The notifications of MCP that most sessions have, with their parameters. Add your own as to {@linkcode RequestMethods}. */
export interface NotificationMethods {
  /** The client is ready. */
  "notifications/initialized": JsonObject | undefined;
  /** How far a request has come. */
  "notifications/progress": {
    readonly progressToken: string | number;
    readonly progress: number;
    readonly total?: number;
    readonly message?: string;
  };
  /** A line of a log. */
  "notifications/message": { readonly level: string; readonly logger?: string; readonly data: JsonValue };
  /** A request is not wanted any more. */
  "notifications/cancelled": { readonly requestId: string | number; readonly reason?: string };
  /** The tools have changed. */
  "notifications/tools/list_changed": JsonObject | undefined;
  /** A resource has changed. */
  "notifications/resources/updated": { readonly uri: string };
}
