import * as module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/**
 * Lets Node keep what it has compiled, from version 22.8 on, so that the next start need not compile it again. A folder
 * that cannot be written to is no fault: then nothing is kept. `NODE_COMPILE_CACHE` names another folder, and
 * `NODE_DISABLE_COMPILE_CACHE` turns it off, as for every program.
 */
export function useCompileCache(): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  if (enableCompileCache === undefined) return;
  try {
    enableCompileCache(join(cacheFolder(process.env), "tapeline", "compiled"));
  } catch {
    // Nobody knows a home folder.
  }
}

/** Not the folder for temporary files: what another user has put there would be run. */
function cacheFolder({ XDG_CACHE_HOME, LOCALAPPDATA }: NodeJS.ProcessEnv): string {
  if (process.platform === "win32" && LOCALAPPDATA) return LOCALAPPDATA;
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  return XDG_CACHE_HOME || join(homedir(), ".cache");
}
