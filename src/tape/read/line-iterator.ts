import { TapeError } from "../../errors.ts";
import type { TapeLine } from "../../lines/line.ts";
import { readParts, type StrayPart } from "../../lines/line-parts.ts";
import type { LineCursor } from "./line-cursor.ts";

/** Which part of what stands on the lines concerns whoever reads them. */
export interface LinesRead {
  /** Whether nothing shall be told of what is no record here. */
  readonly isOutside: boolean;
  /** Whether the rest of the lines is not wanted. */
  readonly isOver: boolean;
}

const ALL: LinesRead = { isOutside: false, isOver: false };

/**
 * Goes over the lines of a cursor and hands out what `read` makes of them; undefined means nothing. A line that it throws
 * for is taken apart.
 */
export class LineIterator<T> implements AsyncIterableIterator<T> {
  readonly #cursor: () => LineCursor;
  readonly #read: (line: TapeLine) => T | undefined;
  readonly #onError: ((error: TapeError) => void) | undefined;
  readonly #wanted: LinesRead;

  constructor(
    cursor: () => LineCursor,
    read: (line: TapeLine) => T | undefined,
    onError: ((error: TapeError) => void) | undefined,
    wanted: LinesRead = ALL,
  ) {
    this.#cursor = cursor;
    this.#read = read;
    this.#onError = onError;
    this.#wanted = wanted;
  }

  /** What comes next, if it is at hand; else undefined. */
  take(cursor: LineCursor = this.#cursor()): T | undefined {
    while (!this.#wanted.isOver) {
      const line = cursor.take();
      if (line === undefined) break;
      if (line instanceof TapeError) {
        if (this.#wanted.isOutside) continue;
        if (this.#onError === undefined) throw line;
        this.#onError(line);
        continue;
      }
      let value: T | undefined;
      try {
        value = this.#read(line);
      } catch {
        const own = cursor.numbered(line);
        const parts = readParts(own);
        cursor.putBack(own, parts.filter((part) => part.record !== undefined || this.#isTold(part)));
        continue;
      }
      if (value === undefined) continue;
      if (!line.terminated) cursor.accept(line);
      return value;
    }
    return undefined;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    try {
      const cursor = this.#cursor();
      const value = this.take(cursor);
      return value === undefined ? this.#more(cursor) : Promise.resolve({ done: false, value });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Without a listener nothing is said of what costs nothing. */
  #isTold({ isLoss }: StrayPart): boolean {
    return (isLoss || this.#onError !== undefined) && !this.#wanted.isOutside;
  }

  async #more(cursor: LineCursor): Promise<IteratorResult<T, undefined>> {
    return await cursor.fill() ? await this.next() : { done: true, value: undefined };
  }
}
