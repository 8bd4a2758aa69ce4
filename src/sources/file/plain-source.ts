import type { Bytes } from "../../bytes/bytes.ts";
import type { FileSystem } from "../../sinks/file/file-system.ts";
import type { OpenSourceOptions } from "../../streams/source.ts";
import type { SourceSpec } from "../../streams/source-spec.ts";
import { OpenFile } from "./open-file.ts";

/** A line that is longer than this is handed out in parts. */
const HELD_BYTES = 16 * 1024 * 1024;

const LF = 0x0a;

/** Reads a file up to its end, or up to where it shall. */
export class PlainSource implements SourceSpec<Bytes> {
  readonly #file: OpenFile;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  #at: number;
  /** How much to read at once: more than a block where a line is longer than that. */
  #reach: number;
  #isOver = false;
  /** Blocks that came back. */
  readonly #spares: Bytes[] = [];
  /** The read that is under way. */
  #ahead: Promise<Bytes | undefined> | undefined;

  constructor(
    files: FileSystem,
    path: string,
    { start = 0, end = Infinity, blockBytes, signal }: OpenSourceOptions & { readonly blockBytes: number },
  ) {
    this.#file = new OpenFile(files, path);
    this.#at = start;
    this.#end = end;
    this.#reach = blockBytes;
    this.#signal = signal;
  }

  async pull(): Promise<readonly Bytes[] | undefined> {
    try {
      this.#signal?.throwIfAborted();
      const block = await (this.#ahead ?? this.#next());
      if (block === undefined) {
        await this.#file.close();
        return undefined;
      }
      this.#at += block.length;
      this.#ahead = this.#next();
      // Whoever asks next gets the error; until then it is nobody's.
      this.#ahead.catch(() => {});
      return [block];
    } catch (error) {
      await this.#file.close();
      throw error;
    }
  }

  reuse(block: Bytes): void {
    this.#spares.push(new Uint8Array(block.buffer));
  }

  async cancel(): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#file.close();
  }

  /** A block that came back and is large enough; smaller ones are of no use any more. */
  #spare(length: number): Bytes | undefined {
    const block = this.#spares.pop();
    return block !== undefined && block.length >= length ? block : undefined;
  }

  /**
   * What to hand out next: whole lines. Of a last line that is not whole yet another may take the place, so all of it has to
   * be read at once.
   */
  async #next(): Promise<Bytes | undefined> {
    // A tape with one line longer than a block has more of them: what it took to read that one is read from then on.
    for (; !this.#isOver; this.#reach *= 4) {
      const length = Math.min(this.#reach, this.#end - this.#at);
      const block = length > 0 ? await this.#file.read(this.#at, length, this.#spare(length)) : undefined;
      if (block === undefined) break;
      const end = this.#at + block.length;
      if (end >= this.#end) return block;
      const whole = block.lastIndexOf(LF) + 1;
      if (whole > 0) return block.subarray(0, whole);
      if (block.length < length && await this.#file.read(end, 1) === undefined) {
        this.#isOver = true;
        return block;
      }
      if (this.#reach >= HELD_BYTES) return block;
    }
    return undefined;
  }
}
