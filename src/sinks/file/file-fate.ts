import { codeOf } from "./file-error.ts";
import type { FileHandle } from "./file-handle.ts";
import type { FileSystem } from "./file-system.ts";

/**
 * What became of an open file: its size, or that its name is gone, or is another file's; `unknown` where nobody can tell.
 */
export async function fateOf(
  files: FileSystem,
  path: string,
  file: FileHandle | undefined,
): Promise<number | "deleted" | "replaced" | "unknown"> {
  try {
    const [{ dev, ino, size }, own] = await Promise.all([files.stat(path), file?.stat()]);
    return own === undefined || own.dev === dev && own.ino === ino ? size : "replaced";
  } catch (error) {
    return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR" ? "deleted" : "unknown";
  }
}
