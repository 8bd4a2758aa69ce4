import { concat } from "../../../src/bytes/bytes.ts";
import { Fused } from "../../../src/streams/fuse.ts";
import type { MessageEnvelope, TapeRecord } from "../../../src/records/record.ts";
import { RunningStats } from "../../../src/records/running-stats.ts";
import { specOf } from "../../../src/streams/stage.ts";
import { Sealer, UNSEALED } from "../../../src/tape/write/commit/seal.ts";
import { checkpointInjector } from "../../../src/transforms/checkpoint-injector.ts";
import { correlator } from "../../../src/transforms/correlator.ts";
import { recordLine } from "../../../src/transforms/encode-record.ts";
import { stampFrames } from "../../../src/transforms/stamp-frames.ts";
import { utf8 } from "../bytes.ts";
import { answer, initLine, request } from "../tapes.ts";

/** A tape with something of everything, finalized and sealed in three ranges, as a writer writes it: the same each time. */
export function sealedTape(): { readonly bytes: Uint8Array; readonly metadata: Uint8Array } {
  const stats = new RunningStats();
  const sealer = new Sealer(0);
  let tape: Uint8Array = new Uint8Array(0);
  let seq = 0;
  let us = 500;
  const write = (record: TapeRecord) => {
    const sealed = record.type === "checkpoint" ? { ...record, crc32: UNSEALED } : record;
    const line = utf8(recordLine(sealed)).slice();
    sealer.fill([line])();
    tape = splice(tape, tape.length, tape.length, line);
  };
  const records = new Fused<MessageEnvelope | TapeRecord, never>([
    specOf(stampFrames({ nextSeq: () => seq++, elapsedUs: () => us += 1700 })),
    specOf(correlator()),
    specOf(checkpointInjector({
      everyFrames: 3,
      stats,
      fileSizeBytes: () => tape.length,
      now: () => Date.parse("2026-03-01T10:00:01Z"),
    })),
    { transform: write },
  ]);
  records.push(JSON.parse(initLine("demo")));
  records.push(request(1, "héllo"));
  records.push(answer(1));
  records.push({ type: "log", ts: 4, stream: "stderr", text: "ready ☃" });
  records.push(request(2));
  records.push({ type: "gap", ts: 6, from_seq: 3, to_seq: 4, count: 2, reason: "dropped" });
  seq += 2;
  records.push(answer(2, { text: "x" }));
  records.push({
    message: [{ jsonrpc: "2.0", id: 3, method: "a" }, { jsonrpc: "2.0", id: 4, method: "b" }],
    direction: "client_to_server",
  });
  records.push({
    message: [{ jsonrpc: "2.0", id: 4, result: 1 }, { jsonrpc: "2.0", id: 3, error: {} }],
    direction: "server_to_client",
  });
  records.push(request(5));
  records.end();
  if (records.failure !== undefined) throw records.failure.error;
  const metadata = { tape_id: "demo", status: "finalized", stats: stats.snapshot(tape.length) };
  return { bytes: tape, metadata: utf8(JSON.stringify(metadata)) };
}

/** Where a line stands in bytes, its `\n` included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where the lines of a tape stand. */
export function spansOf(bytes: Uint8Array): Span[] {
  const spans: Span[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start) + 1 || bytes.length;
    spans.push({ start, end });
    start = end;
  }
  return spans;
}

/** The bytes with those from `start` to `end` replaced. */
export function splice(
  bytes: Uint8Array,
  start: number,
  end: number,
  ...middle: Uint8Array[]
): Uint8Array<ArrayBuffer> {
  return concat([bytes.slice(0, start), ...middle.map((part) => part.slice()), bytes.slice(end)]);
}

/** A tape that was damaged, and how. */
export interface Damaged {
  readonly how: string;
  readonly bytes: Uint8Array;
  /** The first byte that is no more what it was. */
  readonly start: number;
  /** The byte behind the last one of the original that is no more what, or where, it was. */
  readonly end: number;
}

/** The lines of the tape that the damage has not touched, nor the line ending before them. */
export function untouchedLines(bytes: Uint8Array, { start, end }: Damaged): Span[] {
  return spansOf(bytes).filter((span) => span.end <= start || Math.max(0, span.start - 1) >= end);
}

/** The tape with every single bit flipped. */
export function* flips(bytes: Uint8Array): Generator<Damaged> {
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << bit;
      yield { how: `bit ${bit} of byte ${at} flipped`, bytes: flipped, start: at, end: at + 1 };
    }
  }
}

/** The tape with a few bytes dropped at every place. */
export function* drops(bytes: Uint8Array): Generator<Damaged> {
  for (const count of [1, 2, 7, 64]) {
    for (let at = 0; at + count <= bytes.length; at++) {
      const dropped = splice(bytes, at, at + count);
      yield { how: `${count} bytes dropped at ${at}`, bytes: dropped, start: at, end: at + count };
    }
  }
}

/** The tape with blocks of it zeroed. */
export function* zeroed(bytes: Uint8Array): Generator<Damaged> {
  for (const size of [1, 16, 512]) {
    for (let at = 0; at < bytes.length; at += Math.max(1, size >> 2)) {
      const end = Math.min(at + size, bytes.length);
      const zeros = bytes.slice();
      zeros.fill(0, at, end);
      yield { how: `${end - at} bytes zeroed at ${at}`, bytes: zeros, start: at, end };
    }
  }
}

/** The tape with two of its blocks of 512 bytes in each other's place. */
export function* swappedBlocks(bytes: Uint8Array, size = 512): Generator<Damaged> {
  const count = Math.ceil(bytes.length / size);
  const block = (index: number) => bytes.subarray(index * size, (index + 1) * size);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const order = Array.from({ length: count }, (_, at) => block(at === a ? b : at === b ? a : at));
      const end = Math.min((b + 1) * size, bytes.length);
      yield {
        how: `blocks ${a} and ${b} swapped`,
        bytes: splice(bytes, 0, bytes.length, ...order),
        start: a * size,
        end,
      };
    }
  }
}

/** The tape with whole lines removed, repeated, or in another order. */
export function* movedLines(bytes: Uint8Array): Generator<Damaged> {
  const spans = spansOf(bytes);
  const line = ({ start, end }: Span) => bytes.subarray(start, end);
  for (const [a, span] of spans.entries()) {
    const { start, end } = span;
    // What ends with a checkpoint is whole, as far as the tape itself can tell.
    if (a < spans.length - 1) yield { how: `line ${a + 1} removed`, bytes: splice(bytes, start, end), start, end };
    yield { how: `line ${a + 1} repeated`, bytes: splice(bytes, end, end, line(span)), start: end, end };
    for (const other of spans.slice(a + 1)) {
      const between = bytes.subarray(end, other.start);
      const swapped = splice(bytes, start, other.end, line(other), between, line(span));
      yield { how: `lines at ${start} and ${other.start} swapped`, bytes: swapped, start, end: other.end };
    }
    yield {
      how: `line ${a + 1} repeated at the end`,
      bytes: splice(bytes, bytes.length, bytes.length, line(span)),
      start,
      end: start,
    };
  }
}

/** The tape cut at every byte. */
export function* cuts(bytes: Uint8Array): Generator<Damaged> {
  for (let at = 1; at < bytes.length; at++) {
    yield { how: `cut at ${at}`, bytes: bytes.slice(0, at), start: at, end: bytes.length };
  }
}
