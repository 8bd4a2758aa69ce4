import { generateX25519Identity } from "age-encryption";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { unlock } from "../../src/crypto.ts";
import { isTapeError } from "../../src/errors.ts";
import type { TapeRecord } from "../../src/records/record.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { buildIndex } from "../../src/tape/index/build-index.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { deriveTape } from "../../src/tape/derive/derive-tape.ts";
import { redactTape } from "../../src/tape/redact/redact-tape.ts";
import { scanTape } from "../../src/tape/redact/scan-tape.ts";
import { repairTape } from "../../src/tape/repair/repair.ts";
import type { Finding } from "../../src/tape/verify/verify-finding.ts";
import { verifyTape } from "../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import type { CreateWriterOptions } from "../../src/tape/write/writer-options.ts";
import { faultyStore } from "../helpers/strange/faulty-store.ts";
import { collect } from "../helpers/streams.ts";
import { answer, request, textOf } from "../helpers/tapes.ts";
import { conversations, recordConversation } from "../query/conversations.ts";
import { questions } from "../query/questions.ts";
import { type Coding, CODINGS, identity, said } from "./codings.ts";

/** The tape `demo`, plain and coded. */
async function bothOf(
  conversation: Parameters<typeof recordConversation>[1],
  { options, open }: Coding,
): Promise<{ plain: TapeStore; coded: TapeStore; raw: TapeStore }> {
  const [plain, raw] = [memoryStore(), memoryStore()];
  await recordConversation(plain, conversation);
  await recordConversation(raw, conversation, options);
  return { plain, coded: open(raw), raw };
}

async function findingsOf(store: TapeStore): Promise<Finding[]> {
  const findings: Finding[] = [];
  await verifyTape(store, "demo", { onFinding: (finding) => findings.push(finding) });
  return findings;
}

async function assertRefused(
  promise: Promise<unknown>,
  why: RegExp,
  code: "invalid_argument" | "invalid_tape" = "invalid_argument",
): Promise<void> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  assert.ok(isTapeError(error, code), String(error));
  assert.match(error.message, why);
}

/** A session in which enough is said for a dictionary. */
async function record(store: TapeStore, options: Partial<CreateWriterOptions>, from = 0): Promise<void> {
  const writer = from === 0
    ? await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", checkpointEveryFrames: 10, ...options })
    : await StreamingTapeWriter.resume(store, "demo", { checkpointEveryFrames: 10 });
  for (let id = from; id < from + 20; id++) {
    await writer.writeFrame(request(id, "tools/list"));
    await writer.writeFrame(answer(id, { tools: [{ name: "read_file", description: "Reads a file, all of it" }] }));
  }
  await (from === 0 ? writer.close() : writer.finalize());
}

for (const [name, coding] of Object.entries(CODINGS)) {
  test(`a tape that is ${name} says what a plain one does, in every way of reading it`, async () => {
    const property = fc.asyncProperty(
      conversations,
      fc.nat(60),
      fc.array(questions, { minLength: 3, maxLength: 3 }),
      async (conversation, seq, asked) => {
        const { plain, coded } = await bothOf(conversation, coding);
        for (const isIndexed of [false, true]) {
          if (isIndexed) await buildIndex(coded, "demo");
          const [expected, reader] = await Promise.all(
            [plain, coded].map((store) => StreamingTapeReader.open(store, "demo")),
          ) as [StreamingTapeReader, StreamingTapeReader];
          const same = async (read: (reader: StreamingTapeReader) => AsyncIterable<TapeRecord>) =>
            assert.equal(said(await collect(read(reader))), said(await collect(read(expected))));
          await same((reader) => reader.records({ reverse: true }));
          await same((reader) => reader.frames({ fromSeq: seq, limit: 5 }));
          await same((reader) => reader.records({ fromTime: seq * 7 }));
          for (const { query } of asked) await same((reader) => reader.records({ where: query }));
          for (const each of [reader, expected]) await each.seekToFrame(seq);
          await same((reader) => reader.records());
          for (const each of [reader, expected]) await each.reset();
          await same((reader) => reader.follow());
        }
        assert.equal(await findingsOf(coded), []);
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });

  test(`a tape that is ${name} is gone on with after any cut, and stays whole`, async () => {
    const whole = memoryStore();
    await record(whole, coding.options);
    const bytes = (await whole.get("demo.jsonl"))!;
    const start = bytes.indexOf(0x0a) + 1;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: start, max: bytes.length }), async (end) => {
        const store = coding.open(memoryStore());
        await store.put("demo.jsonl", bytes.slice(0, end));
        await record(store, coding.options, 1000);
        assert.equal((await findingsOf(store)).filter(({ severity }) => severity === "damage"), []);
        const reader = await StreamingTapeReader.open(store, "demo");
        const frames = await collect(reader.frames());
        assert.equal(frames.map(({ seq }) => seq), frames.map((_, at) => at));
        assert.ok(frames.length >= 40);
      }),
      { numRuns: 25 },
    );
  });

  test(`damage to a tape that is ${name} is found, and repaired with the loss of no other line`, async () => {
    const raw = memoryStore();
    await record(raw, coding.options);
    await record(coding.open(raw), coding.options, 1000);
    const bytes = (await raw.get("demo.jsonl"))!;
    const metadata = (await raw.get("demo.meta.json"))!;
    const all = await collect((await StreamingTapeReader.open(coding.open(raw), "demo")).frames());
    // Where a line feed is lost, two lines become one: also that of the dictionary, without which nothing else can be read.
    const lineFeeds = [...bytes.keys()].filter((at) => bytes[at] === 0x0a);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.nat(bytes.indexOf(0x0a)), fc.nat(bytes.length - 2)),
        fc.nat(7),
        async (at, bit) => {
          const store = coding.open(memoryStore());
          const damaged = bytes.slice();
          damaged[at]! ^= 1 << bit;
          await store.put("demo.jsonl", damaged);
          await store.put("demo.meta.json", metadata);
          const { isIntact } = await verifyTape(store, "demo");
          assert.is(isIntact, false);
          const { after } = await repairTape(store, "demo", { inPlace: true });
          assert.is(after.isIntact, true);
          const reader = await StreamingTapeReader.open(store, "demo");
          const frames = await collect(reader.frames());
          assert.ok(frames.length >= all.length - 2, `${frames.length} of ${all.length}`);
        },
      ),
      { numRuns: 60, examples: lineFeeds.slice(0, 20).map((at) => [at, 0]) },
    );
  });

  test(`a tape that is ${name} and has lost its init record gets one again, and all else is there`, async () => {
    const raw = memoryStore();
    await record(raw, coding.options);
    const text = await textOf(raw, "demo.jsonl");
    const store = coding.open(memoryStore());
    await store.put("demo.jsonl", new TextEncoder().encode(text.replace("{", "<")));
    await store.put("demo.meta.json", (await raw.get("demo.meta.json"))!);
    await assertRefused(
      StreamingTapeWriter.resume(store, "demo"),
      /its init record is damaged|not an init record/,
      "invalid_tape",
    );
    const { init, after } = await repairTape(store, "demo", { inPlace: true });
    assert.equal([init, after.isIntact], ["made", true]);
    const frames = await collect((await StreamingTapeReader.open(store, "demo")).frames());
    assert.equal(frames.map(({ seq }) => seq), Array.from({ length: 40 }, (_, seq) => seq));
    await record(store, {}, 1000);
    assert.equal((await findingsOf(store)).filter(({ severity }) => severity === "damage"), []);
  });

  test(`what cannot be written to a tape that is ${name} is told of by a gap, and all else is there`, async () => {
    let writes = 0;
    const raw = memoryStore();
    const store = faultyStore({
      write() {
        if (++writes % 5 === 3) throw new Error("no room");
      },
    }, raw);
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", ...coding.options });
    let lost = 0;
    for (let id = 0; id < 100; id++) {
      await writer.writeFrame(request(id, "tools/list")).catch((error) => {
        if (!isTapeError(error, "io") && error.message !== "no room") throw error;
        lost++;
      });
    }
    const { stats } = await writer.finalize().catch(() => writer.metadata());
    assert.ok(lost > 10);
    assert.is(stats!.frame_count, 100 - lost);
    const reader = await StreamingTapeReader.open(coding.open(raw), "demo");
    assert.is((await collect(reader.frames())).length, 100 - lost);
    const damage = (await findingsOf(coding.open(raw))).filter(({ severity }) => severity === "damage");
    assert.equal(damage, []);
  });
}

test("what is said in an encrypted tape stands nowhere in plain, in no file of it", async () => {
  const raw = memoryStore();
  const options = { ...CODINGS["encrypted"]!.options, metadata: { name: "hidden name" } };
  const writer = await StreamingTapeWriter.create(raw, { sessionId: "s", tapeId: "demo", ...options });
  for (let id = 0; id < 3000; id++) await writer.writeFrame(request(id, "hidden/method"));
  await writer.finalize();
  for await (const { key } of raw.list()) {
    assert.not.match(new TextDecoder("latin1").decode(await raw.get(key)), /hidden|method|jsonrpc/, key);
  }
  assert.ok(await raw.size("demo.index"));
  const opened = unlock(raw, { identities: [identity] });
  const reader = await StreamingTapeReader.open(opened, "demo");
  assert.is((await reader.metadata())?.name, "hidden name");
  assert.is((await collect(reader.frames({ where: "method:hidden/method", limit: 5 }))).length, 5);
});

test("without its key an encrypted tape tells numbers and times, and nothing else; with a wrong one it is refused", async () => {
  const raw = memoryStore();
  await record(raw, CODINGS["encrypted"]!.options);
  const reader = await StreamingTapeReader.open(raw, "demo");
  assert.ok(await reader.seekToFrame(17));
  const frame = await reader.nextRecord();
  assert.is(frame?.type, "frame");
  assert.equal(frame?.type === "frame" && [frame.seq, frame.env, frame.flags?.is_sealed], [17, { raw: "" }, true]);
  const { records, damageCount } = await verifyTape(raw, "demo");
  // Those of other types are there, but nobody can tell what they say.
  assert.equal([records.frame, records.correlation, damageCount], [40, 0, 0]);
  await assertRefused(StreamingTapeWriter.resume(raw, "demo"), /no key is at hand/);
  await assertRefused(deriveTape(raw, "demo", { to: "derived" }), /no key is at hand/);
  await assertRefused(redactTape(raw, "demo", { to: "redacted" }), /no key is at hand/);
  await assertRefused(scanTape(raw, "demo"), /no key is at hand/);
  const damaged = (await raw.get("demo.jsonl"))!;
  damaged[damaged.length >> 1] = 0;
  await raw.put("damaged.jsonl", damaged);
  await assertRefused(repairTape(raw, "damaged"), /no key is at hand/);
  const keys = (await collect(raw.list())).map(({ key }) => key);
  assert.equal(keys.sort(), ["damaged.jsonl", "demo.jsonl", "demo.meta.json"]);
  const other = unlock(raw, { identities: [await generateX25519Identity()] });
  await assertRefused(StreamingTapeReader.open(other, "demo"), /none of the identities opens it/);
});

test("an encrypted tape of which nothing tells the key any more is left as it is", async () => {
  const raw = memoryStore();
  await record(raw, CODINGS["encrypted"]!.options);
  const damaged = new TextEncoder().encode((await textOf(raw, "demo.jsonl")).replace("{", "<"));
  await raw.put("demo.jsonl", damaged);
  await raw.delete("demo.meta.json");
  for (const store of [raw, CODINGS["encrypted"]!.open(raw)]) {
    const repaired = repairTape(store, "demo", { inPlace: true });
    await assertRefused(repaired, /what tells its key is lost/, "invalid_tape");
  }
  assert.equal(await raw.get("demo.jsonl"), damaged);
});

test("lines of an encrypted tape that are dropped, doubled, swapped, cut off or added are found", async () => {
  const raw = memoryStore();
  await record(raw, CODINGS["encrypted"]!.options);
  await record(CODINGS["encrypted"]!.open(raw), {}, 1000);
  const whole = (await textOf(raw, "demo.jsonl")).split(/(?<=\n)/);
  const plain = '{"type":"log","ts":1,"stream":"stderr","text":"forged"}\n';
  const cases: [how: string, lines: string[]][] = [
    ["dropped", whole.toSpliced(7, 1)],
    ["doubled", whole.toSpliced(7, 0, whole[7]!)],
    ["swapped", whole.toSpliced(7, 2, whole[8]!, whole[7]!)],
    ["added", whole.toSpliced(7, 0, plain)],
    ["cut off", whole.slice(0, 20)],
  ];
  for (const [how, lines] of cases) {
    const store = memoryStore();
    await store.put("demo.jsonl", new TextEncoder().encode(lines.join("")));
    const findings = await findingsOf(CODINGS["encrypted"]!.open(store));
    const found = findings.filter(({ code }) => code === "sealing_broken" || code === "bad_line");
    assert.ok(found.length > 0, how);
  }
});

test.run();
