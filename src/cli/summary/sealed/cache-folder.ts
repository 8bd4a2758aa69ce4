import { isAbsolute, join } from "node:path";
import process from "node:process";
import type { CommandIo } from "../../command.ts";

/** Where this user's programs keep what they can do without, as the system has it; undefined where that is nowhere. */
export function cacheFolder(env: CommandIo["env"], platform: string = process.platform): string | undefined {
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME } = env;
  const ofHome = (...folders: string[]) => HOME ? join(HOME, ...folders) : undefined;
  const folder = XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)
    ? XDG_CACHE_HOME
    : platform === "win32"
    ? LOCALAPPDATA
    : platform === "darwin"
    ? ofHome("Library", "Caches")
    : ofHome(".cache");
  return folder && join(folder, "tapeline", "info");
}
