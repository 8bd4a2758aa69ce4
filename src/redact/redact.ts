import { checkOptions, kindOf, type OptionNames } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import type { MessageEnvelope, RedactedRecord, TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";
import { stopwatch } from "../transforms/stamp-frames.ts";
import { type LoadedPolicy, readyPolicy } from "./policy/loaded-policy.ts";
import { defaultPolicy, type RedactPolicy } from "./policy/policy.ts";
import { REDACT_OPTIONS, Redaction, type RedactOptions } from "./redaction.ts";

/** Options of {@linkcode redact}. */
export interface RedactStageOptions extends RedactOptions {
  /**
   * Microseconds since the tape started, for the time of `redacted` records among messages that are no records yet. Among records they
   * have the time of the one before.
   *
   * @default {a clock that starts with this stage}
   */
  readonly elapsedUs?: (() => number) | undefined;
}

const OPTIONS: OptionNames<RedactStageOptions> = { ...REDACT_OPTIONS, elapsedUs: true };

/**
 * Takes secrets out of messages before they are recorded, or out of the records of a tape. Each becomes
 * `[REDACTED:<rule>:<12 hexadecimal digits>]`, the same for the same secret; all else in a message stays to the letter. A `redacted`
 * record says which rules have found something, and how often, as soon as one has for the first time, and at the end.
 *
 * Stands before `stampFrames()`, or between `parseRecord()` and `encodeRecord()`. Checkpoints pass as they are: sizes and checksums
 * in them are those of the tape before; `redactTape` makes a tape whose own they are.
 *
 * @param policy by default the built-in rules; one with patterns is loaded by `loadPolicy` first
 * @throws {TapeError} code `invalid_argument`; in the stream `invalid_tape`: records that are compressed or encrypted
 *
 * @example
 * ```ts
 * import { encodeRecord, memorySink, pipe, stampFrames } from "tapeline";
 * import { redact } from "tapeline/redact";
 *
 * const message = { jsonrpc: "2.0", id: 1, method: "login", params: { user: "me", password: "s3cret" } };
 * const tape = memorySink();
 * await pipe([{ message, direction: "client_to_server" as const }], redact(), stampFrames(), encodeRecord(), tape);
 * console.log(tape.text()); // … "password":"[REDACTED:named-secret:…]" …
 * ```
 */
export function redact(
  policy: RedactPolicy | LoadedPolicy = defaultPolicy,
  options: RedactStageOptions = {},
): Stage<MessageEnvelope | TapeRecord, MessageEnvelope | TapeRecord> {
  checkOptions("redact", options, OPTIONS);
  const { key, elapsedUs = stopwatch() } = options;
  const redaction = new Redaction(readyPolicy(policy), key);
  /** Undefined as long as no record has come. */
  let ts: number | undefined;
  const tell = (isEnd: boolean): RedactedRecord | undefined => {
    const news = redaction.news(isEnd);
    return news && { type: "redacted", ts: ts ?? Math.floor(elapsedUs() / 1000), ...news };
  };
  return stage<MessageEnvelope | TapeRecord, MessageEnvelope | TapeRecord>({
    transform(chunk, emit) {
      if (typeof chunk !== "object" || chunk === null) {
        throw new TapeError("invalid_argument", `Cannot redact: it takes messages or records, not ${kindOf(chunk)}`);
      }
      if (!("type" in chunk)) {
        emit(redaction.envelope(chunk));
      } else {
        const isEnd = chunk.type === "end" || chunk.type === "checkpoint" && chunk.final === true;
        const told = isEnd ? tell(true) : undefined;
        if (told !== undefined) emit(told);
        const clean = redaction.record(chunk);
        const time = (clean as { readonly ts?: unknown }).ts;
        if (typeof time === "number") ts = time;
        emit(clean);
      }
      const news = tell(false);
      if (news !== undefined) emit(news);
    },
    flush(emit) {
      const news = tell(true);
      if (news !== undefined) emit(news);
    },
  });
}
