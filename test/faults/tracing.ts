import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { thisRuntime } from "../helpers/child.ts";
import type { Runtime } from "../helpers/runtime.ts";
import { within } from "../helpers/within.ts";

/** System calls that do the same, by what they do. */
export const CALLS = {
  write: "write,pwrite64,writev,pwritev,pwritev2",
  read: "read,pread64,readv,preadv,preadv2",
  sync: "fsync,fdatasync",
  rename: "rename,renameat,renameat2",
  open: "open,openat",
  truncate: "ftruncate",
  remove: "unlink,unlinkat",
} as const;

let why: { readonly reason: string | undefined } | undefined;

/** Why no system call can be made to fail here; undefined if it can. */
export function whyNoTracing(): string | undefined {
  why ??= { reason: probe() };
  return why.reason;
}

function probe(): string | undefined {
  const args = ["-f", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"];
  const { status, stderr, error } = spawnSync("strace", args, { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? undefined : `strace does not work here (${(error?.message ?? stderr).trim()})`;
}

/** This runtime with one thread for its files, where it lets itself be told: each thread's calls are counted apart. */
export function oneThread(): Runtime {
  const runtime = thisRuntime();
  return { ...runtime, command: ["env", "UV_THREADPOOL_SIZE=1", ...runtime.command] };
}

/**
 * Runs `body` while system calls of a process fail, or take their time, where they concern one of these paths.
 *
 * @param faults as behind strace's `-e inject=`, such as `fsync:error=EIO:when=2`
 * @returns what `body` gave, and how many calls were tampered with
 */
export async function whileFailing<T>(
  pid: number,
  paths: readonly string[],
  faults: readonly string[],
  body: () => Promise<T>,
): Promise<{ readonly value: T; readonly injected: number }> {
  const log = join(tmpdir(), `tapeline-strace-${crypto.randomUUID()}`);
  const traced = faults.map((fault) => fault.split(":")[0]).join();
  const args = ["-f", "-p", String(pid), "-o", log, "-e", `trace=${traced}`, "-e", "signal=none"];
  for (const path of paths) args.push("-P", path);
  for (const fault of faults) args.push("-e", `inject=${fault}`);
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  try {
    const ended = new Promise<void>((resolve) => strace.once("close", () => resolve()));
    await within(
      new Promise<void>((resolve, reject) => {
        let said = "";
        strace.on("error", reject);
        strace.stderr.setEncoding("utf8").on("data", (text) => {
          said += text;
          if (/ attached/.test(said)) resolve();
        });
        ended.then(() => reject(new Error(`strace could not attach: ${said}`)));
      }),
      "strace to attach",
    );
    const value = await body();
    // Of a process that is dead there is nothing to let go of, and strace may wait for it for ever.
    strace.kill(isAlive(pid) ? "SIGINT" : "SIGKILL");
    await within(ended, `strace to detach (${faults})`);
    return { value, injected: readFileSync(log, "latin1").match(/\((INJECTED|DELAYED)\)/g)?.length ?? 0 };
  } finally {
    strace.kill("SIGKILL");
    await rm(log, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
