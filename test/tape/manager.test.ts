import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeError } from "../../src/errors.ts";
import type { TapeMetadata } from "../../src/records/metadata.ts";
import { fileStore } from "../../src/stores/file.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { TapeManager } from "../../src/tape/manager.ts";
import { Child } from "../helpers/child.ts";
import { inScratch } from "../helpers/scratch.ts";
import { collect } from "../helpers/streams.ts";
import { answer, frameLine, initLine, putTape, request, textOf } from "../helpers/tapes.ts";
import { rejection, within } from "../helpers/within.ts";

const utf8 = new TextEncoder();

function short({ tape_id, name, status, stats }: TapeMetadata): unknown {
  return [tape_id, name ?? null, status ?? null, stats?.frame_count ?? null];
}

test("TapeManager.deleteLeftovers() leaves a tape alone that has come meanwhile", async () => {
  const store = memoryStore();
  const manager = new TapeManager(store);
  const put = (key: string) => store.put(key, utf8.encode("{}"));
  await putTape(store, "a", initLine("a"));
  for (const key of ["a.meta.json", "b.meta.json", "b.index"]) await put(key);
  await manager.deleteLeftovers("a");
  await manager.deleteLeftovers("b");
  const left = await collect(store.list());
  assert.equal(left.map(({ key }) => key).sort(), ["a.jsonl", "a.meta.json"]);
});

test("TapeManager records, lists, reads, follows, goes on with and deletes a tape", async () => {
  const store = memoryStore();
  const manager = new TapeManager(store);
  assert.equal(await manager.list(), []);
  const writer = await manager.startRecording("session", { name: "first", tags: ["x"] }, { checkpointEveryFrames: 1 });
  const { tapeId } = writer;
  const following = collect(manager.followTape(tapeId));
  await writer.writeFrame(request(1));
  await writer.close();
  assert.equal((await manager.list()).map(short), [[tapeId, "first", "paused", 1]]);

  const resumed = await manager.resumeRecording(tapeId);
  await resumed.writeFrame(answer(1));
  const metadata = await resumed.finalize();
  const seen = await within(following, "the end");
  assert.equal(seen.map(({ type }) => type), ["init", "frame", "checkpoint", "frame", "correlation", "checkpoint"]);

  await using reader = await manager.openForReading(tapeId);
  assert.is(reader.init.session_id, "session");
  assert.is((await collect(reader.frames())).length, 2);
  const [listed] = await manager.list();
  assert.equal({ ...listed, updated_at: null }, { ...metadata, updated_at: null });
  await manager.delete(tapeId);
  assert.equal(await manager.list(), []);
  assert.equal(await collect(store.list()), []);
});

test("list() names every tape, newest first, whatever stands beside it", async () => {
  const store = memoryStore();
  const manager = new TapeManager(store);
  const put = (key: string, text: string) => store.put(key, utf8.encode(text));
  // Of a foreign recorder, with a UUID, nulls and a checksum.
  const uuid = "550e8400-e29b-41d4-a716-446655440000";
  await putTape(store, uuid, initLine(uuid, "2025-01-01T00:00:00Z") + frameLine(0, 1));
  await put(
    `${uuid}.meta.json`,
    `{"tape_id":"${uuid}","name":"foreign","tags":null,"created_at":"2025-01-01T00:00:00Z","stats":{"frame_count":1},"checksum":null}`,
  );
  await putTape(store, "no-metadata", initLine("no-metadata", "2025-03-01T00:00:00Z"));
  await putTape(store, "broken-metadata", initLine("broken-metadata", "2025-02-01T00:00:00Z"));
  await put("broken-metadata.meta.json", '{"tape_id":');
  await putTape(store, "wrong-metadata", initLine("wrong-metadata", "2025-04-01T00:00:00Z"));
  await put("wrong-metadata.meta.json", '{"tape_id":"other","name":"mine","created_at":"2025-04-01T00:00:00Z"}');
  await putTape(store, "null-metadata", initLine("null-metadata"));
  await put(
    "null-metadata.meta.json",
    '{"tape_id":"null-metadata","created_at":null,"stats":null,"status":{"error":"x"}}',
  );
  await putTape(store, "empty", "");
  await putTape(store, "no-tape", "hello\n");
  await put("only-metadata.meta.json", '{"tape_id":"only-metadata"}');
  await put("demo.index", "x");
  await put("demo.torn", "x");

  const tapes = await manager.list();
  assert.equal(tapes.map(({ tape_id, created_at }) => [tape_id, created_at ?? null]), [
    ["wrong-metadata", "2025-04-01T00:00:00Z"],
    ["no-metadata", "2025-03-01T00:00:00Z"],
    ["broken-metadata", "2025-02-01T00:00:00Z"],
    [uuid, "2025-01-01T00:00:00Z"],
    ["null-metadata", null],
    ["no-tape", null],
    ["empty", null],
  ]);
  const byId = new Map(tapes.map((tape) => [tape.tape_id, tape]));
  for (const [id, tape] of byId) assert.is(tape.stats?.file_size_bytes, await store.size(`${id}.jsonl`), id);
  assert.equal(short(byId.get(uuid)!), [uuid, "foreign", null, 1]);
  assert.is((byId.get(uuid) as unknown as { checksum: null }).checksum, null);
  assert.equal(short(byId.get("wrong-metadata")!), ["wrong-metadata", "mine", null, null]);
  assert.equal(byId.get("null-metadata")?.status, { error: "x" });
  assert.match(
    (byId.get("no-tape")?.status as { error: string }).error,
    /^Cannot read .* must be an init record, but /,
  );
  assert.is(byId.get("empty")?.status, "empty");
});

test("list() sorts tapes of the same moment by their ids", async () => {
  const store = memoryStore();
  for (const id of ["b", "c", "a"]) await putTape(store, id, initLine(id));
  assert.equal((await new TapeManager(store).list()).map(({ tape_id }) => tape_id), ["c", "b", "a"]);
});

test("delete() takes a tape and all that belongs to it, and nothing else", async () => {
  const store = memoryStore();
  const manager = new TapeManager(store);
  for (const id of ["demo", "demo2"]) {
    await putTape(store, id, initLine(id));
    for (const ending of ["meta.json", "index", "torn", "dropped", "jsonl.draft", "jsonl.bak"]) {
      await store.put(`${id}.${ending}`, utf8.encode("x"));
    }
  }
  await manager.delete("demo");
  assert.equal((await collect(store.list())).map(({ key }) => key).sort(), [
    "demo2.dropped",
    "demo2.index",
    "demo2.jsonl",
    "demo2.jsonl.bak",
    "demo2.jsonl.draft",
    "demo2.meta.json",
    "demo2.torn",
  ]);
  const error = await rejection(manager.delete("demo"), "tape_not_found");
  assert.match(error.message, /demo\.jsonl/);
  for (const id of ["", "../demo2", "demo2.jsonl", "*"]) await rejection(manager.delete(id), "invalid_argument");
  assert.is(await textOf(store, "demo2.jsonl"), initLine("demo2"));
});

test("delete() leaves nothing that looks like a tape, wherever it breaks off, and goes on when it is called again", async () => {
  for (const broken of ["demo.jsonl", "demo.meta.json", "demo.index"]) {
    const inner = memoryStore();
    await putTape(inner, "demo", initLine("demo"));
    for (const ending of ["meta.json", "index", "torn"]) await inner.put(`demo.${ending}`, utf8.encode("x"));
    const isBroken = (key: string) => key === broken;
    const failing = {
      ...inner,
      delete: (key: string) =>
        isBroken(key) ? Promise.reject(new TapeError("io", "the disk fails")) : inner.delete(key),
    };
    const error = await rejection(new TapeManager(failing).delete("demo"), "io");
    const left = (await collect(inner.list())).map(({ key }) => key);
    if (broken === "demo.jsonl") assert.is(left.length, 4, "the tape is still there, and so is all else");
    else {
      assert.equal(left, [broken]);
      assert.match(
        error.message,
        /^Cannot delete all of tape demo: it is gone, but demo\.[a-z.]+ is left \(the disk fails\)$/,
      );
      assert.equal(await new TapeManager(inner).list(), []);
    }
    await new TapeManager(inner).delete("demo");
    assert.equal(await collect(inner.list()), []);
    await rejection(new TapeManager(inner).delete("demo"), "tape_not_found");
  }
});

test("delete() removes what a killed writer has left beside its tape, also where that is all there is", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`create ${folder} killed`);
    assert.is(await child.line(), "done");
    await child.kill();
    await rm(join(folder, "killed.jsonl"));
    await new TapeManager(fileStore(folder)).delete("killed");
    assert.equal(await readdir(folder), []);
  });
});

test("list() tells a tape whose end was cut off from one that says less than it has", async () => {
  const store = memoryStore();
  const manager = new TapeManager(store);
  const writer = await manager.startRecording("s", {}, { checkpointEveryFrames: 1 });
  for (const id of [1, 2, 3]) await writer.writeFrame(request(id));
  const { tape_id: id } = await writer.finalize();
  const text = await textOf(store, `${id}.jsonl`);
  const statusOf = async (content: string) => {
    await putTape(store, id, content);
    const [tape] = await manager.list();
    return [tape!.status, tape!.stats!.file_size_bytes];
  };
  assert.equal(await statusOf(text), ["finalized", text.length]);
  assert.equal(await statusOf(text + text), ["finalized", 2 * text.length]);
  assert.equal(await statusOf(text.slice(0, -20)), ["damaged", text.length - 20]);
  assert.equal(await statusOf(""), ["damaged", 0]);
  // Shorter than the metadata say, and whole: somebody has repaired it.
  const last = text.trimEnd().split("\n").at(-1)!;
  assert.equal(await statusOf(`${initLine(id)}${last}\n`), ["finalized", initLine(id).length + last.length + 1]);
});

test("list() looks at few tapes at a time, and at all of them", async () => {
  const inner = memoryStore();
  for (let at = 0; at < 200; at++) await putTape(inner, `t${at}`, initLine(`t${at}`));
  let open = 0;
  let most = 0;
  const store: TapeStore = {
    ...inner,
    async get(key) {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve));
      open--;
      return await inner.get(key);
    },
  };
  for (let at = 0; at < 200; at++) await inner.put(`t${at}.meta.json`, utf8.encode(`{"tape_id":"t${at}"}`));
  assert.is((await new TapeManager(store).list()).length, 200);
  assert.is(most, 32);
});

test("delete() refuses a tape that is being written, and lets the writer go on", async () => {
  const manager = new TapeManager(memoryStore());
  const writer = await manager.startRecording("s");
  await rejection(manager.delete(writer.tapeId), "locked");
  await writer.writeFrame(request(1));
  await writer.finalize();
  assert.is((await manager.list())[0]?.stats?.frame_count, 1);
  await manager.delete(writer.tapeId);
});

test("TapeManager sees the tapes of other processes, and leaves them alone as long as those live", async () => {
  await inScratch(async (folder) => {
    await using child = new Child("tape-child.ts", []);
    assert.is(await child.line(), "ready");
    for (const command of [`create ${folder} theirs`, "frames 0 3"]) {
      child.tell(command);
      assert.is(await child.line(), "done");
    }
    const manager = new TapeManager(fileStore(folder));
    const [tape] = await manager.list();
    assert.equal([tape?.tape_id, tape?.status], ["theirs", "recording"]);
    assert.is((await collect((await manager.openForReading("theirs")).frames())).length, 3);
    await rejection(manager.delete("theirs"), "locked");
    await rejection(manager.resumeRecording("theirs"), "locked");
    await child.kill();
    const [killed] = await manager.list();
    assert.equal([killed?.status, killed?.stats?.frame_count, killed?.stats?.last_sequence], ["interrupted", 3, 2]);
    await manager.delete("theirs");
    assert.equal(await readdir(folder), []);
  });
});

test("followTape() and openForReading() refuse what is no tape", async () => {
  const store = memoryStore();
  const manager = new TapeManager(store);
  await putTape(store, "text", "hello\n");
  await rejection(manager.openForReading("none"), "tape_not_found");
  await rejection(collect(manager.followTape("none")), "tape_not_found");
  await rejection(manager.openForReading("text"), "invalid_tape");
  await rejection(collect(manager.followTape("text")), "invalid_tape");
  await rejection(collect(manager.followTape("../x")), "invalid_argument");
  await rejection(manager.resumeRecording("none"), "tape_not_found");
});

test.run();
