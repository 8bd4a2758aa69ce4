import { copyOf } from "./terminal/text.ts";

/** Codes are numbers; longer text in their place is cut. */
const MAX_CODE = 40;

/** An answer that reports that something failed. */
export interface Failure {
  /** The code of a JSON-RPC error, `tool` for a tool's result that says `isError`. */
  readonly code: number | string;
  /** What the peer said. Foreign text, not escaped. */
  readonly message: string;
}

/** What failed, according to a response; undefined if nothing did. */
export function failureOf(message: unknown): Failure | undefined {
  if (!isObject(message)) return undefined;
  const { error, result } = message;
  if (error !== undefined && error !== null) {
    if (!isObject(error)) return { code: "?", message: typeof error === "string" ? error : JSON.stringify(error) };
    const { code, message: text } = error;
    return {
      code: typeof code === "number" ? code : typeof code === "string" ? copyOf(code, MAX_CODE) : "?",
      message: typeof text === "string" ? text : "",
    };
  }
  if (!isObject(result) || result.isError !== true) return undefined;
  const content = Array.isArray(result.content) ? result.content : [];
  const text = content.find((part) => isObject(part) && typeof part.text === "string")?.text;
  return { code: "tool", message: text ?? "" };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
