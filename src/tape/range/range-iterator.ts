/** Records that come from a tape, as far as they are wanted. */
export interface RecordReading<T> {
  /** The next one, if it is at hand. */
  take(): T | undefined;
  /** Waits for more to take. False at the end. */
  fill(): Promise<boolean>;
  /** Lets go of the tape. */
  close(): Promise<void>;
}

/** A reading, and how much of it is wanted. */
export interface BegunReading<T> {
  readonly reading: RecordReading<T>;
  readonly limit: number;
}

const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Hands out what a reading gives, so many at most. One that is at hand costs no more than a promise. */
export class RangeIterator<T> implements AsyncIterableIterator<T> {
  readonly #begin: () => Promise<BegunReading<T>>;
  readonly #check: () => void;
  #beginning: Promise<void> | undefined;
  #reading: RecordReading<T> | undefined;
  #left = 0;
  #isOver = false;

  /**
   * @param begin is called when somebody asks for the first record
   * @param check throws where nothing can be read any more
   */
  constructor(begin: () => Promise<BegunReading<T>>, check: () => void) {
    this.#begin = begin;
    this.#check = check;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    try {
      const value = this.#take();
      return value === undefined ? this.#more() : Promise.resolve({ done: false, value });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#end();
    return OVER;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  #take(): T | undefined {
    if (this.#isOver || this.#left === 0) return undefined;
    this.#check();
    const value = this.#reading?.take();
    if (value !== undefined) this.#left--;
    return value;
  }

  async #more(): Promise<IteratorResult<T, undefined>> {
    this.#check();
    if (this.#isOver) return OVER;
    if (this.#reading === undefined) {
      await (this.#beginning ??= this.#start());
      return await this.next();
    }
    if (this.#left > 0 && await this.#reading.fill()) return await this.next();
    await this.#end();
    return OVER;
  }

  async #start(): Promise<void> {
    const { reading, limit } = await this.#begin();
    this.#reading = reading;
    this.#left = limit;
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    // What could not be begun has been told of.
    await this.#beginning?.catch(() => {});
    await this.#reading?.close();
  }
}
