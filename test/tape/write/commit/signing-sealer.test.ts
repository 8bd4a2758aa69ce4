import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../../src/deferred.ts";
import { concat } from "../../../../src/bytes/bytes.ts";
import {
  type CheckpointRecord,
  jsonText,
  memoryStore,
  type Signer,
  StreamingTapeWriter,
  type TapeErrorCode,
  type TapeRecord,
  type TapeStore,
  verifyTape,
} from "../../../../src/mod.ts";
import { TapeSink } from "../../../../src/streams/sink.ts";
import { checkedKeys, newPerson, withChecksums } from "../../../helpers/strange/signed-tapes.ts";
import { messageOf, recordsOf, request } from "../../../helpers/tapes.ts";
import { rejection } from "../../../helpers/within.ts";

const alice = await newPerson();
const bob = await newPerson();
const keyOf = ({ publicKey }: { readonly publicKey: string }) => publicKey.slice("ed25519:".length);

function checkpointsOf(records: readonly TapeRecord[]): CheckpointRecord[] {
  return records.filter((record) => record.type === "checkpoint");
}

async function messageOfRejection(promise: Promise<unknown>, code: TapeErrorCode): Promise<string> {
  return (await rejection(promise, code)).message;
}

async function tapeOf(store: TapeStore, id = "t"): Promise<Uint8Array> {
  return (await store.get(`${id}.jsonl`))!;
}

test("every checkpoint is signed, wherever it stands in a batch", async () => {
  const store = memoryStore();
  const { signer } = alice;
  const options = { sessionId: "s", tapeId: "t", checkpointEveryFrames: 3, signer };
  const writer = await StreamingTapeWriter.create(store, options);
  for (let n = 0; n < 12; n++) {
    await Promise.all(Array.from({ length: n }, (_, id) => writer.writeFrame(request(id, `m${n}`))));
  }
  await writer.writeFrame({ message: jsonText(JSON.stringify("x".repeat(3_000_000))), direction: "client_to_server" });
  await writer.finalize();
  const tape = await tapeOf(store);
  assert.equal(checkedKeys(tape, "t"), Array(23).fill(keyOf(alice)));
  assert.equal(tape, withChecksums(tape), "the checksums fit");
  assert.ok((await recordsOf(store, "t")).every((record) => record.type !== "checkpoint" || record.crc32 != null));
});

test("who goes on with a tape goes on with its chain, wherever it has ended", async () => {
  const first = memoryStore();
  const create = { sessionId: "s", tapeId: "t", checkpointEveryFrames: 2, signer: alice.signer, index: false };
  const writer = await StreamingTapeWriter.create(first, create);
  for (let n = 0; n < 4; n++) await writer.writeFrame(request(n));
  await writer.close();
  const bytes = await tapeOf(first);
  const init = bytes.indexOf(0x0a) + 1;
  for (let size = init; size <= bytes.length; size += size > bytes.length - 40 ? 1 : 59) {
    const store = memoryStore();
    await store.put("t.jsonl", bytes.subarray(0, size));
    const resumed = await StreamingTapeWriter.resume(store, "t", { signer: bob.signer, index: false });
    await resumed.writeFrame(request(9));
    await resumed.finalize();
    const keys = checkedKeys(await tapeOf(store), "t");
    assert.is(keys.at(-1), keyOf(bob), `cut at ${size}`);
    assert.ok(keys.slice(0, -1).every((key) => key === keyOf(alice)), `cut at ${size}`);
  }
});

test("who goes on without a key signs nothing, and who comes behind signs that too", async () => {
  const store = memoryStore();
  const every = { checkpointEveryFrames: 1 };
  for (const signer of [alice.signer, undefined, bob.signer]) {
    const options = { ...every, signer };
    const writer = await store.size("t.jsonl") === undefined
      ? await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t", ...options })
      : await StreamingTapeWriter.resume(store, "t", options);
    await writer.writeFrame(request(1));
    await writer.close();
  }
  assert.equal(checkedKeys(await tapeOf(store), "t"), [keyOf(alice), keyOf(bob)]);
  assert.is(checkpointsOf(await recordsOf(store, "t")).length, 3);
});

test("what is lost on the way to the disk is not in the chain, and what has arrived of a write that failed is", async () => {
  const inner = memoryStore();
  let isFailing = false;
  // Of every other write that fails the first line arrives.
  let failures = 0;
  const store: TapeStore = {
    ...inner,
    async openSink(key, options) {
      const sink = await inner.openSink(key, options);
      const faulty = new TapeSink({
        get offset() {
          return sink.offset;
        },
        open: () => Promise.resolve(),
        async write(chunks) {
          if (!isFailing) return await sink.append(chunks);
          const bytes = concat(chunks.map((chunk) => chunk.slice()));
          if (failures++ % 2 === 1) await sink.append([bytes.subarray(0, bytes.indexOf(0x0a) + 1)]);
          throw new Error("the disk is full");
        },
        sync: () => sink.sync(),
        check: () => sink.check(),
        truncate: (offset) => sink.truncate(offset),
        close: () => sink.close(),
        abort: (reason) => sink.abort(reason),
      });
      await faulty.open();
      return faulty;
    },
  };
  const writer = await StreamingTapeWriter.create(store, {
    ...{ sessionId: "s", tapeId: "t", checkpointEveryFrames: 2, signer: alice.signer },
  });
  for (let n = 0; n < 40; n++) {
    isFailing = n % 4 === 1;
    await Promise.allSettled([1, 2, 3].map(() => writer.writeFrame(messageOf(100, n))));
  }
  isFailing = false;
  await writer.finalize();
  assert.is(failures, 10);
  const tape = await tapeOf(store);
  assert.ok(checkedKeys(tape, "t").length > 10);
  assert.equal(tape, withChecksums(tape), "the checksums fit");
  assert.ok((await recordsOf(store, "t")).some(({ type }) => type === "gap"));
});

test("compressed lines are signed as they stand on the tape, and so are those that a signer who fails leaves", async () => {
  for (const signer of [alice.signer, failing(1, 3)]) {
    const store = memoryStore();
    const options = { sessionId: "s", tapeId: "t", checkpointEveryFrames: 4, compress: true, signer };
    const writer = await StreamingTapeWriter.create(store, options);
    for (let n = 0; n < 8; n++) await Promise.all([1, 2, 3].map(() => writer.writeFrame(messageOf(300, n))));
    await writer.close();
    const again = await StreamingTapeWriter.resume(store, "t", { signer: bob.signer });
    await again.writeFrame(messageOf(300));
    await again.finalize();
    const tape = await tapeOf(store);
    assert.ok((await recordsOf(store, "t")).some(({ type }) => String(type) === "zstd"));
    assert.is(checkedKeys(tape, "t").length, signer === alice.signer ? 7 : 5);
    assert.equal(tape, withChecksums(tape), "the checksums fit");
    const findings: string[] = [];
    const result = await verifyTape(store, "t", {
      signers: [alice.verifier, bob.verifier],
      onFinding: ({ message }) => findings.push(message),
    });
    assert.equal(findings, []);
    assert.is(result.signedToLine, result.lineCount);
  }
});

/** Signs as Alice does, but not the calls with these numbers. */
function failing(...calls: number[]): Signer {
  let call = 0;
  return {
    publicKey: alice.signer.publicKey,
    sign(bytes) {
      return calls.includes(call++) ? Promise.reject(new Error("the key is away")) : alice.signer.sign(bytes);
    },
  };
}

test("a checkpoint that cannot be signed is left out, and nothing else", async () => {
  const store = memoryStore();
  const options = { sessionId: "s", tapeId: "t", checkpointEveryFrames: 2, signer: failing(1) };
  const writer = await StreamingTapeWriter.create(store, options);
  for (let n = 0; n < 3; n++) await writer.writeFrame(request(n));
  await Promise.all(["a", "b"].map((id) => writer.writeFrame(request(id))));
  assert.equal(writer.metadata().status, { error: "Cannot sign a checkpoint: the key is away" });
  await writer.writeFrame(request(6));
  assert.is(writer.metadata().status, "recording");
  await writer.finalize();
  const tape = await tapeOf(store);
  assert.is(checkedKeys(tape, "t").length, 3);
  const records = await recordsOf(store, "t");
  assert.is(records.filter(({ type }) => type === "frame").length, 6);
  assert.equal(checkpointsOf(records).map(({ stats }) => stats.checkpoint_count), [0, 1, 2]);
});

test("a checkpoint that was made while another could not be signed counts that one in, and is left out too", async () => {
  const store = memoryStore();
  const asked = deferred();
  const failure = deferred();
  let calls = 0;
  const signer: Signer = {
    publicKey: alice.signer.publicKey,
    async sign(bytes) {
      if (calls++ > 0) return await alice.signer.sign(bytes);
      asked.resolve();
      return await failure.promise.then(() => Promise.reject(new Error("the key is away")));
    },
  };
  const writer = await StreamingTapeWriter.create(store, {
    ...{ sessionId: "s", tapeId: "t", checkpointEveryFrames: 2, signer },
  });
  const first = [1, 2].map((id) => writer.writeFrame(request(id)));
  await asked.promise;
  const second = [3, 4].map((id) => writer.writeFrame(request(id)));
  failure.resolve();
  await Promise.all([...first, ...second]);
  for (const id of [5, 6]) await writer.writeFrame(request(id));
  await writer.finalize();
  const records = await recordsOf(store, "t");
  assert.equal(checkpointsOf(records).map(({ seq, stats }) => [seq, stats.checkpoint_count]), [[5, 0], [5, 1]]);
  const result = await verifyTape(store, "t", { signers: [alice.verifier] });
  assert.equal([result.damageCount, result.noticeCount], [0, 0]);
});

test("finalize() rejects where the final checkpoint cannot be signed", async () => {
  const store = memoryStore();
  const options = { sessionId: "s", tapeId: "t", signer: failing(0) };
  const writer = await StreamingTapeWriter.create(store, options);
  await writer.writeFrame(request(1));
  assert.match(await messageOfRejection(writer.finalize(), "internal"), "Cannot sign a checkpoint: the key is away");
  assert.equal((await recordsOf(store, "t")).map(({ type }) => type), ["init", "frame", "correlation"]);
});

test("a signer needs checksums, and has to be one", async () => {
  const create = (options: object) =>
    StreamingTapeWriter.create(memoryStore(), { sessionId: "s", tapeId: "t", ...options });
  assert.match(
    await messageOfRejection(create({ signer: alice.signer, checksums: false }), "invalid_argument"),
    "Cannot write a tape: a signer needs checksums",
  );
  for (const signer of [{}, "key", { publicKey: new Uint8Array(31), sign() {} }]) {
    const message = await messageOfRejection(create({ signer }), "invalid_argument");
    assert.match(message, "signer must have a publicKey of 32 bytes and sign()");
  }
  const short = { publicKey: alice.signer.publicKey, sign: () => Promise.resolve(new Uint8Array(63)) };
  const writer = await create({ signer: short });
  assert.match(await messageOfRejection(writer.finalize(), "internal"), "the signer gave 63 bytes, not 64");
});

test.run();
