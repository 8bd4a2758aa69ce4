import { checkOptions, type OptionNames } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { JsonBytes } from "../json/json-bytes.ts";
import { JsonText } from "../json/json-text.ts";
import { VerbatimJson } from "../json/verbatim-json.ts";
import type {
  FrameRecord,
  InterceptAction,
  LogRecord,
  MessageEnvelope,
  RedactedRecord,
  TapeRecord,
  TransportMetadata,
} from "../records/record.ts";
import { envText } from "../records/recorded-text.ts";
import { LogLines } from "./log-lines.ts";
import { defaultPolicy, type RedactPolicy } from "./policy/policy.ts";
import { type LoadedPolicy, readyPolicy } from "./policy/loaded-policy.ts";
import { SecretFinder } from "./secret-finder.ts";
import { Tokens } from "./tokens.ts";

/** Options of {@linkcode redact} and {@linkcode redaction}. */
export interface RedactOptions {
  /**
   * The key of the tokens, 16 bytes at least; of a text its UTF-8. What has the same key has the same token for the same secret.
   *
   * @default {a random one, which is never stored}
   */
  readonly key?: string | Uint8Array | undefined;
}

/** Options that {@linkcode Redaction} takes. */
export const REDACT_OPTIONS: OptionNames<RedactOptions> = { key: true };

/** Records that hold others, which are not to be read as they stand there. @internal */
export const CODED: ReadonlySet<string> = new Set(["zstd", "dictionary", "sealed"]);
/** So many streams are told apart; of more only the last ones may have secrets that go over several lines. */
const MAX_STREAMS = 64;

/** Where a secret was found that was replaced. */
export type OnHit = (rule: string, place: string) => void;

/**
 * Takes the secrets out of what belongs to one tape: messages, records, metadata. It counts what it finds. For writers:
 * `StreamingTapeWriter` takes one as its option `redaction`.
 */
export class Redaction {
  readonly #policy: LoadedPolicy;
  readonly #tokens: Tokens;
  readonly #finder: SecretFinder;
  readonly #streams = new Map<string, LogLines>();
  readonly #cleanObjects = new WeakSet<object>();
  /** What was found, and is not told of yet. */
  #counts = new Map<string, number>();
  readonly #onHit: OnHit | undefined;
  readonly #told = new Set<string>();
  #hasNew = false;

  /** Use {@linkcode redaction}. @internal */
  constructor(policy: LoadedPolicy, key: string | Uint8Array | undefined, onHit?: OnHit) {
    this.#policy = policy;
    this.#tokens = new Tokens(key);
    this.#onHit = onHit;
    this.#finder = new SecretFinder(policy.rules, policy.suspicion, (rule, secret, place) => {
      onHit?.(rule, place());
      return this.#replace(rule, secret);
    });
  }

  /** SHA-256 of the policy, in hexadecimal digits. */
  get policyHash(): string {
    return this.#policy.hash;
  }

  /** Whether there may be secrets in bytes of JSON, or of text. Where it says no there is none. */
  maySee(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#policy.suspicion.ofBytes(bytes, start, end);
  }

  /** Whether the next line of some log, or of what is no JSON, may go on with a secret. */
  get isWaiting(): boolean {
    for (const lines of this.#streams.values()) if (lines.isWaiting) return true;
    return false;
  }

  /** A message as it may be recorded; itself where there is nothing in it. */
  envelope(envelope: MessageEnvelope): MessageEnvelope {
    const { message, raw, encoding, transport, action, session_id, direction } = envelope;
    const clean: Partial<MessageEnvelope> = {};
    if (message !== undefined) {
      const text = this.#message(message);
      if (text !== message) clean.message = text;
    } else if (typeof raw === "string") {
      const text = this.#raw(raw, encoding, `raw ${direction}`);
      if (text !== raw) clean.raw = text;
    }
    for (const [name, value] of [["transport", transport], ["action", action]] as const) {
      if (value == null) continue;
      const part = this.#object(value, `/${name}`);
      if (part !== value) clean[name] = part as TransportMetadata;
    }
    if (session_id != null) {
      const text = this.#finder.text(session_id, () => "/session_id");
      if (text !== session_id) clean.session_id = text;
    }
    return isEmpty(clean) ? envelope : { ...envelope, ...clean } as MessageEnvelope;
  }

  /**
   * A record without secrets; itself where there is none in it.
   *
   * @throws {TapeError} code `invalid_tape`: it is a line that is compressed or encrypted
   */
  record(record: TapeRecord): TapeRecord {
    switch (record.type) {
      case "frame":
        return this.#frame(record);
      case "log":
        return this.#log(record);
      case "correlation":
      case "checkpoint":
      case "redacted":
        return record;
    }
    if (CODED.has(record.type)) {
      throw new TapeError(
        "invalid_tape",
        "Cannot redact a tape: it is compressed or encrypted; its lines have to be read first",
      );
    }
    return this.#object(record, "") as TapeRecord;
  }

  /** Any value that JSON has, such as metadata, without secrets; itself where there is none in it. */
  value<T extends object>(value: T): T {
    return this.#object(value, "") as T;
  }

  /** Any text without secrets. */
  text(text: string): string {
    return this.#finder.text(text);
  }

  /**
   * What is to be told of on the tape now: a rule has found something for the first time, or, with `isEnd`, anything since the last
   * time. Undefined where there is nothing.
   */
  news(isEnd: boolean): Pick<RedactedRecord, "policy" | "rules"> | undefined {
    if (this.#counts.size === 0 || !isEnd && !this.#hasNew) return undefined;
    const rules = Object.fromEntries([...this.#counts].sort(([a], [b]) => a < b ? -1 : 1));
    this.#counts = new Map();
    this.#hasNew = false;
    return { policy: this.#policy.hash, rules };
  }

  #replace(rule: string, secret: string): string {
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
    if (!this.#told.has(rule)) {
      this.#told.add(rule);
      this.#hasNew = true;
    }
    return this.#tokens.of(rule, secret);
  }

  /** A message, as it came where nothing is in it, or its text. */
  #message(message: unknown): unknown {
    if (message instanceof JsonBytes) {
      if (!this.maySee(message.block, message.start, message.end)) return message;
      return this.#json(message.text, message);
    }
    if (message instanceof VerbatimJson) return this.#json(message.text, message);
    const made = textOf(message);
    // What has no text is refused by who records it.
    return made === undefined ? message : this.#json(made.text, made);
  }

  #json(text: string, message: VerbatimJson): VerbatimJson {
    if (!this.#policy.suspicion.ofText(text)) return message;
    const clean = this.#finder.json(text, true, inMessage);
    return clean === text ? message : new JsonText(clean);
  }

  #raw(raw: string, encoding: string | null | undefined, stream: string): string {
    if (encoding !== "base64") return this.#lines(stream).line(raw);
    let bytes: string;
    try {
      bytes = atob(raw);
    } catch {
      return this.#finder.text(raw, () => "/env/raw");
    }
    const clean = this.#lines(stream).line(bytes);
    return clean === bytes ? raw : btoa(clean);
  }

  #frame(frame: FrameRecord): FrameRecord {
    const { env, transport, action } = frame;
    const clean: { -readonly [Name in keyof FrameRecord]?: FrameRecord[Name] } = {};
    if (env.message !== undefined) {
      const text = envText(env);
      const message = this.#policy.suspicion.ofText(text) ? this.#finder.json(text, true, inMessage) : text;
      if (message !== text) clean.env = { ...env, message: new JsonText(message) };
    } else if (typeof env.raw === "string") {
      const raw = this.#raw(env.raw, env.encoding, `raw ${frame.dir}`);
      if (raw !== env.raw) clean.env = { ...env, raw };
    }
    if (transport != null) {
      const part = this.#object(transport, "/transport");
      if (part !== transport) clean.transport = part as TransportMetadata;
    }
    if (action != null) {
      const part = this.#object(action, "/action");
      if (part !== action) clean.action = part as InterceptAction;
    }
    return isEmpty(clean) ? frame : { ...frame, ...clean } as FrameRecord;
  }

  #log(log: LogRecord): LogRecord {
    const text = this.#lines(`log ${log.stream}`).line(log.text);
    return text === log.text ? log : { ...log, text };
  }

  /** Of an object that comes again and again, as a transport does, it is known that there is nothing in it. */
  #object(value: object, place: string): object {
    if (this.#cleanObjects.has(value)) return value;
    const text = textOf(value)?.text;
    const clean = text === undefined || !this.#policy.suspicion.ofText(text)
      ? text
      : this.#finder.json(text, false, () => place);
    if (clean !== text) return JSON.parse(clean!) as object;
    // What may be changed by its owner is looked at again.
    if (isFrozen(value)) this.#cleanObjects.add(value);
    return value;
  }

  #lines(stream: string): LogLines {
    let lines = this.#streams.get(stream);
    if (lines === undefined) {
      if (this.#streams.size >= MAX_STREAMS) this.#streams.delete(this.#streams.keys().next().value!);
      const place = stream.startsWith("log ") ? "/text" : "/env/raw";
      lines = new LogLines(this.#finder, () => place, (rule, secret) => {
        this.#onHit?.(rule, place);
        return this.#replace(rule, secret);
      });
      this.#streams.set(stream, lines);
    }
    return lines;
  }
}

/**
 * Makes what takes secrets out of one tape. {@linkcode redact} is the same as a stage.
 *
 * @throws {TapeError} code `invalid_argument`: the policy or an option is wrong, or the policy has to be loaded first
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter } from "tapeline";
 * import { redaction } from "tapeline/redact";
 *
 * const writer = await StreamingTapeWriter.create(memoryStore(), { sessionId: "demo", redaction: redaction() });
 * await writer.writeLog("stderr", "DB_PASSWORD=hunter2"); // DB_PASSWORD=[REDACTED:named-secret:…]
 * await writer.finalize();
 * ```
 */
export function redaction(
  policy: RedactPolicy | LoadedPolicy = defaultPolicy,
  options: RedactOptions = {},
): Redaction {
  checkOptions("redact", options, REDACT_OPTIONS);
  return new Redaction(readyPolicy(policy), options.key);
}

const inMessage = () => "/env/message";

/** The text of a value; undefined of one that has none. */
function textOf(value: unknown): JsonText | undefined {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    return undefined;
  }
  return text === undefined ? undefined : new JsonText(text, isPlain(value) ? value as object : undefined);
}

/** Whether a message is what its text says: nothing in it has a `toJSON` of its own. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null || "toJSON" in value) return false;
  const { params, result } = value as { readonly params?: unknown; readonly result?: unknown };
  return ![params, result].some((part) => typeof part === "object" && part !== null && "toJSON" in part);
}

function isFrozen(value: object): boolean {
  return Object.isFrozen(value) && Object.values(value).every((part) => typeof part !== "object" || part === null);
}

function isEmpty(value: object): boolean {
  for (const _name in value) return false;
  return true;
}
