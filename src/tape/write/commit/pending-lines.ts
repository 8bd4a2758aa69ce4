import { type Deferred, deferred } from "../../../deferred.ts";
import { type Bytes, concat } from "../../../bytes/bytes.ts";
import type { SplicedLine } from "../../../lines/line-encoder.ts";

/** Lines stay text until there is so much of it, in UTF-16 units: a call for many costs half of a call for each. */
const TEXT_LENGTH = 16 * 1024;

/** Lines are encoded into blocks of this size, which are used again and again. */
const BLOCK_BYTES = 1024 * 1024;
/** So many blocks are kept for the next lines. */
const MAX_FREE_BLOCKS = 4;

/** What goes out together fits into one block, so that it is written by one call. */
const MAX_BATCH_BYTES = BLOCK_BYTES - 3 * TEXT_LENGTH;

const utf8 = new TextEncoder();

/** What became of a batch. */
export interface Outcome {
  /** Lines up to this one have arrived; those behind it are lost. */
  readonly arrivedUpTo: number;
  /** Why those behind it are lost. */
  readonly error?: unknown;
  /** Why those that have arrived are not synced, where they should be. */
  readonly syncFailure?: { readonly error: unknown } | undefined;
}

/** Lines that go out together. */
export interface Batch {
  /** Whole lines, where they lie in memory. A checkpoint ends its piece. */
  readonly pieces: readonly Bytes[];
  /** How many bytes that is. */
  readonly length: number;
  /** How many lines were appended before them. */
  readonly firstLine: number;
  /** How many lines were appended up to the last of them. */
  readonly lastLine: number;
  /** For those who wait; undefined where nobody does. */
  readonly outcome: Deferred<Outcome> | undefined;
}

/** A batch that lines are added to. */
interface OpenBatch extends Batch {
  readonly pieces: Bytes[];
  length: number;
  lastLine: number;
  outcome: Deferred<Outcome> | undefined;
  /** The blocks in which its pieces lie. */
  readonly blocks: Bytes[];
}

/**
 * Lines that wait to be written. They are kept as text and encoded many at a time, into blocks that are used again when
 * their lines are written.
 *
 * Lines are known by their numbers: how many were appended up to them.
 */
export class PendingLines {
  /** What was appended last, and not encoded yet. */
  #text = "";
  #count = 0;
  #encoded = 0;
  #taken = 0;
  /** The block that is being filled, and which part of it belongs to no piece yet. */
  #block: Bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  readonly #free: Bytes[] = [];
  readonly #full: OpenBatch[] = [];
  #open: OpenBatch = newBatch(0);
  /** Whether the next line starts another group. */
  #isBetweenGroups = true;

  /** How many lines were appended so far. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes were appended so far, exactly: what is text is encoded for it. */
  get total(): number {
    this.#encode();
    return this.#encoded;
  }

  /** How many bytes wait, where all is ASCII: what is still text, 16 KiB or a line, may take up to three times as many. */
  get waiting(): number {
    return this.#encoded - this.#taken + this.#text.length;
  }

  /** Whether there is anything to take: lines, or somebody who waits for those before them. */
  get isWaiting(): boolean {
    const { firstLine, outcome } = this.#open;
    return this.#full.length > 0 || this.#count > firstLine || outcome !== undefined;
  }

  /** Whether somebody waits for the outcome of lines that were not taken. */
  get isAwaited(): boolean {
    return this.#open.outcome !== undefined || this.#full.some(({ outcome }) => outcome !== undefined);
  }

  /** Appends a line, `\n` included. Bytes in it are copied at once. */
  append(line: string | SplicedLine): void {
    this.#begin();
    if (typeof line === "string") this.#text += line;
    else this.#splice(line);
  }

  /** All of a line goes into one piece: whoever looks at what was lost looks for whole lines. */
  #splice([before, bytes, after]: SplicedLine): void {
    const most = before.length * 3 + bytes.length + after.length * 3;
    if (this.#end + this.#text.length * 3 + most > this.#block.length) {
      this.#encode();
      if (most > BLOCK_BYTES) {
        this.#endPiece();
        return this.#addPiece(concat([utf8.encode(before), new Uint8Array(bytes), utf8.encode(after)]));
      }
      this.#makeRoom(most);
    }
    this.#text += before;
    this.#encode();
    this.#block.set(bytes, this.#end);
    this.#grow(bytes.length);
    // A call for three characters costs more than they do.
    for (let at = 0; at < after.length; at++) this.#block[this.#end + at] = after.charCodeAt(at);
    this.#grow(after.length);
  }

  /** Appends a line that ends its piece. */
  appendLast(line: string): void {
    this.append(line);
    this.#encode();
    this.#endPiece();
  }

  /** The lines since the last call are a group: they go out together. */
  endGroup(): void {
    this.#isBetweenGroups = true;
    if (this.#text.length >= TEXT_LENGTH) this.#encode();
  }

  /** Settles when it is known what has become of all lines so far. */
  settled(): Promise<Outcome> {
    return (this.#open.outcome ??= deferred<Outcome>()).promise;
  }

  /** Takes the batch that has waited longest. Only between two groups. */
  take(): Batch {
    if (this.#full.length === 0) this.#endBatch();
    const batch = this.#full.shift()!;
    this.#taken += batch.length;
    return batch;
  }

  /** Nobody looks at the bytes of a batch that was taken any more: others take their place. */
  release(batch: Batch): void {
    const { blocks } = batch as OpenBatch;
    while (blocks.length > 0 && this.#free.length < MAX_FREE_BLOCKS) this.#free.push(blocks.pop()!);
  }

  #begin(): void {
    if (this.#isBetweenGroups) {
      this.#isBetweenGroups = false;
      if (this.#open.length + this.#text.length >= MAX_BATCH_BYTES) this.#endBatch();
    }
    this.#count++;
  }

  #encode(): void {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = text.length * 3;
    if (most > BLOCK_BYTES) {
      this.#endPiece();
      this.#addPiece(utf8.encode(text));
    } else {
      this.#makeRoom(most);
      this.#grow(utf8.encodeInto(text, this.#block.subarray(this.#end)).written);
    }
  }

  #makeRoom(most: number): void {
    if (this.#end + most <= this.#block.length) return;
    this.#endPiece();
    this.#block = this.#free.pop() ?? new Uint8Array(BLOCK_BYTES);
    this.#start = this.#end = 0;
    this.#open.blocks.push(this.#block);
  }

  #grow(length: number): void {
    this.#end += length;
    this.#encoded += length;
    this.#open.length += length;
  }

  #endPiece(): void {
    if (this.#end > this.#start) this.#open.pieces.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  /** Adds bytes that lie in no block. */
  #addPiece(bytes: Bytes): void {
    this.#open.pieces.push(bytes);
    this.#encoded += bytes.length;
    this.#open.length += bytes.length;
  }

  #endBatch(): void {
    this.#encode();
    this.#endPiece();
    this.#open.lastLine = this.#count;
    this.#full.push(this.#open);
    this.#open = newBatch(this.#count);
    // Each batch has blocks of its own, so that they are free when it is written.
    this.#block = this.#block.subarray(0, 0);
    this.#start = this.#end = 0;
  }
}

function newBatch(line: number): OpenBatch {
  return { pieces: [], length: 0, firstLine: line, lastLine: line, outcome: undefined, blocks: [] };
}
