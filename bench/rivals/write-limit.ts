/**
 * How fast a tape could be written: all that its lines need in one loop (time, number, ids, flags, a correlation line for
 * each answer, CRC-32, asynchronous writes), and nothing else: no failures, no backpressure, no stages, no check.
 */
import { Buffer } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { MessageEnvelope } from "../../src/mod.ts";
import { type Clock, perSecond } from "../harness.ts";

const BLOCK_BYTES = 1024 * 1024;
const BATCH_LENGTH = 256 * 1024;

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
}

interface Asked {
  readonly seq: number;
  readonly ts: number;
  readonly us: number;
}

/** @param textOf the text of the n-th message, which is `JSON.stringify` where messages are written as objects */
export function limitLoop(
  pool: readonly MessageEnvelope[],
  textOf: (n: number) => string,
) {
  return async (
    path: string,
    frames: number,
    clock: Clock,
  ): Promise<number> => {
    const file = await open(path, "w");
    const speed = await perSecond(
      clock,
      frames,
      () => writeAll(file, pool, textOf, frames),
    );
    await file.close();
    return speed;
  };
}

async function writeAll(
  file: FileHandle,
  pool: readonly MessageEnvelope[],
  textOf: (n: number) => string,
  frames: number,
): Promise<void> {
  const start = performance.now();
  const asked = new Map<string, Asked>();
  let batch = "";
  let crc = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let other = Buffer.allocUnsafe(BLOCK_BYTES);
  const flush = async () => {
    const bytes = block.subarray(0, block.write(batch));
    batch = "";
    crc = crc32(bytes, crc);
    await inFlight;
    inFlight = file.write(bytes);
    [block, other] = [other, block];
  };
  for (let seq = 0; seq < frames; seq++) {
    const { message, direction } = pool[seq % pool.length]!;
    const { id, method } = message as Message;
    const us = Math.round((performance.now() - start) * 1000);
    const ts = Math.floor(us / 1000);
    let marks = "";
    let correlation = "";
    if (method === undefined) {
      const key = `c${id}`;
      const request = asked.get(key);
      if (request !== undefined) {
        asked.delete(key);
        marks = `,"correlation_id":"corr-${request.seq}"`;
        correlation = correlationOf(request, { seq, ts, us });
      }
    } else if (id === undefined) marks = ',"flags":{"is_notification":true}';
    else {
      asked.set(`c${id}`, { seq, ts, us });
      marks = `,"correlation_id":"corr-${seq}","flags":{"requires_response":true}`;
    }
    const head = `{"type":"frame","seq":${seq},"ts":${ts},"dir":"${direction}","ts_us":${us}${marks}`;
    batch += `${head},"env":{"message":${textOf(seq)}}}\n${correlation}`;
    if (batch.length > BATCH_LENGTH) await flush();
  }
  await flush();
  await inFlight;
}

function correlationOf(request: Asked, answer: Asked): string {
  const ids = `"id":"corr-${request.seq}-${answer.seq}","request_seq":${request.seq},"response_seq":${answer.seq}`;
  const times = `"request_ts":${request.ts},"response_ts":${answer.ts},"rtt_ms":${answer.ts - request.ts}`;
  return `{"type":"correlation",${ids},${times},"status":"success","rtt_us":${answer.us - request.us}}\n`;
}
