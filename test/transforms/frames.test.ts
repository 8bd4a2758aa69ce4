import { test } from "uvu";
import * as assert from "uvu/assert";
import { pipe } from "../../src/streams/pipe.ts";
import type { FrameRecord, TapeRecord, UnknownRecordType } from "../../src/records/record.ts";
import { frames } from "../../src/transforms/frames.ts";
import { collect } from "../helpers/streams.ts";

test("frames() lets frames through, the very objects, and nothing else", async () => {
  const [a, b]: FrameRecord[] = [0, 1].map((seq) => ({
    type: "frame",
    seq,
    ts: 0,
    dir: "client_to_server",
    env: { message: seq },
  }));
  const others: TapeRecord[] = [
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x" },
    { type: "correlation", id: "c", request_seq: 0 },
    { type: "checkpoint", checkpoint_at: "x", stats: {} },
    { type: "gap", ts: 0, count: 1 },
    { type: "log", ts: 0, stream: "stderr", text: "x" },
    { type: "frames" as UnknownRecordType, seq: 0 },
  ];
  const [first, second, ...more] = await collect(pipe([...others, a!, ...others, b!], frames()));
  assert.is(first, a);
  assert.is(second, b);
  assert.equal(more, []);
});

test.run();
