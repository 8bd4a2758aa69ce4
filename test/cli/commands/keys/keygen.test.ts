import { execFileSync, spawnSync } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseRecipients, signerOf, verifierOf } from "../../../../src/crypto.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { tapeline } from "../../run-command.ts";
import { putEncrypted } from "./encrypted.ts";

test("keygen writes a private key that only its owner reads, and prints the public one", () =>
  inScratch(async (folder) => {
    const path = join(folder, "key.pem");
    const { code, stdout, stderr } = await tapeline(["keygen", "-o", path]);
    assert.equal([code, stderr], [0, ""]);
    assert.match(stdout, /^ed25519:[\w-]{43}\n$/);
    const pem = await readFile(path, "utf8");
    assert.equal((await signerOf(pem)).publicKey, (await verifierOf(stdout)).publicKey);
    if (process.platform !== "win32") assert.is((await stat(path)).mode & 0o777, 0o600);
  }));

test("keygen leaves a file alone that is there", () =>
  inScratch(async (folder) => {
    const path = join(folder, "key.pem");
    await writeFile(path, "mine");
    const { code, stdout, stderr } = await tapeline(["keygen", "--output", path]);
    assert.equal([code, stdout], [2, ""]);
    assert.is(
      stderr,
      `tapeline: Cannot write the key to ${path}: there is a file of that name, which is left as it is\n`,
    );
    assert.is(await readFile(path, "utf8"), "mine");
    const nowhere = await tapeline(["keygen", "-o", join(folder, "no", "key.pem")]);
    assert.is(nowhere.code, 2);
    assert.match(nowhere.stderr, /^tapeline: Cannot write the key to .*: there is no such folder\n$/);
  }));

test("keygen without a file prints the private key, and the public one beside it", async () => {
  const { code, stdout, stderr } = await tapeline(["keygen"]);
  assert.is(code, 0);
  const [, publicKey = ""] = /^public key: (ed25519:[\w-]{43})\n$/.exec(stderr) ?? [];
  assert.equal((await signerOf(stdout)).publicKey, (await verifierOf(publicKey)).publicKey);
});

test("keygen --age makes an identity as age-keygen does, which opens what is encrypted for its recipient", () =>
  inScratch(async (folder) => {
    const path = join(folder, "me.txt");
    const { code, stdout, stderr } = await tapeline(["keygen", "--age", "-o", path]);
    assert.equal([code, stderr], [0, ""]);
    assert.match(stdout, /^age1[a-z\d]{58}\n$/);
    const text = await readFile(path, "utf8");
    assert.match(text, /^# created: \S+Z\n# public key: age1\w+\nAGE-SECRET-KEY-1[A-Z\d]+\n$/);
    if (process.platform !== "win32") assert.is((await stat(path)).mode & 0o777, 0o600);
    const tape = await putEncrypted(folder, "demo", { recipients: parseRecipients(stdout) });
    assert.is((await tapeline(["replay", "--at-once", "--identity", path, tape])).code, 0);
    const printed = await tapeline(["keygen", "--age"]);
    assert.match(printed.stdout, /^AGE-SECRET-KEY-1/m);
    assert.match(printed.stderr, /^public key: age1\w+\n$/);
    if (spawnSync("age-keygen", ["--version"]).status !== 0) return console.log("skip: there is no age-keygen");
    assert.is(execFileSync("age-keygen", ["-y", path], { encoding: "utf8" }), stdout);
  }));

test.run();
