import type { Bytes } from "../bytes/bytes.ts";
import type { TapeStore } from "../stores/store.ts";
import type { OpenSourceOptions } from "../streams/source.ts";
import { KEY } from "./store-check.ts";
import { eventually, within } from "./within.ts";

/** Follows a tape and remembers what it got. */
export class Follower {
  readonly chunks: string[] = [];
  readonly #done: Promise<void>;
  #decoder = new TextDecoder();

  constructor(store: TapeStore, options: OpenSourceOptions) {
    this.#done = this.#read(store.openSource(KEY, { follow: true, ...options }));
    this.#done.catch(() => {});
  }

  get text(): string {
    return this.chunks.join("");
  }

  /** Waits until it got as much as this, and compares. */
  async has(expected: string): Promise<void> {
    const enough = () => this.chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= expected.length;
    await Promise.race([eventually(`a follower to see ${expected.length} characters`, enough), this.#failed()]);
    if (this.text !== expected) throw new Error(difference(this.text, expected));
  }

  /** Waits until its stream has ended. */
  async ended(): Promise<void> {
    await within(this.#done, "the end of a follower");
  }

  async #failed(): Promise<never> {
    await this.#done;
    return await new Promise<never>(() => {});
  }

  async #read(stream: ReadableStream<Bytes>): Promise<void> {
    for await (const chunk of stream) this.chunks.push(this.#decoder.decode(chunk, { stream: true }));
  }
}

function difference(actual: string, expected: string): string {
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40));
  return `${actual.length} characters differ from ${expected.length} at ${at}: ${around(actual)}, not ${
    around(expected)
  }`;
}
