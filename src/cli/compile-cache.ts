import * as module from "node:module";
import process from "node:process";
import { cacheFolder, makeCacheFolder } from "./cache-folder.ts";

/** What Node has of it, from version 22.8 on. */
interface CompileCache {
  readonly enableCompileCache?: (folder: string) => unknown;
  readonly getCompileCacheDir?: () => string | undefined;
}

/**
 * Lets Node keep what it has compiled, so that the next start need not compile it again. A folder that cannot be written to
 * is no fault: then nothing is kept. `NODE_COMPILE_CACHE` names another folder, and `NODE_DISABLE_COMPILE_CACHE` turns it
 * off, as for every program.
 */
export function useCompileCache(): void {
  const { enableCompileCache, getCompileCacheDir } = module as CompileCache;
  const isDecided = process.env.NODE_DISABLE_COMPILE_CACHE || getCompileCacheDir?.() !== undefined;
  const folder = cacheFolder("compiled", process.env);
  if (enableCompileCache === undefined || isDecided || folder === undefined) return;
  try {
    makeCacheFolder(folder);
    enableCompileCache(folder);
  } catch {
    // It cannot be made.
  }
}
