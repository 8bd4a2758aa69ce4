import { test } from "uvu";
import * as assert from "uvu/assert";
import { pipe } from "../../src/streams/pipe.ts";
import { filter } from "../../src/transforms/filter.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

test("filter() lets the chunks through for which the test is true, in order", async () => {
  assert.equal(await collect(pipe([1, 2, 3, 4, 5], filter((n: number) => n % 2 === 1))), [1, 3, 5]);
  assert.equal(await collect(pipe([1, 2], filter(() => false))), []);
  assert.equal(await collect(pipe([1, undefined, null], filter(() => true))), [1, undefined, null]);
});

test("filter() asks once for each chunk, with the chunk alone", async () => {
  const calls: unknown[][] = [];
  await collect(pipe(["a", "b"], filter((...args: [string]) => calls.push(args) > 0)));
  assert.equal(calls, [["a"], ["b"]]);
});

test("filter() of lines decides before they are parsed", async () => {
  const tape =
    '{"type":"log","ts":1,"stream":"stderr","text":"a"}\n#!? never parsed\n{"type":"log","ts":2,"stream":"stderr","text":"b"}\n';
  const logs = filter((line: { type: string | undefined }) => line.type === "log");
  const records = await collect(pipe([utf8(tape)], lineSplit(), logs, parseRecord()));
  assert.equal(records.map((record) => (record as { text?: string }).text), ["a", "b"]);
});

test("filter() hands on what the test throws", async () => {
  const own = new Error("own");
  const fail = () => {
    throw own;
  };
  assert.is(await reasonOf(collect(pipe([1], filter(fail)))), own);
});

test.run();
