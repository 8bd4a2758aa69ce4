import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { printable, TapeError } from "../errors.ts";

/** Who holds a tape, as it stands in the lock file. */
interface LockHolder {
  readonly pid: number;
  /** When that process started, in clock ticks since boot: tells it from a later one with the same number. */
  readonly started: string | null;
  readonly host: string | null;
  /** Tells this taking of the lock from any other. */
  readonly nonce: string;
}

/** A lock that is being written is taken for held for so long; after that its writer must have died. */
const WRITING_MS = 5_000;

const NONCE = /^[0-9a-f-]{36}$/;

/**
 * A lock file beside a tape. It counts only as long as the process that made it lives: what a killed one left behind is
 * taken over by the next.
 */
export class FileLock {
  readonly #path: string;
  readonly #nonce: string;

  private constructor(path: string, nonce: string) {
    this.#path = path;
    this.#nonce = nonce;
  }

  /**
   * Takes the lock.
   *
   * @throws {TapeError} code `locked`: a living process holds it
   */
  static async acquire(path: string, what: string): Promise<FileLock> {
    const nonce = crypto.randomUUID();
    const mine: LockHolder = { pid: process.pid, started: await startOf(process.pid) ?? null, host: hostName(), nonce };
    for (;;) {
      if (await create(path, JSON.stringify(mine))) return new FileLock(path, nonce);
      const text = await readIfThere(path);
      if (text === undefined) continue;
      const holder = parseHolder(text);
      if (!await isDead(path, holder)) throw lockedBy(what, path, holder);
      await takeAway(path, text, what);
    }
  }

  /** Gives the lock back, unless it was taken over meanwhile. */
  async release(): Promise<void> {
    const text = await readIfThere(this.#path);
    if (text !== undefined && parseHolder(text)?.nonce === this.#nonce) await fs.rm(this.#path, { force: true });
  }
}

async function create(path: string, content: string): Promise<boolean> {
  let file: fs.FileHandle;
  try {
    file = await fs.open(path, "wx", 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    await file.writeFile(content);
  } catch (error) {
    // On a full disk a lock that names nobody would be left behind.
    await fs.rm(path, { force: true });
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
async function takeAway(path: string, deadText: string, what: string): Promise<void> {
  const guard = await FileLock.acquire(`${path}.${parseHolder(deadText)?.nonce ?? "broken"}`, what);
  try {
    const text = await readIfThere(path);
    if (text === deadText && await isDead(path, parseHolder(text))) await fs.rm(path, { force: true });
  } finally {
    await guard.release();
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const { O_RDONLY, O_NOFOLLOW = 0 } = constants;
    return await fs.readFile(path, { encoding: "utf8", flag: O_RDONLY | O_NOFOLLOW });
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

async function isDead(path: string, holder: LockHolder | undefined): Promise<boolean> {
  return holder === undefined ? !await isFresh(path) : !await isAlive(holder);
}

async function isFresh(path: string): Promise<boolean> {
  try {
    return Math.abs(Date.now() - (await fs.stat(path)).mtimeMs) < WRITING_MS;
  } catch {
    return false;
  }
}

/** Whether the holder may still write. In doubt (another host, no permission to look) it does. */
async function isAlive(holder: LockHolder): Promise<boolean> {
  const host = hostName();
  if (holder.host !== null && host !== null && holder.host !== host) return true;
  if (!isPermitted({ name: "run" })) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const started = await startOf(holder.pid);
  return started === undefined || holder.started === null || started === holder.started;
}

/** When a process started, from Linux's `/proc`; undefined where that cannot be told. */
async function startOf(pid: number): Promise<string | undefined> {
  if (!isPermitted({ name: "read", path: "/proc" })) return undefined;
  try {
    const stat = await fs.readFile(`/proc/${pid}/stat`, "latin1");
    // Field 22; the second one is the name in parentheses, which may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function hostName(): string | null {
  return isPermitted({ name: "sys", kind: "hostname" }) ? hostname() : null;
}

/** On Deno, whether we may do that without asking the person at the terminal: a lock is not worth a question. */
function isPermitted(permission: { name: string; path?: string; kind?: string }): boolean {
  const { Deno } = globalThis as {
    Deno?: { permissions: { querySync(permission: object): { state: string } } };
  };
  return Deno === undefined || Deno.permissions.querySync(permission).state === "granted";
}

function lockedBy(what: string, path: string, holder: LockHolder | undefined): TapeError {
  const who = holder === undefined
    ? "another writer is just opening it"
    : `process ${holder.pid}${holder.host === null ? "" : ` on ${printable(holder.host)}`} is writing it`;
  return new TapeError("locked", `Cannot write ${what}: ${who} (lock file ${printable(path, 4096)})`);
}

/** The system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
