import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { generateSigningKey } from "../../../../src/signing/keys.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { commands } from "../../commands.ts";
import { FakeIo } from "../../fake-io.ts";
import { type KeyOwner, keyOwner, putEncrypted } from "../keys/encrypted.ts";
import { type Ending, runIn } from "./in-process.ts";

function run(folder: string, name: string, ...args: readonly string[]): Promise<Ending> {
  const io = new FakeIo({ env: { TAPELINE_DIR: folder } });
  return runIn(commands.find((each) => each.name === name)!, args, io);
}

/** A folder with a plain tape, an encrypted one of each of two owners, and a place for new tapes. */
async function withTapes(
  act: (folder: string, ada: KeyOwner, bob: KeyOwner, out: string) => Promise<void>,
): Promise<void> {
  await inScratch(async (folder) => {
    const [ada, bob] = [await keyOwner(join(folder, "ada.key")), await keyOwner(join(folder, "bob.key"))];
    await putEncrypted(folder, "plain", undefined);
    await putEncrypted(folder, "adas", { recipients: [ada.recipient] });
    await putEncrypted(folder, "bobs", { recipients: [bob.recipient] });
    await act(folder, ada, bob, join(folder, "new.jsonl"));
  });
}

/** How a tape is coded, going by its `init` record. */
async function codingOf(path: string): Promise<unknown[]> {
  const { compression, encryption } = JSON.parse((await readFile(path, "utf8")).split("\n")[0]!);
  return [compression, encryption !== undefined];
}

test("what is made of an encrypted tape is encrypted too, with all commands that make one", () =>
  withTapes(async (folder, ada, _, out) => {
    const key = ["--identity", ada.path];
    const makings = [
      ["filter", "method:hidden/method", "adas"],
      ["cut", "--seq", "0..1", "adas"],
      ["head", "-n", "1", "adas"],
      ["concat", "adas", "plain"],
      ["merge", "adas", "plain"],
    ];
    for (const [name = "", ...args] of makings) {
      const made = await run(folder, name, ...key, "--force", "-o", out, ...args);
      assert.equal([made.code, made.error], [0, undefined], name);
      for (const file of ["new.jsonl", "new.meta.json"]) {
        assert.not.match(await readFile(join(folder, file), "utf8"), /hidden/, `${name} ${file}`);
      }
      assert.match((await run(folder, "cat", "--raw", ...key, out)).stdout, /hidden\/method/, name);
      assert.equal((await run(folder, "verify", ...key, out)).code, 0, name);
    }
    const parts = join(folder, "parts");
    assert.is((await run(folder, "split", ...key, "--session", "-o", parts, "adas")).code, 0);
    for (const file of await readdir(parts)) assert.not.match(await readFile(join(parts, file), "utf8"), /hidden/);
    assert.match((await run(folder, "filter", "method:hidden", "adas")).error!, /encrypted; --identity FILE/);
  }));

test("--plain, --compress and --encrypt-to make the new tape as they say", () =>
  withTapes(async (folder, ada, bob, out) => {
    await writeFile(join(folder, "team"), `# both\n${ada.recipient}\n${bob.recipient}\n`);
    const cases: [args: string[], coding: unknown[]][] = [
      [["--plain"], [undefined, false]],
      [["--compress"], ["zstd", true]],
      [["--encrypt-to", bob.recipient], [undefined, true]],
      [["--compress", "--encrypt-to", join(folder, "team")], ["zstd", true]],
    ];
    for (const [args, coding] of cases) {
      const made = await run(folder, "head", "--identity", ada.path, "--force", "-o", out, ...args, "adas");
      assert.equal([made.code, made.error], [0, undefined], String(args));
      assert.equal(await codingOf(out), coding, String(args));
      const opened = await run(folder, "cat", "--raw", "--identity", bob.path, out);
      assert.is(opened.code === 0, args[0] !== "--compress" || args.length > 1, `${args} ${opened.error}`);
    }
    const piped = await run(folder, "head", "--encrypt-to", bob.recipient, "plain");
    assert.match(piped.stdout, /^\{"type":"init"[^\n]*"encryption"/);
    assert.not.match(piped.stdout, /hidden/);
  }));

test("--sign signs the tape that is made", () =>
  withTapes(async (folder, ada, _, out) => {
    const { privateKey, publicKey } = await generateSigningKey();
    await writeFile(join(folder, "signing.pem"), privateKey);
    const sign = ["--sign", join(folder, "signing.pem")];
    assert.is((await run(folder, "head", "--identity", ada.path, ...sign, "-o", out, "adas")).code, 0);
    assert.is((await run(folder, "verify", "--identity", ada.path, "--signer", publicKey, out)).code, 0);
  }));

test("tapes with different keys are made one only where it is said who shall open it", () =>
  withTapes(async (folder, ada, bob, out) => {
    const keys = ["--identity", ada.path, "--identity", bob.path, "-o", out];
    const { error } = await run(folder, "merge", ...keys, "adas", "bobs");
    assert.match(error!, /different keys; name those who shall open the new one, or ask for a plain one$/);
    assert.not.ok((await readdir(folder)).some((name) => name.startsWith("new")));
    assert.is((await run(folder, "merge", ...keys, "--encrypt-to", ada.recipient, "adas", "bobs")).code, 0);
  }));

test("options that exclude each other and keys that are none are wrong use, and show no secret", () =>
  withTapes(async (folder, ada) => {
    const cases: [args: string[], why: RegExp][] = [
      [["--plain", "--compress"], /^--plain and --compress exclude each other$/],
      [["--plain", "--encrypt-to", ada.recipient], /^--plain and --encrypt-to exclude each other$/],
      [["--encrypt-to", "age1nobody"], /^Cannot use age1nobody: line 1 is no recipient of age/],
      [["--encrypt-to", ada.path], /line 3 is a secret key; its recipient is what age-keygen -y prints$/],
      [["--encrypt-to", ada.identity], /^--encrypt-to takes no secret key: /],
      [["--encrypt-to", join(folder, "none")], /there is no such file$/],
    ];
    for (const [args, why] of cases) {
      const { error, stdout } = await run(folder, "head", ...args, "plain");
      assert.match(error ?? "", why);
      assert.is(stdout, "");
      assert.not.ok(error!.includes(ada.identity.slice(20)), String(args));
    }
  }));

test("convert compresses and encrypts the tapes that it makes", () =>
  withTapes(async (folder, ada, _, out) => {
    const log = join(folder, "messages.log");
    await writeFile(log, '{"jsonrpc":"2.0","id":1,"method":"hidden/method"}\n'.repeat(20));
    const made = await run(folder, "convert", "--compress", "--encrypt-to", ada.recipient, "-o", out, log);
    assert.equal([made.error, made.code], [undefined, 0]);
    assert.not.match(await readFile(out, "utf8"), /hidden/);
    assert.match((await run(folder, "cat", "--raw", "--identity", ada.path, out)).stdout, /hidden\/method/);
  }));

test.run();
