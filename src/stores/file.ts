import { checkPath } from "../arguments.ts";
import { constants } from "node:fs";
import { join, resolve } from "node:path";
import { printable, TapeError } from "../errors.ts";
import { codeOf, ioError } from "../sinks/file/file-error.ts";
import { FileLock, writerOf } from "../sinks/file/file-lock.ts";
import { markOf } from "../sinks/file/file-proof.ts";
import { type FileSystem, READ_AT_ONCE, systemFiles } from "../sinks/file/file-system.ts";
import { makeFolder, syncFolder } from "../sinks/file/file-folder.ts";
import { fileSinkIn } from "../sinks/file/file.ts";
import { fileSourceIn } from "../sources/file/file.ts";
import { withPacked } from "./packed/with-packed.ts";
import type { StoreEntry, TapeStore } from "./store.ts";
import { knowPlaces } from "./tape-place.ts";
import type { OpenSourceOptions } from "../streams/source.ts";
import { checkOpenSink, type OpenSinkOptions } from "../streams/sink.ts";

/**
 * Names a store puts files under: a tape id and an ending. Nothing that leads out of the folder, nothing hidden, and not
 * the locks and marks that stand beside the tapes.
 */
const KEY = /^[A-Za-z0-9_-]{1,128}(\.[a-z]+){1,2}(?<!\.lock|\.unproven)$/;

/**
 * Tapes in a folder, a file for each key. The folder is made when the first tape is (mode 0700); files have mode 0600.
 *
 * @throws {TapeError} code `invalid_argument`: `folder` is no text, or an empty one
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
  checkPath("open a store", "folder", folder);
  return fileStoreIn(systemFiles, folder);
}

/** As {@linkcode fileStore}, in files of any kind. */
export function fileStoreIn(files: FileSystem, folder: string): TapeStore {
  const pathOf = (key: string) => {
    if (!KEY.test(key)) {
      throw new TapeError("invalid_argument", `Cannot use "${printable(key)}" as a key of a tape store`);
    }
    return join(folder, key);
  };

  const store: TapeStore = {
    async openSink(key: string, options: OpenSinkOptions = {}) {
      checkOpenSink(key, options);
      const sink = fileSinkIn(files, pathOf(key), { mode: options.mode ?? "create" });
      await sink.open();
      return sink;
    },

    openSource: (key: string, options: OpenSourceOptions = {}) => fileSourceIn(files, pathOf(key), options),

    async size(key) {
      try {
        return (await files.stat(pathOf(key))).size;
      } catch (error) {
        return absent(error, `Cannot look up ${key}`);
      }
    },

    async get(key) {
      try {
        return await files.readFile(pathOf(key), { flag: READ_AT_ONCE });
      } catch (error) {
        return absent(error, `Cannot read ${key}`);
      }
    },

    async put(key, bytes) {
      const path = pathOf(key);
      const draft = `${path}.${files.randomUuid()}.tmp`;
      try {
        await makeFolder(files, folder);
        await writeSynced(files, draft, bytes);
        await files.rename(draft, path);
        await syncFolder(files, folder);
      } catch (error) {
        await files.unlink(draft).catch(() => {});
        throw ioError(`Cannot write ${printable(path, 4096)}`, error);
      }
    },

    async *list(wants = () => true): AsyncGenerator<StoreEntry> {
      let names: string[];
      try {
        names = await files.readdir(folder);
      } catch (error) {
        return absent(error, `Cannot list ${printable(folder, 4096)}`);
      }
      for (const key of names) {
        if (!KEY.test(key) || !wants(key)) continue;
        try {
          const stat = await files.lstat(`${folder}/${key}`);
          if (stat.isFile()) yield { key, size: stat.size, modifiedMs: stat.mtimeMs };
        } catch (error) {
          // Deleted since the folder was read.
          absent(error, `Cannot look up ${key}`);
        }
      }
    },

    async delete(key) {
      const path = pathOf(key);
      const wasThere = await files.unlink(path).then(
        () => true,
        (error) => absent(error, `Cannot delete ${key}`) ?? false,
      );
      await files.unlink(markOf(path)).catch(() => {});
      await removeDeadLock(files, path);
      return wasThere;
    },

    writerOf: (key) => writerOf(pathOf(key), files),
  };
  return knowPlaces(withPacked(store), async (key) => {
    const path = resolve(pathOf(key));
    try {
      const { dev, ino } = await files.stat(path);
      return { within: files, name: `${path} ${dev} ${ino}` };
    } catch {
      // Whoever opens it is told why not.
      return undefined;
    }
  });
}

/** Undefined for a file that is not there; any other error is thrown. */
function absent(error: unknown, what: string): undefined {
  if (codeOf(error) !== "ENOENT") throw ioError(what, error);
}

/** The lock of a writer that has died stays beside a tape for the next one to find, and there is none any more. */
async function removeDeadLock(files: FileSystem, path: string): Promise<void> {
  try {
    if (await writerOf(path, files) === "gone") await (await FileLock.acquire(`${path}.lock`, path, files)).release();
  } catch {
    // Somebody has taken it, or it cannot be removed: it says of nothing that it is written.
  }
}

async function writeSynced(files: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
