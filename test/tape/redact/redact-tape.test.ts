import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  memoryStore,
  StreamingTapeReader,
  StreamingTapeWriter,
  type TapeError,
  type TapeStore,
  verifyTape,
} from "../../../src/mod.ts";
import { unlock } from "../../../src/crypto.ts";
import { redaction, redactTape, scanTape, type SecretFinding } from "../../../src/redact.ts";
import { newPerson } from "../../helpers/strange/signed-tapes.ts";
import { knownSecrets, leaks } from "../../redact/secrets.ts";

const test = suite("redactTape");
const key = "a key that is long enough";

/** A tape with every known secret, in each message and log. */
async function leakyTape(options: object = {}, isFinal = true): Promise<TapeStore> {
  const store = memoryStore();
  const transport = { type: "stdio", command: "x", args: ["--api-key", "s3cretS3cret1"] };
  const writer = await StreamingTapeWriter.create(store, {
    ...{ sessionId: "demo", tapeId: "leaky", metadata: { name: "it", transport }, checkpointEveryFrames: 20 },
    ...options,
  });
  let id = 0;
  for (const secret of Object.values(knownSecrets())) {
    const args = { text: secret, nested: JSON.stringify({ a: [secret] }) };
    await writer.writeFrame({
      message: { jsonrpc: "2.0", id: ++id, method: "tools/call", params: { name: "x", arguments: args } },
      direction: "client_to_server",
    });
    await writer.writeFrame({
      message: { jsonrpc: "2.0", id, result: { content: [{ type: "text", text: `got ${secret}` }] } },
      direction: "server_to_client",
    });
    for (const line of secret.split("\n")) await writer.writeLog("stderr", `saw ${line}`);
    await writer.writeFrame({ raw: `oops ${secret.replaceAll("\n", " ")}`, direction: "server_to_client" });
  }
  if (isFinal) await writer.finalize({ exit_code: 1, error: `token=${knownSecrets().githubClassic}` });
  else await writer.close();
  return store;
}

async function textsOf(store: TapeStore, id: string): Promise<string> {
  const decoder = new TextDecoder();
  const parts = await Promise.all([".jsonl", ".meta.json", ".index"].map((ending) => store.get(`${id}${ending}`)));
  return parts.map((bytes) => bytes === undefined ? "" : decoder.decode(bytes)).join("\n");
}

async function assertClean(store: TapeStore, id: string): Promise<void> {
  const text = await textsOf(store, id);
  for (const [kind, secret] of Object.entries(knownSecrets())) assert.not(leaks(text, secret), kind);
  assert.not(text.includes("s3cretS3cret1"));
  assert.is((await scanTape(store, id)).count, 0);
}

test("nothing of any secret is left, and the new tape is whole", async () => {
  const store = await leakyTape();
  const { metadata, rules } = await redactTape(store, "leaky", { to: "clean", key });
  await assertClean(store, "clean");
  const verified = await verifyTape(store, "clean");
  assert.ok(verified.isIntact);
  assert.ok(verified.isFinalized);
  const before = await verifyTape(store, "leaky");
  assert.is(verified.records.frame, before.records.frame);
  assert.is(metadata.stats?.frame_count, before.records.frame);
  assert.is(metadata.end?.exit_code, 1);
  assert.ok((rules["github-token"] ?? 0) > 5);
  assert.is(metadata.tape_id, "clean");
});

test("redacting twice changes no frame", async () => {
  const store = await leakyTape();
  await redactTape(store, "leaky", { to: "once", key });
  const { rules } = await redactTape(store, "once", { to: "twice", key });
  assert.equal(rules, {});
  const frames = async (id: string) =>
    (await textsOf(store, id)).split("\n").filter((line) => line.startsWith('{"type":"frame"'));
  assert.equal(await frames("twice"), await frames("once"));
});

test("a tape that was cut off, damaged or compressed is redacted as well", async () => {
  const store = await leakyTape({ compress: true }, false);
  await redactTape(store, "leaky", { to: "clean", compress: false });
  await assertClean(store, "clean");
  assert.ok((await verifyTape(store, "clean")).isIntact);

  const plain = await leakyTape();
  const bytes = (await plain.get("leaky.jsonl"))!;
  const { githubClassic = "", privateKey = "" } = knownSecrets();
  const noise = new TextEncoder().encode(
    `{"type":"frame","seq":1,"x":"${githubClassic}",\n${
      JSON.stringify(privateKey)
    }\n{"type":"log","text":"${githubClassic}`,
  );
  const damaged = new Uint8Array(bytes.length + noise.length);
  damaged.set(bytes);
  damaged.set(noise, bytes.length);
  await plain.put("leaky.jsonl", damaged);
  await redactTape(plain, "leaky", { to: "clean" });
  await assertClean(plain, "clean");
});

test("the new tape of an encrypted one is plain where that is asked for: nothing on it tells how lines were sealed", async () => {
  const passphrase = "correct horse battery staple";
  const store = unlock(await leakyTape({ encryptTo: { passphrase, workFactor: 10 } }), { passphrase });
  const { metadata } = await redactTape(store, "leaky", { to: "clean", key, encryptTo: false });
  await assertClean(store, "clean");
  const text = new TextDecoder().decode(await store.get("clean.jsonl"));
  assert.not.match(text, /"type":"epoch"|"seal":/);
  const { isIntact, noticeCount } = await verifyTape(store, "clean");
  assert.equal([isIntact, noticeCount], [true, 0]);
  assert.ok(metadata.stats!.duration_ms !== undefined);
});

test("the new tape is compressed, encrypted and signed as is asked for, and by default coded as the other one is", async () => {
  const { signer, verifier } = await newPerson();
  const passphrase = "correct horse battery staple";
  const codings = [{}, { compress: true }, { encryptTo: { passphrase, workFactor: 10 } }];
  const plain = await leakyTape();
  await redactTape(plain, "leaky", { to: "clean", key });
  const recordsOf = async (store: TapeStore) => {
    const reader = await StreamingTapeReader.open(store, "clean");
    const records: unknown[] = [];
    for await (const record of reader.records()) {
      if (record.type === "frame" || record.type === "redacted") {
        records.push(JSON.parse(JSON.stringify({ ...record, ts: 0, ts_us: 0 })));
      }
    }
    return records;
  };
  const wanted = await recordsOf(plain);
  for (const from of [...codings, { ...codings[1], ...codings[2] }]) {
    const locked = await leakyTape(from);
    const store = unlock(locked, { passphrase });
    for (
      const [to, how] of [[{}, from], [{ compress: false, encryptTo: false } as const, {}], [codings[1]!, {
        ...from,
        ...codings[1],
      }]] as const
    ) {
      const { metadata } = await redactTape(store, "leaky", { to: "clean", key, signer, ...to });
      const { init } = await StreamingTapeReader.open(locked, "clean");
      assert.equal([init.compression != null, init.encryption != null], ["compress" in how, "encryptTo" in how]);
      const verified = await verifyTape(store, "clean", { signers: [verifier] });
      assert.ok(verified.isIntact && verified.isFinalized);
      assert.is(verified.signedToLine, verified.lineCount);
      assert.is((await scanTape(store, "clean")).count, 0);
      assert.equal(await recordsOf(store), wanted);
      const kept = new TextDecoder().decode(await locked.get("clean.meta.json"));
      assert.is(kept.includes("api-key"), init.encryption == null);
      assert.is(metadata.stats?.file_size_bytes, await store.size("clean.jsonl"));
      for (const ending of [".jsonl", ".meta.json"]) await store.delete(`clean${ending}`);
    }
  }
});

test("a writer with a redaction writes nothing that has a secret, and tells of what it took out", async () => {
  const store = await leakyTape({ redaction: redaction({}, { key }) });
  await assertClean(store, "leaky");
  assert.ok((await verifyTape(store, "leaky")).isIntact);
  const reader = await StreamingTapeReader.open(store, "leaky");
  const sums: Record<string, number> = {};
  let last = "";
  for await (const record of reader.records()) {
    if (record.type !== "redacted") continue;
    for (const [rule, count] of Object.entries(record.rules)) sums[rule] = (sums[rule] ?? 0) + count;
    last = record.policy;
  }
  assert.is(last, redaction().policyHash);
  // In an argument, in JSON in an argument, in a result, in a line of stderr, in raw text; and in the end.
  assert.is(sums["stripe-key"], 5);
});

test("a tape with a redaction that is gone on with goes on being redacted", async () => {
  const store = await leakyTape({ redaction: redaction({}, { key }) }, false);
  const writer = await StreamingTapeWriter.resume(store, "leaky", { redaction: redaction({}, { key }) });
  await writer.writeLog("stderr", `again ${knownSecrets().githubClassic}`);
  writer.describe({ description: `with ${knownSecrets().githubClassic}` });
  await writer.finalize();
  await assertClean(store, "leaky");
  assert.ok((await verifyTape(store, "leaky")).isIntact);
});

test("scanTape() says where each secret is, and not what it is", async () => {
  const store = await leakyTape();
  const findings: SecretFinding[] = [];
  const { count, rules } = await scanTape(store, "leaky", { onFinding: (finding) => findings.push(finding) });
  assert.is(findings.length, count);
  assert.is(Object.values(rules).reduce((sum, each) => sum + each), count);
  assert.equal(findings[0], { rule: "jwt", line: 2, seq: 0, place: "/env/message/params/arguments/text" });
  assert.equal(findings[1], { rule: "jwt", line: 2, seq: 0, place: "/env/message/params/arguments/nested" });
  assert.ok(findings.some(({ place }) => place === "/text"));
  const metadata = findings.filter(({ line }) => line === undefined);
  assert.ok(metadata.some(({ rule, place }) => rule === "named-secret" && place === "/transport/args/1"));
  assert.ok(metadata.some(({ rule, place }) => rule === "github-token" && place === "/end/error"));
  for (const [kind, secret] of Object.entries(knownSecrets())) {
    assert.not(leaks(JSON.stringify(findings), secret), kind);
  }
});

test("scanTape() names no place by a secret that stands in it", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "names" });
  const secrets = knownSecrets();
  for (const secret of Object.values(secrets)) {
    await writer.writeFrame({
      message: { params: { [secret]: { password: "hunter2" } } },
      direction: "client_to_server",
    });
  }
  await writer.finalize();
  const findings: SecretFinding[] = [];
  await scanTape(store, "names", { onFinding: (finding) => findings.push(finding) });
  assert.equal(findings[0], { rule: "jwt", line: 2, seq: 0, place: "/env/message/params/*" });
  assert.match(findings[1]!.place, /^\/env\/message\/params\/\[REDACTED:jwt:[0-9a-f]{12}\]\/password$/);
  for (const [kind, secret] of Object.entries(secrets)) assert.not(leaks(JSON.stringify(findings), secret), kind);
});

test("a damaged line is told of: redacted as the text that it is, and left out where it does not decode", async () => {
  const lineOf = (store: TapeStore) => store.get("leaky.jsonl").then((bytes) => new TextDecoder().decode(bytes));
  for (const compress of [false, true]) {
    const store = await leakyTape({ compress, checkpointEveryFrames: 1_000 }, false);
    const lines = (await lineOf(store)).split("\n");
    const at = compress ? lines.findIndex((line) => line.startsWith('{"type":"zstd"')) : 1;
    const broken = compress ? lines[at]!.replace(/.{12}"\}$/, 'AAAAAAAAAAAA"}') : lines[at]!.slice(0, -20);
    await store.put("leaky.jsonl", new TextEncoder().encode(lines.with(at, broken).join("\n")));
    for (const act of [scanTape, redactTape]) {
      const errors: TapeError[] = [];
      await act(store, "leaky", { onError: (error) => errors.push(error) });
      assert.equal(errors.map(({ code, line }) => [code, line]), [["corrupted_record", at + 1]], act.name);
    }
    await redactTape(store, "leaky", { to: "clean" });
    await assertClean(store, "clean");
    const kept = (await verifyTape(store, "clean")).records.frame;
    assert.is(kept, (await verifyTape(store, "leaky")).records.frame);
  }
});

test("scanTape() looks through a last line that is torn, and redactTape() leaves it out", async () => {
  const store = await leakyTape({ checkpointEveryFrames: 1_000 }, false);
  const bytes = (await store.get("leaky.jsonl"))!;
  const { githubClassic = "", jwt = "" } = knownSecrets();
  const torn = new TextEncoder().encode(`{"type":"frame","x":"${githubClassic} ${jwt}"`);
  const both = new Uint8Array(bytes.length + torn.length);
  both.set(bytes);
  both.set(torn, bytes.length);
  await store.put("leaky.jsonl", both);
  const { rules } = await redactTape(store, "leaky", { to: "clean" });
  const scanned = (await scanTape(store, "leaky")).rules;
  assert.equal([scanned["github-token"], scanned["jwt"]], [rules["github-token"]! + 1, rules["jwt"]! + 1]);
  const text = new TextDecoder().decode((await store.get("clean.jsonl"))!);
  assert.not.ok(text.includes('"x":'));
  assert.ok(text.endsWith("}\n"));
  assert.is((await verifyTape(store, "clean")).damageCount, 0);
});

test("redactTape() leaves nothing behind where it fails", async () => {
  const store = await leakyTape();
  const signal = AbortSignal.abort(new Error("enough"));
  await redactTape(store, "leaky", { to: "clean", signal }).then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, "enough"),
  );
  assert.is(await store.size("clean.jsonl"), undefined);
  await redactTape(store, "nothing").then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, "tape_not_found"),
  );
});

test.run();
