import type { TapeEnvironment } from "../../records/metadata.ts";
import { VERSION } from "../../version.ts";

/** What can be said about where we run without asking anybody's permission. */
export function portableEnvironment(): TapeEnvironment {
  const { Deno, Bun, process } = globalThis as {
    Deno?: { version?: { deno?: string }; build?: { os?: string } };
    Bun?: { version?: string };
    process?: { versions?: { node?: string }; platform?: string };
  };
  const [runtime, version] = Deno !== undefined
    ? ["deno", Deno.version?.deno]
    : Bun !== undefined
    ? ["bun", Bun.version]
    : process?.versions?.node !== undefined
    ? ["node", process.versions.node]
    : ["browser", undefined];
  return {
    platform: Deno?.build?.os ?? process?.platform ?? null,
    runtime: runtime ?? null,
    runtime_version: version ?? null,
    tapeline_version: VERSION,
  };
}
