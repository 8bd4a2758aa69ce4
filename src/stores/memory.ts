import type { Bytes } from "../bytes/bytes.ts";
import { TapeError } from "../errors.ts";
import { checkOpenSink, TapeSink, type TapeSinkSpec } from "../streams/sink.ts";
import { tapeSource } from "../sources/tape-source.ts";
import { withPacked } from "./packed/with-packed.ts";
import type { TapeStore } from "./store.ts";
import { knowPlaces } from "./tape-place.ts";
import type { OpenSourceOptions } from "../streams/source.ts";
import type { OpenSinkOptions } from "../streams/sink.ts";

/** One object: its bytes, who writes it, and who waits for more. */
interface MemoryObject {
  /** The first `size` bytes are the object's; behind them is room to grow. */
  buffer: Bytes;
  size: number;
  modifiedMs: number;
  writer: MemoryTape | undefined;
  readonly waiting: Set<() => void>;
}

/**
 * Tapes in memory: for tests, and for sessions that are looked at and forgotten.
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeReader, StreamingTapeWriter } from "tapeline";
 *
 * const store = memoryStore();
 * const writer = await StreamingTapeWriter.create(store, { sessionId: "test" });
 * await writer.writeFrame({ message: { id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.finalize();
 * const reader = await StreamingTapeReader.open(store, writer.tapeId);
 * for await (const frame of reader.frames()) console.log(frame.seq, frame.env.message);
 * ```
 */
export function memoryStore(): TapeStore {
  const objects = new Map<string, MemoryObject>();

  const place = (key: string, content: Uint8Array): MemoryObject => {
    const { writer, waiting = new Set<() => void>() } = objects.get(key) ?? {};
    const object = { buffer: content.slice(), size: content.length, modifiedMs: Date.now(), writer, waiting };
    objects.set(key, object);
    wake(object);
    return object;
  };

  const store: TapeStore = {
    async openSink(key: string, options: OpenSinkOptions = {}): Promise<TapeSink> {
      checkOpenSink(key, options);
      const existing = objects.get(key);
      if (options.mode === "append" && existing === undefined) {
        throw new TapeError("tape_not_found", `Cannot append to ${key}: there is no such tape`);
      }
      if (existing?.writer !== undefined) {
        throw new TapeError("locked", `Cannot write ${key}: another writer in this process holds it`);
      }
      if (options.mode !== "append" && existing !== undefined) {
        throw new TapeError("invalid_argument", `Cannot create ${key}: it exists already`);
      }
      const sink = new TapeSink(new MemoryTape(objects, key, existing ?? place(key, new Uint8Array(0))));
      await sink.open();
      return sink;
    },

    openSource(key: string, options?: OpenSourceOptions): ReadableStream<Bytes> {
      let held: MemoryObject | undefined;
      // deno-lint-ignore require-await -- an error shall become a rejection
      const read = async (offset: number, length: number) => {
        // A tape that was deleted, or replaced, is read to its end.
        const object = held ??= objects.get(key);
        if (object === undefined) throw new TapeError("tape_not_found", `Cannot read ${key}: there is no such tape`);
        const end = Math.min(offset + length, object.size);
        return offset < end ? object.buffer.slice(offset, end) : undefined;
      };
      // deno-lint-ignore require-await -- as above
      const fate = async () => {
        const current = objects.get(key);
        return current === undefined ? "deleted" : current === held ? current.size : "replaced";
      };
      const changed = (signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          const { waiting } = held ?? objects.get(key) ?? {};
          const goOn = () => {
            waiting?.delete(goOn);
            resolve();
          };
          waiting?.add(goOn);
          signal.addEventListener("abort", goOn, { once: true });
        });
      return tapeSource(key, { read, fate, changed }, options);
    },

    size: (key) => Promise.resolve(objects.get(key)?.size),

    get(key) {
      const object = objects.get(key);
      return Promise.resolve(object?.buffer.slice(0, object.size));
    },

    put(key, bytes) {
      place(key, bytes);
      return Promise.resolve();
    },

    async *list() {
      for (const [key, { size, modifiedMs }] of [...objects]) yield { key, size, modifiedMs };
    },

    delete(key) {
      const object = objects.get(key);
      if (object !== undefined) wake(object);
      return Promise.resolve(objects.delete(key));
    },

    writerOf: (key) => Promise.resolve(objects.get(key)?.writer === undefined ? "none" : "alive"),
  };
  return knowPlaces(withPacked(store), (key) => {
    const object = objects.get(key);
    return Promise.resolve(object && { within: object, name: "" });
  });
}

class MemoryTape implements TapeSinkSpec {
  readonly #objects: ReadonlyMap<string, MemoryObject>;
  readonly #key: string;
  readonly #object: MemoryObject;
  #isOpen = true;

  constructor(objects: ReadonlyMap<string, MemoryObject>, key: string, object: MemoryObject) {
    this.#objects = objects;
    this.#key = key;
    this.#object = object;
    object.writer = this;
  }

  get offset(): number {
    return this.#object.size;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  // deno-lint-ignore require-await -- an error shall become a rejection
  async check(): Promise<void> {
    this.#assertMine();
  }

  #assertMine(): void {
    if (!this.#isOpen) throw new TapeError("closed", `Cannot write ${this.#key}: the sink is closed`);
    const current = this.#objects.get(this.#key);
    if (current === this.#object) return;
    const [code, why] = current === undefined
      ? ["tape_not_found", "it was deleted"] as const
      : ["invalid_tape", "it was replaced by another"] as const;
    const { offset } = this;
    throw new TapeError(code, `Cannot write ${this.#key} at byte ${offset}: ${why}`, { offset });
  }

  // deno-lint-ignore require-await -- an error shall become a rejection
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    this.#assertMine();
    const object = this.#object;
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, object.size);
    if (size > object.buffer.length) {
      const grown = new Uint8Array(Math.max(size, 2 * object.buffer.length));
      grown.set(object.buffer.subarray(0, object.size));
      object.buffer = grown;
    }
    for (const chunk of chunks) {
      object.buffer.set(chunk, object.size);
      object.size += chunk.length;
    }
    object.modifiedMs = Date.now();
    wake(object);
  }

  async truncate(offset: number): Promise<void> {
    await this.check();
    this.#object.size = offset;
    wake(this.#object);
  }

  sync(): Promise<void> {
    return this.check();
  }

  async close(): Promise<void> {
    try {
      if (this.#isOpen) await this.check();
    } finally {
      await this.abort();
    }
  }

  abort(): Promise<void> {
    this.#isOpen = false;
    const current = this.#objects.get(this.#key);
    // What took the tape's place meanwhile may have a writer of its own.
    if (current?.writer === this) current.writer = undefined;
    return Promise.resolve();
  }
}

/** Lets all who wait look at the object again, once whoever calls this has changed it. */
function wake(object: MemoryObject): void {
  for (const goOn of object.waiting) goOn();
}
