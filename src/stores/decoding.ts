import { TapeError } from "../errors.ts";
import { type CodedHead, codedHead, type LineDecoder, SEALED } from "../lines/coded-line.ts";
import { pipe } from "../streams/pipe.ts";
import { hold, type OpenSourceOptions, source } from "../streams/source.ts";
import { NONE } from "../streams/stage-spec.ts";
import { lineSplit } from "../transforms/line-split.ts";
import type { Bytes } from "../bytes/bytes.ts";
import type { TapeStore } from "./store.ts";
import type { TapeCoding } from "./tape-coding.ts";

/** Keys that open encrypted tapes. */
export interface LineKeys {
  /**
   * What decodes the sealed lines of a tape.
   *
   * @param inner decodes what was compressed before it was sealed
   * @throws {TapeError} code `invalid_argument`: none of the keys opens this tape
   */
  decoderOf(init: TapeCoding, inner: LineDecoder | undefined): Promise<LineDecoder>;
  /** Metadata as they were before they were sealed; those that are not sealed, or that no key opens, as they are. */
  openMetadata(bytes: Bytes): Promise<Bytes>;
  /** Metadata as they are kept beside a tape that is encrypted; others as they are. */
  sealMetadata(bytes: Uint8Array): Promise<Uint8Array>;
}

const META = ".meta.json";

/** The dictionary of a tape stands in its first bytes, so many at most. */
const MAX_DICTIONARY_END = 4 * 1024 * 1024;

/** The keys that come with a store, and what decodes the one tape that a store is a view of. */
const keysOf = new WeakMap<TapeStore, LineKeys>();
const decoders = new WeakMap<TapeStore, LineDecoder>();

/** The same store, for who has keys: all that is read of its encrypted tapes is read decrypted. */
export function withKeys(store: TapeStore, keys: LineKeys): TapeStore {
  const view = viewOf(store, (key, options) => store.openSource(key, options));
  view.get = async (key) => {
    const bytes = await store.get(key);
    return bytes === undefined || !key.endsWith(META) ? bytes : await keys.openMetadata(bytes);
  };
  view.put = async (key, bytes) => {
    await store.put(key, key.endsWith(META) ? await keys.sealMetadata(bytes) : bytes);
  };
  keysOf.set(view, keys);
  return view;
}

/** What decodes the lines that are read from this store; undefined where none is coded. */
export function decoderOf(store: TapeStore): LineDecoder | undefined {
  return decoders.get(store);
}

/**
 * The store as somebody sees it who reads one tape of it: {@linkcode decoderOf} knows what decodes its lines. The store itself where no
 * line of the tape is coded, going by its `init` record.
 *
 * @throws {TapeError} code `invalid_argument`: the tape is encrypted, and none of the keys at hand opens it; a package is missing
 */
export async function decoding(store: TapeStore, key: string, init: TapeCoding): Promise<TapeStore> {
  if (decoders.has(store)) return store;
  const decoder = await makeDecoder(keysOf.get(store), init);
  if (decoder === undefined) return store;
  const first = new FirstBytes(store, key, decoder);
  const view = viewOf(
    store,
    (name, options = {}) => name === key ? first.openBehind(options) : store.openSource(name, options),
  );
  decoders.set(view, decoder);
  return view;
}

/**
 * Refuses a store that {@linkcode decoding} has given where the tape is encrypted and nothing opens it: what were made of its lines would
 * hold nothing of them.
 *
 * @param what what cannot be done with it, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function checkUnlocked(what: string, store: TapeStore): void {
  if (decoderOf(store)?.isLocked !== true) return;
  const why = "it is encrypted, and no key is at hand; unlock() of tapeline/crypto gives a store that has one";
  throw new TapeError("invalid_argument", `Cannot ${what}: ${why}`);
}

async function makeDecoder(keys: LineKeys | undefined, init: TapeCoding): Promise<LineDecoder | undefined> {
  const { compression, encryption } = init;
  if (compression == null && encryption == null) return undefined;
  if (encryption != null && keys === undefined) return lockedDecoder;
  const inner = compression == null ? undefined : await zstdDecoder();
  return encryption == null ? inner : await keys!.decoderOf(init, inner);
}

/** Loaded for the first tape that needs it, and at hand for all that come later. */
let zstdLines: Promise<typeof import("../codecs/zstd/line-decoder.ts")> | undefined;

async function zstdDecoder(): Promise<LineDecoder> {
  const { loadLineDecoder } = await (zstdLines ??= import("../codecs/zstd/line-decoder.ts"));
  return await loadLineDecoder();
}

/** Without a key a sealed line is read as what it tells in plain. */
export const lockedDecoder: LineDecoder = {
  isLocked: true,
  decode(stored) {
    const head = codedHead(stored, 0, stored.length);
    return encoder.encode(JSON.stringify(head === undefined ? { type: SEALED } : sealedRecord(head)));
  },
};
const encoder = new TextEncoder();

function sealedRecord({ kind, seq, ts }: CodedHead): object {
  const flags = { is_invalid: true, is_sealed: true, is_undirected: true };
  if (kind === "frame") return { type: "frame", seq, ts, dir: "client_to_server", flags, env: { raw: "" } };
  return { type: SEALED, kind, ts };
}

/** Learns the dictionary of a tape before somebody reads from behind it on. */
class FirstBytes {
  readonly #store: TapeStore;
  readonly #key: string;
  readonly #decoder: LineDecoder;
  #readTo = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: TapeStore, key: string, decoder: LineDecoder) {
    this.#store = store;
    this.#key = key;
    this.#decoder = decoder;
  }

  openBehind(options: OpenSourceOptions): ReadableStream<Bytes> {
    const open = () => this.#store.openSource(this.#key, options);
    if (!this.#isMissing(options.start ?? 0)) return open();
    let chunks: ReturnType<typeof hold<Bytes>>["chunks"] | undefined;
    return source<Bytes>({
      pull: async () => {
        if (chunks === undefined) {
          await this.#learn(options.start ?? 0);
          chunks = hold(open()).chunks;
        }
        for (const taken: Bytes[] = [];;) {
          for (let chunk = chunks.take(); chunk !== NONE; chunk = chunks.take()) taken.push(chunk);
          if (taken.length > 0) return taken;
          if (!await chunks.fill()) return undefined;
        }
      },
      cancel: async (reason) => await chunks?.cancel(reason),
    });
  }

  #isMissing(start: number): boolean {
    return this.#decoder.lacksDictionary === true && this.#readTo < Math.min(start, MAX_DICTIONARY_END);
  }

  /** Reads what stands before a place, as far as nobody has. One after the other: each goes on where the one before it came to. */
  #learn(start: number): Promise<void> {
    const learned = this.#turn.then(async () => {
      if (!this.#isMissing(start)) return;
      const from = this.#readTo;
      const bytes = this.#store.openSource(this.#key, { start: from, end: MAX_DICTIONARY_END });
      const split = lineSplit({ offset: from, line: 0, onError: () => {}, decoder: this.#decoder });
      for await (const line of pipe(bytes, split)) {
        if (!line.terminated || line.offset >= start) break;
        this.#readTo = line.nextOffset;
        if (this.#decoder.lacksDictionary !== true) break;
      }
      if (this.#readTo < start) this.#readTo = Math.max(this.#readTo, Math.min(start, MAX_DICTIONARY_END));
    });
    this.#turn = learned.catch(() => {});
    return learned;
  }
}

function viewOf(store: TapeStore, openSource: TapeStore["openSource"]): TapeStore {
  const view: TapeStore = {
    openSink: (key, options) => store.openSink(key, options),
    openSource,
    size: (key) => store.size(key),
    get: (key) => store.get(key),
    put: (key, bytes) => store.put(key, bytes),
    list: (wants) => store.list(wants),
    delete: (key) => store.delete(key),
  };
  if (store.writerOf !== undefined) view.writerOf = (key) => store.writerOf!(key);
  return view;
}
