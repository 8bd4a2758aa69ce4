import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import { printable, TapeError } from "../../errors.ts";
import { codeOf, ioError } from "../../sinks/file/file-error.ts";
import { writerOf } from "../../sinks/file/file-lock.ts";
import { fileSink } from "../../sinks/file/file.ts";
import { fileSource } from "../../sources/file/file.ts";
import { packedOnly, withPacked } from "../../stores/packed/with-packed.ts";
import type { TapeStore } from "../../stores/store.ts";

const MAX_PATH = 4096;
/** How the name of a tape ends, packed or not. */
const ENDING = /\.jsonl(\.zst)?$/;

/** Whether a path is that of a packed tape. */
export function isPackedPath(path: string): boolean {
  return path.endsWith(".jsonl.zst");
}

/** The path of a tape without its ending. */
export function stemOf(path: string): string {
  return path.replace(ENDING, "");
}

/**
 * Where the store of one tape puts what: the tape at its path, what belongs to it beside it under the same name, and
 * anything else in the same folder.
 */
export function pathInStore(path: string, tapeId: string): (key: string) => string {
  const stem = stemOf(path);
  return (key) => {
    if (key === `${tapeId}.jsonl` || isPackedPath(path) && key === `${tapeId}.jsonl.zst`) return path;
    return key.startsWith(tapeId) ? stem + key.slice(tapeId.length) : join(dirname(path), key);
  };
}

/**
 * The tape whose metadata and index are called as those of `path` would be: that of `bad` are those of `bad.jsonl`, where
 * there is such a file, which is the more usual name for a tape. Undefined where they are its own.
 */
export async function namesakeOf(path: string): Promise<string | undefined> {
  if (path.endsWith(".jsonl")) return undefined;
  const other = `${path}.jsonl`;
  const theirs = await ifThere(other, () => fs.stat(other));
  if (theirs?.isFile() !== true) return undefined;
  const own = await ifThere(path, () => fs.stat(path));
  return own?.dev === theirs.dev && own.ino === theirs.ino ? undefined : other;
}

/**
 * A store for one tape and what belongs to it, whatever its file is called: names with spaces or dots, or without
 * `.jsonl`, are no keys of a `fileStore`. In here the tape goes by `tapeId`. What belongs to its namesake is not there for
 * it, and is never written.
 */
export function pathStore(path: string, tapeId: string): TapeStore {
  return isPackedPath(path)
    ? packedPathStore(path, tapeId)
    : storeOf(path, pathInStore(path, tapeId), `${tapeId}.jsonl`);
}

/** As {@linkcode pathStore}, for a packed tape. It is read also where the plain one stands beside it. */
export function packedPathStore(path: string, tapeId: string): TapeStore {
  return withPacked(packedOnly(storeOf(path, () => path, `${tapeId}.jsonl.zst`)));
}

function storeOf(path: string, pathOf: (key: string) => string, tapeKey: string): TapeStore {
  const ownerOf = async (key: string) => key === tapeKey ? undefined : await namesakeOf(path);
  const checkOwn = async (key: string) => {
    const owner = await ownerOf(key);
    if (owner === undefined) return;
    const [file, other] = [pathOf(key), owner].map((path) => printable(path, MAX_PATH));
    throw new TapeError(
      "invalid_argument",
      `Cannot write what belongs to ${printable(path, MAX_PATH)}: ${file} is that of ${other}`,
    );
  };
  return {
    async openSink(key, { mode = "create" } = {}) {
      await checkOwn(key);
      const sink = fileSink(pathOf(key), { mode });
      await sink.open();
      return sink;
    },
    async put(key, bytes) {
      await checkOwn(key);
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
      if (await ownerOf(key) !== undefined) return false;
      return await ifThere(key, () => fs.unlink(pathOf(key)).then(() => true)) ?? false;
    },
    writerOf: (key) => writerOf(pathOf(key)),
    openSource: (key, options) => fileSource(pathOf(key), options),
    async size(key) {
      if (await ownerOf(key) !== undefined) return undefined;
      return (await ifThere(key, () => fs.stat(pathOf(key))))?.size;
    },
    async get(key) {
      if (await ownerOf(key) !== undefined) return undefined;
      return await ifThere(key, () => fs.readFile(pathOf(key)));
    },
    async *list() {
      const stat = await fs.stat(path);
      yield { key: tapeKey, size: stat.size, modifiedMs: stat.mtimeMs };
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
