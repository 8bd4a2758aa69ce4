import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { inScratch } from "../helpers/scratch.ts";
import { eventually } from "../helpers/within.ts";

/** Runs a program and gives what is wrong with it; undefined if it ended well. */
export function failureOf(program: string, ...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? undefined : `${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`;
}

function run(program: string, ...args: readonly string[]): void {
  const failure = failureOf(program, ...args);
  if (failure !== undefined) throw new Error(failure);
}

/** A file system of its own, in an image. */
export interface Disk {
  readonly folder: string;
  /** From here on nothing reaches the disk, as when the power fails. */
  cutPower(): void;
  /** The power is back: what the disk has is there again. */
  restart(): void;
}

export type FileSystem = "ext4" | "xfs";

/** Runs `body` with a file system, or prints why it cannot be had here. */
export async function onDisk(kind: FileSystem, body: (disk: Disk) => Promise<void>): Promise<void> {
  await inScratch(async (scratch) => {
    const image = join(scratch, "image");
    const mountPoint = join(scratch, "disk");
    await mkdir(mountPoint);
    const mount = () => failureOf("mount", "-o", "loop", image, mountPoint);
    const why = failureOf("truncate", "-s", kind === "xfs" ? "320M" : "32M", image) ??
      failureOf(`mkfs.${kind}`, "-q", image) ?? failureOf("xfs_io", "-V") ?? mount();
    if (why !== undefined) return console.log(`skip: no ${kind} in an image can be mounted here (${why})`);
    try {
      await body({
        folder: join(mountPoint, "tapes"),
        cutPower: () => run("xfs_io", "-x", "-c", "shutdown", mountPoint),
        restart() {
          run("umount", mountPoint);
          const failure = mount();
          if (failure !== undefined) throw new Error(failure);
        },
      });
    } finally {
      // Lazily: a handle that a failed test left open does not keep it.
      spawnSync("umount", ["-l", mountPoint]);
    }
  });
}

/** A folder that a daemon serves, which can be stopped: whoever uses the folder then waits. */
export interface StoppableDisk {
  readonly folder: string;
  stop(): void;
  goOn(): void;
}

/** Runs `body` with a folder behind a daemon, or prints why there is none. */
export async function onStoppableDisk(body: (disk: StoppableDisk) => Promise<void>): Promise<void> {
  await inScratch(async (scratch) => {
    const [behind, folder] = [join(scratch, "behind"), join(scratch, "disk")];
    await mkdir(behind);
    await mkdir(folder);
    const missing = failureOf("bindfs", "--version");
    if (missing !== undefined) return console.log(`skip: no bindfs here (${missing})`);
    const daemon: ChildProcess = spawn("bindfs", ["-f", behind, folder], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    daemon.stderr!.setEncoding("utf8").on("data", (text) => said += text);
    try {
      await eventually("bindfs mounts, or ends", () => daemon.exitCode !== null || !failureOf("mountpoint", folder));
      if (daemon.exitCode !== null) return console.log(`skip: bindfs cannot mount here (${said.trim()})`);
      await body({
        folder: join(folder, "tapes"),
        // Not `daemon.kill()`: for Deno it has ended then.
        stop: () => void process.kill(daemon.pid!, "SIGSTOP"),
        goOn: () => void process.kill(daemon.pid!, "SIGCONT"),
      });
    } finally {
      daemon.kill("SIGKILL");
      spawnSync("umount", ["-l", folder]);
    }
  });
}
