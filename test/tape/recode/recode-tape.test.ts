import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { sealLines, unlock } from "../../../src/crypto.ts";
import { generateSigningKey, signerOf, verifierOf } from "../../../src/signing/keys.ts";
import { memorySource } from "../../../src/sources/memory.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { recodeTape, type RecodeTapeOptions } from "../../../src/tape/recode/recode-tape.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { CODINGS, identity, recipient, said } from "../../codecs/codings.ts";
import { faultyStore } from "../../helpers/strange/faulty-store.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, initLine, linesOf, metadataOf, putTape, request, textOf } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";
import { conversations, recordConversation } from "../../query/conversations.ts";

const PLAIN = { compress: false, encryptTo: false } as const;
const unlocked = (store: TapeStore) => unlock(store, { identities: [identity] });

/** A copy of the tape `demo`, in a store of its own. */
async function recoded(store: TapeStore, options: RecodeTapeOptions): Promise<TapeStore> {
  const to = memoryStore();
  await recodeTape(store, "demo", to, { isChecked: true, ...options });
  return unlocked(to);
}

async function isSound(store: TapeStore): Promise<boolean> {
  const { isIntact, noticeCount } = await verifyTape(store, "demo");
  return isIntact && noticeCount === 0;
}

async function recordsOf(store: TapeStore): Promise<unknown[]> {
  return said(await collect((await StreamingTapeReader.open(store, "demo")).records()));
}

/** Records the tape `demo`. */
async function recordDemo(store: TapeStore, options: object = {}, frames = 200): Promise<void> {
  const writer = await StreamingTapeWriter.create(store, {
    sessionId: "s",
    tapeId: "demo",
    checkpointEveryFrames: 50,
    ...options,
  });
  for (let id = 0; id < frames; id++) await writer.writeFrame(request(id, `hidden/${"method".repeat(20)}`));
  await writer.finalize();
}

for (const [name, { options }] of Object.entries(CODINGS)) {
  test(`a plain tape that becomes ${name} and plain again is the same to the byte`, async () => {
    const { compress = false, encryptTo } = options;
    const property = fc.asyncProperty(conversations, async (conversation) => {
      const plain = memoryStore();
      await recordConversation(plain, conversation, { checkpointEveryFrames: 7 });
      const coded = await recoded(plain, { compress, encryptTo });
      assert.ok(await isSound(coded));
      assert.equal(await recordsOf(coded), await recordsOf(plain));
      const again = await recoded(coded, PLAIN);
      assert.is(await textOf(again, "demo.jsonl"), await textOf(plain, "demo.jsonl"));
      assert.equal(await metadataOf(again, "demo"), await metadataOf(plain, "demo"));
    });
    await fc.assert(property, { numRuns: 20 });
  });

  test(`a tape that was recorded ${name} says the same in every other codec`, async () => {
    const raw = memoryStore();
    await recordDemo(raw, options);
    const store = unlocked(raw);
    for (const other of [PLAIN, ...Object.values(CODINGS).map(({ options }) => options), {}]) {
      const { compress, encryptTo } = other as RecodeTapeOptions;
      const copy = await recoded(store, { compress, encryptTo });
      assert.ok(await isSound(copy));
      assert.equal(await recordsOf(copy), await recordsOf(store));
    }
  });
}

test("recodeTape() keeps what is not asked for as it is: compressed, encrypted under the same key", async () => {
  const raw = memoryStore();
  await recordDemo(raw, { compress: true, encryptTo: { recipients: [recipient] } });
  const initOf = async (store: TapeStore) => JSON.parse((await linesOf(store, "demo"))[0]!);
  const { encryption, compression } = await initOf(raw);
  const decompressed = await initOf(await recoded(unlocked(raw), { compress: false }));
  assert.equal([decompressed.encryption, decompressed.compression], [encryption, undefined]);
  const decrypted = await initOf(await recoded(unlocked(raw), { encryptTo: false }));
  assert.equal([decrypted.encryption, decrypted.compression], [undefined, compression]);
  const anew = await initOf(await recoded(unlocked(raw), { encryptTo: { recipients: [recipient] } }));
  assert.is.not(anew.encryption.key, encryption.key);
});

test("recodeTape() copies metadata and makes an index, sealed where the tape is, and smaller where it is compressed", async () => {
  const plain = memoryStore();
  await recordDemo(plain, { metadata: { name: "hidden name" } }, 3000);
  await buildIndex(plain, "demo");
  const raw = memoryStore();
  const result = await recodeTape(plain, "demo", raw, { compress: true, encryptTo: { recipients: [recipient] } });
  assert.equal([result.readBytes, result.writtenBytes], [await plain.size("demo.jsonl"), await raw.size("demo.jsonl")]);
  assert.ok(await raw.size("demo.index"));
  for await (const { key } of raw.list()) {
    assert.not.match(new TextDecoder("latin1").decode(await raw.get(key)), /hidden|jsonrpc/, key);
  }
  const metadata = await metadataOf(unlocked(raw), "demo");
  assert.equal([metadata.name, metadata.stats!.file_size_bytes], ["hidden name", result.writtenBytes]);
  assert.ok(result.writtenBytes < result.readBytes);
});

test("signatures are dropped and counted, or made anew", async () => {
  const raw = memoryStore();
  const pair = await generateSigningKey();
  const [signer, verifier] = [await signerOf(pair.privateKey), await verifierOf(pair.publicKey)];
  await recordDemo(raw, { signer });
  const [unsigned, signed] = [memoryStore(), memoryStore()];
  const { unsignedCheckpoints } = await recodeTape(raw, "demo", unsigned, { compress: true });
  assert.is(unsignedCheckpoints, 5);
  assert.not.match(await textOf(unsigned, "demo.jsonl"), /"signature"/);
  assert.is((await recodeTape(raw, "demo", signed, { compress: true, signer })).unsignedCheckpoints, 0);
  assert.ok((await verifyTape(signed, "demo", { signers: [verifier] })).isIntact);
});

test("what was damaged when its checksum was made stays as it is; a tape without checksums gets none", async () => {
  const log = '{"type":"log","ts":0,"stream":"stderr","text":"x"}\n';
  const text = initLine("demo") + frameLine(0, 0) + '{"type":"frame","seq":1,"ts"\n' + "\n" + frameLine(1, 1) +
    "not JSON\n" + `{"type":"new","ts":3}\r\n` + initLine("demo") + log.repeat(50) + frameLine(2, 3) +
    '{"type":"checkpoint","checkpoint_at":"2026-03-01T10:00:00.000Z","seq":2,"stats":{"frame_count":3}}\n';
  const plain = memoryStore();
  await putTape(plain, "demo", text);
  for (const [name, { options: { compress = false, encryptTo } }] of Object.entries(CODINGS)) {
    const coded = await recoded(plain, { compress, encryptTo });
    assert.is((await verifyTape(coded, "demo")).records.frame, 3, name);
    assert.is(await textOf(await recoded(coded, PLAIN), "demo.jsonl"), text, name);
  }
});

test("a last line that is torn is left out, one that only lacks its end gets it", async () => {
  const plain = memoryStore();
  const whole = initLine("demo") + frameLine(0, 0);
  for (const [end, kept] of [['{"type":"frame","seq"', ""], [frameLine(1, 1).trimEnd(), frameLine(1, 1)]] as const) {
    await putTape(plain, "demo", whole + end);
    const to = memoryStore();
    const { isUnfinished } = await recodeTape(plain, "demo", to, { encryptTo: { recipients: [recipient] } });
    assert.is(isUnfinished, kept === "");
    assert.is(await textOf(await recoded(unlocked(to), PLAIN), "demo.jsonl"), whole + kept);
  }
});

test("recodeTape() makes no sound tape of a damaged one: it refuses it, and leaves nothing", async () => {
  for (const [name, { options }] of Object.entries(CODINGS)) {
    const raw = memoryStore();
    await recordDemo(raw, options);
    const lines = await linesOf(raw, "demo");
    const changed = lines[100]!.replace(/.{6}"\}\n$/, 'AAAAAA"}\n');
    for (const damaged of [lines.toSpliced(100, 1), lines.toSpliced(100, 1, changed)]) {
      await putTape(raw, "demo", damaged.join(""));
      const to = memoryStore();
      const error = await rejection(recodeTape(unlocked(raw), "demo", to, PLAIN), "invalid_tape");
      assert.match(error.message, /^Cannot recode demo: line .*; repair it first$/, name);
      assert.equal(await collect(to.list()), []);
    }
  }
});

test("a tape that is not what was written is found where it is checked, and nothing is left of it", async () => {
  const plain = memoryStore();
  await recordDemo(plain);
  for (const [name, { options: { compress = false, encryptTo } }] of Object.entries(CODINGS)) {
    const to = memoryStore();
    const forgetful: TapeStore = {
      ...to,
      async openSink(key, options) {
        const sink = await to.openSink(key, options);
        const append = sink.append.bind(sink);
        // Everything arrives but the last line but one.
        sink.append = async (chunks) => await append(chunks.map((chunk) => withoutLine(chunk)));
        return sink;
      },
    };
    const recoding = recodeTape(plain, "demo", forgetful, { compress, encryptTo, isChecked: true });
    const error = await rejection(recoding, "internal");
    assert.match(error.message, /^Cannot recode demo: what was written is not what was read$/, name);
    assert.equal(await collect(to.list()), []);
  }
});

function withoutLine(chunk: Uint8Array): Uint8Array {
  const end = chunk.lastIndexOf(0x0a, chunk.length - 2) + 1;
  const start = chunk.lastIndexOf(0x0a, end - 2) + 1;
  return new Uint8Array([...chunk.subarray(0, start), ...chunk.subarray(end)]);
}

test("recodeTape() leaves nothing where it is broken off, cannot write, or has no key; and no tape that is there is replaced", async () => {
  const raw = memoryStore();
  await recordDemo(raw, { encryptTo: { recipients: [recipient] } });
  const to = memoryStore();
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  const attempts: [attempt: () => Promise<unknown>, why: RegExp][] = [
    [() => recodeTape(unlocked(raw), "demo", to, { signal: controller.signal }), /enough/],
    [
      () =>
        recodeTape(
          unlocked(raw),
          "demo",
          faultyStore({
            write: () => {
              throw new Error("no room");
            },
          }, to),
        ),
      /no room/,
    ],
    [() => recodeTape(raw, "demo", to), /no key is at hand/],
    [() => recodeTape(raw, "none", to), /none/],
  ];
  for (const [attempt, why] of attempts) {
    assert.match(await attempt().then(() => "done", String), why);
    assert.equal(await collect(to.list()), []);
  }
  await putTape(to, "demo", initLine("demo"));
  await rejection(recodeTape(unlocked(raw), "demo", to), "invalid_argument");
  assert.is(await textOf(to, "demo.jsonl"), initLine("demo"));
});

test("a tape that is not ended is copied as it is by then, and can be gone on with there", async () => {
  const raw = memoryStore();
  const writer = await StreamingTapeWriter.create(raw, { sessionId: "s", tapeId: "demo", compress: true });
  await writer.writeFrame(request(0));
  const copy = await recoded(raw, { encryptTo: { recipients: [recipient] } });
  await writer.writeFrame(request(1));
  await writer.finalize();
  const next = await StreamingTapeWriter.resume(copy, "demo");
  await next.writeFrame(request(2));
  await next.finalize();
  assert.ok(await isSound(copy));
  const frames = await collect((await StreamingTapeReader.open(copy, "demo")).frames());
  assert.equal(frames.map(({ seq, env }) => [seq, (env.message as { id: number }).id]), [[0, 0], [1, 2]]);
});

test("a sealed line in which a compressed one stands is refused: what it needs would be lost", async () => {
  const inside = { type: "zstd", kind: "note", d: "AAAA" };
  const sealed = memoryStore();
  const plain = initLine("demo") + `${JSON.stringify(inside)}\n`;
  await pipe(memorySource(plain), sealLines({ recipients: [recipient] }), await sealed.openSink("demo.jsonl"));
  assert.match(
    (await rejection(recoded(unlocked(sealed), PLAIN), "invalid_tape")).message,
    /a coded line stands in a coded line/,
  );
});

test.run();
