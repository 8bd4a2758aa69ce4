import { checkOptions, type OptionNames } from "../../arguments.ts";
import type { TapeError } from "../../errors.ts";
import { checkTapeId } from "../../records/tape-id.ts";
import { type LoadedPolicy, loadedPolicy } from "../../redact/policy/loaded-policy.ts";
import { defaultPolicy, type RedactPolicy } from "../../redact/policy/policy.ts";
import { Redaction } from "../../redact/redaction.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { lintedPolicy } from "./linted-policy.ts";
import { lookThrough } from "./look-through.ts";

/** A place where a tape has a secret. What the secret is it does not say. */
export interface SecretFinding {
  /** The rule that has found it. */
  readonly rule: string;
  /** The line of the tape, from 1; left out where it is in the metadata. */
  readonly line?: number;
  /** The frame, where it is in one. */
  readonly seq?: number;
  /** Where in the record, or in the metadata, as a JSON Pointer; of a text in a string it is that of the string. */
  readonly place: string;
}

/** Options of {@linkcode scanTape}. */
export interface ScanTapeOptions {
  /** What is a secret; the built-in rules by default. */
  readonly policy?: RedactPolicy | LoadedPolicy | undefined;
  /** Is told of each secret at once. */
  readonly onFinding?: ((finding: SecretFinding) => void) | undefined;
  /** Breaks off: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how many bytes of the tape have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Is told of each damaged line. It is looked through as the text that it is, where it decodes. */
  readonly onError?: ((error: TapeError) => void) | undefined;
}

const OPTIONS: OptionNames<ScanTapeOptions> = {
  policy: true,
  onFinding: true,
  signal: true,
  onProgress: true,
  onError: true,
};

/** What {@linkcode scanTape} has found. */
export interface ScanTapeResult {
  /** How many secrets there are. */
  readonly count: number;
  /** How many of them each rule has found. */
  readonly rules: Readonly<Record<string, number>>;
}

/**
 * Looks for secrets on a tape and in its metadata: what `redactTape` would take out. Nothing is changed.
 *
 * @throws {TapeError} code `tape_not_found`; `invalid_argument`: it is encrypted, and there is no key, or an option is wrong; `invalid_tape`; `io`
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter } from "tapeline";
 * import { scanTape } from "tapeline/redact";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "a" });
 * const message = { id: 1, params: { password: "hunter2" } };
 * await writer.writeFrame({ message, direction: "client_to_server" });
 * await scanTape(store, "a", { onFinding: console.log }); // { rule: "named-secret", line: 2, seq: 0, place: "/env/message/params/password" }
 * ```
 */
export async function scanTape(
  store: TapeStore,
  tapeId: string,
  options: ScanTapeOptions = {},
): Promise<ScanTapeResult> {
  checkStore("look for secrets", store);
  checkOptions("look for secrets", options, OPTIONS);
  const { policy = defaultPolicy, onFinding, signal, onProgress, onError } = options;
  checkTapeId(tapeId);
  const rules: Record<string, number> = {};
  let count = 0;
  let where: Pick<SecretFinding, "line" | "seq"> = {};
  const loaded = await lintedPolicy(store, tapeId, loadedPolicy(policy), { signal, onProgress });
  const redaction = new Redaction(loaded, undefined, (rule, place) => {
    rules[rule] = (rules[rule] ?? 0) + 1;
    count++;
    onFinding?.({ rule, ...where, place });
  });
  await lookThrough(store, tapeId, redaction, {
    signal,
    onError,
    onLine: (line) => {
      where = line === undefined ? {} : { line: line.number, ...(line.seq === undefined ? {} : { seq: line.seq }) };
    },
    onDone: (bytes) => {
      if (bytes !== undefined) onProgress?.(bytes);
      return undefined;
    },
  });
  return { count, rules };
}
