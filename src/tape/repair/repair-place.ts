import { TapeError } from "../../errors.ts";
import { nextChunk } from "../../streams/batches.ts";
import type { ChunkReader } from "../../streams/source-spec.ts";
import { hold } from "../../streams/source.ts";
import { NONE } from "../../streams/stage-spec.ts";
import type { Bytes } from "../../bytes/bytes.ts";
import type { TapeSink } from "../../streams/sink.ts";
import type { TapeStore } from "../../stores/store.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import { verifyKey } from "../verify/verify.ts";

// A store can neither rename nor put a large object at once, so the tape is written anew where it stands. At every moment
// there are two whole objects that are synced: first the tape and its draft, then its backup and its draft. Whoever is
// killed meanwhile leaves the draft behind, and the next repair goes on from there.

/**
 * Makes sure that there is room for a backup.
 *
 * @throws {TapeError} code `invalid_argument`: there is a backup of something else
 */
export async function clearBackup(store: TapeStore, tapeId: string): Promise<void> {
  const { tape, backup } = tapeKeys(tapeId);
  if (await store.size(backup) === undefined) return;
  // What an interrupted backup left is part of the tape; anything else is the tape before an earlier repair.
  if (!await isStartOf(store, backup, tape)) {
    const why = `${backup} is the backup of an earlier repair; move it away first`;
    throw new TapeError("invalid_argument", `Cannot repair ${tapeId} in place: ${why}`);
  }
  await store.delete(backup);
}

/** Puts the draft in the place of the tape, of which a backup is made first. */
export async function replaceTape(store: TapeStore, tapeId: string, lock: TapeSink): Promise<void> {
  const { tape, draft, backup } = tapeKeys(tapeId);
  const copy = await store.openSink(backup, { mode: "create" });
  await copyInto(store, tape, copy);
  await copy.close();
  await putDraft(store, draft, lock);
}

/** Brings to its end what was interrupted while the draft was put in the place of the tape. Gives whether there was any. */
export async function finishReplacing(
  store: TapeStore,
  tapeId: string,
  lock: TapeSink,
  maxLineBytes: number | undefined,
): Promise<boolean> {
  const { tape, draft, backup } = tapeKeys(tapeId);
  if (await store.size(draft) === undefined || await store.size(backup) === undefined) return false;
  if (!await isStartOf(store, tape, draft)) return false;
  const { isIntact, isFinalized } = await verifyKey(store, draft, tapeId, { maxLineBytes });
  if (!isIntact || !isFinalized) return false;
  await putDraft(store, draft, lock);
  return true;
}

async function putDraft(store: TapeStore, draft: string, lock: TapeSink): Promise<void> {
  await lock.truncate(0);
  await copyInto(store, draft, lock);
  await lock.sync();
  await store.delete(draft);
}

async function copyInto(store: TapeStore, from: string, sink: TapeSink): Promise<void> {
  for await (const block of store.openSource(from)) await sink.append([block]);
}

/** Whether one object is the beginning of another, or all of it. */
async function isStartOf(store: TapeStore, start: string, whole: string): Promise<boolean> {
  const size = await store.size(start) ?? 0;
  if (size > (await store.size(whole) ?? 0)) return false;
  const ours = new Blocks(hold(store.openSource(start)).chunks);
  const theirs = new Blocks(hold(store.openSource(whole, { end: size })).chunks);
  try {
    for (;;) {
      const [a, b] = [await ours.some(), await theirs.some()];
      if (a === undefined || b === undefined) return a === b;
      const length = Math.min(a.length, b.length);
      for (let at = 0; at < length; at++) if (a[at] !== b[at]) return false;
      ours.skip(length);
      theirs.skip(length);
    }
  } finally {
    await Promise.all([ours.cancel(), theirs.cancel()]);
  }
}

/** Blocks of a source, of which a part can be taken. */
class Blocks {
  readonly #chunks: ChunkReader<Bytes>;
  #block: Bytes | undefined;

  constructor(chunks: ChunkReader<Bytes>) {
    this.#chunks = chunks;
  }

  async some(): Promise<Bytes | undefined> {
    while (this.#block === undefined || this.#block.length === 0) {
      const chunk = await nextChunk(this.#chunks);
      if (chunk === NONE) return undefined;
      this.#block = chunk;
    }
    return this.#block;
  }

  skip(length: number): void {
    this.#block = this.#block!.subarray(length);
  }

  async cancel(): Promise<void> {
    await this.#chunks.cancel(undefined);
  }
}
