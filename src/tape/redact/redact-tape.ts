import { checkOptions, type OptionNames } from "../../arguments.ts";
import type { TapeError } from "../../errors.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import { checkTapeId, newTapeId, tapeKeys } from "../../records/tape-id.ts";
import { type LoadedPolicy, loadedPolicy } from "../../redact/policy/loaded-policy.ts";
import { defaultPolicy, type RedactPolicy } from "../../redact/policy/policy.ts";
import { type Redaction, redaction as redactionOf, type RedactOptions } from "../../redact/redaction.ts";
import { checkUnlocked, decoderOf, decoding } from "../../stores/decoding.ts";
import { lineLimitOf } from "../../stores/line-limit.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import { pipe } from "../../streams/pipe.ts";
import { lineSplit } from "../../transforms/line-split.ts";
import type { LineEncoder } from "../../lines/coded-line.ts";
import type { InitRecord } from "../../records/record.ts";
import { plainInit, startOf } from "../derive/derived-init.ts";
import { derivedMetadata, keptMetadata } from "../derive/derived-metadata.ts";
import { type CodingOptions, derivedCoding } from "../derive/output/derived-coding.ts";
import { LineOutput, type LineTarget } from "../derive/output/line-output.ts";
import { readInit } from "../first-record.ts";
import { lintedPolicy } from "./linted-policy.ts";
import { RedactedLines } from "./redacted-lines.ts";

/** Options of {@linkcode redactTape}. */
export interface RedactTapeOptions extends RedactOptions, CodingOptions {
  /** What is a secret; the built-in rules by default. */
  readonly policy?: RedactPolicy | LoadedPolicy | undefined;
  /**
   * Id of the new tape, of which there must be none yet.
   *
   * @default {a new ULID}
   */
  readonly to?: string | undefined;
  /** Breaks off: the call rejects with the signal's reason, and nothing is left of the new tape. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how many bytes of the tape have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Is told of each damaged line. It is copied as the text that it is, without its secrets; left out where it does not decode. */
  readonly onError?: ((error: TapeError) => void) | undefined;
}

const OPTIONS: OptionNames<RedactTapeOptions> = {
  key: true,
  policy: true,
  to: true,
  signal: true,
  onProgress: true,
  onError: true,
  compress: true,
  encryptTo: true,
  signer: true,
};

/** What {@linkcode redactTape} has made. */
export interface RedactTapeResult {
  /** Id of the new tape. */
  readonly tapeId: string;
  /** What stands beside it, without secrets too. */
  readonly metadata: TapeMetadata;
  /** How many secrets were taken out, by rule. */
  readonly rules: Readonly<Record<string, number>>;
  /** SHA-256 of the policy. */
  readonly policy: string;
}

/**
 * Makes a tape of another one in the same store, without the secrets in it: not in messages, logs, transports, nor in what is damaged,
 * nor in its metadata. Frames keep their numbers and times; what has no secret in it stays to the letter. Its
 * lines are compressed or encrypted as those of the other one are, unless something else is asked for; what is damaged on a line of such a
 * tape is left out, and so is a last line that is torn.
 *
 * @throws {TapeError} code `tape_not_found`; `invalid_argument`: it is encrypted, and there is no key, or an option is wrong; `line_too_long`: with
 *   what stands in the place of its secrets a line would be; `io`. Nothing is then left of the new tape.
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter } from "tapeline";
 * import { redactTape } from "tapeline/redact";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "original" });
 * await writer.writeLog("stderr", "DB_PASSWORD=hunter2");
 * await writer.finalize();
 * const { rules } = await redactTape(store, "original", { to: "clean" });
 * console.log(rules); // { "named-secret": 1 }
 * ```
 */
export async function redactTape(
  store: TapeStore,
  tapeId: string,
  options: RedactTapeOptions = {},
): Promise<RedactTapeResult> {
  checkStore("redact a tape", store);
  checkOptions("redact a tape", options, OPTIONS);
  const { to = newTapeId(), policy = defaultPolicy, key, ...copying } = options;
  for (const id of [to, tapeId]) checkTapeId(id);
  const ready = await lintedPolicy(store, tapeId, loadedPolicy(policy), copying);
  const redaction = redactionOf(ready, { key });
  const { tape, meta } = tapeKeys(to);
  const known = await storedMetadata(store, tapeKeys(tapeId).meta).catch(() => undefined);
  const target = await store.openSink(tape, { mode: "create" });
  let isDone = false;
  try {
    const copied = await copyRedacted(store, tapeId, to, redaction, target, copying);
    await target.close();
    const metadata = redactedMetadata(copied, known, redaction, undefined);
    const kept = keptMetadata(metadata, copied.encoder);
    await store.put(meta, new TextEncoder().encode(`${JSON.stringify(kept, null, 2)}\n`));
    isDone = true;
    return { tapeId: to, metadata, rules: copied.lines.counts, policy: redaction.policyHash };
  } finally {
    if (!isDone) {
      await target.abort().catch(() => {});
      await store.delete(tape);
    }
  }
}

/** A tape that was copied without its secrets. */
export interface RedactedCopy {
  readonly lines: RedactedLines;
  readonly init: InitRecord;
  /** What has coded its lines; undefined where they are plain. */
  readonly encoder: LineEncoder | undefined;
}

/** How a tape is copied. */
export type Copying = Pick<RedactTapeOptions, "signal" | "onProgress" | "onError" | keyof CodingOptions>;

/**
 * Writes a tape to a sink, without the secrets in it.
 *
 * @param to the id that it gets
 */
export async function copyRedacted(
  store: TapeStore,
  tapeId: string,
  to: string,
  redaction: Redaction,
  target: LineTarget,
  { signal, onProgress, onError = () => {}, ...asked }: Copying,
): Promise<RedactedCopy> {
  const { tape: key } = tapeKeys(tapeId);
  const source = await readInit(store, key);
  const reading = await decoding(store, key, source);
  checkUnlocked(`redact ${tapeId}`, reading);
  const decoder = decoderOf(reading);
  const size = await reading.size(key) ?? 0;
  const maxLineBytes = lineLimitOf(source);
  const { init: start } = startOf([{ init: source, size, maxLineBytes }], "given", to, "redact");
  const coding = await derivedCoding(start, [{ init: source, store: reading, key }], asked);
  const init = { ...redaction.record(start) as InitRecord, ...coding.init };
  const lines = new RedactedLines(redaction, {
    to: new LineOutput(target, coding),
    init: plainInit(init),
    isCoded: coding.encoder !== undefined,
    isSigned: asked.signer !== undefined,
    maxLineBytes: lineLimitOf(start),
    decoder,
    onError,
  });
  const bytes = reading.openSource(key, { end: size, signal });
  for await (const line of pipe(bytes, lineSplit({ maxLineBytes, decoder }))) {
    const written = lines.line(line);
    if (written !== undefined) await written;
    onProgress?.(line.nextOffset);
  }
  signal?.throwIfAborted();
  await lines.end();
  return { lines, init, encoder: coding.encoder };
}

/**
 * What stands beside a tape that was copied without its secrets. What is taken out here is counted with those of the tape.
 *
 * @param known what stands beside the other one
 */
export function redactedMetadata(
  { lines, init }: RedactedCopy,
  known: TapeMetadata | undefined,
  redaction: Redaction,
  name: string | undefined,
): TapeMetadata {
  const end = lines.sessionEnd === undefined ? undefined : endOf(lines.sessionEnd);
  // What the last checkpoint counts is all that there is only where nothing stands behind it.
  const counted = lines.isFinal ? { ...known?.stats, ...lines.stats } : { ...lines.stats, ...known?.stats };
  const stats = { ...counted, checkpoint_count: lines.checkpoints, file_size_bytes: lines.size };
  const made = derivedMetadata(
    { init, stats, performance: known?.performance, end } as Parameters<typeof derivedMetadata>[0],
    known,
    name,
  );
  const { finalized_at, ...rest } = made;
  const metadata: TapeMetadata = lines.isFinal
    ? { ...rest, finalized_at: finalized_at ?? null }
    : { ...rest, status: "paused" };
  const clean = redaction.value(metadata);
  lines.count(redaction.news(true)?.rules ?? {});
  return clean;
}

function endOf({ type: _type, origin: _origin, ...end }: NonNullable<RedactedLines["sessionEnd"]>): typeof end {
  return end;
}
