import { hostname, userInfo } from "node:os";
import type { TapeEnvironment } from "../../records/metadata.ts";

/** Where and by whom a tape is recorded, as far as we are permitted to know. */
export function hostEnvironment(): TapeEnvironment {
  return { hostname: ifPermitted(hostname), user: ifPermitted(() => userInfo().username) };
}

function ifPermitted(ask: () => string): string | null {
  try {
    return ask();
  } catch {
    return null;
  }
}
