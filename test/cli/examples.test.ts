import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/file.ts";
import { memorySink } from "../../src/mod.ts";
import { packTape } from "../../src/zstd.ts";
import { command, quoted } from "../helpers/mcp/stdio-client.ts";
import { generateSigningKey, signerOf } from "../../src/crypto.ts";
import { signedTape } from "../helpers/strange/signed-tapes.ts";
import { inScratch } from "../helpers/scratch.ts";
import { within } from "../helpers/within.ts";
import { keyOwner, putEncrypted } from "./commands/keys/encrypted.ts";
import { commands, mainHelp } from "./commands.ts";
import { putTape, Session } from "./sample-tape.ts";

/** Lines that do not end with 0. */
const CODES: Readonly<Record<string, number>> = { "tapeline cat --json damaged.jsonl > readable-lines.jsonl": 3 };
/** Not run here: test/mcp/demo.test.ts does it. */
const LEFT_OUT: readonly string[] = ["tapeline demo"];

/** What the lines call besides tapeline. The servers send back what they get. */
const STUBS: Readonly<Record<string, string>> = {
  jq: "exec cat > /dev/null",
  less: "exec cat > /dev/null",
  "my-mcp-server": "exec cat > /dev/null",
  npm: 'test "$1" = run',
  npx: "exec cat",
  openssl: "exec cat > /dev/null",
  python: "exec cat",
  zstd: "exec cat > /dev/null",
};

/** `tapeline` as a shell finds it. It leaves its process id and its exit code where the test finds them. */
const TAPELINE = `exec 3<&0
"$@" <&3 3<&- &
echo $! > "$HOME/pid"
wait $!
code=$?
echo $code >> "$HOME/codes"
exit $code`;

function examplesOf(help: string): string[] {
  const section = /^Examples:\n((?: {2}.*\n)+)/m.exec(help)?.[1] ?? "";
  return section.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !LEFT_OUT.includes(line));
}

/** A home with tapes, and every program that the examples call. */
async function prepare(home: string): Promise<void> {
  const session = new Session("a");
  for (let at = 0; at < 10; at++) {
    const id = at + 1;
    session.client(at * 2, { jsonrpc: "2.0", id, method: "ping" }).server(at * 2 + 1, {
      jsonrpc: "2.0",
      id,
      result: {},
    });
  }
  const text = await session.text();
  const put = (folder: string, id: string) =>
    putTape(folder, id, text, { name: "search", tags: ["nightly"], status: "finalized" });
  await put(join(home, "tapes"), "01JDCAAA");
  await put(join(home, "tapes"), "01JDCBBB");
  await put(join(home, "sessions"), "friday");
  await put(home, "session");
  const packed = memorySink();
  await packTape(fileStore(home), "session", packed);
  await writeFile(join(home, "packed.jsonl.zst"), packed.bytes());
  await putTape(home, "damaged", `${text}no record\n`);
  const sample = (name: string) => fileURLToPath(new URL(`../foreign/samples/${name}`, import.meta.url));
  await copyFile(sample("har.har"), join(home, "capture.har"));
  await copyFile(sample("mcporter.ndjson"), join(home, "recording.ndjson"));
  await copyFile(sample("jsonrpc.log"), join(home, "messages.log"));
  const { recipient } = await keyOwner(join(home, "me.key"));
  await writeFile(join(home, "team.txt"), `${recipient}\n`);
  await putEncrypted(home, "sealed", { recipients: [recipient] });
  const { privateKey, publicKey } = await generateSigningKey();
  await writeFile(join(home, "signing.pem"), privateKey);
  await writeFile(join(home, "signing.pub"), publicKey);
  await putTape(home, "signed", await signedTape(await signerOf(privateKey), "signed"));
  await writeFile(join(home, "policy.json"), '{ "rules": [{ "name": "customer", "keys": ["customer"] }] }');
  await mkdir(join(home, "cassettes"));
  await copyFile(sample("mcp-recorder.json"), join(home, "cassettes", "notes.json"));
  await mkdir(join(home, "bin"));
  const scripts = { ...STUBS, tapeline: `set -- ${quoted(command())} "$@"\n${TAPELINE}` };
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(home, "bin", name), `#!/bin/sh\n${script}\n`);
    await chmod(join(home, "bin", name), 0o755);
  }
}

/** Runs a line in a shell; one that never ends by itself is stopped as soon as it has printed something. */
async function runLine(line: string, home: string): Promise<void> {
  await writeFile(join(home, "codes"), "");
  const { TAPELINE_DIR: _, ...inherited } = process.env;
  const shell = spawn("/bin/sh", ["-c", line], {
    cwd: home,
    env: {
      ...inherited,
      HOME: home,
      PATH: `${join(home, "bin")}${delimiter}${process.env.PATH}`,
      DENO_DIR: process.env.DENO_DIR ?? join(homedir(), ".cache", "deno"),
    },
  });
  shell.stdin.on("error", () => {}).end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
  let said = "";
  shell.stderr.setEncoding("utf8").on("data", (text) => said += text);
  let isStopped = !line.includes(" --all");
  shell.stdout.on("data", () => {
    if (isStopped) return;
    isStopped = true;
    void readFile(join(home, "pid"), "utf8").then((pid) => process.kill(Number(pid), "SIGTERM"));
  });
  const code = await within(
    new Promise<number | null>((resolve, reject) => shell.on("error", reject).on("close", resolve)),
    `the end of ${line}`,
    60_000,
  );
  const codes = (await readFile(join(home, "codes"), "utf8")).split("\n").filter(Boolean).map(Number);
  const wanted = CODES[line] ?? 0;
  assert.is(code, wanted, `${line}: ${said}`);
  assert.ok(codes.length > 0 || !line.includes("tapeline"), line);
  assert.equal(codes.filter((code) => code !== wanted), [], `${line}: ${said}`);
}

for (const { name, help } of [{ name: "", help: mainHelp }, ...commands]) {
  test(`the examples of tapeline ${name} --help`, async () => {
    const runAlone = (line: string) =>
      inScratch(async (home) => {
        await prepare(home);
        await runLine(line, home);
      });
    await Promise.all(examplesOf(help).map(runAlone));
  });
}

test.run();
