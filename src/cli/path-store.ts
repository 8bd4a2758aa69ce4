import * as fs from "node:fs/promises";
import { TapeError } from "../errors.ts";
import { codeOf, ioError } from "../sinks/file-error.ts";
import { fileSource } from "../sources/file.ts";
import type { TapeStore } from "../stores/store.ts";

/**
 * A store for reading one tape, whatever its file is called: names with spaces or dots, or without `.jsonl`, are no keys
 * of a `fileStore`. In here the tape goes by `tapeId`; its metadata are looked for beside it.
 */
export function pathStore(path: string, tapeId: string): TapeStore {
  const stem = path.replace(/\.jsonl$/, "");
  const pathOf = (key: string) => key === `${tapeId}.jsonl` ? path : stem + key.slice(tapeId.length);
  const readOnly = () =>
    Promise.reject(new TapeError("invalid_argument", `Cannot write ${path}: it was opened for reading`));

  return {
    openSink: readOnly,
    put: readOnly,
    delete: readOnly,
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
