import { lineLimitOf } from "../../../stores/line-limit.ts";
import { decodeUtf8 } from "../../../utf8.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import type { Progress } from "../../terminal/progress.ts";
import { fileBlocks } from "./file-blocks.ts";
import { SealedReader } from "./sealed-reader.ts";
import type { TapeSummary } from "../tape-summary.ts";

/** So much of the end of a tape holds its final checkpoint. */
const END_BYTES = 1024;
const FINAL = '"final":true,"crc32":"';

/**
 * The summary of a tape that was finalized and is sealed from end to end; undefined where it takes the messages to tell.
 *
 * @param top how many of the slowest calls to keep
 * @throws {TapeError} code `io`
 */
export async function sealedSummary(
  { store, key, path, init }: OpenedTape,
  sizeBytes: number,
  top: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<TapeSummary | undefined> {
  const start = Math.max(0, sizeBytes - END_BYTES);
  let end = "";
  for await (const bytes of store.openSource(key, { start, end: sizeBytes, signal })) end += decodeUtf8(bytes);
  if (!end.includes(FINAL, end.lastIndexOf("\n", end.length - 2))) return undefined;
  const maxLineBytes = lineLimitOf(init);
  const reader = new SealedReader(top, maxLineBytes);
  for await (const block of fileBlocks(path, sizeBytes, maxLineBytes, signal)) {
    if (!reader.block(block)) return undefined;
    progress.at(reader.offset);
  }
  return reader.end(sizeBytes);
}
