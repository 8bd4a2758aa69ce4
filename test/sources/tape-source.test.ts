import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TapeError } from "../../src/errors.ts";
import type { Bytes } from "../../src/bytes/bytes.ts";
import { type TapeBytes, tapeSource } from "../../src/sources/tape-source.ts";
import type { OpenSourceOptions } from "../../src/streams/source.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf, rejection, within } from "../helpers/within.ts";

const test = suite("tapeSource()");

/** A tape that a test changes, and what was asked of it. */
function growing(content = "") {
  let bytes = new TextEncoder().encode(content);
  const asked = { reads: [] as [number, number][], closed: 0 };
  const tape: TapeBytes = {
    read(offset, length) {
      asked.reads.push([offset, length]);
      return Promise.resolve(offset < bytes.length ? bytes.slice(offset, offset + length) : undefined);
    },
    fate: () => Promise.resolve(bytes.length),
    close: () => Promise.resolve(void asked.closed++),
  };
  return { tape, asked, become: (content: string) => bytes = new TextEncoder().encode(content) };
}

async function textOf(tape: TapeBytes, options?: OpenSourceOptions): Promise<string> {
  const chunks: Bytes[] = await within(collect(tapeSource("demo.jsonl", tape, options)), "the end");
  return chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
}

test("reads no more than its range, and closes once", async () => {
  const { tape, asked } = growing("0123456789");
  assert.is(await textOf(tape, { start: 2, end: 5 }), "234");
  assert.equal(asked.reads, [[2, 3]]);
  assert.is(asked.closed, 1);
});

test("looks again after a while where nobody tells it of changes", async () => {
  const { tape, asked, become } = growing("one\ntw");
  const reader = tapeSource("demo.jsonl", tape, { follow: true }).getReader();
  assert.is(new TextDecoder().decode((await reader.read()).value), "one\n");
  const next = reader.read();
  become("one\ntwo\n");
  assert.is(new TextDecoder().decode((await within(next, "the second line")).value), "two\n");
  await reader.cancel();
  assert.is(asked.closed, 1);
});

test("waits for changed(), and tells it when waiting is over", async () => {
  const { tape, become } = growing("one\n");
  const signals: AbortSignal[] = [];
  let tell = () => {};
  const changed = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<void>((resolve) => {
      tell = resolve;
      signal.addEventListener("abort", () => resolve());
    });
  };
  const stop = new AbortController();
  const reader = tapeSource("demo.jsonl", { ...tape, changed }, { follow: true, signal: stop.signal }).getReader();
  await reader.read();
  const next = reader.read();
  become("one\ntwo\n");
  tell();
  assert.is(new TextDecoder().decode((await within(next, "the second line")).value), "two\n");
  const last = reader.read();
  stop.abort();
  assert.is((await within(last, "the end")).done, true);
  assert.ok(signals.length >= 2 && signals.every((signal) => signal.aborted));
});

test("reads all that was written before it tells that the tape was replaced, or ends because it was deleted", async () => {
  for (const fate of ["replaced", "deleted"] as const) {
    const { tape, become } = growing("one\n");
    const gone: TapeBytes = {
      ...tape,
      fate() {
        become("one\ntwo\n");
        return Promise.resolve(fate);
      },
    };
    const chunks: string[] = [];
    const read = async () => {
      for await (const chunk of tapeSource("demo.jsonl", gone, { follow: true })) {
        chunks.push(new TextDecoder().decode(chunk));
      }
    };
    if (fate === "deleted") await within(read(), "the end");
    else {
      const error = await rejection(read(), "invalid_tape");
      assert.is(error.message, "Cannot follow demo.jsonl at byte 8: it was replaced by another");
      assert.is(error.offset, 8);
    }
    assert.equal(chunks, ["one\n", "two\n"]);
  }
});

test("fails as reading fails, and lets go", async () => {
  const { tape, asked } = growing();
  const missing = new TapeError("tape_not_found", "Cannot read demo.jsonl: there is no such tape");
  const failing: TapeBytes = { ...tape, read: () => Promise.reject(missing) };
  for (const options of [{}, { follow: true }, { start: 3, end: 3 }]) {
    assert.is(await reasonOf(textOf(failing, options)), missing);
  }
  assert.is(asked.closed, 3);
});

test.run();
