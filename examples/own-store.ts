// A store of your own, and the suite that tells whether it keeps its promises. This one keeps tapes in a Map; put the calls
// of your database in its place.
//
//   npx tsx examples/own-store.ts
//   bun examples/own-store.ts
//   deno run examples/own-store.ts

// deno-lint-ignore-file require-await -- the calls of a database would wait
import { type Bytes, TapeError, TapeSink, tapeSource, type TapeStore } from "tapeline";
import { testStore } from "tapeline/testing";

/** An object in its present life: another one of the same key is another object. */
interface Stored {
  bytes: Bytes;
  modifiedMs: number;
  isLocked: boolean;
}

function mapStore(): TapeStore {
  const objects = new Map<string, Stored>();
  const made = (bytes: Bytes): Stored => ({ bytes, modifiedMs: Date.now(), isLocked: false });

  return {
    async openSink(key, { mode = "create" } = {}) {
      const found = objects.get(key);
      if (mode === "append" && found === undefined) {
        throw new TapeError("tape_not_found", `Cannot append to ${key}: there is no such tape`);
      }
      if (found?.isLocked) throw new TapeError("locked", `Cannot write ${key}: another writer has it`);
      if (mode === "create" && found !== undefined) {
        throw new TapeError("invalid_argument", `Cannot create ${key}: it exists already`);
      }
      const tape = found ?? made(new Uint8Array());
      objects.set(key, tape);
      tape.isLocked = true;
      let isOpen = true;
      const abort = async () => {
        tape.isLocked = isOpen = false;
      };
      const check = async () => {
        const now = objects.get(key);
        if (!isOpen) throw new TapeError("closed", `Cannot write ${key}: its writer has let go of it`);
        if (now === undefined) throw new TapeError("tape_not_found", `Cannot write ${key}: it was deleted`);
        if (now !== tape) throw new TapeError("invalid_tape", `Cannot write ${key}: it was replaced by another`);
      };
      return new TapeSink({
        async open() {},
        get offset() {
          return tape.bytes.length;
        },
        async write(chunks) {
          await check();
          tape.bytes = new Uint8Array(await new Blob([tape.bytes, ...chunks as Bytes[]]).arrayBuffer());
          tape.modifiedMs = Date.now();
        },
        async truncate(offset) {
          tape.bytes = tape.bytes.slice(0, offset);
        },
        check,
        sync: check,
        close: () => check().finally(abort),
        abort,
      });
    },
    openSource(key, options) {
      let tape: Stored | undefined;
      return tapeSource(key, {
        async read(offset, length) {
          tape ??= objects.get(key);
          if (tape === undefined) throw new TapeError("tape_not_found", `Cannot read ${key}: there is no such tape`);
          return offset < tape.bytes.length ? tape.bytes.slice(offset, offset + length) : undefined;
        },
        async fate() {
          const now = objects.get(key);
          return now === undefined ? "deleted" : now === tape ? now.bytes.length : "replaced";
        },
      }, options);
    },
    size: async (key) => objects.get(key)?.bytes.length,
    get: async (key) => objects.get(key)?.bytes.slice(),
    put: async (key, bytes) => void objects.set(key, made(new Uint8Array(bytes))),
    async *list() {
      for (const [key, { bytes, modifiedMs }] of [...objects]) yield { key, size: bytes.length, modifiedMs };
    },
    delete: async (key) => objects.delete(key),
  };
}

const { passed } = await testStore("mapStore()", mapStore);
console.log(`mapStore() keeps all ${passed} promises of a store`);
