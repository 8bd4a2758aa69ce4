import { appendFile, copyFile, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { generateSigningKey } from "../../../../src/signing/keys.ts";
import { fileStore } from "../../../../src/stores/file.ts";
import { StreamingTapeWriter } from "../../../../src/tape/write/writer.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { answer, request } from "../../../helpers/tapes.ts";
import { commands } from "../../commands.ts";
import { FakeIo } from "../../fake-io.ts";
import { type Ending, runIn } from "../derive/in-process.ts";
import { type KeyOwner, keyOwner } from "../keys/encrypted.ts";

interface Place {
  readonly folder: string;
  readonly ada: KeyOwner;
  readonly run: (name: string, ...args: readonly string[]) => Promise<Ending>;
  /** The content of a file in the folder. */
  readonly text: (name: string) => Promise<string>;
  /** Which files there are, but for keys. */
  readonly files: () => Promise<string[]>;
}

/** A folder with the tape `demo`, long enough for an index. */
async function withDemo(options: object, act: (place: Place) => Promise<void>): Promise<void> {
  await inScratch(async (folder) => {
    const ada = await keyOwner(join(folder, "ada.key"));
    const meta = { sessionId: "s", tapeId: "demo", metadata: { name: "hidden name" }, checkpointEveryFrames: 100 };
    const encryptTo = { recipients: [ada.recipient] };
    const coding = "encryptTo" in options ? { ...options, encryptTo } : options;
    const writer = await StreamingTapeWriter.create(fileStore(folder), { ...meta, ...coding });
    for (let id = 0; id < 400; id++) {
      await writer.writeFrame(request(id, `hidden/${"method".repeat(30)}`));
      await writer.writeFrame(answer(id, { text: `hidden answer ${Math.random()}` }));
    }
    await writer.finalize();
    const io = () => new FakeIo({ env: { TAPELINE_DIR: folder, TAPELINE_IDENTITY: ada.path } });
    await act({
      folder,
      ada,
      run: (name, ...args) => runIn(commands.find((each) => each.name === name)!, args, io()),
      text: (name) => readFile(join(folder, name), "latin1"),
      files: async () => (await readdir(folder)).filter((name) => !/\.(key|pem)$/.test(name)).sort(),
    });
  });
}

const DEMO = ["demo.index", "demo.jsonl", "demo.meta.json"];

test("compress and decompress make the same tape in its place, and the second undoes the first to the byte", () =>
  withDemo({}, async ({ run, text, files }) => {
    const before = await text("demo.jsonl");
    const compressed = await run("compress", "--in-place", "demo");
    assert.equal([compressed.error, compressed.code, compressed.stderr], [undefined, 0, ""]);
    assert.match(compressed.stdout, /^.*demo\.jsonl: compressed, in its place; .*, [\d.]+ % of .*\n$/);
    assert.equal(await files(), DEMO);
    assert.not.match(await text("demo.jsonl"), /hidden\/method/);
    assert.is((await run("verify", "demo")).code, 0);
    assert.match((await run("info", "hidden name")).stdout, /hidden\/method/);
    const decompressed = await run("decompress", "--in-place", "demo");
    assert.equal([decompressed.error, decompressed.code], [undefined, 0]);
    assert.equal(await files(), DEMO);
    assert.ok(await text("demo.jsonl") === before);
    assert.is((await run("verify", "demo")).code, 0);
  }));

test("decrypt makes a plain tape beside the encrypted one, or a compressed one, or on stdout", () =>
  withDemo({ encryptTo: true }, async ({ folder, run, text, files }) => {
    const out = join(folder, "plain.jsonl");
    const decrypted = await run("decrypt", "-o", out, "demo");
    assert.equal([decrypted.error, decrypted.code, decrypted.stderr], [undefined, 0, ""]);
    assert.match(await text("plain.jsonl"), /hidden\/method/);
    assert.equal(await files(), [...DEMO, "plain.index", "plain.jsonl", "plain.meta.json"]);
    assert.is(JSON.parse(await text("plain.meta.json")).name, "hidden name");
    assert.is((await run("verify", out)).code, 0);
    const piped = await run("decrypt", "-o", "-", "demo");
    assert.ok(piped.stdout === await text("plain.jsonl"));
    const small = await run("decrypt", "--compress", "--json", "--force", "-o", out, "demo");
    const { path, read_bytes, written_bytes, is_tape_deleted } = JSON.parse(small.stdout);
    assert.equal([path, is_tape_deleted], [out, false]);
    assert.ok(written_bytes < read_bytes / 2);
    assert.not.match(await text("plain.jsonl"), /hidden\/method/);
    assert.match((await run("cat", "--raw", out)).stdout, /hidden\/method/);
  }));

test("encrypt hides a tape from all who have no key: for recipients, or with a passphrase", () =>
  withDemo({}, async ({ folder, ada, run, text, files }) => {
    const before = await text("demo.jsonl");
    const out = join(folder, "sealed.jsonl");
    const encrypt = commands.find(({ name }) => name === "encrypt")!;
    const env = { TAPELINE_DIR: folder, TAPELINE_PASSPHRASE: "horse" };
    const sealed = await runIn(encrypt, ["--passphrase", "--compress", "-o", out, "demo"], new FakeIo({ env }));
    assert.equal([sealed.error, sealed.code, sealed.stderr], [undefined, 0, ""]);
    for (const name of ["sealed.jsonl", "sealed.meta.json"]) assert.not.match(await text(name), /hidden/, name);
    const cat = commands.find(({ name }) => name === "cat")!;
    assert.match((await runIn(cat, ["--raw", "--passphrase", out], new FakeIo({ env }))).stdout, /hidden\/method/);
    assert.is((await run("encrypt", "--encrypt-to", ada.recipient, "--in-place", "demo")).code, 0);
    for (const name of DEMO) assert.not.match(await text(name), /hidden/, name);
    assert.equal(await files(), [...DEMO, "sealed.index", "sealed.jsonl", "sealed.meta.json"]);
    assert.is((await run("verify", "demo")).code, 0);
    assert.is((await run("decrypt", "--in-place", "demo")).code, 0);
    assert.ok(await text("demo.jsonl") === before);
    for (const args of [[], ["--passphrase", "--encrypt-to", ada.recipient]]) {
      const { error } = await run("encrypt", ...args, "--in-place", "demo");
      assert.match(error!, /^encrypt needs either --encrypt-to or --passphrase/);
    }
  }));

test("an encrypted tape that is compressed stays encrypted, for the same readers", () =>
  withDemo({ encryptTo: true }, async ({ run, text, folder }) => {
    const keyIn = async () => JSON.parse((await text("demo.jsonl")).split("\n")[0]!).encryption.key;
    const key = await keyIn();
    assert.is((await run("compress", "--in-place", "demo")).code, 0);
    assert.is(await keyIn(), key);
    for (const name of DEMO) assert.not.match(await text(name), /hidden/, name);
    assert.match((await run("cat", "--raw", "demo")).stdout, /hidden\/method/);
    const locked = await runIn(
      commands.find(({ name }) => name === "decompress")!,
      ["--in-place", "demo"],
      new FakeIo({ env: { TAPELINE_DIR: folder } }),
    );
    assert.match(locked.error!, /is encrypted; --identity FILE or --passphrase opens it/);
  }));

test("--rm deletes the tape, when the other one is there", () =>
  withDemo({ compress: true }, async ({ run, files, folder }) => {
    const moved = await run("decompress", "--rm", "-o", join(folder, "new.jsonl"), "demo");
    assert.match(moved.stdout, /new\.jsonl: decompressed, made of .*demo\.jsonl, which is deleted; /);
    assert.equal(await files(), ["new.jsonl", "new.meta.json"]);
  }));

test("a signature is lost, which is told, unless somebody signs again", () =>
  withDemo({}, async ({ run, folder }) => {
    const { privateKey, publicKey } = await generateSigningKey();
    const sign = ["--sign", join(folder, "signing.pem")];
    await writeFile(sign[1]!, privateKey);
    assert.equal((await run("compress", ...sign, "--in-place", "demo")).stderr, "");
    assert.is((await run("verify", "--signer", publicKey, "demo")).code, 0);
    const { stderr, code } = await run("decompress", "--in-place", "demo");
    assert.match(
      stderr,
      /^tapeline: .*demo\.jsonl was signed; nobody has signed the new tape, and --sign FILE does\n$/,
    );
    assert.is(code, 0);
  }));

test("a damaged tape is refused and left as it is; of a torn one the last line is left out", () =>
  withDemo({}, async ({ run, text, files, folder }) => {
    const whole = await text("demo.jsonl");
    await writeFile(join(folder, "demo.jsonl"), whole.replace("hidden answer", "hidden Answer"), "latin1");
    const damaged = await text("demo.jsonl");
    const refused = await run("compress", "--in-place", "demo");
    assert.match(refused.error!, /^Cannot compress .*demo\.jsonl: line \d+ .*checksum.*; repair it first$/);
    assert.equal(await files(), DEMO);
    assert.ok(await text("demo.jsonl") === damaged);
    await writeFile(join(folder, "demo.jsonl"), whole, "latin1");
    await appendFile(join(folder, "demo.jsonl"), '{"type":"frame","se');
    const torn = await run("compress", "-o", join(folder, "new.jsonl"), "demo");
    assert.equal([torn.code, torn.error], [3, undefined]);
    assert.match(torn.stderr, /the last line of .*demo\.jsonl is torn, and was left out\n$/);
  }));

test("a tape that is being written is copied as it is by then, and not put in its place", () =>
  withDemo({}, async ({ run, folder }) => {
    const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    await writer.writeFrame(request(1));
    const copied = await run("compress", "-o", join(folder, "new.jsonl"), "live");
    assert.match(copied.stderr, /live\.jsonl is being written: what came since is not in it\n$/);
    assert.is(copied.code, 0);
    assert.match((await run("compress", "--in-place", "live")).error!, /live\.jsonl.*/);
    await writer.writeFrame(request(2));
    await writer.finalize();
    assert.is((await run("verify", "live")).code, 0);
  }));

test("options that make no sense are wrong use, and what is there already is not replaced", () =>
  withDemo({ compress: true, encryptTo: true }, async ({ run, folder, files }) => {
    const there = join(folder, "there.jsonl");
    await copyFile(join(folder, "demo.jsonl"), there);
    const cases: [args: string[], why: RegExp][] = [
      [["decrypt", "demo"], /^decrypt needs -o OUT or --in-place; see "tapeline decrypt --help"$/],
      [["decrypt", "--in-place", "-o", "x", "demo"], /^--in-place and -o exclude each other$/],
      [["decrypt", "--in-place", "--rm", "demo"], /^--in-place and --rm exclude each other$/],
      [["decrypt", "-o", "-", "--json", "demo"], /^--json and -o - exclude each other/],
      [["decrypt", "-o", there, "demo"], /there is already|is there already; --force replaces it/],
      [["decrypt", "-o", join(folder, "demo.jsonl"), "--force", "demo"], /is the tape that is read|one of the tapes/],
      [["compress", "--in-place", "demo"], /^Cannot compress .*demo\.jsonl: its lines are compressed already$/],
      [["compress", "--blocks", "--in-place", "demo"], /^--blocks and --in-place exclude each other$/],
    ];
    const link = join(folder, "link.jsonl");
    await symlink(there, link);
    cases.push([
      ["decrypt", "--in-place", link],
      /^Cannot replace .*link\.jsonl: it is a symbolic link; name the file/,
    ]);
    const before = await files();
    for (const [[name = "", ...args], why] of cases) assert.match((await run(name, ...args)).error ?? "done", why);
    assert.equal(await files(), before);
    await run("decrypt", "-o", join(folder, "plain.jsonl"), "demo");
    assert.match((await run("decrypt", "--in-place", join(folder, "plain.jsonl"))).error!, /it is not encrypted$/);
    assert.match((await run("decompress", "--in-place", join(folder, "plain.jsonl"))).error!, /it is not compressed$/);
  }));

test.run();
