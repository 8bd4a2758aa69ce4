import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../../src/errors.ts";
import { type Finding, repairTape, verifyTape } from "../../../src/mod.ts";
import type { SessionEnd } from "../../../src/records/metadata.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { answer, metadataOf, recordsOf, request } from "../../helpers/tapes.ts";
import { reasonOf } from "../../helpers/within.ts";

const CRASH: SessionEnd = {
  ts: 40,
  exit_code: null,
  signal: "SIGSEGV",
  exit_ts: 39,
  closed: [{ stream: "stdout", by: "server", ts: 38 }],
};

/** A tape of a session with an open request whose server crashed. */
async function crashed(): Promise<TapeStore> {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "session", tapeId: "demo" });
  await writer.writeFrame(request(1));
  await writer.finalize(CRASH);
  return store;
}

async function findingsOf(store: TapeStore): Promise<Finding[]> {
  const findings: Finding[] = [];
  await verifyTape(store, "demo", { onFinding: (finding) => findings.push(finding) });
  return findings;
}

const typesOf = (records: readonly TapeRecord[]) => records.map(({ type }) => type);

test("StreamingTapeWriter.finalize() writes how the session has ended right before the final checkpoint", async () => {
  const store = await crashed();
  const records = await recordsOf(store, "demo");
  assert.equal(typesOf(records), ["init", "frame", "correlation", "end", "checkpoint"]);
  assert.equal(records[3], { type: "end", ...CRASH });
  assert.equal((await metadataOf(store, "demo")).end, CRASH);
  assert.is((await metadataOf(store, "demo")).status, "finalized");
  assert.equal(await findingsOf(store), []);
});

test("StreamingTapeWriter.finalize() takes the time of the end from the tape's clock where nobody tells it", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "session", tapeId: "demo" });
  const before = writer.elapsedMs;
  await writer.finalize({});
  const end = (await recordsOf(store, "demo")).at(-2)!;
  assert.is(end.type, "end");
  assert.ok("ts" in end && Number.isSafeInteger(end.ts) && end.ts as number >= before, JSON.stringify(end));
});

test("StreamingTapeWriter.finalize() refuses what is no end, and leaves the tape open", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "session", tapeId: "demo" });
  for (const end of [{ exit_code: -1 }, { ts: 0.5 }, { closed: [{ by: "client" }] }, { error: "x".repeat(11e6) }]) {
    const error = await reasonOf(writer.finalize(end as SessionEnd));
    assert.ok(isTapeError(error), String(error));
    assert.match(error.message, /^Cannot record an end record: /);
  }
  assert.is(writer.metadata().end, undefined);
  await writer.writeFrame(request(1));
  await writer.finalize();
  assert.equal(typesOf(await recordsOf(store, "demo")), ["init", "frame", "correlation", "checkpoint"]);
});

test("StreamingTapeWriter.resume() goes on behind the end of a session", async () => {
  const store = await crashed();
  const writer = await StreamingTapeWriter.resume(store, "demo");
  assert.is((await metadataOf(store, "demo")).end, null);
  await writer.writeFrame(request(1));
  await writer.writeFrame(answer(1));
  await writer.finalize({ exit_code: 0 });
  const again = ["frame", "frame", "correlation", "end", "checkpoint"];
  const records = await recordsOf(store, "demo");
  assert.equal(typesOf(records), ["init", "frame", "correlation", "end", "checkpoint", ...again]);
  const first = records[3] as { ts: number };
  assert.ok((records[5] as { ts: number }).ts >= first.ts, "time goes back behind the end");
  assert.is((await metadataOf(store, "demo")).end?.exit_code, 0);
  const result = await verifyTape(store, "demo");
  assert.equal([result.isIntact, result.records.end, result.records.other], [true, 2, 0]);
  assert.equal(await findingsOf(store), []);
});

test("StreamingTapeWriter.resume() goes on where the final checkpoint behind the end is missing", async () => {
  const store = await crashed();
  const text = new TextDecoder().decode(await store.get("demo.jsonl"));
  await store.put("demo.jsonl", new TextEncoder().encode(text.slice(0, text.lastIndexOf('{"type":"checkpoint"'))));
  const writer = await StreamingTapeWriter.resume(store, "demo");
  await writer.finalize();
  const records = await recordsOf(store, "demo");
  assert.equal(typesOf(records), ["init", "frame", "correlation", "end", "checkpoint"]);
  assert.equal(await findingsOf(store), []);
});

test("repairTape() keeps the end of a session", async () => {
  const store = await crashed();
  const lines = new TextDecoder().decode(await store.get("demo.jsonl")).split("\n");
  await store.put("demo.jsonl", new TextEncoder().encode(lines.toSpliced(1, 1, "#!?").join("\n")));
  const { tapeId, after, dropped } = await repairTape(store, "demo");
  assert.equal([after.isIntact, after.records.end, dropped.end], [true, 1, 0]);
  assert.equal((await recordsOf(store, tapeId)).find(({ type }) => type === "end"), { type: "end", ...CRASH });
  assert.equal((await metadataOf(store, tapeId)).end, CRASH);
});

test.run();
