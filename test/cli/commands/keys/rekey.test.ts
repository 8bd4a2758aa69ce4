import { Buffer } from "node:buffer";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rekey } from "../../../../src/cli/commands/keys/rekey.ts";
import { fileStore } from "../../../../src/file.ts";
import { type CreateWriterOptions, StreamingTapeReader, StreamingTapeWriter, verifyTape } from "../../../../src/mod.ts";
import { generateSigningKey, signerOf, unlock } from "../../../../src/crypto.ts";
import { indexFault } from "../../../../src/tape/index/index-fault.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { collect } from "../../../helpers/streams.ts";
import { request } from "../../../helpers/tapes.ts";
import { FakeIo } from "../../fake-io.ts";
import { type Ending, runIn } from "../derive/in-process.ts";
import { type KeyOwner, keyOwner } from "./encrypted.ts";

/** A tape of Ada's, long enough for an index and many checkpoints. */
async function withTape(
  act: (tape: { folder: string; path: string; ada: KeyOwner; bob: KeyOwner }) => Promise<void>,
  options: Partial<CreateWriterOptions> = {},
): Promise<void> {
  await inScratch(async (folder) => {
    const [ada, bob] = [await keyOwner(join(folder, "ada.key")), await keyOwner(join(folder, "bob.key"))];
    const encryptTo = { recipients: [ada.recipient] };
    const created = { sessionId: "s", tapeId: "demo", encryptTo, metadata: { name: "hidden name" } };
    const writer = await StreamingTapeWriter.create(fileStore(folder), { ...created, ...options });
    const frames = Array.from({ length: 3000 }, (_, id) => writer.writeFrame(request(id, "hidden/method")));
    await Promise.all(frames);
    await writer.finalize();
    await act({ folder, path: join(folder, "demo.jsonl"), ada, bob });
  });
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ending> {
  return runIn(rekey, args, new FakeIo({ env }));
}

const linesOf = async (path: string) => (await readFile(path, "latin1")).split(/(?<=\n)/);
const identityOf = (owner: KeyOwner) => ({ identities: [owner.identity] });

test("rekey gives a tape to others: its lines stay, and it is whole, with its metadata and its index", () =>
  withTape(async ({ folder, path, ada, bob }) => {
    const before = await linesOf(path);
    const { code, stdout, error } = await run(["--identity", ada.path, "--encrypt-to", bob.recipient, path]);
    assert.equal([code, error, stdout], [0, undefined, `${path}: can be read by 1 recipient now\n`]);
    const after = await linesOf(path);
    const first = before.findIndex((line) => line.startsWith('{"type":"checkpoint"'));
    const changed = before.flatMap((line, at) => line === after[at] ? [] : [at]);
    assert.equal([after.length, changed], [before.length, [0, first]]);
    assert.is(after[first]!.replace(/\w{8}"\}\n$/, ""), before[first]!.replace(/\w{8}"\}\n$/, ""));

    const store = unlock(fileStore(folder), identityOf(bob));
    for (const each of [store, fileStore(folder)]) {
      const { isIntact, isFinalized, sealedBytes, byteCount, noticeCount } = await verifyTape(each, "demo");
      assert.equal([isIntact, isFinalized, sealedBytes, noticeCount], [true, true, byteCount, 0]);
    }
    const reader = await StreamingTapeReader.open(store, "demo");
    assert.equal((await reader.metadata())?.name, "hidden name");
    assert.is((await collect(reader.frames({ where: "method:hidden/method" }))).length, 3000);
    assert.is(await indexFault(fileStore(folder), "demo"), undefined);
    const refused = await StreamingTapeReader.open(unlock(fileStore(folder), identityOf(ada)), "demo").catch(String);
    assert.match(String(refused), /none of the identities opens it/);
    assert.equal((await readdir(folder)).filter((name) => /tmp|lock|draft/.test(name)), []);
    assert.is((await verifyTape(store, "demo")).isIntact, true);
  }));

test("rekey for several recipients and with a passphrase, there and back; a tape is gone on with between", () =>
  withTape(async ({ folder, path, ada, bob }) => {
    const steps: [args: string[], env?: Record<string, string>][] = [
      [["--identity", ada.path, "--encrypt-to", bob.recipient, "--encrypt-to", ada.recipient]],
      [["--identity", bob.path, "--new-passphrase"], { TAPELINE_NEW_PASSPHRASE: "horse" }],
    ];
    for (const [args, env] of steps) assert.is((await run([...args, path], env)).code, 0);
    const store = unlock(fileStore(folder), { passphrase: "horse" });
    const writer = await StreamingTapeWriter.resume(store, "demo");
    await writer.writeFrame(request(3000, "hidden/method"));
    await writer.finalize();
    const back = ["--passphrase", "--json", "--encrypt-to", ada.recipient, path];
    const { code, stdout } = await run(back, { TAPELINE_PASSPHRASE: "horse" });
    assert.equal([code, JSON.parse(stdout)], [0, { tape_id: "demo", path, recipient_count: 1 }]);
    const adas = unlock(fileStore(folder), identityOf(ada));
    const { isIntact, records } = await verifyTape(adas, "demo");
    assert.equal([isIntact, records.frame], [true, 3001]);
  }));

test("rekey keeps a damaged line as it is, where no new checksum has to vouch for it", () =>
  withTape(async ({ folder, path, ada, bob }) => {
    const lines = await linesOf(path);
    const damaged = lines.with(lines.length - 5, "no record\n");
    await writeFile(path, damaged.join(""), "latin1");
    assert.is((await run(["--identity", ada.path, "--encrypt-to", bob.recipient, path])).code, 0);
    assert.equal((await linesOf(path)).slice(2000), damaged.slice(2000));
    const { isIntact } = await verifyTape(unlock(fileStore(folder), identityOf(bob)), "demo");
    assert.is(isIntact, false);
  }));

test("rekey leaves what it cannot do as it was, and says why", () =>
  withTape(async ({ folder, path, ada, bob }) => {
    const to = ["--encrypt-to", bob.recipient];
    const key = ["--identity", ada.path];
    const kept = new Map<string, Uint8Array>();
    const put = async (name: string, bytes: Uint8Array) => {
      await writeFile(join(folder, name), bytes);
      kept.set(name, bytes);
      return join(folder, name);
    };
    const whole = await readFile(path);
    const damaged = await put("damaged.jsonl", whole.map((byte, at) => at === 3000 ? byte ^ 1 : byte));
    const late = await put("late.jsonl", Buffer.concat([Buffer.from("\n"), whole]));
    const plain = await put(
      "plain.jsonl",
      new TextEncoder().encode(
        '{"type":"init","version":"2.0","tape_id":"plain","session_id":"s","created_at":"2026-11-23T07:30:12.000Z","protocol_version":"x"}\n',
      ),
    );
    kept.set("demo.jsonl", whole);
    const writing = await StreamingTapeWriter.resume(unlock(fileStore(folder), identityOf(ada)), "demo");
    const cases: [args: string[], why: RegExp][] = [
      [[...key, ...to, path], /^Cannot write \S+demo\.jsonl: /],
      [[...to, damaged], /^Cannot read \S+damaged\.jsonl: it is encrypted; --identity/],
      [["--identity", bob.path, ...to, damaged], /^Cannot decrypt \S+damaged\.jsonl: none of the identities opens it$/],
      [
        [...key, ...to, damaged],
        /^Cannot change the key of \S+damaged\.jsonl: its checksum does not fit .*; repair it first$/,
      ],
      [
        [...key, ...to, late],
        /^Cannot change the key of \S+late\.jsonl: its first line is no init record; repair it first$/,
      ],
      [[...key, ...to, plain], /^Cannot change the key of \S+plain\.jsonl: it is not encrypted$/],
      [[...key, damaged], /^rekey needs either --encrypt-to or --new-passphrase; /],
      [[...key, ...to, "--new-passphrase", damaged], /^rekey needs either --encrypt-to or --new-passphrase; /],
      [[...key, "--encrypt-to", ada.identity, damaged], /^--encrypt-to takes no secret key: /],
    ];
    for (const [args, why] of cases) {
      const { error } = await run(args);
      assert.match(error ?? "", why);
      assert.not.match(error ?? "", ada.identity);
    }
    await writing.close();
    const answers = ["horse", "house"];
    const io = new FakeIo({ askSecret: () => Promise.resolve(answers.shift()) });
    const { error } = await runIn(rekey, [...key, "--new-passphrase", path], io);
    assert.is(error, "Cannot use the new passphrase: what was typed is not twice the same");
    const stopped = Object.assign(new FakeIo(), { signal: AbortSignal.abort(new Error("Ctrl-C")) });
    assert.is((await runIn(rekey, [...key, ...to, path], stopped)).error, "Ctrl-C");
    for (const [name, bytes] of kept) {
      assert.equal((await readFile(join(folder, name))).subarray(0, bytes.length).compare(bytes), 0, name);
    }
    assert.equal((await readdir(folder)).filter((name) => /tmp|lock|draft/.test(name)), []);
  }));

test("rekey leaves a signed tape as it is: a signature covers its key", async () => {
  const signer = await signerOf((await generateSigningKey()).privateKey);
  await withTape(async ({ path, ada, bob }) => {
    const before = await readFile(path);
    const { error } = await run(["--identity", ada.path, "--encrypt-to", bob.recipient, path]);
    assert.match(
      error ?? "",
      /^Cannot change the key of \S+demo\.jsonl: it is signed, and the first signature covers its key; /,
    );
    assert.is(before.compare(await readFile(path)), 0);
  }, { signer });
});

test.run();
