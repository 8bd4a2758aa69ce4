import type { Bytes } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";
import type { CheckpointRecord } from "../../records/record.ts";
import { epochsBefore, type LineOpener } from "./line-opener.ts";
import { sealOf } from "./seal.ts";
import type { EpochCount } from "./line-sealer.ts";
import { readSealedHead } from "./sealed-line.ts";

/** What is wrong with the order of sealed lines, for a program to decide on. */
export type SealedFindingCode =
  /** A line that should be sealed stands in plain: anybody can have written it. */
  | "plain"
  /** A line is damaged, was changed, or is of another tape. */
  | "unauthentic"
  /** Lines are missing. */
  | "missing"
  /** A line stands twice, or behind one that was written later. */
  | "repeated"
  /** A line is of an epoch that is over, or has not begun. */
  | "misplaced"
  /** An epoch, or the end of one, is missing that was there when the tape was gone on with. */
  | "cut"
  /** The tape does not end with its final checkpoint: its end may be missing. */
  | "unfinished";

/** One thing that is wrong with the order of sealed lines. */
export interface SealedFinding {
  /** What it is, for a program. */
  readonly code: SealedFindingCode;
  /** What it is, for a person. */
  readonly message: string;
  /** The number of the line that it was found at, from 1; left out where that is not known, and at the end of the tape. */
  readonly line?: number | undefined;
  /** Bytes from the start of the tape to the start of that line. */
  readonly offset?: number | undefined;
  /** How many lines are missing, where that is known. */
  readonly count?: number | undefined;
}

/** Where a line stands. */
export interface LinePlace {
  /** Its number, from 1; 0 where it is not known. */
  readonly number?: number | undefined;
  /** Bytes from the start of the tape. */
  readonly offset?: number | undefined;
}

/** Options of {@linkcode SealedOrder}. */
export interface SealedOrderOptions {
  /** Is told of everything that is wrong. */
  readonly onFinding: (finding: SealedFinding) => void;
  /** Opens lines. Without it only what the lines tell in plain is looked at, which somebody may have written who has no key. */
  readonly opener?: LineOpener | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const SEALED = encoder.encode('{"type":"sealed",');
const CHECKPOINT = encoder.encode('{"type":"checkpoint"');
const INIT = encoder.encode('{"type":"init"');

/**
 * Whether the lines of a sealed tape are all there and in their order. It is given each line as it stands on the tape, from the first one on, and
 * tells what is wrong; it goes on behind that.
 */
export class SealedOrder {
  readonly #onFinding: (finding: SealedFinding) => void;
  readonly #opener: LineOpener | undefined;
  readonly #counts = new Map<string, number>();
  #epoch: string | undefined;
  #isFirst = true;
  #isFinal = false;

  constructor({ onFinding, opener }: SealedOrderOptions) {
    this.#onFinding = onFinding;
    this.#opener = opener;
  }

  /** All epochs so far in their order, and how many lines of each there should be, going by the last one found: what a {@linkcode LineSealer} goes on from. */
  get epochs(): EpochCount[] {
    return Array.from(this.#counts, ([epoch, lines]) => ({ epoch, lines }));
  }

  /**
   * The next line, without its line ending.
   *
   * @returns what was sealed in it; undefined for a line that is not sealed or not authentic, and without an opener
   */
  next(stored: Uint8Array, place: LinePlace = {}): Bytes | undefined {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (startsWith(stored, SEALED)) {
      this.#isFinal = false;
      return this.#sealed(stored, place);
    }
    if (startsWith(stored, CHECKPOINT)) {
      this.#isFinal = false;
      this.#checkpoint(stored, place);
    } else if (!isFirst || !startsWith(stored, INIT)) {
      this.#isFinal = false;
      this.#find("plain", "a line stands in plain on a sealed tape: anybody can have written it", place);
    }
    return undefined;
  }

  /** The tape is over. */
  end(): void {
    if (!this.#isFinal) this.#find("unfinished", "the tape is not finalized: its end may be missing", {});
  }

  #sealed(stored: Uint8Array, place: LinePlace): Bytes | undefined {
    const head = readSealedHead(stored);
    if (head === undefined) {
      this.#find("unauthentic", "a sealed line is damaged", place);
      return undefined;
    }
    let content: Bytes | undefined;
    if (this.#opener !== undefined) {
      try {
        content = this.#opener.decode(stored);
        if (head.kind === "dictionary") this.#opener.learn(stored);
      } catch (error) {
        this.#find("unauthentic", messageOf(error), place);
        return undefined;
      }
    }
    const { epoch, n, kind } = head;
    if (kind === "epoch" && n === 0 && !this.#counts.has(epoch)) {
      this.#begin(epoch, content, place);
      this.#counts.set(epoch, 1);
      this.#epoch = epoch;
    } else this.#count(epoch, n, place);
    return content;
  }

  #begin(epoch: string, content: Uint8Array | undefined, place: LinePlace): void {
    if (content === undefined) return;
    const previous = epochsBefore(content) ?? [];
    const names = new Set(previous.map((each) => each.epoch));
    for (const each of previous) {
      const found = this.#counts.get(each.epoch) ?? 0;
      if (found >= each.lines) continue;
      const count = each.lines - found;
      this.#find("cut", `${lines(count)} missing that were there when epoch ${epoch} began`, place, count);
    }
    for (const [name, found] of this.#counts) {
      const known = previous.find((each) => each.epoch === name)?.lines ?? 0;
      if (names.has(name) && found <= known) continue;
      this.#find("misplaced", `what stands before epoch ${epoch} was not all there when it began`, place);
    }
  }

  /** A number that was given: of a line, or of the seal of a checkpoint. */
  #count(epoch: string, n: number, place: LinePlace): void {
    const expected = this.#counts.get(epoch);
    if (expected === undefined) {
      // The line with which it begins may be the one that is missing. From here on it is the one that is written.
      this.#find("missing", `${lines(n)} missing at the beginning of epoch ${epoch}`, place, n);
    } else if (epoch !== this.#epoch) {
      return this.#find("misplaced", `a line stands behind the end of its epoch`, place);
    } else if (n < expected) {
      return this.#find("repeated", `a line stands twice, or behind one that was written later`, place);
    } else if (n > expected) {
      this.#find("missing", `${lines(n - expected)} missing before this one`, place, n - expected);
    }
    this.#counts.set(epoch, n + 1);
    this.#epoch = epoch;
  }

  #checkpoint(stored: Uint8Array, place: LinePlace): void {
    let record: CheckpointRecord & { readonly seal?: unknown };
    try {
      record = JSON.parse(decoder.decode(stored));
    } catch {
      return this.#find("unauthentic", "a checkpoint is damaged", place);
    }
    const seal = sealOf(record.seal);
    if (seal === undefined) return this.#find("plain", "a checkpoint has no seal: anybody can have written it", place);
    let isFinal = record.final === true;
    if (this.#opener !== undefined) {
      try {
        isFinal = this.#opener.checkpoint(record).is_final;
      } catch (error) {
        return this.#find("unauthentic", messageOf(error), place);
      }
    }
    const before = this.#counts.get(seal.epoch) ?? 0;
    this.#count(seal.epoch, seal.n, place);
    this.#isFinal = isFinal && seal.epoch === this.#epoch && seal.n >= before;
  }

  #find(code: SealedFindingCode, message: string, { number, offset }: LinePlace, count?: number): void {
    this.#onFinding({
      code,
      message,
      ...(number === undefined || number === 0 ? {} : { line: number }),
      ...(offset === undefined ? {} : { offset }),
      ...(count === undefined ? {} : { count }),
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof TapeError ? error.message : String(error);
}

function lines(count: number): string {
  return count === 1 ? "1 line is" : `${count} lines are`;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}
