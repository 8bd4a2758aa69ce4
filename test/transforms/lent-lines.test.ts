import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import type { TapeLine } from "../../src/lines/line.ts";
import { compose, pipe } from "../../src/streams/pipe.ts";
import { source } from "../../src/streams/source.ts";
import { stage } from "../../src/streams/stage.ts";
import { filter } from "../../src/transforms/filter.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";

/** A source of chunks that are written over as soon as they come back, which it notes. */
function lentChunks(texts: readonly string[], returned: Uint8Array[]): ReadableStream<Uint8Array> {
  const waiting = texts.map((text) => utf8(text));
  return source<Uint8Array>({
    pull: () => Promise.resolve(waiting.length > 0 ? [waiting.shift()!] : undefined),
    reuse(chunk) {
      returned.push(chunk);
      chunk.fill(0x20); // as a source does that reads into it
    },
  });
}

const chunks = ['{"type":"a"}\r\n{"type":"b"}\n{"ty', 'pe":"c"}\n{"type":"long","text":"é"}\n', '{"type":"d"}'];
const lines = ['{"type":"a"}', '{"type":"b"}', '{"type":"c"}', '{"type":"long","text":"é"}', '{"type":"d"}'];

test("pipe() gives a source its chunks back once their lines are parsed or were looked at by filters", async () => {
  const parsed: Uint8Array[] = [];
  const types: string[] = [];
  for await (const { type } of pipe(lentChunks(chunks, parsed), lineSplit(), parseRecord())) types.push(type);
  assert.equal(types, ["a", "b", "c", "long", "d"]);
  assert.is(parsed.length, 3);

  const isWanted = (line: TapeLine) => line.type !== "b";
  const picked: Uint8Array[] = [];
  types.length = 0;
  const wanted = [filter(isWanted), filter((line: TapeLine) => line.parse() !== undefined)] as const;
  for await (const { type } of pipe(lentChunks(chunks, picked), lineSplit(), ...wanted, parseRecord())) {
    types.push(type);
  }
  assert.equal(types, ["a", "c", "long", "d"]);
  assert.is(picked.length, 3);
});

const look = () => stage<TapeLine, TapeLine>({ transform: (line, emit) => emit(line) });
const all = () => filter((line: TapeLine) => line.length > 0);

for (
  const [name, read] of [
    ["a filter", (chunks) => collect(pipe(chunks, lineSplit(), all()))],
    ["filters and a stage", (chunks) => collect(pipe(chunks, compose(lineSplit(), all()), all(), look()))],
  ] as readonly [string, (chunks: ReadableStream<Uint8Array>) => Promise<TapeLine[]>][]
) {
  test(`pipe() lets a line that leaves ${name} take its bytes along`, async () => {
    const returned: Uint8Array[] = [];
    const kept = await read(lentChunks(chunks, returned));
    assert.is(returned.length, 3);
    assert.equal(kept.map((line) => line.text()), lines);
    assert.equal(kept.map((line) => new TextDecoder().decode(line.bytes)), lines);
    assert.equal(kept.map(({ type, ending, nextOffset }) => [type, ending, nextOffset]), [
      ["a", "\r\n", 14],
      ["b", "\n", 27],
      ["c", "\n", 40],
      ["long", "\n", 68],
      ["d", "", 80],
    ]);
  });
}

test("pipe() lets go of the bytes of a line that a filter has rejected, and of nothing else", async () => {
  const rejected: TapeLine[] = [];
  const rejectsAll = filter((line: TapeLine) => (line.number % 2 === 0 ? line.type : rejected.push(line)) === 0);
  await collect(pipe(lentChunks(['{"type":"a"}\n{"type":"b"}\n{"type":"c"}\n'], []), lineSplit(), rejectsAll));
  const [first] = rejected as [TapeLine];
  assert.equal([first.offset, first.number, first.length, first.terminated], [0, 1, 12, true]);
  const looks = [
    () => first.type,
    () => first.ending,
    () => first.nextOffset,
    () => first.bytes,
    () => first.text(),
    () => first.parse(),
    () => first.message(),
    () => first.part(0, 2),
    () => first.withNumber(2),
  ];
  for (const look of looks) {
    assert.throws(look, (error: unknown) => isTapeError(error, "closed"), String(look));
  }
});

test("pipe() copies no line where the source has no use for its chunks", async () => {
  const whole = utf8(chunks.join(""));
  const [first] = await collect(pipe([whole], lineSplit(), all()));
  assert.is(first!.bytes.buffer, whole.buffer);
});

test("pipe() never takes a chunk back whose lines, or views of it, somebody may have kept", async () => {
  const returned: Uint8Array[] = [];
  const looped = await collect(pipe(lentChunks(chunks, returned), lineSplit()));
  await collect(pipe(lentChunks(chunks, returned), lineSplit(), look(), filter(() => true), parseRecord()));
  assert.equal(looped.map((line) => line.text()), lines);
  assert.is(returned.length, 0);

  const views: (() => string)[] = [];
  const makers = [
    (line: TapeLine) => ((bytes) => () => new TextDecoder().decode(bytes))(line.bytes),
    (line: TapeLine) => ((message) => () => new TextDecoder().decode(message.bytes))(line.message()),
    (line: TapeLine) => ((part) => () => part.text())(line.part(0, line.length)),
    (line: TapeLine) => ((same) => () => same.text())(line.withNumber(7)),
  ];
  for (const view of makers) {
    const rejectsAll = filter((line: TapeLine) => views.push(view(line)) < 0);
    await collect(pipe(lentChunks(chunks, returned), lineSplit(), rejectsAll, parseRecord()));
  }
  assert.equal(views.map((text) => text()), makers.flatMap(() => lines));
});

test.run();
