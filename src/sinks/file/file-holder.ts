import * as fs from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { codeOf } from "./file-error.ts";

/** Who holds a tape, as it stands in the lock file. */
export interface LockHolder {
  readonly pid: number;
  /** When that process started, in clock ticks since boot: tells it from a later one with the same number. */
  readonly started: string | null;
  readonly host: string | null;
  /** Tells this taking of the lock from any other. */
  readonly nonce: string;
}

/** This process, as the holder of a lock. */
export async function thisProcess(): Promise<Omit<LockHolder, "nonce">> {
  return { pid: process.pid, started: await startOf(process.pid) ?? null, host: hostName() };
}

/** Whether the holder may still write. In doubt (another host, no permission to look) it does. */
export async function mayLive(holder: LockHolder): Promise<boolean> {
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

/** Whether that may be read without a question to the person at the terminal. */
export function mayRead(path: string): boolean {
  return isPermitted({ name: "read", path });
}

/** On Deno, whether we may do that without asking the person at the terminal: a lock is not worth a question. */
function isPermitted(permission: { name: string; path?: string; kind?: string }): boolean {
  const { Deno } = globalThis as {
    Deno?: { permissions: { querySync(permission: object): { state: string } } };
  };
  return Deno === undefined || Deno.permissions.querySync(permission).state === "granted";
}
