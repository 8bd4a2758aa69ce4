import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore } from "../../../src/stores/memory.ts";
import { readTapeEnd } from "../../../src/tape/read/tape-end.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { frameLine, initLine, linesOf, messageOf, putTape, recount, textOf } from "../../helpers/tapes.ts";

test("readTapeEnd() counts as a reader of all of it would, from the last checkpoint on", async () => {
  for (const checkpointEveryFrames of [7, 1000]) {
    for (const length of [10, 3000]) {
      const store = memoryStore();
      const options = { sessionId: "s", tapeId: "demo", checkpointEveryFrames };
      const writer = await StreamingTapeWriter.create(store, options);
      for (let n = 0; n < 200; n++) await writer.writeFrame(messageOf(length, n));
      await writer.writeGap(2, "dropped");
      await writer.writeFrame(messageOf(length, 200));
      const { length: size } = await textOf(store, "demo.jsonl");
      const { isFinalized, stats } = await readTapeEnd(store, "demo.jsonl", size);
      assert.is(isFinalized, false);
      const counted = recount(await linesOf(store, "demo"));
      if (checkpointEveryFrames === 7 || length === 10) assert.equal(stats, counted);
      // Of a long stretch without a checkpoint the numbers of its frames tell how many there are.
      else {
        const { duration_ms, last_sequence, file_size_bytes } = counted;
        assert.equal(stats, { frame_count: 203, duration_ms, last_sequence, file_size_bytes });
      }
      await writer.finalize();
      assert.is((await readTapeEnd(store, "demo.jsonl", (await textOf(store, "demo.jsonl")).length)).isFinalized, true);
    }
  }
});

test("readTapeEnd() passes over what is torn or damaged", async () => {
  const store = memoryStore();
  const content = `${initLine("demo")}${frameLine(0, 1)}#!?\n${frameLine(1, 5)}${frameLine(2, 6).slice(0, 30)}`;
  await putTape(store, "demo", content);
  const { isFinalized, stats } = await readTapeEnd(store, "demo.jsonl", content.length);
  assert.equal([isFinalized, stats.frame_count, stats.duration_ms, stats.last_sequence], [false, 2, 5, 1]);
});

test.run();
