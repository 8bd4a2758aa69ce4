import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { currentRuntime, findRuntime } from "./helpers/runtime.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "examples");
const runtime = findRuntime(currentRuntime());
if (!("command" in runtime)) throw new Error(runtime.missing);

/** What each example must print, as a sign that it did what it says. */
const EXPECTED: Record<string, RegExp> = {
  "compress.ts": /^\d\d % of its size\n500 frames\n$/,
  "custom-filter.ts": /"name":"login","arguments":"\(hidden\)"/,
  "encrypt.ts":
    /^encrypted\n(\{[^]*"the password is swordfish"\}\n\{[^]*"ready"\}\n)\{[^]*swordfish"\}\nline 4: 1 line is missing/,
  "follow-live.ts": /("result":\{\}[^]*answered after[^]*){3}/,
  "own-store.ts": /keeps all \d\d promises of a store/,
  "query-a-tape.ts":
    /^frame 3 tells that something went wrong\nframe 1 belongs[^]*\nframe 3 belongs to what went wrong\n$/,
  "record-and-read.ts": /"id":12345678901234567890,"method":"tools\/list"[^]*1 request was answered/,
  "redact.ts":
    /"customer":"(\[REDACTED:customer:[0-9a-f]{12}\])","password":"\[REDACTED:named-secret:[0-9a-f]{12}\]","progressToken":7[^]*"customer":"\1"[^]*$/,
  "sign.ts":
    /^as it was signed, up to line 4\n[^]*signature_wrong: lines 1 to 4 are not as ed25519:\S+ has signed them$/m,
  "slow-calls.ts": /^1536 ms tapes -> 3 tapes$/m,
  "std-streams.ts": /bytes, gzipped[^]*(text: "ready"|text: 'ready'|skip: )/,
  "swap-store.ts": /(2000 frames,[^]*id: 617[^]*){2}/,
};

/** On Deno, the very permissions that the example says suffice. */
function permissionsIn(source: string): string[] {
  const command = /^\/\/ {3}deno run (.*)examples\//m.exec(source)?.[1];
  if (command === undefined) throw new Error("the example does not say how to run it with deno");
  return command.split(" ").filter((word) => word !== "");
}

test("examples/ holds what is tested here, and nothing else", async () => {
  assert.equal((await readdir(folder)).filter((name) => name.endsWith(".ts")).sort(), Object.keys(EXPECTED).sort());
});

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`examples/${name} runs and does what it says`, async () => {
    const scratch = await mkdtemp(join(tmpdir(), "tapeline-example-"));
    try {
      const file = join(folder, name);
      const source = await readFile(file, "utf8");
      const [command, ...args] = runtime.name === "deno"
        ? [runtime.command[0]!, "run", "--no-prompt", "--no-check", ...permissionsIn(source), file]
        : [...runtime.command, file];
      const { stdout } = await promisify(execFile)(command!, args, { cwd: scratch, timeout: 60_000 });
      assert.match(stdout, expected);
      const skipped = /^skip: .*$/m.exec(stdout);
      if (skipped !== null) console.log(skipped[0]);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

test.run();
