import * as fs from "node:fs/promises";
import { join } from "node:path";
import { printable, TapeError } from "../errors.ts";
import { codeOf } from "../sinks/file-lock.ts";
import { fileSink, ioError, makeFolder, syncFolder } from "../sinks/file.ts";
import { fileSource } from "../sources/file.ts";
import type { OpenSinkOptions, OpenSourceOptions, StoreEntry, TapeStore } from "./store.ts";

/**
 * Names a store puts files under: a tape id and an ending. Nothing that leads out of the folder, nothing hidden, and not
 * the locks that stand beside the tapes.
 */
const KEY = /^[A-Za-z0-9_-]{1,128}(\.[a-z]+){1,2}(?<!\.lock)$/;

/**
 * Tapes in a folder, a file for each key. The folder is made when the first tape is (mode 0700); files have mode 0600.
 *
 * @example
 * ```ts
 * import { TapeManager } from "tapeline";
 * import { fileStore } from "tapeline/file";
 *
 * const manager = new TapeManager(fileStore("/tmp/tapeline-doc"));
 * for (const tape of await manager.list()) console.log(tape.tape_id, tape.status);
 * ```
 */
export function fileStore(folder: string): TapeStore {
  const pathOf = (key: string) => {
    if (!KEY.test(key)) {
      throw new TapeError("invalid_argument", `Cannot use "${printable(key)}" as a key of a tape store`);
    }
    return join(folder, key);
  };

  return {
    async openSink(key: string, options: OpenSinkOptions = {}) {
      const sink = fileSink(pathOf(key), { mode: options.mode ?? "create" });
      await sink.open();
      return sink;
    },

    openSource: (key: string, options?: OpenSourceOptions) => fileSource(pathOf(key), options),

    async size(key) {
      try {
        return (await fs.stat(pathOf(key))).size;
      } catch (error) {
        return absent(error, `Cannot look up ${key}`);
      }
    },

    async get(key) {
      try {
        return await fs.readFile(pathOf(key));
      } catch (error) {
        return absent(error, `Cannot read ${key}`);
      }
    },

    async put(key, bytes) {
      const path = pathOf(key);
      const draft = `${path}.${crypto.randomUUID()}.tmp`;
      try {
        await makeFolder(folder);
        await writeSynced(draft, bytes);
        await fs.rename(draft, path);
        await syncFolder(folder);
      } catch (error) {
        await fs.rm(draft, { force: true }).catch(() => {});
        throw ioError(`Cannot write ${printable(path, 4096)}`, error);
      }
    },

    async *list(): AsyncGenerator<StoreEntry> {
      let names: string[];
      try {
        names = await fs.readdir(folder);
      } catch (error) {
        return absent(error, `Cannot list ${printable(folder, 4096)}`);
      }
      for (const key of names) {
        if (!KEY.test(key)) continue;
        try {
          const stat = await fs.lstat(join(folder, key));
          if (stat.isFile()) yield { key, size: stat.size, modifiedMs: stat.mtimeMs };
        } catch (error) {
          // Deleted since the folder was read.
          absent(error, `Cannot look up ${key}`);
        }
      }
    },

    async delete(key) {
      try {
        await fs.unlink(pathOf(key));
        return true;
      } catch (error) {
        return absent(error, `Cannot delete ${key}`) ?? false;
      }
    },
  };
}

/** Undefined for a file that is not there; any other error is thrown. */
function absent(error: unknown, what: string): undefined {
  if (codeOf(error) !== "ENOENT") throw ioError(what, error);
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
