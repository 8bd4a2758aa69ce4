import { test } from "uvu";
import * as assert from "uvu/assert";
import { pipe } from "../../src/streams/pipe.ts";
import { memorySink } from "../../src/sinks/memory.ts";
import { reasonOf } from "../helpers/within.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test("memorySink() keeps what it is given, in order", async () => {
  const sink = memorySink();
  assert.equal([sink.bytes().length, sink.text()], [0, ""]);
  await pipe([bytes("one\n"), bytes(""), bytes("zwölf\n")], sink);
  assert.is(sink.text(), "one\nzwölf\n");
  assert.equal([...sink.bytes()], [...bytes("one\nzwölf\n")]);
});

test("memorySink() takes chunks by itself too, and a chunk's memory may then be used again", async () => {
  const sink = memorySink();
  const writer = sink.getWriter();
  const chunk = bytes("one\n");
  await writer.write(chunk);
  chunk.fill(0x78);
  await writer.write(bytes("two\n"));
  assert.is(sink.text(), "one\ntwo\n", "while it is being written");
  await writer.close();
  assert.is(sink.text(), "one\ntwo\n");
});

test("memorySink() keeps what came before an error", async () => {
  const sink = memorySink();
  const failing = async function* () {
    yield bytes("one\n");
    await Promise.resolve();
    throw new Error("no more");
  };
  assert.is((await reasonOf(pipe(failing(), sink)) as Error).message, "no more");
  assert.is(sink.text(), "one\n");
});

test.run();
