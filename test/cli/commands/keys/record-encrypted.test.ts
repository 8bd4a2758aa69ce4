import { execFileSync, spawnSync } from "node:child_process";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromBase64 } from "../../../../src/codecs/crypto/base64-url.ts";
import { recorded, shell, talkWith } from "../../../helpers/mcp/stdio-client.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { eventually } from "../../../helpers/within.ts";
import { tapeline } from "../../run-command.ts";
import { keyOwner } from "./encrypted.ts";

const MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"hidden/method","params":{"password":"hunter2hunter2"}}\n';
const SERVER = shell("echo hidden log >&2; exec cat");

/** Records a session in which everything is to be hidden, and gives the path of its tape. */
async function record(folder: string, options: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const line = recorded(SERVER, ["--dir", folder, "--name", "hidden name", "--tag", "hidden-tag", ...options]);
  const vars = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const { code, stderr } = await talkWith(["env", ...vars, ...line], async (peer) => {
    peer.send(MESSAGE);
    await peer.text("hidden/method");
    peer.end();
  });
  assert.equal([code, String(stderr)], [0, "hidden log\n"]);
  return join(folder, (await readdir(folder)).find((name) => name.endsWith(".jsonl"))!);
}

async function assertHidden(folder: string): Promise<void> {
  const names = await readdir(folder);
  assert.equal(names.map((name) => name.replace(/^\w+/, "")).sort(), [".jsonl", ".meta.json"]);
  for (const name of names) {
    assert.not.match(await readFile(join(folder, name), "latin1"), /hidden|method|hunter2|stderr/, name);
  }
}

test("record --encrypt-to leaves nothing to read in any file; every recipient reads it all, and the age command its key", () =>
  inScratch(async (scratch) => {
    const [folder, keys] = [join(scratch, "tapes"), scratch];
    const [ada, bob] = [await keyOwner(join(keys, "ada.key")), await keyOwner(join(keys, "bob.key"))];
    await writeFile(join(keys, "team.txt"), `# who may read it\n${bob.recipient}\n`);
    const path = await record(folder, ["--encrypt-to", ada.recipient, "--encrypt-to", join(keys, "team.txt")]);
    await assertHidden(folder);
    for (const { path: identity } of [ada, bob]) {
      const { code, stdout, stderr } = await tapeline(["cat", "--raw", "--identity", identity, path]);
      assert.equal([code, stdout, stderr], [0, MESSAGE + MESSAGE, ""]);
      const verified = await tapeline(["verify", "--identity", identity, path]);
      assert.match(verified.stdout, /; checksums to its end; no damage found\n$/);
    }
    const listed = await tapeline(["list", "--json", "--dir", folder], { env: { TAPELINE_IDENTITY: bob.path } });
    assert.equal([JSON.parse(listed.stdout).name, JSON.parse(listed.stdout).tags], ["hidden name", ["hidden-tag"]]);
    const known = await tapeline(["grep", "method:hidden/method", "--identity", ada.path, path]);
    assert.is(known.code, 0, known.stderr);
    if (spawnSync("age", ["--version"]).status !== 0) return console.log("skip: there is no age command");
    const init = JSON.parse((await readFile(path, "utf8")).split("\n", 1)[0]!);
    await writeFile(join(keys, "key.age"), fromBase64(init.encryption.key)!);
    assert.is(execFileSync("age", ["-d", "-i", bob.path, join(keys, "key.age")]).length, 32);
  }));

test("record --encrypt-to with --compress, --sign and --redact: each does what it does alone", () =>
  inScratch(async (scratch) => {
    const folder = join(scratch, "tapes");
    const ada = await keyOwner(join(scratch, "ada.key"));
    const { stdout: signer } = await tapeline(["keygen", "-o", join(scratch, "sign.pem")]);
    const path = await record(folder, [
      ...["--encrypt-to", ada.recipient, "--compress", "--redact", "--sign", join(scratch, "sign.pem")],
    ]);
    await assertHidden(folder);
    assert.match(await readFile(path, "latin1"), /^\{"type":"init",[^\n]*"compression":"zstd"/);
    const { stdout } = await tapeline(["cat", "--raw", "--identity", ada.path, path]);
    assert.match(
      stdout,
      /^(\{"jsonrpc":"2.0","id":1,"method":"hidden\/method","params":\{"password":"\[REDACTED:[^"]+"\}\}\n){2}$/,
    );
    const verified = await tapeline(["verify", "--signer", signer.trim(), "--identity", ada.path, path]);
    assert.match(verified.stdout, /; signed to its end; no damage found\n$/);
    // Who signed it is seen without its key.
    assert.match(
      (await tapeline(["verify", "--signer", signer.trim(), path])).stdout,
      /; signed to its end; no damage found; what is encrypted was not opened\n$/,
    );
  }));

test("record --passphrase encrypts with that of $TAPELINE_PASSPHRASE, which the server does not get", () =>
  inScratch(async (folder) => {
    const env = { TAPELINE_PASSPHRASE: "correct-horse" };
    const line = recorded(shell("echo [$TAPELINE_PASSPHRASE$TAPELINE_NEW_PASSPHRASE] >&2; exec cat"), [
      "--dir",
      folder,
      "--passphrase",
    ]);
    const { code, stderr } = await talkWith([
      "env",
      "TAPELINE_PASSPHRASE=correct-horse",
      "TAPELINE_NEW_PASSPHRASE=next",
      ...line,
    ], async (peer) => {
      peer.send(MESSAGE);
      await peer.text("hidden/method");
      peer.end();
    });
    assert.equal([code, String(stderr)], [0, "[]\n"]);
    await assertHidden(folder);
    const read = await tapeline(["cat", "--raw", "--passphrase", "--dir", folder], { env });
    assert.equal([read.code, read.stdout], [0, MESSAGE + MESSAGE]);
  }));

test("record says what is wrong with recipients before the server is started, and shows no key", () =>
  inScratch(async (folder) => {
    const ada = await keyOwner(join(folder, "ada.key"));
    const mark = join(folder, "started");
    const wrong = `${ada.recipient.slice(0, -1)}${ada.recipient.endsWith("q") ? "p" : "q"}`;
    const cases: [options: string[], why: RegExp][] = [
      [["--encrypt-to", "nobody"], /^tapeline: Cannot read the recipients nobody: there is no such file\n$/],
      [
        ["--encrypt-to", ada.path],
        /^tapeline: Cannot use \S+ada\.key: line 3 is a secret key; its recipient is what age-keygen -y prints\n$/,
      ],
      [["--encrypt-to", wrong], /^tapeline: Cannot use age1\w+: recipient 1 is none of age \(age1…\)\n$/],
      [["--encrypt-to", ada.identity], /^tapeline: --encrypt-to takes no secret key: [^\n]+\n$/],
      [
        ["--encrypt-to", ada.recipient, "--passphrase"],
        /^tapeline: --encrypt-to and --passphrase exclude each other\n$/,
      ],
      [
        ["--passphrase"],
        /^tapeline: Cannot ask for a new passphrase: there is no terminal; \$TAPELINE_PASSPHRASE may hold it\n$/,
      ],
    ];
    for (const [options, why] of cases) {
      const line = ["record", "--dir", join(folder, "tapes"), ...options, "--", "touch", mark];
      const { code, stderr } = await tapeline(line);
      assert.is(code, 2, stderr);
      assert.match(stderr, why);
      assert.not.match(stderr, ada.identity);
    }
    assert.equal(await readdir(folder), ["ada.key"]);
  }));

test("record goes on with an encrypted tape that somebody has replaced for a moment, under the key that it has in memory", () =>
  inScratch(async (scratch) => {
    const folder = join(scratch, "tapes");
    const ada = await keyOwner(join(scratch, "ada.key"));
    const line = recorded(shell("exec cat"), ["--dir", folder, "--name", "hidden name", "--encrypt-to", ada.recipient]);
    const frames = async (path: string, count: number) => {
      await eventually(`${count} frames are on the tape`, async () => {
        const text = await readFile(path, "latin1").catch(() => "");
        return text.split('{"type":"sealed","seq":').length === count + 1;
      });
    };
    const { code } = await talkWith(line, async (peer) => {
      const tapeOf = async () => (await readdir(folder).catch(() => [])).find((name) => name.endsWith(".jsonl"));
      await eventually("there is a tape", async () => await tapeOf() !== undefined);
      const path = join(folder, (await tapeOf())!);
      peer.send(MESSAGE);
      await frames(path, 2);
      // A copy in its place, as an editor leaves it.
      await writeFile(`${path}.copy`, await readFile(path));
      await rename(`${path}.copy`, path);
      await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
      peer.send(MESSAGE);
      await frames(path, 4);
      peer.end();
    });
    assert.is(code, 3);
    const read = await tapeline(["cat", "--raw", "--identity", ada.path, "--dir", folder, "hidden name"]);
    assert.match(read.stdout, /^(.*hidden\/method.*\n){4}$/);
    const { stdout } = await tapeline(["verify", "--identity", ada.path, "--dir", folder]);
    assert.match(stdout, /; no damage found\n$/);
  }));

test.run();
