import { constants } from "node:fs";
import { printable, TapeError } from "../../errors.ts";
import { codeOf } from "./file-error.ts";
import type { LockHolder } from "./file-holder.ts";
import { type FileSystem, systemFiles } from "./file-system.ts";
import type { FileHandle } from "./file-handle.ts";
import type { WriterState } from "../../streams/sink.ts";

/** A lock that is being written is taken for held for so long; after that its writer must have died. */
const WRITING_MS = 5_000;

const NONCE = /^[0-9a-f-]{36}$/;

/** Locks that this process gave back and could not remove: until it ends they stand in the way of others, not in its own. */
const givenBack = new Set<string>();

/**
 * A lock file beside a tape. It counts only as long as the process that made it lives: what a killed one left behind is
 * taken over by the next.
 */
export class FileLock {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #holder: LockHolder;

  private constructor(files: FileSystem, path: string, holder: LockHolder) {
    this.#files = files;
    this.#path = path;
    this.#holder = holder;
  }

  /**
   * Takes the lock.
   *
   * @throws {TapeError} code `locked`: a living process holds it
   */
  static async acquire(path: string, what: string, files: FileSystem = systemFiles): Promise<FileLock> {
    const nonce = files.randomUuid();
    const mine: LockHolder = { ...await files.thisProcess(), nonce };
    for (;;) {
      if (await create(files, path, JSON.stringify(mine))) return new FileLock(files, path, mine);
      const text = await readIfThere(files, path);
      if (text === undefined) continue;
      const holder = parseHolder(text);
      if (!await isDead(files, path, holder)) throw lockedBy(what, path, holder);
      await takeAway(files, path, text, what);
    }
  }

  /** Whether it still holds, as far as can be told. One that somebody has removed is taken again where nobody else has it. */
  async isHeld(): Promise<boolean> {
    try {
      const text = await readIfThere(this.#files, this.#path);
      if (text === undefined) return await create(this.#files, this.#path, JSON.stringify(this.#holder));
      return parseHolder(text)?.nonce === this.#holder.nonce;
    } catch {
      return true;
    }
  }

  /**
   * Gives the lock back, unless it was taken over meanwhile. Where the disk fails, its file stays, and other processes
   * find the tape locked until this one has ended.
   *
   * @param keepAs the path under which its file stays; by default it is removed
   */
  async release(keepAs?: string): Promise<void> {
    try {
      const text = await readIfThere(this.#files, this.#path);
      if (text === undefined || parseHolder(text)?.nonce !== this.#holder.nonce) return;
      if (keepAs === undefined) await remove(this.#files, this.#path);
      else await this.#files.rename(this.#path, keepAs);
    } catch {
      givenBack.add(this.#holder.nonce);
    }
  }
}

/**
 * Who writes a file, as its lock tells: a lock that is just being written, or is of another host, tells nothing.
 *
 * @param path of the file
 */
export async function writerOf(path: string, files: FileSystem = systemFiles): Promise<WriterState> {
  const lock = `${path}.lock`;
  try {
    const text = await readIfThere(files, lock);
    if (text === undefined) return "none";
    const holder = parseHolder(text);
    if (await isDead(files, lock, holder)) return holder !== undefined && givenBack.has(holder.nonce) ? "none" : "gone";
    const { host } = await files.thisProcess();
    const isHere = holder !== undefined && (holder.host === null || host === null || holder.host === host);
    return isHere ? "alive" : "unknown";
  } catch {
    return "unknown";
  }
}

async function create(files: FileSystem, path: string, content: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    await file.writeFile(content);
  } catch (error) {
    // On a full disk a lock that names nobody would be left behind.
    await remove(files, path);
    throw error;
  } finally {
    await file.close();
  }
  return true;
}

/**
 * Removes a dead holder's lock, and no other. Several processes may find it dead, and the slower one must not remove the
 * lock of the faster: so this takes a lock of its own, named after the dead one, under which it looks again.
 */
async function takeAway(files: FileSystem, path: string, deadText: string, what: string): Promise<void> {
  const guard = await FileLock.acquire(`${path}.${parseHolder(deadText)?.nonce ?? "broken"}`, what, files);
  try {
    const text = await readIfThere(files, path);
    if (text === deadText && await isDead(files, path, parseHolder(text))) await remove(files, path);
  } finally {
    await guard.release();
  }
}

async function remove(files: FileSystem, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

async function readIfThere(files: FileSystem, path: string): Promise<string | undefined> {
  try {
    const { O_RDONLY, O_NOFOLLOW = 0 } = constants;
    return new TextDecoder().decode(await files.readFile(path, { flag: O_RDONLY | O_NOFOLLOW }));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const { pid, started, host, nonce } = JSON.parse(text) as Record<string, unknown>;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined;
    if (typeof nonce !== "string" || !NONCE.test(nonce)) return undefined;
    return {
      pid: pid as number,
      started: typeof started === "string" ? started : null,
      host: typeof host === "string" ? host : null,
      nonce,
    };
  } catch {
    return undefined;
  }
}

async function isDead(files: FileSystem, path: string, holder: LockHolder | undefined): Promise<boolean> {
  if (holder === undefined) return !await isFresh(files, path);
  return givenBack.has(holder.nonce) || !await files.mayLive(holder);
}

async function isFresh(files: FileSystem, path: string): Promise<boolean> {
  try {
    return Math.abs(files.now() - (await files.stat(path)).mtimeMs) < WRITING_MS;
  } catch {
    return false;
  }
}

function lockedBy(what: string, path: string, holder: LockHolder | undefined): TapeError {
  const who = holder === undefined
    ? "another writer is just opening it"
    : `process ${holder.pid}${holder.host === null ? "" : ` on ${printable(holder.host)}`} is writing it`;
  return new TapeError("locked", `Cannot write ${what}: ${who} (lock file ${printable(path, 4096)})`);
}
