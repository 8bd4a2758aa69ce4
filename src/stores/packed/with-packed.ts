import { type Bytes, concat } from "../../bytes/bytes.ts";
import { isTapeError, printable, TapeError, type TapeErrorCode } from "../../errors.ts";
import { orElse } from "../../sources/tape-source.ts";
import { type OpenSourceOptions, source } from "../../streams/source.ts";
import type { StoreEntry, TapeStore } from "../store.ts";
import type { PackedObject, PackedObjects } from "./packed-objects.ts";

/** The keys that a packed tape answers for. */
const KEY = /^([A-Za-z0-9_-]{1,128})(\.jsonl|\.meta\.json|\.index)$/;

const PACKED_KEY = /^([A-Za-z0-9_-]{1,128})\.jsonl\.zst$/;

const ENDINGS = [".jsonl", ".meta.json", ".index"] as const;

/**
 * A store that reads packed tapes as well: one that holds `demo.jsonl.zst` and no `demo.jsonl` answers as if it held the
 * plain tape, its metadata and its index. Such a tape is read only, but can be deleted. The stores of this library do so
 * by themselves; this is for a store of your own. Where there are no packed tapes, none of the code for them is loaded.
 *
 * @example
 * ```ts
 * import type { TapeStore } from "tapeline";
 * import { withPacked } from "tapeline/zstd";
 *
 * const openMine = (mine: TapeStore): TapeStore => withPacked(mine);
 * console.log(typeof openMine);
 * ```
 */
export function withPacked(store: TapeStore): TapeStore {
  const packed = new PackedReading(store);
  return {
    ...store,
    async openSink(key, options) {
      if (options?.mode !== "append") await packed.refuse("create", key, "invalid_argument");
      try {
        return await store.openSink(key, options);
      } catch (error) {
        // Only where there is no plain tape it is looked for a packed one.
        if (isTapeError(error, "tape_not_found")) await packed.refuse("append to", key, "tape_not_found");
        throw error;
      }
    },
    openSource(key, options) {
      const stream = store.openSource(key, options);
      return KEY.test(key) ? orElse(stream, (options) => packed.openSource(key, options), options) : stream;
    },
    size: async (key) => await store.size(key) ?? (await packed.find(key))?.size,
    get: async (key) => await store.get(key) ?? await packed.get(key),
    list: (wants) => packed.list(wants),
    delete: async (key) => await store.delete(key) || key.endsWith(ENDINGS[0]) && await store.delete(`${key}.zst`),
  };
}

/** A store of which nothing is left but what is packed: a plain tape that stands beside it is another one. */
export function packedOnly(store: TapeStore): TapeStore {
  const isHidden = (key: string) => !PACKED_KEY.test(key);
  const missing = (key: string) =>
    new TapeError("tape_not_found", `Cannot read ${printable(key)}: there is no such tape`);
  return {
    ...store,
    openSink: (key, options) => isHidden(key) ? Promise.reject(missing(key)) : store.openSink(key, options),
    openSource: (key, options) =>
      isHidden(key) ? source<Bytes>({ pull: () => Promise.reject(missing(key)) }) : store.openSource(key, options),
    size: async (key) => isHidden(key) ? undefined : await store.size(key),
    get: async (key) => isHidden(key) ? undefined : await store.get(key),
    put: (key, bytes) => isHidden(key) ? Promise.reject(missing(key)) : store.put(key, bytes),
    delete: async (key) => !isHidden(key) && await store.delete(key),
  };
}

/** The packed tapes of a store. */
class PackedReading {
  readonly #store: TapeStore;
  #objects: Promise<PackedObjects> | undefined;

  constructor(store: TapeStore) {
    this.#store = store;
  }

  /** What a packed tape has under a key, if there is one, and no plain tape. */
  async find(key: string): Promise<PackedObject | undefined> {
    const [, tapeId, ending] = KEY.exec(key) ?? [];
    if (tapeId === undefined || !await this.#isPacked(tapeId)) return undefined;
    return await (await this.#load()).find(tapeId, ending!);
  }

  async openSource(key: string, options: OpenSourceOptions): Promise<ReadableStream<Bytes> | undefined> {
    return await (await this.find(key))?.open(options);
  }

  async get(key: string): Promise<Bytes | undefined> {
    const stream = await this.openSource(key, {});
    if (stream === undefined) return undefined;
    const chunks: Bytes[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return concat(chunks);
  }

  /** Refuses to write what a packed tape answers for. Where nobody can tell, writing tells. */
  async refuse(act: string, key: string, code: TapeErrorCode): Promise<void> {
    const [, tapeId] = KEY.exec(key) ?? [];
    if (tapeId === undefined || !await this.#isPacked(tapeId).catch(() => false)) return;
    const file = printable(`${tapeId}.jsonl.zst`);
    throw new TapeError(
      code,
      `Cannot ${act} ${key}: the tape is packed in ${file}, which is read only; unpack it with "tapeline decompress"`,
    );
  }

  /** All keys: those that packed tapes answer for in place of theirs. */
  async *list(wants: (key: string) => boolean = () => true): AsyncGenerator<StoreEntry> {
    const packed: StoreEntry[] = [];
    const isWanted = (key: string) => {
      const [, tapeId] = PACKED_KEY.exec(key) ?? [];
      return wants(key) || tapeId !== undefined && ENDINGS.some((ending) => wants(tapeId + ending));
    };
    for await (const entry of this.#store.list(isWanted)) {
      if (PACKED_KEY.test(entry.key)) packed.push(entry);
      else yield entry;
    }
    for (const entry of packed) {
      const [, tapeId] = PACKED_KEY.exec(entry.key)!;
      if (await this.#store.size(`${tapeId}.jsonl`) !== undefined) {
        // Beside the plain tape it is nothing but a file.
        if (wants(entry.key)) yield entry;
        continue;
      }
      for (const ending of ENDINGS) {
        const key = tapeId + ending;
        if (!wants(key)) continue;
        const size = await this.#sizeOf(tapeId!, ending, entry.size);
        if (size !== undefined) yield { key, size, modifiedMs: entry.modifiedMs };
      }
    }
  }

  /** The size of what a packed tape answers for; of a damaged one, which is a tape none the less, that of its file. */
  async #sizeOf(tapeId: string, ending: string, fileSize: number): Promise<number | undefined> {
    try {
      return (await (await this.#load()).find(tapeId, ending))?.size;
    } catch {
      return ending === ".jsonl" ? fileSize : undefined;
    }
  }

  async #isPacked(tapeId: string): Promise<boolean> {
    const tape = `${tapeId}.jsonl`;
    return await this.#store.size(`${tape}.zst`) !== undefined && await this.#store.size(tape) === undefined;
  }

  #load(): Promise<PackedObjects> {
    return this.#objects ??= import("./packed-objects.ts").then(({ PackedObjects }) => new PackedObjects(this.#store));
  }
}
