import { type BlockSearch, blockSearch } from "../bytes/block-search.ts";
import { TapeLine } from "../lines/line.ts";
import { mayHoldMore, readParts } from "../lines/line-parts.ts";
import { PlainCorrelation } from "../lines/plain/plain-correlation.ts";
import { PlainFrame } from "../lines/plain/plain-frame.ts";
import { SpelledMethods } from "../lines/plain/spelled-methods.ts";
import type { TapeRecord } from "../records/record.ts";
import { lineLimitOf } from "../stores/line-limit.ts";
import { DEFAULT_MAX_LINE_BYTES } from "../transforms/line-split.ts";
import type { BlockFacts } from "./block-facts.ts";
import * as kinds from "./kinds.ts";
import { methodHash, type NameBits, nameBits, nameHash } from "./names.ts";
import { addRecord } from "./record-facts.ts";

const CR = 0x0d;
const CLOSE = 0x7d;
/** Where two records are on one line, these two bytes may be next to each other; JSON has them in strings only. */
const JOIN = "}{";

/** What the init record of a tape says. */
interface KnownInit {
  readonly tapeId: string;
  /** Where the line behind it starts. */
  readonly end: number;
}

/**
 * Goes over the lines of a tape and adds to a block what they say. A frame that is spelled as this library spells it is known
 * by its first bytes, and its last ones; any other line is parsed.
 *
 * Nobody has proven that such a frame is all that stands on its line. Where the line ending between two records was lost it
 * is not, nor where a torn record has a whole one behind it. So the line is parsed where `}{` stands on it, where it does not end as a
 * frame does, and where the numbers of the frames do not go on behind it by one.
 */
export class LineFacts {
  readonly #block: BlockFacts;
  readonly #endBlock: (offset: number) => void;
  readonly #frame = new PlainFrame(
    new SpelledMethods<NameBits>((method, name) =>
      nameBits(methodHash(method), ...(name === undefined ? [] : [nameHash(name)]))
    ),
  );
  readonly #correlation = new PlainCorrelation();
  /** The last plain frame, as long as nothing tells that there is no other on its line. */
  #unconfirmed: TapeLine | undefined;
  #unconfirmedStart = -1;
  #unconfirmedEnd = -1;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where the first of the bytes stands in the tape. */
  #base = 0;
  #nextSeq = -1;
  maxLineBytes: number;
  init: KnownInit | undefined;

  /** @param endBlock ends the block before a line */
  constructor(block: BlockFacts, endBlock: (offset: number) => void, maxLineBytes?: number) {
    this.#block = block;
    this.#endBlock = endBlock;
    this.maxLineBytes = maxLineBytes ?? DEFAULT_MAX_LINE_BYTES;
  }

  /** Adds the lines from `start` to `end`, each with its line ending. `offset` is where the first of the bytes stands in the tape. */
  add(bytes: Uint8Array, start: number, end: number, offset: number): void {
    this.keep();
    this.#bytes = bytes;
    this.#base = offset;
    const search = blockSearch(bytes);
    const correlation = this.#correlation;
    const block = this.#block;
    let join = joinFrom(search, start);
    for (let at = start; at < end;) {
      // What stands behind most answers is read in no time, and its end need not be looked for.
      if (correlation.read(bytes, at)) {
        this.#makeRoom(offset + at, undefined);
        block.addLine();
        block.addAnswer(correlation.request_seq);
        at = correlation.end + 1;
        continue;
      }
      const lineEnd = search.newline(at);
      if (join < at) join = joinFrom(search, at);
      if (join < lineEnd || !this.#addPlain(at, lineEnd)) this.#addLine(at, lineEnd);
      at = lineEnd + 1;
    }
  }

  /** Keeps what is not sure yet: the bytes that were added are taken back. */
  keep(): void {
    if (this.#unconfirmedStart < 0) return;
    const bytes = this.#bytes.slice(this.#unconfirmedStart, this.#unconfirmedEnd);
    this.#unconfirmed = new TapeLine(bytes, 0, bytes.length, this.#base + this.#unconfirmedStart, 0, true);
    this.#unconfirmedStart = -1;
  }

  /** Adds a line that is too long to be read. */
  addTooLong(offset: number): void {
    this.#makeRoom(offset, undefined);
    this.#block.addLine();
    this.#block.addKinds(kinds.DAMAGED);
  }

  /** Makes sure that all is known of the lines so far. */
  confirm(): void {
    this.keep();
    const line = this.#unconfirmed;
    this.#unconfirmed = undefined;
    if (line === undefined || !mayHoldMore(line)) return;
    const parts = readParts(line);
    if (parts.length === 1 && parts[0]!.record !== undefined) return;
    // The first one was counted; whatever else it was, its line says that it was there.
    const first = parts.findIndex(({ record, line: { offset } }) => record !== undefined && offset === line.offset);
    for (const [at, { record }] of parts.entries()) {
      if (record !== undefined && at !== first) addRecord(this.#block, record);
    }
    this.#block.addKinds(kinds.DAMAGED);
  }

  /** Adds a frame that is spelled as most are; false for any other line. */
  #addPlain(start: number, lineEnd: number): boolean {
    const bytes = this.#bytes;
    const frame = this.#frame;
    const stop = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (bytes[stop - 1] !== CLOSE || bytes[stop - 2] !== CLOSE || bytes[stop - 3] !== CLOSE) return false;
    if (stop - start > this.maxLineBytes || !frame.read(bytes, start, stop) || !frame.hasMicroseconds) return false;
    const { seq, ts, kind, dir, id } = frame;
    if (seq !== this.#nextSeq) this.confirm();
    this.#nextSeq = seq + 1;
    this.#unconfirmed = undefined;
    this.#unconfirmedStart = -1;
    this.#makeRoom(this.#base + start, ts);
    this.#unconfirmedStart = start;
    this.#unconfirmedEnd = stop;
    const block = this.#block;
    block.addLine();
    block.addFrame(seq, ts);
    const side = dir === "client_to_server" ? kinds.CLIENT_KINDS : kinds.SERVER_KINDS;
    if (kind === "response") {
      block.addKinds(side << kinds.RESPONSE);
      block.addAnswer(frame.requestSeq);
      block.addId(id);
    } else if (kind === "request") {
      block.addKinds(side << kinds.REQUEST);
      block.addNames(frame.called!);
      block.addId(id);
    } else {
      block.addKinds(side << kinds.NOTIFICATION);
      block.addNames(frame.called!);
    }
    return true;
  }

  /** Adds any other line. */
  #addLine(start: number, lineEnd: number): void {
    const stop = this.#bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const offset = this.#base + start;
    if (stop - start > this.maxLineBytes) return this.addTooLong(offset);
    const line = new TapeLine(this.#bytes, start, stop, offset, 0, true);
    const parts = readParts(line);
    const records = parts.filter((part) => part.record !== undefined);
    const [first] = records;
    if (first !== undefined) this.#expect(first.record);
    this.#makeRoom(offset, first?.record.type === "frame" ? first.record.ts : undefined);
    this.#block.addLine();
    for (const { record } of records) this.#addRecord(record, this.#base + lineEnd + 1);
    if (parts.length > 1 || first === undefined) this.#block.addKinds(kinds.DAMAGED);
  }

  #addRecord(record: TapeRecord, lineEnd: number): void {
    addRecord(this.#block, record);
    if (record.type === "frame") this.#nextSeq = record.seq + 1;
    else if (record.type === "gap" && record.to_seq != null) this.#nextSeq = record.to_seq + 1;
    else if (record.type === "init" && this.init === undefined) {
      this.init = { tapeId: record.tape_id, end: lineEnd };
      this.maxLineBytes = Math.max(this.maxLineBytes, lineLimitOf(record));
    }
  }

  /** What comes next shows whether a frame is missing behind the last one. */
  #expect(record: TapeRecord): void {
    const next = record.type === "frame" ? record.seq : record.type === "gap" ? record.from_seq : undefined;
    if (next === undefined) return;
    if (next !== this.#nextSeq) this.confirm();
    this.#unconfirmed = undefined;
    this.#unconfirmedStart = -1;
  }

  /** Ends the block if the next line shall begin another. */
  #makeRoom(offset: number, ts: number | undefined): void {
    if (!this.#block.isFull(offset, ts)) return;
    this.confirm();
    this.#endBlock(offset);
  }
}

/** Where the next join may be; infinite where there is none. */
function joinFrom(search: BlockSearch, from: number): number {
  const at = search.word(JOIN, from);
  return at < 0 ? Infinity : at;
}
