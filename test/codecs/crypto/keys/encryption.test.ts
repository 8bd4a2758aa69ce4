import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromBase64, toBase64 } from "../../../../src/codecs/crypto/base64-url.ts";
import { createEncryption, openEncryption, resealKey } from "../../../../src/codecs/crypto/keys/encryption.ts";
import { parseIdentities, parseRecipients } from "../../../../src/codecs/crypto/keys/key-texts.ts";
import type { TapeKey } from "../../../../src/codecs/crypto/keys/tape-key.ts";
import { TapeError } from "../../../../src/errors.ts";
import type { InitRecord, TapeEncryption } from "../../../../src/records/record.ts";

const ada = await generateX25519Identity();
const bob = await generateX25519Identity();
const [toAda, toBob] = await Promise.all([ada, bob].map(identityToRecipient)) as [string, string];
const hasAge = spawnSync("age", ["--version"]).status === 0;

function initOf(encryption: TapeEncryption | undefined, tape_id = "demo"): InitRecord {
  const init: InitRecord = { type: "init", version: "2.0", tape_id, session_id: "s", created_at: "x" };
  return encryption === undefined ? init : { ...init, encryption };
}

const hex = (key: TapeKey) =>
  key.lend((data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join(""));

async function rejection(promise: Promise<unknown>): Promise<TapeError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, TapeError);
    assert.not.match(inspect(error, { depth: 20 }), /AGE-SECRET-KEY-(PQ-)?1[A-Z\d]/);
    return error as TapeError;
  }
  return assert.unreachable() as never;
}

test("createEncryption() wraps a key that each recipient can unwrap, and nobody else", async () => {
  const { key, encryption } = await createEncryption("demo", { recipients: [toAda, toBob] });
  for (const identity of [ada, bob]) {
    assert.is(hex(await openEncryption(initOf(encryption), { identities: [identity] })), hex(key));
  }
  const other = await generateX25519Identity();
  assert.is(hex(await openEncryption(initOf(encryption), { identities: [other, bob] })), hex(key));
  const error = await rejection(openEncryption(initOf(encryption), { identities: [other] }));
  assert.is(error.code, "invalid_argument");
  assert.is(error.message, "Cannot decrypt tape demo: none of the identities opens it");
  assert.match(
    (await rejection(openEncryption(initOf(encryption), {}))).message,
    /it needs an identity or a passphrase/,
  );
  assert.match((await rejection(openEncryption(initOf(undefined), {}))).message, /it is not encrypted/);
});

test("createEncryption() wraps a key with a passphrase", async () => {
  const { key, encryption } = await createEncryption("demo", { passphrase: "correct horse", workFactor: 10 });
  assert.is(hex(await openEncryption(initOf(encryption), { passphrase: "correct horse" })), hex(key));
  const error = await rejection(openEncryption(initOf(encryption), { passphrase: "battery staple" }));
  assert.is(error.message, "Cannot decrypt tape demo: the passphrase does not open it");
});

test("createEncryption() refuses what nobody could open, and mixes", async () => {
  const tries: [object, RegExp][] = [
    [{}, /either recipients or a passphrase/],
    [{ recipients: [toAda], passphrase: "x" }, /either recipients or a passphrase/],
    [{ recipients: [] }, /there are no recipients/],
    [{ recipients: [toAda, "age1nobody"] }, /recipient 2 is none of age/],
    [{ recipients: [ada] }, /recipient 1 is none of age/],
    [{ passphrase: "" }, /the passphrase is empty/],
    [{ passphrase: "x", workFactor: 30 }, /workFactor must be from 10 to 20/],
  ];
  for (const [to, expected] of tries) {
    const { code, message } = await rejection(createEncryption("demo", to));
    assert.is(code, "invalid_argument");
    assert.match(message, expected);
  }
});

test("openEncryption() notices another tape's id, another key, and a newer version", async () => {
  const { encryption } = await createEncryption("demo", { recipients: [toAda] });
  const { encryption: other } = await createEncryption("demo", { recipients: [toAda] });
  const keys = { identities: [ada] };
  const tries: [InitRecord, RegExp][] = [
    [initOf(encryption, "other"), /that of another tape, or its id was changed/],
    [initOf({ ...encryption, key: other.key }), /that of another tape/],
    [initOf({ ...encryption, check: other.check }), /that of another tape/],
    [initOf({ ...encryption, key: `${encryption.key}=` }), /the key in its init record is damaged/],
    [initOf({ ...encryption, version: 2 }), /not known here/],
    [initOf({ ...encryption, cipher: "AES-128-GCM" }), /not known here/],
  ];
  for (const [init, expected] of tries) {
    const { code, message } = await rejection(openEncryption(init, keys));
    assert.is(code, "invalid_tape");
    assert.match(message, expected);
  }
  const encrypter = new Encrypter();
  encrypter.addRecipient(toAda);
  const short = toBase64(await encrypter.encrypt(new Uint8Array(31)));
  assert.match((await rejection(openEncryption(initOf({ ...encryption, key: short }), keys))).message, /is damaged/);
});

test("resealKey() adds and removes recipients, and leaves key and check as they are", async () => {
  const { key, encryption } = await createEncryption("demo", { recipients: [toAda] });
  const both = await resealKey(initOf(encryption), { identities: [ada] }, { recipients: [toAda, toBob] });
  assert.is(hex(await openEncryption(both, { identities: [bob] })), hex(key));
  const onlyBob = await resealKey(both, { identities: [bob] }, { recipients: [toBob] });
  assert.is(onlyBob.encryption!.check, encryption.check);
  assert.is(hex(await openEncryption(onlyBob, { identities: [bob] })), hex(key));
  await rejection(openEncryption(onlyBob, { identities: [ada] }));
  await rejection(resealKey(onlyBob, { identities: [ada] }, { recipients: [toAda] }));
  const byWord = await resealKey(onlyBob, { identities: [bob] }, { passphrase: "word", workFactor: 10 });
  assert.is(hex(await openEncryption(byWord, { passphrase: "word" })), hex(key));
});

const withAge = hasAge ? test : test.skip;
if (!hasAge) console.log("skip: there is no age command");

withAge("the age command unwraps the key of a tape", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tapeline-age-"));
  try {
    const { key, encryption } = await createEncryption("demo", { recipients: [toAda, toBob] });
    writeFileSync(join(folder, "bob.txt"), `# a comment\n${bob}\n`);
    writeFileSync(join(folder, "key.age"), fromBase64(encryption.key)!);
    const data = execFileSync("age", ["-d", "-i", join(folder, "bob.txt"), join(folder, "key.age")]);
    assert.is(data.toString("hex"), hex(key));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

withAge("a key that the age command has wrapped opens a tape", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tapeline-age-"));
  try {
    execFileSync("age-keygen", ["-o", join(folder, "id.txt")], { stdio: "ignore" });
    const identities = await parseIdentities(readFileSync(join(folder, "id.txt"), "utf8"));
    const recipient = execFileSync("age-keygen", ["-y", join(folder, "id.txt")], { encoding: "utf8" });
    const { key, encryption } = await createEncryption("demo", { recipients: parseRecipients(recipient) });
    assert.is(hex(await openEncryption(initOf(encryption), { identities })), hex(key));
    const input = Buffer.from(hex(key), "hex");
    const file = execFileSync("age", ["-r", toAda, "-r", recipient.trim()], { input });
    const wrapped = initOf({ ...encryption, key: toBase64(file) });
    assert.is(hex(await openEncryption(wrapped, { identities })), hex(key));
    assert.is(hex(await openEncryption(wrapped, { identities: [ada] })), hex(key));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("parseRecipients() reads comments and several, and says why a line is none", () => {
  assert.equal(parseRecipients(`# Ada\n${toAda}\r\n\n  ${toBob}`), [toAda, toBob]);
  const tries: [string, RegExp][] = [
    ["ssh-ed25519 AAAA x", /line 1 is an SSH key, which is not taken here; make a key with age-keygen/],
    [`${toAda}\n${ada}`, /line 2 is a secret key/],
    ["hello", /line 1 is no recipient of age/],
    ["# nothing", /Cannot read recipients: there are none/],
  ];
  for (const [text, expected] of tries) {
    try {
      parseRecipients(text);
      assert.unreachable();
    } catch (error) {
      assert.match((error as TapeError).message, expected);
      assert.not.match((error as TapeError).message, /AGE-SECRET-KEY-1[A-Z\d]/);
    }
  }
});

test("parseIdentities() reads comments and several, and says why a line is none", async () => {
  assert.equal(await parseIdentities(`# created\n# public key: ${toAda}\n${ada}\n${bob}\n`), [ada, bob]);
  const tries: [string, RegExp][] = [
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nx", /is of a key to sign with, or of SSH/],
    ["AGE-PLUGIN-YUBIKEY-1X", /needs a plugin of age/],
    ["age-encryption.org/v1\n", /binary age file/],
    [toAda, /line 1 is a recipient/],
    [`${ada.slice(0, 30)}`, /line 1 is no identity of age/],
    ["", /Cannot read identities: there are none/],
  ];
  for (const [text, expected] of tries) assert.match((await rejection(parseIdentities(text))).message, expected);
});

test("parseIdentities() opens a text that is encrypted with a passphrase", async () => {
  const encrypter = new Encrypter();
  encrypter.setPassphrase("word");
  encrypter.setScryptWorkFactor(10);
  const text = armor.encode(await encrypter.encrypt(`# mine\n${ada}\n`));
  assert.equal(await parseIdentities(text, "word"), [ada]);
  assert.match((await rejection(parseIdentities(text))).message, /they are encrypted, and need their passphrase/);
  assert.match(
    (await rejection(parseIdentities(text, "other"))).message,
    /the passphrase is wrong, or the file is damaged/,
  );
});

test.run();
