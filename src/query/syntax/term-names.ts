import type { TermName } from "./expression.ts";

/** What the values of a term look like. */
export type ValueKind =
  | "pattern"
  | "text"
  | "id"
  | "word"
  | "status"
  | "number"
  | "size"
  | "duration"
  /** A duration that needs its unit: what is asked so may be deleted. */
  | "age"
  | "time"
  | "date";

/** What a term is. */
export interface TermSpec {
  readonly values: ValueKind;
  /** Its words, for those that have a few: the one to write, and what is taken for it too. */
  readonly words?: Readonly<Record<string, readonly string[]>>;
}

const DIRECTIONS = {
  c2s: ["client", "client_to_server"],
  s2c: ["server", "server_to_client"],
} as const;

const KINDS = {
  request: ["req"],
  response: ["resp", "answer"],
  notification: ["notify"],
  batch: [],
  invalid: ["bad"],
  frame: [],
  log: ["stderr"],
  gap: [],
  end: [],
  init: [],
  correlation: [],
  checkpoint: [],
} as const;

const STATUSES = {
  ok: ["success"],
  error: ["failed"],
  rpc_error: [],
  tool_error: [],
  pending: ["open", "unanswered"],
  timeout: [],
  cancelled: ["cancel", "canceled"],
  orphan: [],
  late: [],
} as const;

/** Which way a message went. */
export type DirectionWord = keyof typeof DIRECTIONS;
/** What a message or record is. */
export type KindWord = keyof typeof KINDS;
/** What became of a request. */
export type StatusWord = keyof typeof STATUSES;

/** All terms that are known by name. */
export const TERMS: Readonly<Record<TermName, TermSpec>> = {
  method: { values: "pattern" },
  tool: { values: "pattern" },
  dir: { values: "word", words: DIRECTIONS },
  kind: { values: "word", words: KINDS },
  request: { values: "number" },
  id: { values: "id" },
  status: { values: "status", words: STATUSES },
  dur: { values: "duration" },
  size: { values: "size" },
  seq: { values: "number" },
  at: { values: "time" },
  text: { values: "text" },
};

/** Other names under which people look for them. */
export const ALIASES: Readonly<Record<string, TermName>> = {
  direction: "dir",
  duration: "dur",
  latency: "dur",
  time: "at",
  ts: "at",
  type: "kind",
};

/** What a kind of thing can be asked for. */
export interface Vocabulary<Name extends string> {
  readonly terms: Readonly<Record<Name, TermSpec>>;
  /** Other names under which people look for them. */
  readonly aliases: Readonly<Record<string, Name>>;
  /** The term that a text without a name belongs to. */
  readonly bare: Name;
  /** Whether messages are asked: by the path of a member, and by what belongs together. */
  readonly hasMessages: boolean;
}

/** What frames can be asked for. */
export const FRAMES: Vocabulary<TermName> = { terms: TERMS, aliases: ALIASES, bare: "text", hasMessages: true };

/** The names that stand before a colon. */
export function namesIn({ terms, hasMessages }: Vocabulary<string>): readonly string[] {
  return [...Object.keys(terms), ...(hasMessages ? ["has", "op"] : [])];
}

/** A word as it is written, if it is one of the term's. */
export function wordOf({ words = {} }: TermSpec, text: string): string | undefined {
  return Object.keys(words).find((word) => word === text || words[word]!.includes(text));
}
