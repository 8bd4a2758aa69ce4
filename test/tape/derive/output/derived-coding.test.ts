import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../../helpers/properties.ts";
import { unlock } from "../../../../src/crypto.ts";
import type { InitRecord } from "../../../../src/records/record.ts";
import { generateSigningKey, signerOf, verifierOf } from "../../../../src/signing/keys.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import type { TapeStore } from "../../../../src/stores/store.ts";
import { deriveTape, type DeriveTapeOptions } from "../../../../src/tape/derive/derive-tape.ts";
import { readInit } from "../../../../src/tape/first-record.ts";
import { StreamingTapeReader } from "../../../../src/tape/read/reader.ts";
import { verifyTape } from "../../../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../../../src/tape/write/writer.ts";
import { CODINGS, identity, recipient, said } from "../../../codecs/codings.ts";
import { collect } from "../../../helpers/streams.ts";
import { answer, request, textOf } from "../../../helpers/tapes.ts";
import { rejection } from "../../../helpers/within.ts";
import { conversations, recordConversation } from "../../../query/conversations.ts";

async function initOf(store: TapeStore, id: string): Promise<InitRecord> {
  return await readInit(store, `${id}.jsonl`);
}

/** How a tape is coded, as its `init` record says and as its lines are. */
async function codingOf(store: TapeStore, id: string): Promise<string[]> {
  const { compression, encryption } = await initOf(store, id);
  const lines = (await textOf(store, `${id}.jsonl`)).split("\n");
  const isSealed = lines.some((line) => line.startsWith('{"type":"sealed"'));
  assert.is(isSealed, encryption !== undefined);
  if (!isSealed) assert.is(lines.some((line) => line.startsWith('{"type":"zstd"')), compression !== undefined);
  return [compression === undefined ? "" : "compressed", encryption === undefined ? "" : "encrypted"].filter(Boolean);
}

async function recordsOf(store: TapeStore, id: string): Promise<unknown[]> {
  return said(await collect((await StreamingTapeReader.open(store, id)).records()));
}

async function isWhole(store: TapeStore, id: string): Promise<boolean> {
  const { isIntact, isFinalized, noticeCount } = await verifyTape(store, id);
  return isIntact && isFinalized && noticeCount === 0;
}

/** A tape in which enough is said for every line to be compressed. */
async function recordTape(store: TapeStore, tapeId: string, options: object = {}): Promise<void> {
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId, elapsedUs: () => 0, ...options });
  for (let id = 0; id < 15; id++) {
    await writer.writeFrame(request(id, `hidden/${"method".repeat(20)}`));
    await writer.writeFrame(answer(id));
  }
  await writer.finalize();
}

for (const [name, { options, open }] of Object.entries(CODINGS)) {
  test(`a tape that is made of one that is ${name} is ${name} too, and says what one does that is made of a plain one`, async () => {
    const property = fc.asyncProperty(
      conversations,
      fc.constantFrom(undefined, "method:tools/call", "type:log"),
      async (conversation, select) => {
        const [plain, raw] = [memoryStore(), memoryStore()];
        await recordConversation(plain, conversation);
        await recordConversation(raw, conversation, options);
        const store = open(raw);
        for (const each of [plain, store]) await deriveTape(each, "demo", { to: "new", select });
        assert.equal(await recordsOf(store, "new"), await recordsOf(plain, "new"));
        const [from, to] = [await initOf(raw, "demo"), await initOf(raw, "new")];
        assert.is(to.compression, from.compression);
        assert.is(to.encryption?.key, from.encryption?.key);
        assert.ok(await isWhole(store, "new"));
        // And one of that, as well.
        await deriveTape(store, ["new", "demo"], { to: "both", order: "time" });
        assert.ok(await isWhole(store, "both"));
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });
}

test("a tape that is made of others is coded as was asked", async () => {
  const raw = memoryStore();
  const store = unlock(raw, { identities: [identity] });
  await recordTape(raw, "plain");
  await recordTape(raw, "sealed", { encryptTo: { recipients: [recipient] }, compress: true });
  const encryptTo = { recipients: [recipient] };
  const cases: [from: string, asked: DeriveTapeOptions, is: string[]][] = [
    ["plain", {}, []],
    ["plain", { compress: true }, ["compressed"]],
    ["plain", { encryptTo }, ["encrypted"]],
    ["plain", { compress: { level: 3 }, encryptTo }, ["compressed", "encrypted"]],
    ["sealed", {}, ["compressed", "encrypted"]],
    ["sealed", { compress: false }, ["encrypted"]],
    ["sealed", { encryptTo: false }, ["compressed"]],
    ["sealed", { compress: false, encryptTo: false }, []],
  ];
  for (const [at, [from, asked, is]] of cases.entries()) {
    const to = `new-${at}`;
    await deriveTape(store, from, { to, ...asked });
    assert.equal(await codingOf(raw, to), is);
    assert.equal(await recordsOf(store, to), await recordsOf(store, "new-0"));
    assert.ok(await isWhole(store, to));
  }
  await deriveTape(store, ["plain", "sealed"], { to: "both" });
  assert.equal(await codingOf(raw, "both"), ["compressed", "encrypted"]);
});

test("nothing of an encrypted tape stands in plain in one that is made of it, nor in its metadata", async () => {
  const raw = memoryStore();
  const store = unlock(raw, { identities: [identity] });
  await recordTape(raw, "sealed", { encryptTo: { recipients: [recipient] }, metadata: { description: "hidden too" } });
  const { metadata } = await deriveTape(store, "sealed", { to: "new", name: "hidden name", select: "method:hidden" });
  assert.equal([metadata.name, metadata.description], ["hidden name", "hidden too"]);
  assert.match(JSON.stringify(metadata.derived_from), /"query":"method:hidden"/);
  for (const key of ["new.jsonl", "new.meta.json"]) assert.not.match(await textOf(raw, key), /hidden|jsonrpc/);
  const reader = await StreamingTapeReader.open(store, "new");
  assert.is((await reader.metadata())?.name, "hidden name");
  await deriveTape(store, "new", { to: "next" });
  assert.not.match(await textOf(raw, "next.jsonl"), /hidden/);
});

test("an encrypted tape that is made of one has the same key, and no epoch of it", async () => {
  const raw = memoryStore();
  await recordTape(raw, "sealed", { encryptTo: { recipients: [recipient] } });
  await deriveTape(unlock(raw, { identities: [identity] }), "sealed", { to: "new" });
  const [from, to] = [(await initOf(raw, "sealed")).encryption!, (await initOf(raw, "new")).encryption!];
  assert.is(to.key, from.key);
  assert.is.not(to.check, from.check);
  const epochsOf = async (id: string) => new Set((await textOf(raw, `${id}.jsonl`)).match(/"epoch":"[\w-]{22}"/g));
  const before = await epochsOf("sealed");
  for (const epoch of await epochsOf("new")) assert.not.ok(before.has(epoch));
});

test("tapes with different keys do not become one, unless it is said who shall open that", async () => {
  const raw = memoryStore();
  const store = unlock(raw, { identities: [identity] });
  for (const id of ["a", "b"]) await recordTape(raw, id, { encryptTo: { recipients: [recipient] } });
  const error = await rejection(deriveTape(store, ["a", "b"], { to: "new" }), "invalid_argument");
  assert.match(String(error), /encrypted with different keys; name those who shall open the new one/);
  assert.equal([await raw.size("new.jsonl"), await raw.size("new.meta.json")], [undefined, undefined]);
  const other = await generateX25519Identity();
  await deriveTape(store, ["a", "b"], { to: "new", encryptTo: { recipients: [await identityToRecipient(other)] } });
  assert.is((await recordsOf(unlock(raw, { identities: [other] }), "new")).length, 90);
  assert.match(String(await rejection(recordsOf(store, "new"), "invalid_argument")), /none of the identities opens it/);
});

test("a tape that is made of others is signed where somebody signs it, coded or not", async () => {
  const raw = memoryStore();
  const store = unlock(raw, { identities: [identity] });
  const pair = await generateSigningKey();
  const [signer, verifier] = [await signerOf(pair.privateKey), await verifierOf(pair.publicKey)];
  await recordTape(raw, "sealed", { encryptTo: { recipients: [recipient] }, compress: true, signer });
  for (const [to, coding] of Object.entries({ coded: {}, plain: { compress: false, encryptTo: false } as const })) {
    await deriveTape(store, "sealed", { to, signer, ...coding });
    assert.ok(await isWhole(store, to));
    assert.ok((await verifyTape(store, to, { signers: [verifier] })).isIntact, to);
    await deriveTape(store, "sealed", { to: `${to}-2`, ...coding });
    assert.not.match(await textOf(raw, `${to}-2.jsonl`), /"signature"/);
  }
});

test("encrypted tapes that are put one behind the other are moved as plain ones are", async () => {
  const raw = memoryStore();
  const createdAt = new Date("2026-03-01T10:00:00.000Z");
  for (const [id, options] of Object.entries({ plain: {}, sealed: { encryptTo: { recipients: [recipient] } } })) {
    let us = 0;
    const writer = await StreamingTapeWriter.create(raw, {
      sessionId: "s",
      tapeId: id,
      createdAt,
      elapsedUs: () => us,
      ...options,
    });
    for (us = 0; us <= 5_000_000; us += 1_000_000) await writer.writeFrame(request(us));
    await writer.finalize();
  }
  const store = unlock(raw, { identities: [identity] });
  for (const id of ["plain", "sealed"]) {
    await deriveTape(store, [id, id], { to: `${id}-twice` });
    const { derived_from } = await initOf(raw, `${id}-twice`);
    assert.is(derived_from![1]!.offset_ms, 5000, id);
  }
});

test.run();
