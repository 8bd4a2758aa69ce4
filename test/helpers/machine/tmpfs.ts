import { spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A small file system of its own in a folder, for tests that need a full disk. */
export interface SmallDisk {
  /** Makes the room that was kept back. */
  free(): Promise<void>;
  unmount(): void;
}

/**
 * Mounts a file system with `bytes` of room in an empty folder, or says why that cannot be done here.
 *
 * @param bytes room at first
 * @param keptBack what `free` adds to it
 */
export async function mountSmallDisk(
  folder: string,
  bytes: number,
  keptBack: number = bytes,
): Promise<SmallDisk | string> {
  const { status, stderr, error } = spawnSync(
    "mount",
    ["-t", "tmpfs", "-o", `size=${bytes + keptBack},mode=0700`, "tmpfs", folder],
    { encoding: "utf8" },
  );
  if (status !== 0) return `no tmpfs can be mounted here (${(error?.message ?? stderr).trim()})`;
  const ballast = join(folder, ".ballast");
  await writeFile(ballast, new Uint8Array(keptBack));
  return {
    free: () => rm(ballast),
    unmount() {
      // Lazily: a handle that a failed test left open does not keep it.
      spawnSync("umount", ["-l", folder]);
    },
  };
}
