/** Does one thing with a tape, `WORK FOLDER TAPE COUNT`, and prints the most memory that this process has taken, in bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { TapeLine } from "../../src/mod.ts";

type Work = (folder: string, tape: string, count: number) => Promise<number>;

const works: Readonly<Record<string, Work>> = {
  empty: () => Promise.resolve(0),

  async read(folder, tape) {
    const { fileSource, lineSplit, parseRecord, pipe } = await library();
    let count = 0;
    for await (const _ of pipe(fileSource(join(folder, `${tape}.jsonl`)), lineSplit(), parseRecord())) count++;
    return count;
  },

  async filter(folder, tape) {
    const { fileSource, filter, lineSplit, pipe } = await library();
    let count = 0;
    const isFrame = filter((line: TapeLine) => line.type === "frame");
    for await (const _ of pipe(fileSource(join(folder, `${tape}.jsonl`)), lineSplit(), isFrame)) count++;
    return count;
  },

  async follow(folder, tape, wanted) {
    const { fileStore, StreamingTapeReader } = await library();
    const reader = await StreamingTapeReader.open(fileStore(folder), tape);
    let count = 0;
    for await (const _ of reader.follow()) if (++count === wanted) break;
    return count;
  },

  async write(folder, tape, count) {
    const { fileStore, pipe, StreamingTapeWriter } = await library();
    const { messagePool } = await import("../tape-maker.ts");
    const pool = messagePool(1_000, { lineBytes: 450 });
    const store = fileStore(folder);
    const tapeId = `${tape}-written`;
    const writer = await StreamingTapeWriter.create(store, { tapeId, sessionId: "bench" });
    const source = function* () {
      for (let n = 0; n < count; n++) yield pool[n % pool.length]!;
    };
    await pipe(source(), writer.writable);
    const { stats } = await writer.finalize();
    for (const key of [`${tapeId}.jsonl`, `${tapeId}.meta.json`]) await store.delete(key);
    return stats?.frame_count ?? 0;
  },
};

/** Loaded only by what needs it: an empty process has nothing of it. */
async function library() {
  const { tapeline, tapelineFile } = await import("../built.ts");
  return { ...tapeline, ...tapelineFile };
}

function peakBytes(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

const [work = "", folder = "", tape = "", expected] = process.argv.slice(2);
const count = await works[work]!(folder, tape, Number(expected));
if (count !== Number(expected)) {
  throw new Error(`${work} handled ${count}, not ${expected}`);
}
console.log(peakBytes());
