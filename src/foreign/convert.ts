import { checkOptions, kindOf, type OptionNames, wrongChunk } from "../arguments.ts";
import { printable, TapeError } from "../errors.ts";
import { isBytes } from "../bytes/bytes.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import { checkStore, type TapeStore } from "../stores/store.ts";
import type { CreateWriterOptions } from "../tape/write/writer-options.ts";
import { cutter } from "./cut.ts";
import { checkConvertible, detectFormat, formatNamed } from "./detect.ts";
import { ForeignTape } from "./foreign-tape.ts";
import type { ForeignFormat } from "./format.ts";

/** Options of {@linkcode convertTape}. */
export interface ConvertOptions extends Pick<CreateWriterOptions, "compress" | "encryptTo" | "signer"> {
  /**
   * The format of the recording: `monolithic`, `mcpsnoop`, `mcporter`, `mcp-recorder`, `har` or `jsonrpc`.
   *
   * @default {told from how it begins}
   */
  readonly from?: string | undefined;
  /**
   * Names the recording, for people: the tape says what it was made of.
   *
   * @default {"recording"}
   */
  readonly name?: string | undefined;
  /** The id of the new tape; by default a new ULID. */
  readonly tapeId?: string | undefined;
  /**
   * The longest line of the tape, in bytes, 268435456 (256 MiB) at most. A message that does not fit is missing, and a gap
   * record says so.
   *
   * @default {10485760}
   */
  readonly maxLineBytes?: number | undefined;
  /** Is told of every part that cannot be read (code `corrupted_record`, with `line` and `offset`). */
  readonly onDamage?: ((error: TapeError) => void) | undefined;
  /** Is told now and then how many bytes have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Ends the conversion early: the tape is whole, and says that it is not all of the recording. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a recording. */
export interface Conversion {
  /** The id of the new tape. */
  readonly tapeId: string;
  /** The format that it was in. */
  readonly format: string;
  /** Messages on the tape, those that a gap record stands for included. */
  readonly messages: number;
  /** What could not be told, or not be read: sentences without a period. */
  readonly notes: readonly string[];
  /** Whether all of it could be read and is on the tape, and nothing was missing in it. */
  readonly isComplete: boolean;
  /** The metadata of the tape. */
  readonly metadata: TapeMetadata;
}

const OPTIONS: OptionNames<ConvertOptions> = {
  from: true,
  name: true,
  tapeId: true,
  maxLineBytes: true,
  onDamage: true,
  onProgress: true,
  signal: true,
  compress: true,
  encryptTo: true,
  signer: true,
};

/** So much is looked at to tell the format; more, where that is not even one line. */
const HEAD_BYTES = 64 * 1024;
const LONGEST_HEAD_BYTES = 1024 * 1024;
/** The tape has time to be written in between. */
const SLICE_BYTES = 256 * 1024;
/** A piece holds a message and more, such as the two of an exchange. */
const MAX_PIECE_BYTES = 64 * 1024 * 1024;

/**
 * Makes a tape of a recording that another program has made, as its bytes come: never more of it is held than one
 * message, or one exchange. Messages keep their very text, answers are matched with their requests, and what the
 * recording does not tell (times, directions) is flagged on the frames and said in the metadata, under `converted_from`.
 *
 * @param source the bytes of the recording
 * @param store where the tape goes
 * @throws {TapeError} code `invalid_argument`: nobody can tell the format, the recording is a tape already, or there is no
 * message in it; `io`: it cannot be read, or the tape not be written. A tape that was begun is whole even then, if it can be
 *
 * @example
 * ```ts
 * import { convertTape, memoryStore } from "tapeline";
 *
 * const log = new Blob(['{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}\n']);
 * const { tapeId, messages, notes } = await convertTape(log.stream(), memoryStore());
 * console.log(tapeId, messages, notes); // 01… 2 ["the recording has no times: …"]
 * ```
 */
export async function convertTape(
  source: ReadableStream<Uint8Array>,
  store: TapeStore,
  options: ConvertOptions = {},
): Promise<Conversion> {
  checkStore("convert a recording", store);
  checkOptions("convert a recording", options, OPTIONS);
  if (typeof (source as ReadableStream | undefined)?.getReader !== "function") {
    throw new TapeError(
      "invalid_argument",
      `Cannot convert a recording: it must be a ReadableStream, not ${kindOf(source)}`,
    );
  }
  const named = options.from === undefined ? undefined : formatNamed(options.from);
  const reader = source.getReader();
  // A read that waits for bytes ends with this. (To race it against a promise of the signal would keep every chunk.)
  const stop = () => void reader.cancel().catch(() => {});
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    return await new ConversionRun(reader, store, options).run(named);
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

class ConversionRun {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #store: TapeStore;
  readonly #options: ConvertOptions;
  readonly #name: string;
  #bytes = 0;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, store: TapeStore, options: ConvertOptions) {
    this.#reader = reader;
    this.#store = store;
    this.#options = options;
    this.#name = printable(options.name ?? "recording", 200);
  }

  async run(named: ForeignFormat | undefined): Promise<Conversion> {
    const { head, isAll } = await this.#head();
    if (named !== undefined) checkConvertible(head, isAll, this.#name);
    const format = named ?? detectFormat(head, isAll, this.#name);
    const { tapeId, maxLineBytes, onDamage, compress, encryptTo, signer } = this.#options;
    const coding = { compress, encryptTo, signer };
    const how = { tapeId, format, name: this.#name, maxLineBytes, onDamage, coding };
    const tape = new ForeignTape({ store: this.#store, ...how });
    let failure: { readonly error: unknown } | undefined;
    try {
      await this.#read(format, tape, head, isAll);
    } catch (error) {
      failure = { error };
    }
    // Whatever came: what was read so far is a whole tape.
    const why = failure !== undefined
      ? "it could not be read to its end"
      : this.#options.signal?.aborted
      ? `the conversion was ended after ${this.#bytes} bytes`
      : undefined;
    const metadata = await tape.finish(why).catch((error) => {
      throw failure?.error ?? error;
    });
    if (failure !== undefined) throw failure.error;
    if (metadata === undefined) {
      this.#options.signal?.throwIfAborted();
      throw this.#nothingIn(format, tape);
    }
    return {
      tapeId: tape.tapeId!,
      format: format.name,
      messages: tape.counts.messages,
      notes: tape.counts.notes(why),
      isComplete: tape.counts.isComplete(why),
      metadata,
    };
  }

  /** The first bytes: enough to tell what they are. */
  async #head(): Promise<{ readonly head: Uint8Array; readonly isAll: boolean }> {
    let head = new Uint8Array(0);
    for (;;) {
      const isEnough = head.length >= HEAD_BYTES && (head.includes(0x0a) || head.length >= LONGEST_HEAD_BYTES);
      const chunk = isEnough ? undefined : await this.#next();
      if (chunk === undefined) return { head, isAll: !isEnough };
      const longer = new Uint8Array(head.length + chunk.length);
      longer.set(head);
      longer.set(chunk, head.length);
      head = longer;
    }
  }

  async #read(format: ForeignFormat, tape: ForeignTape, head: Uint8Array, isAll: boolean): Promise<void> {
    const reader = format.reader(tape);
    const cut = cutter(format.cut, {
      maxBytes: MAX_PIECE_BYTES,
      onPiece: (piece) => reader.read(piece),
      onDamage: (place, why, length) => tape.damage(place, why, length),
    });
    for (
      let chunk: Uint8Array | undefined = head;
      chunk !== undefined;
      chunk = isAll ? undefined : await this.#next()
    ) {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        cut.push(chunk.subarray(at, at + SLICE_BYTES));
        await tape.start();
        await tape.ready();
      }
      this.#options.onProgress?.(this.#bytes);
    }
    // What lacks its end because somebody has ended it is no damage.
    if (this.#options.signal?.aborted) return;
    cut.end();
    reader.end?.();
    await tape.start();
    await tape.ready();
  }

  /** The next bytes; undefined where there are no more, or none are wanted. */
  async #next(): Promise<Uint8Array | undefined> {
    const { signal } = this.#options;
    if (signal?.aborted) return undefined;
    const { done, value: chunk } = await this.#reader.read();
    if (done || signal?.aborted) return undefined;
    if (!isBytes(chunk)) throw wrongChunk("convert a recording", "Uint8Array chunks", chunk);
    this.#bytes += chunk.length;
    return chunk;
  }

  #nothingIn(format: ForeignFormat, { counts }: ForeignTape): TapeError {
    const notes = counts.notes(undefined).filter((note) => /^left out|could not be read/.test(note));
    const why = notes.length === 0 ? "" : ` (${notes.join("; ")})`;
    return new TapeError(
      "invalid_argument",
      `Cannot convert ${this.#name}: there is no message in ${format.title}${why}`,
    );
  }
}
