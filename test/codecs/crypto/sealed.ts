import { concat } from "../../../src/bytes/bytes.ts";
import { nodePrimitives } from "../../../src/codecs/crypto/cipher.ts";
import { TapeKey } from "../../../src/codecs/crypto/keys/tape-key.ts";
import { LineOpener } from "../../../src/codecs/crypto/line-opener.ts";
import { LineSealer, type LineSealerOptions } from "../../../src/codecs/crypto/line-sealer.ts";
import { type SealedFinding, SealedOrder } from "../../../src/codecs/crypto/sealed-order.ts";
import { UNSEALED } from "../../../src/tape/write/commit/seal.ts";
import { recordLine } from "../../../src/transforms/encode-record.ts";
import { utf8 } from "../../helpers/bytes.ts";

/** The key of a tape: always the same for the same number. */
export function keyOf(number = 1, tapeId = "demo"): TapeKey {
  return new TapeKey(tapeId, new Uint8Array(32).fill(number), nodePrimitives()!);
}

/** A frame's line. */
export function frameLine(seq: number, text = `message ${seq}`): string {
  const message = { jsonrpc: "2.0", method: "note", params: { text } };
  return JSON.stringify({ type: "frame", seq, ts: 10 * seq, dir: "client_to_server", env: { message } });
}

/** The lines of a text that stands on a tape, without line endings. */
export function linesOf(bytes: Uint8Array): Uint8Array[] {
  return new TextDecoder().decode(bytes).split("\n").slice(0, -1).map(utf8);
}

/** Frames, and at the end a final checkpoint, as they stand on a sealed tape. */
export function sealedLines(key: TapeKey, frames: readonly number[], options?: LineSealerOptions): Uint8Array[] {
  const sealer = new LineSealer(key, options);
  const lines = frames.map((seq) => sealer.encode(utf8(frameLine(seq)), { kind: "frame", seq, ts: 10 * seq }));
  return [...linesOf(concat(lines)), finalCheckpoint(sealer, frames.length)];
}

/** The line of a final checkpoint. */
export function finalCheckpoint(sealer: LineSealer, frames: number): Uint8Array {
  const record = sealer.checkpoint({
    type: "checkpoint",
    checkpoint_at: "2026-11-26T12:00:00.000Z",
    seq: frames - 1,
    stats: { frame_count: frames, error_count: 7 },
    final: true,
    crc32: UNSEALED,
  });
  return utf8(recordLine(record).slice(0, -1));
}

/** What is found wrong with lines behind an init record, up to the end of the tape; with a key, unless `opener` is null. */
export function findingsOf(
  lines: readonly Uint8Array[],
  opener: LineOpener | null = new LineOpener(keyOf()),
): SealedFinding[] {
  const findings: SealedFinding[] = [];
  const order = new SealedOrder({
    onFinding: (finding) => findings.push(finding),
    ...(opener === null ? {} : { opener }),
  });
  order.next(utf8('{"type":"init","version":"2.0"}'));
  for (const [at, line] of lines.entries()) order.next(line, { number: at + 2 });
  order.end();
  return findings;
}

/** Their codes, each with its line. */
export function codesOf(lines: readonly Uint8Array[], opener?: LineOpener | null): string[] {
  return findingsOf(lines, opener).map(({ code, line }) => line === undefined ? code : `${code} ${line}`);
}
