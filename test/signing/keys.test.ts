import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { generateSigningKey, publicKeyText, signerOf, verifierOf } from "../../src/crypto.ts";
import { memoryStore, verifyTape } from "../../src/mod.ts";
import { spansOf } from "../helpers/strange/damage.ts";
import { inScratch } from "../helpers/scratch.ts";
import { signedTape } from "../helpers/strange/signed-tapes.ts";
import { putTape } from "../helpers/tapes.ts";
import { rejection } from "../helpers/within.ts";

/** What OpenSSL answers; throws where it does not like what it is given. */
function openssl(args: readonly string[], input: Uint8Array | string = ""): Buffer {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { input });
  if (status === 0) return Buffer.from(stdout);
  throw error ?? new Error(`openssl ${args.join(" ")}: ${stderr}`);
}

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.log("skip: there is no openssl");
const withOpenssl = hasOpenssl ? test : test.skip;

const text = new TextEncoder().encode("some bytes");

test("what a key signs, its public key fits, and nothing else", async () => {
  const { privateKey, publicKey } = await generateSigningKey();
  const [signer, verifier] = [await signerOf(privateKey), await verifierOf(` ${publicKey}\n`)];
  assert.equal(signer.publicKey, verifier.publicKey);
  assert.is(publicKeyText(signer.publicKey), publicKey);
  const signature = new Uint8Array(await signer.sign(text));
  assert.ok(await verifier.verify(text, signature));
  assert.ok(await (await verifierOf(signer.publicKey)).verify(text, signature));
  assert.not.ok(await verifier.verify(text.slice(1), signature));
  const other = await verifierOf((await generateSigningKey()).publicKey);
  assert.not.ok(await other.verify(text, signature));
});

test("the keys of RFC 8032 sign as they do there", async () => {
  const seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, "hex").toString("base64");
  const signer = await signerOf(`-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  assert.is(hex(signer.publicKey), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  assert.is(
    hex(await signer.sign(new Uint8Array())),
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
});

test("a signer tells nothing of its key", async () => {
  const { privateKey } = await generateSigningKey();
  const signer = await signerOf(privateKey);
  assert.equal(Object.keys(signer).sort(), ["publicKey", "sign"]);
  assert.equal(Object.keys(JSON.parse(JSON.stringify(signer))), ["publicKey"]);
});

test("what is no key is refused in a sentence that tells nothing of it", async () => {
  const { privateKey, publicKey } = await generateSigningKey();
  const pem = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
  const secret = privateKey.split("\n")[1]!;
  for (
    const [key, why] of [
      [publicKey, "it must be a PEM text with BEGIN PRIVATE KEY"],
      [pem("PUBLIC KEY", secret), "it must be a PEM text with BEGIN PRIVATE KEY, not with BEGIN PUBLIC KEY"],
      [pem("ENCRYPTED PRIVATE KEY", secret), "it is encrypted; decrypt it with openssl pkey -in FILE -out FILE"],
      [pem("PRIVATE KEY", secret.slice(4)), "it is no Ed25519 key, or this runtime has no Ed25519"],
      [pem("PRIVATE KEY", "A"), "what stands in its PEM text is no base64"],
      [5, "it must be a text, not a number"],
    ] as const
  ) {
    const { message } = await rejection(signerOf(key as string), "invalid_argument");
    assert.is(message, `Cannot use a key to sign: ${why}`);
  }
  for (
    const [key, why] of [
      [privateKey, "it is a private key, which is nobody's but its owner's; the public one belongs here"],
      [`${publicKey}A`, "ed25519: must be followed by 43 characters of base64url, with nothing behind"],
      ["ssh-ed25519 AAAA", "it must be ed25519:… or a PEM text with BEGIN PUBLIC KEY"],
      [pem("PUBLIC KEY", secret), "it is no Ed25519 key"],
      [new Uint8Array(33), "it must have 32 bytes, not 33"],
      [undefined, "it must be a text, not undefined"],
    ] as const
  ) {
    const { message } = await rejection(verifierOf(key as string), "invalid_argument");
    assert.is(message, `Cannot use a public key: ${why}`);
    assert.not.match(message, secret.slice(20, 30));
  }
});

withOpenssl("OpenSSL takes our keys, and we take those of OpenSSL", async () => {
  const { privateKey, publicKey } = await generateSigningKey();
  const spki = openssl(["pkey", "-pubout"], privateKey).toString();
  assert.equal((await verifierOf(spki)).publicKey, (await verifierOf(publicKey)).publicKey);
  const theirs = openssl(["genpkey", "-algorithm", "ed25519"]).toString();
  const signer = await signerOf(theirs);
  assert.equal((await verifierOf(openssl(["pkey", "-pubout"], theirs).toString())).publicKey, signer.publicKey);
});

withOpenssl("OpenSSL finds the signatures of a tape as docs/format.md tells", async () => {
  const { privateKey, publicKey } = await generateSigningKey();
  const tape = Buffer.from(await signedTape(await signerOf(privateKey), "demo", 3));
  await inScratch(async (folder) => {
    const [key, sig, signed] = ["key.pem", "sig", "signed"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(key, openssl(["pkey", "-pubout"], privateKey));
    const sha256 = (bytes: Uint8Array) => openssl(["dgst", "-sha256", "-binary"], bytes);
    let previous = sha256(Buffer.from("demo"));
    let from = 0;
    let count = 0;
    for (const { start, end } of spansOf(tape)) {
      const line = tape.toString("utf8", start, end);
      if (!line.startsWith('{"type":"checkpoint"')) continue;
      const { signature } = JSON.parse(line);
      assert.is(`ed25519:${signature.key}`, publicKey);
      assert.is(signature.previous, previous.toString("base64url"));
      const at = tape.indexOf('"signature":', start);
      const bytes = Buffer.concat([Buffer.from("tapeline/checkpoint/1"), previous, sha256(tape.subarray(from, at))]);
      await writeFile(signed, bytes);
      await writeFile(sig, Buffer.from(signature.sig, "base64url"));
      openssl(["pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", signed, "-sigfile", sig]);
      previous = sha256(bytes);
      from = at;
      count++;
    }
    assert.is(count, 3);
  });
});

test("the worked example of docs/format.md is true", async () => {
  const format = await readFile(new URL("../../docs/format.md", import.meta.url), "utf8");
  const section = /## Signatures\n([^]*?)\n## /.exec(format)![1]!;
  const tape = Buffer.from(/```jsonl\n([^]*?)```/.exec(section)![1]!);
  const told = (what: RegExp) => what.exec(section.replace(/\s+/g, " "))![1]!;
  const verifier = await verifierOf(told(/(ed25519:[\w-]{43})/));
  const store = memoryStore();
  await putTape(store, "signed", tape);
  const result = await verifyTape(store, "signed", { signers: [verifier] });
  assert.ok(result.isIntact);
  assert.is(result.signedToLine, 3);
  const at = tape.indexOf('"signature":');
  assert.is(Number(told(/starts at byte (\d+)/)), at);
  const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const [previous, range] = [sha256(Buffer.from("signed")), sha256(tape.subarray(0, at))];
  assert.is(told(/SHA-256 of `signed`, is `(\w+)`/), previous.toString("hex"));
  assert.is(told(/bytes before it is `(\w+)`/), range.toString("hex"));
  const chain = sha256(Buffer.from("tapeline/checkpoint/1"), previous, range);
  assert.is(told(/next signature would be `([\w-]+)`/), chain.toString("base64url"));
});

test.run();
