import { test } from "uvu";
import * as assert from "uvu/assert";
import { lineSplit, memorySource, pipe, type TapeLine } from "../../../../src/mod.ts";
import { tailStart } from "../../../../src/cli/commands/tail/tail-start.ts";
import { numbersFrom } from "../../../helpers/random.ts";

/** Lines `{"type":"a"}` and `{"type":"b",…}`, of every length up to far more than is looked at first. */
function randomTape(seed: number): string {
  const below = numbersFrom(seed);
  const lines = Array.from({ length: below(400) }, () => {
    const length = below(20) === 0 ? below(200_000) : below(300);
    return `{"type":"${"ab"[below(2)]}","x":"${"x".repeat(length)}"}${below(10) === 0 ? "\r\n" : "\n"}`;
  });
  const torn = below(3) === 0 ? `{"type":"a","x":"${"x".repeat(below(100_000))}` : "";
  return lines.join("") + torn;
}

const accepts = (line: TapeLine) => line.terminated && line.type === "a";

test("tailStart() is where the last lines begin that count", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const tape = randomTape(seed);
    const bytes = new TextEncoder().encode(tape);
    const between = (start: number, end: number) =>
      pipe(memorySource(bytes.subarray(start, end), { chunkBytes: 50_000 }), lineSplit({ offset: start, line: 0 }));
    const all: TapeLine[] = [];
    for await (const line of between(0, bytes.length)) all.push(line);
    const accepted = all.filter(accepts);
    for (const count of [0, 1, 2, 10, 150, 100_000]) {
      const end = all.filter((line) => line.terminated).at(-1)?.nextOffset ?? 0;
      const expected = count === 0 ? end : accepted.length <= count ? 0 : accepted.at(-count)!.offset;
      assert.is(await tailStart(between, bytes.length, count, accepts), expected, `seed ${seed}, count ${count}`);
    }
  }
});

/** The same for a tape that is read whole. */
async function startOf(tape: string, count: number): Promise<number> {
  const bytes = new TextEncoder().encode(tape);
  const between = (start: number, end: number) =>
    pipe(memorySource(bytes.subarray(start, end)), lineSplit({ offset: start, line: 0 }));
  return await tailStart(between, bytes.length, count, accepts);
}

test("tailStart() finds its way among many short lines", async () => {
  const line = '{"type":"a"}\n';
  const tape = line.repeat(20_000);
  for (const count of [1, 10, 1500, 5000, 9400, 20_000]) {
    assert.is(await startOf(tape, count), tape.length - count * line.length, `${count}`);
  }
});

test("tailStart() is not taken in by the end of a line that looks like one", async () => {
  const inner = `{"type":"a","ts":1,"x":"${"x".repeat(60_000)}`;
  const end = inner.padEnd(64 * 1024 - 4, "x") + '"}}\n';
  assert.is(end.length, 64 * 1024);
  assert.is(await startOf(`{"type":"a"}\n{"type":"b","env":${end}`, 1), 0);
});

test("tailStart() reads no more of a long tape than it takes", async () => {
  const line = `{"type":"a","x":"${"x".repeat(200)}"}\n`;
  const bytes = new TextEncoder().encode(line.repeat(50_000));
  let read = 0;
  const between = (start: number, end: number) => {
    read += end - start;
    return pipe(memorySource(bytes.subarray(start, end)), lineSplit({ offset: start, line: 0 }));
  };
  assert.is(await tailStart(between, bytes.length, 10, accepts), bytes.length - 10 * line.length);
  assert.is(read, 64 * 1024);
});

test.run();
