import { decoderOf } from "../../../stores/decoding.ts";
import { lineLimitOf } from "../../../stores/line-limit.ts";
import { decodeUtf8 } from "../../../utf8.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import type { Progress } from "../../terminal/progress.ts";
import { KeptFacts } from "./kept-facts.ts";
import { factsOf, type TapeFacts } from "../tape-facts.ts";
import type { TapeSummary } from "../tape-summary.ts";
import { fileBlocks } from "./file-blocks.ts";
import { SealedReader } from "./sealed-reader.ts";

/** So much of the end of a tape holds its final checkpoint. */
const END_BYTES = 1024;
const FINAL = '"final":true,"crc32":"';

/** How {@linkcode sealedFacts} reads. */
export interface SealedOptions {
  /** How many of the slowest calls to tell. */
  readonly top: number;
  /** Where facts are kept for the next time; undefined if they are not. */
  readonly cache: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * What stands on a tape that was finalized and is sealed from end to end: as it was found out before, or with a look at no
 * more of its bytes than that takes. Undefined where all of the tape has to be parsed.
 *
 * @throws {TapeError} code `io`
 */
export async function sealedFacts(
  tape: OpenedTape,
  sizeBytes: number,
  { top, cache, signal }: SealedOptions,
  progress: Progress,
): Promise<TapeFacts | undefined> {
  // Lines that are coded are told of by their records.
  if (decoderOf(tape.store) !== undefined) return undefined;
  const seal = await finalLine(tape, sizeBytes, signal);
  if (seal === undefined) return undefined;
  const kept = cache === undefined ? undefined : await KeptFacts.of(tape, cache, seal);
  const known = await kept?.read(top);
  if (known !== undefined) return known;
  const summary = await sealedSummary(tape, sizeBytes, top, progress, signal);
  const facts = summary && factsOf(summary, sizeBytes);
  if (facts !== undefined) await kept?.keep(facts, top);
  return facts;
}

async function sealedSummary(
  { path, init }: OpenedTape,
  sizeBytes: number,
  top: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<TapeSummary | undefined> {
  const maxLineBytes = lineLimitOf(init);
  const reader = new SealedReader(top, maxLineBytes);
  for await (const block of fileBlocks(path, sizeBytes, maxLineBytes, signal)) {
    if (!reader.block(block)) return undefined;
    progress.at(reader.offset);
  }
  return reader.end(sizeBytes);
}

/** The last line of a tape, if it is a final checkpoint with a checksum. */
async function finalLine({ store, key }: OpenedTape, end: number, signal: AbortSignal): Promise<string | undefined> {
  let text = "";
  const start = Math.max(0, end - END_BYTES);
  for await (const bytes of store.openSource(key, { start, end, signal })) text += decodeUtf8(bytes);
  const line = text.slice(text.lastIndexOf("\n", text.length - 2) + 1);
  return line.includes(FINAL) ? line : undefined;
}
