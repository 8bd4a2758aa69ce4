import { Buffer } from "node:buffer";
import type { Bytes } from "../../src/bytes/bytes.ts";
import type { LineDecoder } from "../../src/lines/coded-line.ts";
import type { InitRecord, TapeRecord } from "../../src/records/record.ts";
import type { SimulatedCoding } from "./coding.ts";
import { MARK } from "./files.ts";
import type { World } from "./world.ts";

const LF = 0x0a;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What must be true of one tape, whatever happens to it: what was promised, and what is on the disk. */
export class Model {
  readonly world: World;
  readonly path: string;
  readonly coding: SimulatedCoding;
  /** What must be there after a power loss: the beginning of the tape, as it was when that was promised. */
  #synced: Bytes = new Uint8Array(0);
  readonly #records = new Map<string, TapeRecord>();
  #split: { readonly content: Bytes; readonly lines: readonly string[] } | undefined;
  /** Numbers of messages that are on the tape for good, as far as processes are concerned. */
  readonly #kept = new Set<number>();
  /** Numbers of messages whose loss was reported. */
  readonly #lost = new Set<number>();

  /** What decodes the lines of the tape as it is now, and what it is for. */
  #decoding: { readonly init: string; readonly decoder: LineDecoder | undefined } | undefined;
  readonly #plain = new Map<string, string>();
  readonly #sealed = new SealedNumbers();

  constructor(world: World, path: string, coding: SimulatedCoding) {
    this.world = world;
    this.path = path;
    this.coding = coding;
    world.disk.onChange = (changed, before, after) => {
      if (changed !== path) return;
      if (!startsWith(after, before.subarray(0, before.lastIndexOf(LF) + 1))) {
        world.violation ??= new Violation("a whole line was taken back or changed, and may have been read");
      }
      if (coding.isSealed) world.violation ??= this.#sealed.see(after, before.lastIndexOf(LF) + 1);
    };
  }

  /** The tape as processes see it. */
  get content(): Bytes {
    return this.world.disk.node(this.path)?.content ?? new Uint8Array(0);
  }

  /** Gets ready to decode the lines of the tape as it is now. */
  async prepare(): Promise<void> {
    const { content } = this;
    const init = decoder.decode(content.subarray(0, content.indexOf(LF) + 1));
    if (init === "" || init === this.#decoding?.init) return;
    const record = JSON.parse(init) as InitRecord;
    const isCoded = record.compression != null || record.encryption != null;
    this.#decoding = { init, decoder: isCoded ? await this.coding.decoderOf(record) : undefined };
    this.#plain.clear();
    this.#split = undefined;
  }

  /** Its whole lines, without their ends, as they were before they were coded. */
  get lines(): readonly string[] {
    const { content } = this;
    if (this.#split?.content !== content) {
      this.#split = { content, lines: wholeLines(content).map((line) => this.#decoded(line)) };
    }
    return this.#split.lines;
  }

  #decoded(line: string): string {
    const decoding = this.#decoding?.decoder;
    if (decoding === undefined || !/^\{"type":"(?:zstd|sealed|dictionary)"/.test(line)) return line;
    let plain = this.#plain.get(line);
    if (plain === undefined) {
      const stored = encoder.encode(line);
      if (/^\{"type":(?:"dictionary"|"sealed","kind":"dictionary")/.test(line)) decoding.learn!(stored);
      plain = line.startsWith('{"type":"dictionary"') ? line : decoder.decode(decoding.decode(stored));
      this.#plain.set(line, plain);
    }
    return plain;
  }

  /** Tells a tape that was deleted and made anew from the one before. */
  get identity(): unknown {
    return this.world.disk.node(this.path);
  }

  /** Whether anything of the tape must be there after a power loss. */
  get hasSynced(): boolean {
    return this.#synced.length > 0;
  }

  /** A writer said that message `n` is as safe as this. */
  acknowledged(n: number, durability: "buffered" | "flushed" | "synced"): void {
    if (durability === "buffered") return;
    const end = this.#endOf(n);
    if (end === undefined) throw new Violation(`message ${n} was acknowledged and is not on the tape`);
    this.#kept.add(n);
    if (durability === "synced") this.#promise(end);
  }

  /** A writer said that it has closed the tape in good order. */
  closed(): void {
    const { content } = this;
    if (content.at(-1) !== LF) throw new Violation("a closed tape ends with half a line");
    this.#promise(content.length);
  }

  /** A writer said that message `n` is lost. */
  lost(n: number): void {
    this.#lost.add(n);
  }

  isLost(n: number): boolean {
    return this.#lost.has(n);
  }

  isOnTape(n: number): boolean {
    return this.#endOf(n) !== undefined;
  }

  /** A writer has come to its end, in whatever way. */
  ended(wasKilled: boolean): void {
    const { content } = this;
    // A line that could neither be written to its end nor cut off may be whole but for its line ending: it is kept then.
    const tail = this.#tail(content.subarray(content.lastIndexOf(LF) + 1));
    const { disk } = this.world;
    if (disk.inDoubt.has(this.path) && disk.node(this.path + MARK) === undefined) {
      if (!wasKilled && !disk.marked.has(this.path)) throw new Violation("a failed sync has left no mark");
      throw new Damage();
    }
    for (const n of this.#lost) if (tail.includes(`"n":${n},"text"`)) this.#lost.delete(n);
  }

  /** The power was lost and is back. */
  powerLost(): void {
    const { content } = this;
    if (!startsWith(content, this.#synced)) {
      const same = this.#synced.findIndex((byte, at) => byte !== content[at]);
      throw new Violation(`a power loss took what was synced: ${this.#synced.length} bytes, ${same} of them are left`);
    }
    for (const n of this.#kept) if (!this.isOnTape(n)) this.#kept.delete(n);
    // What was written of it may have reached the disk, and that it was cut off again may not.
    this.#lost.clear();
    try {
      for (const line of this.lines) recordOf(line, 0, this.#records);
    } catch {
      throw new Damage();
    }
  }

  /** Checks the whole lines of the tape as they are now. */
  check(): TapeRecord[] {
    const records: TapeRecord[] = [];
    const messages = new Set<number>();
    const ids = new Set<string>();
    let next = 0;
    let told = 0;
    for (const line of this.lines) {
      const record = recordOf(line, records.length, this.#records);
      if ((records.length === 0) !== (record.type === "init")) {
        throw new Violation(`record ${records.length} is a record of type ${record.type}`);
      }
      records.push(record);
      if (record.type === "gap") {
        const { from_seq: from, to_seq: to, count } = record;
        if (from == null || to == null) {
          if (count !== 0) throw new Violation(`a gap of ${count} frames does not say which`);
          continue;
        }
        if (from !== Math.max(next, told) || count !== to - from + 1) {
          throw new Violation(`a gap tells of ${count} frames from ${from} to ${to} where ${next} comes next`);
        }
        told = to + 1;
      } else if (record.type === "frame") {
        if (record.seq !== Math.max(next, told)) {
          throw new Violation(`frame ${record.seq} stands where ${Math.max(next, told)} comes next`);
        }
        next = record.seq + 1;
        const n = numberOf(record);
        if (n === undefined || messages.has(n)) throw new Violation(`message ${n} is on the tape twice`);
        if (this.#lost.has(n)) throw new Violation(`message ${n} was reported lost and is on the tape`);
        messages.add(n);
      } else if (record.type === "correlation") {
        // A request that is still open when a tape is finalized is reported each time.
        if (ids.has(record.id) && !record.id.endsWith("-none")) {
          throw new Violation(`correlation ${record.id} is on the tape twice`);
        }
        ids.add(record.id);
      }
    }
    for (const n of this.#kept) {
      if (!messages.has(n)) throw new Violation(`message ${n} was acknowledged and is not on the tape any more`);
    }
    return records;
  }

  /** Checks that each answer is correlated with its request, where nothing was lost. */
  checkCorrelations(records: readonly TapeRecord[]): void {
    if (records.some(({ type }) => type === "gap")) return;
    const requests = new Set<number>();
    let answers = 0;
    let correlations = 0;
    for (const record of records) {
      if (record.type === "correlation" && typeof record.response_seq === "number") correlations++;
      if (record.type !== "frame") continue;
      const { id, method } = record.env.message as { id: number; method?: string };
      if (method !== undefined) requests.add(id);
      else if (requests.delete(id)) answers++;
    }
    if (answers !== correlations) throw new Violation(`${answers} answers have ${correlations} correlations`);
  }

  #tail(torn: Bytes): string {
    const text = decoder.decode(torn);
    try {
      return this.#decoded(text);
    } catch {
      return text;
    }
  }

  #promise(length: number): void {
    if (length > this.#synced.length) this.#synced = this.content.slice(0, length);
  }

  /** Where the line with message `n` ends. */
  #endOf(n: number): number | undefined {
    const { content } = this;
    const at = this.lines.findIndex((line) => line.includes(`"n":${n},"text"`));
    if (at < 0) return undefined;
    let end = 0;
    for (let line = 0; line <= at; line++) end = content.indexOf(LF, end) + 1;
    return end;
  }
}

/**
 * After a failed sync nothing can be promised any more: a power loss has then taken a part from the middle of what was
 * never synced, or the writer was killed before it could leave a mark on a disk that is full or fails.
 */
export class Damage extends Error {
  override readonly name = "Damage";
}

/** Something that must never be so. */
export class Violation extends Error {
  override readonly name = "Violation";
}

const SEALED = /"epoch":"([\w-]+)","n":(\d+)(?:,"codec":"[^"]*")?,"data":"([^"]*)/g;

/** What stood under which number of which epoch, ever: two things sealed under one number would give each other away. */
class SealedNumbers {
  readonly #data = new Map<string, string>();

  /** Looks at what was written behind `from`, whole or not. */
  see(content: Bytes, from: number): Violation | undefined {
    for (const [, epoch, n, data = ""] of decoder.decode(content.subarray(from)).matchAll(SEALED)) {
      const known = this.#data.get(`${epoch} ${n}`) ?? "";
      const [short, long] = known.length < data.length ? [known, data] : [data, known];
      if (!long.startsWith(short)) return new Violation(`two things were sealed under number ${n} of epoch ${epoch}`);
      this.#data.set(`${epoch} ${n}`, long);
    }
    return undefined;
  }
}

/** The number of a frame's message. */
export function numberOf(record: TapeRecord): number | undefined {
  if (record.type !== "frame") return undefined;
  const { params, result } = record.env.message as { params?: { n: number }; result?: { n: number } };
  return (params ?? result)?.n;
}

/** The lines that have an end, without it. */
function wholeLines(content: Bytes): string[] {
  return decoder.decode(content).split("\n").slice(0, -1);
}

function recordOf(line: string, at: number, known: Map<string, TapeRecord>): TapeRecord {
  try {
    const record = known.get(line) ?? JSON.parse(line);
    known.set(line, record);
    return record;
  } catch (error) {
    throw new Violation(`line ${at + 1} is no record: ${JSON.stringify(line)}`, { cause: error });
  }
}

function startsWith(content: Bytes, start: Bytes): boolean {
  return bufferOf(content.subarray(0, start.length)).equals(start);
}

/** The same bytes, with what Node can do with them. */
function bufferOf(content: Bytes): Buffer {
  return Buffer.from(content.buffer, content.byteOffset, content.length);
}
