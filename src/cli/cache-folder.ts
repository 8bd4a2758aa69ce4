import { mkdirSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import process from "node:process";

/**
 * Where this user keeps one kind of what the command can do without, as the system has it; undefined where that is nowhere.
 * Never the folder for temporary files: what another user has put there would be believed, or run.
 */
export function cacheFolder(
  kind: "compiled" | "info" | "lists",
  { XDG_CACHE_HOME, LOCALAPPDATA, HOME }: Readonly<Record<string, string | undefined>>,
  platform: string = process.platform,
): string | undefined {
  const ofHome = (...folders: string[]) => HOME ? join(HOME, ...folders) : undefined;
  const folder = XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)
    ? XDG_CACHE_HOME
    : platform === "win32"
    ? LOCALAPPDATA
    : platform === "darwin"
    ? ofHome("Library", "Caches")
    : ofHome(".cache");
  return folder && join(folder, "tapeline", kind);
}

/**
 * Makes such a folder, for its user alone. The user's home is not made: where it is not, nobody wants a cache there. Not
 * `recursive: true`: where a folder says ENOENT although it is there, as `/proc` does, Node would try for ever.
 */
export function makeCacheFolder(folder: string): void {
  const ours = dirname(folder);
  for (const path of [dirname(ours), ours, folder]) {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
