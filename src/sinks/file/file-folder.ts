import { constants } from "node:fs";
import { dirname } from "node:path";
import { printable } from "../../errors.ts";
import { codeOf, ioError } from "./file-error.ts";
import type { FileHandle } from "./file-handle.ts";
import type { FileSystem } from "./file-system.ts";

/** Makes a folder that is not there yet, and those above it, for their owner only. */
export async function makeFolder(files: FileSystem, path: string): Promise<void> {
  try {
    await makeFolders(files, path);
  } catch (error) {
    throw ioError(`Cannot make the folder ${printable(path, 4096)}`, error);
  }
}

/** Not `recursive: true`: where a folder says ENOENT although it is there, as `/proc` does, Node would try for ever. */
async function makeFolders(files: FileSystem, path: string, isLastTry = false): Promise<void> {
  try {
    await files.mkdir(path, 0o700);
    await syncFolder(files, dirname(path));
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST" && (await files.stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || isLastTry) throw error;
    await makeFolders(files, dirname(path));
    await makeFolders(files, path, true);
  }
}

/** How a file system says that it cannot sync folders at all. */
const NO_FOLDER_SYNC = ["EINVAL", "ENOTSUP", "EROFS"];
/** How opening a folder fails that could be synced some other time. */
const NOT_NOW = ["EIO", "EMFILE", "ENFILE", "ENOMEM"];

/** Makes sure that a new file's name survives a power loss; where folders cannot be synced, nothing more can be done. */
export async function syncFolder(files: FileSystem, path: string): Promise<void> {
  if (!files.mayRead(path)) return;
  let folder: FileHandle;
  try {
    folder = await files.open(path, constants.O_RDONLY);
  } catch (error) {
    if (NOT_NOW.includes(codeOf(error) ?? "")) throw error;
    return;
  }
  try {
    await folder.sync();
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes(codeOf(error) ?? "")) throw error;
  } finally {
    await folder.close();
  }
}
