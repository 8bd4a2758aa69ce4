import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, ioError } from "../../sinks/file/file-error.ts";
import { writerOf } from "../../sinks/file/file-lock.ts";
import { fileSink } from "../../sinks/file/file.ts";
import { fileSource } from "../../sources/file/file.ts";
import type { TapeStore } from "../../stores/store.ts";

/**
 * Where the store of one tape puts what: the tape at its path, what belongs to it beside it under the same name, and
 * anything else in the same folder.
 */
export function pathInStore(path: string, tapeId: string): (key: string) => string {
  const stem = path.replace(/\.jsonl$/, "");
  return (key) => {
    if (key === `${tapeId}.jsonl`) return path;
    return key.startsWith(tapeId) ? stem + key.slice(tapeId.length) : join(dirname(path), key);
  };
}

/**
 * A store for one tape and what belongs to it, whatever its file is called: names with spaces or dots, or without
 * `.jsonl`, are no keys of a `fileStore`. In here the tape goes by `tapeId`.
 */
export function pathStore(path: string, tapeId: string): TapeStore {
  const pathOf = pathInStore(path, tapeId);

  return {
    async openSink(key, { mode = "create" } = {}) {
      const sink = fileSink(pathOf(key), { mode });
      await sink.open();
      return sink;
    },
    async put(key, bytes) {
      const draft = `${pathOf(key)}.${crypto.randomUUID()}.tmp`;
      try {
        await fs.writeFile(draft, bytes, { flag: "wx", mode: 0o600, flush: true });
        await fs.rename(draft, pathOf(key));
      } catch (error) {
        await fs.rm(draft, { force: true });
        throw ioError(`Cannot write ${pathOf(key)}`, error);
      }
    },
    async delete(key) {
      return await ifThere(key, () => fs.unlink(pathOf(key)).then(() => true)) ?? false;
    },
    writerOf: (key) => writerOf(pathOf(key)),
    openSource: (key, options) => fileSource(pathOf(key), options),
    async size(key) {
      return (await ifThere(key, () => fs.stat(pathOf(key))))?.size;
    },
    get: (key) => ifThere(key, () => fs.readFile(pathOf(key))),
    async *list() {
      const stat = await fs.stat(path);
      yield { key: `${tapeId}.jsonl`, size: stat.size, modifiedMs: stat.mtimeMs };
    },
  };
}

async function ifThere<T>(key: string, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw ioError(`Cannot look up ${key}`, error);
  }
}
