import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts } from "../../lines/line-parts.ts";
import type { TapeRecord } from "../../records/record.ts";
import type { TapeStore } from "../../stores/store.ts";
import { linesBackwards } from "../seek/lines-backwards.ts";
import type { RangeFilter } from "./range.ts";

/** Where what is looked for stands. */
interface SearchedTape {
  readonly store: TapeStore;
  readonly key: string;
  readonly maxLineBytes: number;
}

/** A value that was found, and where; -1 where there is none. */
interface FoundValue {
  readonly offset: number;
  readonly value: number | undefined;
}

/** Finds out what stands before a place on a tape, for records there that go with what stands before them. */
export class WhatCameBefore {
  readonly #tape: SearchedTape;
  /** The last frame, and the last frame or log, that were found. */
  #frame: FoundValue = { offset: Infinity, value: undefined };
  #timed: FoundValue = { offset: Infinity, value: undefined };

  constructor(tape: SearchedTape) {
    this.#tape = tape;
  }

  /**
   * Has a filter go on at a place. Where several are asked for, each stands before the last.
   *
   * @param from where what the filter has seen ends: what stands before that is not looked for
   */
  async start(filter: RangeFilter, at: number, from: number = 0): Promise<void> {
    if (this.#frame.offset >= at) this.#frame = await this.#last(from, at, ["frame"], "seq");
    if (this.#timed.offset >= at) this.#timed = await this.#last(from, at, ["frame", "log"], "ts");
    filter.startBehind(this.#frame.value, this.#timed.value);
  }

  async #last(from: number, end: number, types: readonly string[], measure: "seq" | "ts"): Promise<FoundValue> {
    const { store, key, maxLineBytes } = this.#tape;
    for await (const { start, lines } of linesBackwards(store, key, end, maxLineBytes)) {
      for (const line of lines.toReversed()) {
        if (line instanceof TapeError || line.offset < from) continue;
        // A torn one may have a whole one behind it, whatever it says that it is.
        const last = recordsOn(line).findLast(({ type }) => types.includes(type));
        if (last !== undefined) {
          return { offset: line.offset, value: (last as unknown as Record<string, number>)[measure] };
        }
      }
      if (start <= from) break;
    }
    return { offset: -1, value: undefined };
  }
}

function recordsOn(line: TapeLine): TapeRecord[] {
  return readParts(line).flatMap(({ record }) => record ?? []);
}
