import { ENTRY_BYTES } from "../../index/layout.ts";
import { TapeIndexer } from "../../index/tape-indexer.ts";
import { type Bytes, concat } from "../../bytes/bytes.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import { hold } from "../../streams/source.ts";
import { NONE } from "../../streams/stage-spec.ts";
import { openIndex } from "./tape-index.ts";

const EMPTY: Bytes = new Uint8Array(0);

/**
 * Why the index of a tape is not what can be seen on the tape; undefined where it is, or there is none. An index that ends
 * before the tape does is right as far as it goes. The tape is read once.
 *
 * @throws {TapeError} code `io`
 */
export async function indexFault(store: TapeStore, tapeId: string, signal?: AbortSignal): Promise<string | undefined> {
  const keys = tapeKeys(tapeId);
  const size = await store.size(keys.index);
  // A writer that goes on with a tape may not have come to it yet.
  if (size === undefined || size === 0) return undefined;
  const opened = await openIndex(store, tapeId);
  if ("why" in opened) return opened.why;
  if (size % ENTRY_BYTES !== 0) return "its last entry is cut off";
  const entries = hold(store.openSource(keys.index, { start: ENTRY_BYTES, end: size, signal }));
  const tape = hold(store.openSource(keys.tape, { signal }));
  const check = new EntryCheck(opened.tapeId);
  try {
    for (;;) {
      const chunk = tape.chunks.take();
      if (chunk === NONE) {
        if (!await tape.chunks.fill()) break;
        continue;
      }
      // The blocks that end in this chunk must be known before it is looked at.
      while (check.reach <= check.offset + chunk.length) {
        const more = entries.chunks.take();
        if (more !== NONE) check.add(more);
        else if (!await entries.chunks.fill()) break;
      }
      const fault = check.tape(chunk);
      tape.chunks.reuse?.(chunk);
      if (fault !== undefined || check.isDone) return fault;
    }
    for (;;) {
      const more = entries.chunks.take();
      if (more !== NONE) check.add(more);
      else if (!await entries.chunks.fill()) break;
    }
    return check.end();
  } finally {
    await Promise.all(
      [tape.cancel(undefined), entries.cancel(undefined)].map((cancelled) => cancelled.catch(() => {})),
    );
  }
}

/** Makes the entries of an index once more, each of the block that it says it is of, and compares. */
class EntryCheck {
  readonly #tapeId: string;
  #indexer: TapeIndexer | undefined;
  /** Entries that were read and not compared yet. */
  #entries: Bytes = EMPTY;
  #compared = 0;
  #hasBegun = false;
  readonly #ends: number[] = [];
  /** Where the last block that was read ends. */
  reach = 0;

  constructor(tapeId: string) {
    this.#tapeId = tapeId;
  }

  /** How many bytes of the tape were looked at. */
  get offset(): number {
    return this.#indexer?.offset ?? 0;
  }

  /** Whether all entries were compared that the index had. */
  get isDone(): boolean {
    return this.#entries.length === 0 && this.#ends.length === 0 && this.offset > this.reach;
  }

  /** Takes the next bytes of the index. */
  add(bytes: Bytes): void {
    const from = this.#entries.length - this.#entries.length % ENTRY_BYTES;
    this.#entries = concat([this.#entries, bytes.slice()]);
    const view = new DataView(this.#entries.buffer, this.#entries.byteOffset, this.#entries.byteLength);
    for (let at = from; at + ENTRY_BYTES <= this.#entries.length; at += ENTRY_BYTES) {
      this.reach += view.getUint32(at + LENGTH_AT, true);
      this.#ends.push(this.reach);
    }
  }

  /** Looks at the next bytes of the tape. */
  tape(chunk: Uint8Array): string | undefined {
    this.#indexer ??= new TapeIndexer(this.#tapeId, undefined, () => this.#ends.shift() ?? Infinity);
    this.#indexer.push(chunk);
    return this.#compare(this.#indexer.take());
  }

  /** The tape has come to its end. */
  end(): string | undefined {
    this.#indexer?.end();
    const fault = this.#compare(this.#indexer?.take() ?? []);
    if (fault !== undefined || this.#entries.length === 0) return fault;
    return "it tells of more than is on the tape";
  }

  #compare(made: readonly Bytes[]): string | undefined {
    if (made.length === 0) return undefined;
    const bytes = concat(made);
    // The header that was made stands before the first entry; that of the index was looked at before.
    for (let at = this.#hasBegun ? 0 : ENTRY_BYTES; at < bytes.length && this.#entries.length > 0; at += ENTRY_BYTES) {
      for (let i = 0; i < ENTRY_BYTES; i++) {
        if (bytes[at + i] !== this.#entries[i]) return `its entry ${this.#compared + 1} differs from the tape`;
      }
      this.#entries = this.#entries.subarray(ENTRY_BYTES);
      this.#compared++;
    }
    this.#hasBegun = true;
    return undefined;
  }
}

/** Where the length of a block stands in its entry. */
const LENGTH_AT = 12;
