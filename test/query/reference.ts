import type { FrameRecord, LogRecord, TapeRecord } from "../../src/records/record.ts";

// What a query means, said as plainly as it can be: all lines are parsed, all is in memory, and each term is a function.
// Slow, and obviously right; what the library selects is held against it.

// deno-lint-ignore no-explicit-any
export type Message = any;

/** A message, or a log: what a term is asked of. */
export interface Said {
  readonly record: FrameRecord | LogRecord;
  /** What is said in the whole record, as it is spelled on the tape, and then all strings in it as they read. */
  readonly texts: readonly string[];
  /** A message of the frame, or all of a batch; undefined for a log, and for what is no JSON. */
  readonly message: Message;
  /** The request that it answers. */
  readonly request: { readonly record: FrameRecord; readonly message: Message } | undefined;
}

/** Whether what was said is what a term asks for. */
export type Fits = (said: Said) => boolean;

/** What is said on a tape, each frame and each log with all that it holds; lines that are no record are passed over. */
export function heard(tape: string): Said[][] {
  const open = new Map<string, { record: FrameRecord; message: Message }>();
  return tape.split("\n").slice(0, -1).flatMap((line) => {
    const record = recordOf(line);
    if (record?.type === "log") return [[{ record, texts: [record.text], message: undefined, request: undefined }]];
    if (record?.type !== "frame") return [];
    const whole: Message = "message" in record.env ? record.env.message : undefined;
    const texts = "raw" in record.env ? [record.env.raw as string] : [messageIn(line), ...stringsIn(whole)];
    const messages = Array.isArray(whole) ? [whole, ...whole] : [whole];
    return [messages.map((message): Said => {
      const kind = kindOf(message);
      const key = (dir: string) => `${dir} ${JSON.stringify(message.id)}`;
      if (kind === "request") open.set(key(record.dir), { record, message });
      if (kind !== "response") return { record, texts, message, request: undefined };
      const asked = key(record.dir === "client_to_server" ? "server_to_client" : "client_to_server");
      const request = open.get(asked);
      open.delete(asked);
      return { record, texts, message, request };
    })];
  });
}

/** The text of the message on a line: the longest JSON that begins there. */
function messageIn(line: string): string {
  const rest = line.slice(line.indexOf('"message"') + '"message"'.length).replace(/^ *: */, "");
  for (let end = rest.length;; end--) {
    try {
      JSON.parse(rest.slice(0, end));
      return rest.slice(0, end).trimEnd();
    } catch {
      // The end of the record is there as well.
    }
  }
}

function recordOf(line: string): TapeRecord | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** What a message is, as `kind:` has it. */
export function kindOf(message: Message): "batch" | "request" | "notification" | "response" | "invalid" {
  if (Array.isArray(message)) return "batch";
  if (typeof message?.method === "string") return "id" in message ? "request" : "notification";
  return message !== undefined && "id" in message ? "response" : "invalid";
}

/** The message that says what is called: the request, where this is an answer. */
export function asked({ message, request }: Said): Message {
  return kindOf(message) === "response" ? request?.message : message;
}

/** What stands at a path, in each of the elements where it leads through an array. */
export function valuesAt(value: Message, path: readonly string[]): Message[] {
  const [name, ...rest] = path;
  if (name === undefined) return Array.isArray(value) && value.length > 0 ? [...value, value] : [value];
  if (Array.isArray(value)) {
    if (/^\d+$/.test(name)) return Number(name) < value.length ? valuesAt(value[Number(name)], rest) : [];
    return value.flatMap((element) => Array.isArray(element) ? [] : valuesAt(element, path));
  }
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? valuesAt(value[name], rest) : [];
}

/** All strings in a value, names of members too. */
export function stringsIn(value: Message): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(stringsIn);
  return Object.entries(value).flatMap(([name, inner]) => [name, ...stringsIn(inner)]);
}

/** How long an answer took, in microseconds; undefined for what is none. */
export function durationOf({ record, request }: Said): number | undefined {
  if (request === undefined || record.type !== "frame") return undefined;
  const { record: from } = request;
  const areExact = record.ts_us !== undefined && from.ts_us !== undefined;
  return areExact ? record.ts_us! - from.ts_us! : (record.ts - from.ts) * 1000;
}
