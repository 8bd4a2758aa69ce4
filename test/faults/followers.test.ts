import { rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/stores/file.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { Child } from "../helpers/child.ts";
import { currentRuntime } from "../helpers/runtime.ts";
import { inScratch } from "../helpers/scratch.ts";
import { frameLine, initLine, recordsOf } from "../helpers/tapes.ts";
import { eventually, rejection, within } from "../helpers/within.ts";

/** Follows a tape, and checks on the way that each frame comes once and in order. */
class Follower {
  count = 0;
  frames = 0;
  readonly ended: Promise<void>;

  constructor(store: TapeStore) {
    this.ended = this.#follow(store);
    this.ended.catch(() => {});
  }

  async #follow(store: TapeStore): Promise<void> {
    await using reader = await StreamingTapeReader.open(store, "demo");
    for await (const record of reader.follow({ waitForWriter: true })) {
      this.count++;
      if (record.type !== "frame") continue;
      if (record.seq !== this.frames) throw new Error(`frame ${record.seq} came in place of ${this.frames}`);
      this.frames++;
    }
  }
}

/** The whole minute on the runtime whose other tests take the least time. */
const seconds = currentRuntime() === "bun" ? 60 : 10;

test(`100 followers beside one writer for ${seconds} s, killed and resumed on the way, lose nothing`, async () => {
  await inScratch(async (folder) => {
    const children = [new Child("tape-child.ts", []), new Child("tape-child.ts", []), new Child("tape-child.ts", [])];
    try {
      const store = fileStore(folder);
      const followers: Follower[] = [];
      const until = performance.now() + seconds * 1000;
      let next = 0;
      for (const [nth, child] of children.entries()) {
        const tell = async (command: string) => {
          child.tell(command);
          assert.is(await child.line(), "done");
        };
        assert.is(await child.line(), "ready");
        await tell(`${nth === 0 ? "create" : "resume"} ${folder} demo`);
        while (followers.length < 100) followers.push(new Follower(store));
        const isOver = () => performance.now() > until - (children.length - 1 - nth) * seconds * 1000 / children.length;
        while (!isOver()) {
          // Bursts of all sizes, and pauses as in a session.
          const size = 1 + next % 23;
          await tell(`burst ${next} ${next + size}`);
          next += size;
          await new Promise((resolve) => setTimeout(resolve, next % 50));
        }
        if (nth < children.length - 1) {
          // In the middle of a burst.
          child.tell(`burst ${next} ${next + 500}`);
          await child.kill();
        } else await tell("finalize");
      }
      const expected = await recordsOf(store, "demo");
      await within(Promise.all(followers.map(({ ended }) => ended)), "the end of all followers", 60_000);
      for (const { count } of followers) assert.is(count, expected.length);
      console.log(`100 followers saw ${expected.length} records each in ${seconds} s`);
    } finally {
      for (const child of children) await child.kill();
    }
  });
});

/** Follows a tape of two frames, and does something to its file then. */
async function followThrough(act: (path: string) => Promise<void>): Promise<Follower> {
  return await inScratch(async (folder) => {
    const path = join(folder, "demo.jsonl");
    await writeFile(path, initLine("demo") + frameLine(0, 1) + frameLine(1, 2));
    const follower = new Follower(fileStore(folder));
    await eventually("both frames are seen", () => follower.frames === 2);
    await act(path);
    await within(follower.ended.catch(() => {}), "the end of the follower");
    assert.is(follower.frames, 2);
    return follower;
  });
}

test("follow() says that its tape was replaced by another file", async () => {
  const { ended } = await followThrough(async (path) => {
    await writeFile(`${path}.new`, initLine("demo") + frameLine(0, 1) + frameLine(1, 2) + frameLine(2, 3));
    await rename(`${path}.new`, path);
  });
  assert.match((await rejection(ended, "invalid_tape")).message, /at byte \d+: it was replaced by another file$/);
});

test("follow() says that its tape was cut back", async () => {
  for (const size of [0, 10, initLine("demo").length]) {
    const { ended } = await followThrough((path) => truncate(path, size));
    assert.match((await rejection(ended, "invalid_tape")).message, new RegExp(`it was cut to ${size} bytes$`));
  }
});

test("follow() ends where its tape is deleted", async () => {
  await (await followThrough((path) => rm(path))).ended;
});

test.run();
