import { TapeError } from "../../errors.ts";
import type { TapeEncryption } from "../../records/record.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import { fromBase64, toBase64 } from "./base64-url.ts";
import type { TapeKey } from "./keys/tape-key.ts";
import { sealOf } from "./seal.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const LABEL = "tapeline/metadata/1";
const HEAD = { n: 0, kind: "metadata" };

/**
 * The metadata of a sealed tape as they are kept: in plain stands when it was made, how far it is, and how many frames it has; all is in `sealed`.
 */
export function sealMetadata(key: TapeKey, metadata: TapeMetadata, encryption: TapeEncryption): TapeMetadata {
  const { tape_id, created_at, updated_at, finalized_at, status, stats } = metadata;
  const epoch = key.newEpoch();
  const data = toBase64(epoch.seal(encoder.encode(JSON.stringify(metadata)), HEAD, LABEL));
  return Object.assign({ tape_id, created_at }, {
    ...(updated_at === undefined ? {} : { updated_at }),
    ...(finalized_at === undefined ? {} : { finalized_at }),
    // Why a recording has failed may say what was recorded.
    ...(status === undefined ? {} : { status: typeof status === "object" ? { error: "(sealed)" } : status }),
    ...(stats?.frame_count === undefined ? {} : { stats: { frame_count: stats.frame_count } }),
    encryption,
    sealed: { epoch: epoch.id, n: HEAD.n, data },
  }) as TapeMetadata;
}

/**
 * The metadata that were sealed. They may be older than those that somebody has seen: who can write to the store can put old ones back.
 *
 * @throws {TapeError} code `invalid_tape`: they are damaged, or those of another tape
 */
export function openMetadata(key: TapeKey, metadata: TapeMetadata): TapeMetadata {
  const box = sealOf((metadata as { readonly sealed?: unknown }).sealed);
  const data = box === undefined ? undefined : fromBase64(box.data);
  const content = box === undefined || data === undefined ? undefined : key.epoch(box.epoch).open(data, HEAD, LABEL);
  if (content === undefined) {
    throw new TapeError("invalid_tape", "Cannot open sealed metadata: they are damaged, or those of another tape");
  }
  return JSON.parse(decoder.decode(content));
}
