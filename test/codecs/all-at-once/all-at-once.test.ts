import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { verifierOf } from "../../../src/signing/keys.ts";
import { messageText } from "../../../src/records/recorded-text.ts";
import type { FrameRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { unlock } from "../../../src/stores/unlock.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { deriveTape } from "../../../src/tape/derive/derive-tape.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { recodeTape } from "../../../src/tape/recode/recode-tape.ts";
import { repairTape } from "../../../src/tape/repair/repair.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { pace } from "../../../src/transforms/pace.ts";
import { Child } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { linesOf } from "../../helpers/tapes.ts";
import { create, type Keys, makeKeys, resume, SECRETS, storeIn, write } from "./session.ts";

const test = suite("all at once");
/** So many frames are written when the tape is gone on with. */
const MORE = 250;

/** The frames of a tape while it is written, until it ends or its writer is dead. */
async function follow(store: TapeStore): Promise<string[]> {
  const frames: string[] = [];
  await using reader = await StreamingTapeReader.open(store, "demo");
  for await (const record of reader.follow()) if (record.type === "frame") frames.push(spelled(record));
  return frames;
}

async function framesOf(store: TapeStore, tapeId = "demo"): Promise<string[]> {
  await using reader = await StreamingTapeReader.open(store, tapeId);
  const frames: string[] = [];
  for await (const frame of pipe(reader.frames(), pace({ speed: 1e9 }))) frames.push(spelled(frame));
  return frames;
}

function spelled(frame: FrameRecord): string {
  return `${frame.seq} ${frame.dir} ${messageText(frame)}`;
}

/** The same session on a plain tape, let go of and gone on with at the same frame. */
async function plainTape(keys: Keys, killedAt: number): Promise<TapeStore> {
  const store = memoryStore();
  const first = await create(store, keys, true);
  await write(first, 0, killedAt);
  await first.close();
  const second = await resume(store, keys, true);
  await write(second, killedAt, killedAt + MORE);
  await second.finalize();
  return store;
}

/** What stands on a plain tape, to the byte; but for what tells of the tape itself, which a killed writer tells at other places. */
async function contentOf(store: TapeStore): Promise<string[]> {
  const lines = (await linesOf(store, "demo")).filter((line) => !/^\{"type":"(init|checkpoint|redacted)"/.test(line));
  // A log that was killed before its frame stands there twice.
  return lines.filter((line, at) => line !== lines[at - 1]);
}

async function isWhole(store: TapeStore, tapeId: string, keys: Keys): Promise<boolean> {
  const signers = [await verifierOf(keys.signing.publicKey)];
  const { isIntact, isFinalized, noticeCount } = await verifyTape(store, tapeId, { signers });
  return isIntact && isFinalized && noticeCount === 0;
}

/** No file says anything of what was recorded. */
async function assertHidden(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), "latin1");
    assert.not.match(text, /jsonrpc|read_file|tools\/|REDACTED/, name);
    for (const secret of SECRETS) assert.not.ok(text.includes(secret), name);
  }
}

/** The tape with one byte changed in the middle of it, in a store of its own. */
async function damaged(folder: string, { identity }: Keys): Promise<TapeStore> {
  const store = memoryStore();
  const [tape, metadata] = await Promise.all(
    ["demo.jsonl", "demo.meta.json"].map(async (name) => new Uint8Array(await readFile(join(folder, "tapes", name)))),
  ) as [Uint8Array, Uint8Array];
  const middle = tape.indexOf(0x0a, tape.length >> 1) - 20;
  tape[middle] = tape[middle] === 0x41 ? 0x42 : 0x41;
  await store.put("demo.jsonl", tape);
  await store.put("demo.meta.json", metadata);
  return unlock(store, { identities: [identity] });
}

test("a tape that is redacted, compressed, encrypted and signed is followed, killed, resumed, verified, repaired, filtered, replayed and decrypted", async () => {
  await inScratch(async (folder) => {
    const keys = await makeKeys(folder);
    const store = storeIn(folder, keys);
    const followed: Promise<string[]>[] = [];
    let killedAt: number;
    {
      await using killed = new Child("../../codecs/all-at-once/recorder-child.ts", [folder, "create", "1000000"]);
      assert.is(await killed.line(), "open 0");
      followed.push(follow(store));
      for (let seq = 0; seq < 150; seq++) assert.is(await killed.line(), String(seq));
      await killed.kill();
    }
    {
      await using resumed = new Child("../../codecs/all-at-once/recorder-child.ts", [folder, "resume", `${MORE}`]);
      killedAt = Number((await resumed.line()).replace("open ", ""));
      followed.push(follow(store));
      assert.ok(killedAt >= 150, `${killedAt}`);
      while (await resumed.line() !== "end");
      await resumed.ended();
    }
    const plain = await plainTape(keys, killedAt);
    const expected = await framesOf(plain);
    assert.is(expected.length, killedAt + MORE);
    const [first = [], second] = await Promise.all(followed);
    // Who has not seen that the writer is dead before another goes on, follows that one.
    assert.ok(first.length >= killedAt);
    assert.equal([first, second], [expected.slice(0, first.length), expected], "followed");
    assert.equal(await framesOf(store), expected, "replayed");
    assert.ok(await isWhole(store, "demo", keys), "verified");
    await assertHidden(join(folder, "tapes"));

    await deriveTape(store, "demo", { to: "lists", select: "op:method:tools/list", compress: true });
    const lists = await framesOf(store, "lists");
    assert.equal(lists.map(messageIn), expected.filter((_, seq) => (seq >> 1) % 5 === 0).map(messageIn), "filtered");
    await assertHidden(join(folder, "tapes"));

    const broken = await damaged(folder, keys);
    assert.not.ok((await verifyTape(broken, "demo")).isIntact);
    assert.ok((await repairTape(broken, "demo", { inPlace: true })).after.isIntact, "repaired");
    const left = new Set(await framesOf(broken));
    assert.ok(expected.filter((frame) => !left.has(frame)).length <= 1);

    const decrypted = memoryStore();
    await recodeTape(store, "demo", decrypted, { compress: false, encryptTo: false });
    assert.equal(await contentOf(decrypted), await contentOf(plain), "decrypted");
  });
});

/** The message of a frame, whatever number that has. */
function messageIn(frame: string): string {
  return frame.replace(/^\d+ /, "");
}

test.run();
