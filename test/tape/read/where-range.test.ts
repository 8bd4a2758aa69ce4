import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeIndexer } from "../../../src/index/tape-indexer.ts";
import { concat } from "../../../src/bytes/bytes.ts";
import { positionOf } from "../../../src/lines/record-position.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { TapeStore } from "../../../src/stores/store.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import type { RangeOptions } from "../../../src/tape/range/range.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { damagedTape, writtenTape } from "../../helpers/strange/strange-tapes.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, initLine, putTape } from "../../helpers/tapes.ts";

async function storeWith(tape: string | Uint8Array): Promise<TapeStore> {
  const store = memoryStore();
  await putTape(store, "demo", tape);
  return store;
}

async function open(store: TapeStore): Promise<StreamingTapeReader> {
  return await StreamingTapeReader.open(store, "demo", { onError: () => {} });
}

/** Where each record stands that a range holds. */
async function places(reader: StreamingTapeReader, range: RangeOptions): Promise<string> {
  await reader.reset();
  return (await collect(reader.records(range))).map((record) => positionOf(record)!.offset).join(" ");
}

const many = (count: number, line: (n: number) => string) => Array.from({ length: count }, (_, n) => line(n)).join("");

test("records({ where }) within bounds knows what stands in blocks that are passed over", async () => {
  const frames = many(300, (n) => frameLine(n, n, `{"jsonrpc":"2.0","method":"m","params":"${"x".repeat(400)}"}`));
  const pair = (n: number) =>
    `{"type":"correlation","id":"c","request_seq":${n},"response_seq":null,"status":"success"}\n`;
  const log = (ts: number) => `{"type":"log","ts":${ts},"stream":"stderr","text":"${"y".repeat(900)}"}\n`;
  // Where so much comes without a frame, a block begins with something else.
  const store = await storeWith(initLine("demo") + frames + many(3000, pair) + many(200, () => log(300)));
  await buildIndex(store, "demo");
  const reader = await open(store);
  for (
    const [range, count] of [[{ fromSeq: 299 }, 200], [{ fromSeq: 100, toSeq: 298 }, 0], [
      { fromTime: 299 },
      200,
    ]] as const
  ) {
    const logs = (await collect(reader.records({ ...range, where: "kind:log" }))).filter(({ type }) => type === "log");
    assert.is(logs.length, count, JSON.stringify(range));
  }
});

test("records({ where }) within bounds looks for each record on a line by itself", async () => {
  const method = (name: string) => `{"jsonrpc":"2.0","method":"${name}"}`;
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name, n) => frameLine(n + 1, n + 1, method(name)));
  for (const joined of [b!.trimEnd() + c!, b!.slice(0, 90) + c!, b!.slice(0, 50) + c!]) {
    const reader = await open(await storeWith(initLine("demo") + a! + joined + d!));
    const whole = joined.startsWith(b!.trimEnd()) ? [2] : [];
    const cases: readonly [RangeOptions, readonly number[]][] = [
      [{ fromSeq: 3, where: "kind:notification" }, [3, 4]],
      [{ toSeq: 2, where: "kind:notification" }, [1, ...whole]],
      [{ fromSeq: 2, where: "method:c" }, [3]],
      [{ fromSeq: 2, where: ({ type }) => type === "frame" }, [...whole, 3, 4]],
      [{ fromTime: 3, toTime: 3, where: "method:b,c,d", reverse: true, limit: 5 }, [3]],
    ];
    for (const [range, expected] of cases) {
      assert.equal((await collect(reader.frames(range))).map(({ seq }) => seq), expected, JSON.stringify(range));
    }
  }
});

test("nothing is read of a tape of which nothing is wanted", async () => {
  const inner = await storeWith(initLine("demo") + many(3000, (n) => frameLine(n, n)));
  let opened = 0;
  const openSource: TapeStore["openSource"] = (key, options) => {
    if ((options?.start ?? 0) > 0) opened++;
    return inner.openSource(key, options);
  };
  const reader = await open({ ...inner, openSource });
  assert.equal(await collect(reader.frames({ where: "kind:frame", reverse: true, limit: 0 })), []);
  assert.is(opened, 0);
});

test("an index of another tape that begins as this one is found out, before or behind what was passed over", async () => {
  const message = (name: string, n: number) => `{"jsonrpc":"2.0","method":"${name}","params":"${"x".repeat(n)}"}`;
  const tapeOf = (rare: number, length: number, count = 3000) =>
    initLine("demo") +
    many(count, (n) => frameLine(n, n, message(n % 1000 === rare ? "rare" : "m", length + n % 50)));
  const tapes = [tapeOf(77, 310), tapeOf(77, 310) + tapeOf(78, 250).slice(initLine("demo").length)];
  for (const other of [tapeOf(3, 300), tapeOf(3, 300, 1500), tapeOf(-1, 305), tapeOf(2990, 20)]) {
    for (const tape of tapes) {
      const store = await storeWith(other);
      await buildIndex(store, "demo");
      await putTape(store, "demo", tape);
      // The last one asks for a block that begins as the index says, and does not end so.
      for (const range of [{}, { fromSeq: 5 }, { fromSeq: 1000, toSeq: 2077 }, { where: "seq:..400" }]) {
        const options = { where: "method:rare", ...range };
        const said = `${tape.length} ${other.length} ${JSON.stringify(range)}`;
        assert.is(
          await places(await open(store), options),
          await places(await open(await storeWith(tape)), options),
          said,
        );
      }
    }
  }
});

test("a line that is too long is not held, however it is passed over", async () => {
  const own = (n: number) => frameLine(n, n).replace(',"env"', `,"ts_us":${n}000,"env"`);
  const inner = await storeWith(
    initLine("demo") + many(2000, own) + "\0".repeat(8_000_000) + "\n" + many(2000, (n) => own(2000 + n)),
  );
  await buildIndex(inner, "demo");
  const index = await inner.get("demo.index");
  for (const isIndexed of [true, false]) {
    await (isIndexed ? inner.put("demo.index", index!) : inner.delete("demo.index"));
    let most = 0;
    const openSource: TapeStore["openSource"] = (key, options) => {
      // A range is held as a whole.
      if (options?.end !== undefined) most = Math.max(most, options.end - (options.start ?? 0));
      return inner.openSource(key, options);
    };
    const options = { onError: () => {}, maxLineBytes: 100_000 };
    const reader = await StreamingTapeReader.open({ ...inner, openSource }, "demo", options);
    for (const seq of [1500, 2500, 3999]) {
      assert.is(await reader.seekToFrame(seq), true);
      assert.is((await reader.nextRecord() as unknown as { seq: number }).seq, seq);
    }
    const seqs = async (range: RangeOptions) => (await collect(reader.frames(range))).map(({ seq }) => seq).join(" ");
    assert.is(await seqs({ where: "seq:1999..2001" }), "1999 2000 2001");
    assert.is(await seqs({ fromSeq: 1999, toSeq: 2001 }), "1999 2000 2001");
    assert.is(await seqs({ fromSeq: 1999, toSeq: 2001, reverse: true }), "2001 2000 1999");
    assert.ok(most < 3_000_000, `${most} bytes at once, ${isIndexed ? "with" : "without"} index`);
  }
});

const QUERIES = [
  "kind:log",
  "kind:gap",
  "tool:rare",
  "kind:request",
  "status:error",
  "id:7,77",
  "kind:correlation",
  "seq:10..40",
  "at:+5s..+9s",
  "status:pending",
  "op:(tool:rare)",
  "text:yes",
  "kind:batch OR kind:invalid",
  "kind:init",
];

/** An index whose blocks end anywhere, as others may make one. */
function oddIndex(tape: Uint8Array, random: (below: number) => number): Uint8Array {
  const step = [1, 200, 3000, 30_000][random(4)]!;
  let end = 0;
  const indexer = new TapeIndexer("demo", undefined, () => end += 1 + random(step));
  indexer.push(tape);
  indexer.end();
  return concat([...indexer.take()]);
}

test("records({ where }) within bounds is the same with an index, wherever its blocks end", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = numbersFrom(seed);
    const tape = damagedTape(random, await writtenTape(random, 100 + random(300)), random(8));
    const plain = await open(await storeWith(tape));
    const store = await storeWith(tape);
    await store.put("demo.index", oddIndex(tape, random));
    const indexed = await open(store);
    const frames = await collect(plain.frames());
    const some = () => frames[random(frames.length)]!;
    for (let n = 0; n < 12; n++) {
      const seqs = [some().seq, some().seq].sort((a, b) => a - b);
      const times = [some().ts, some().ts].sort((a, b) => a - b);
      const range: RangeOptions = {
        fromSeq: random(2) > 0 ? seqs[0] : undefined,
        toSeq: random(2) > 0 ? seqs[1] : undefined,
        fromTime: random(3) > 0 ? undefined : times[0],
        toTime: random(3) > 0 ? undefined : times[1],
        ...random(3) > 0 ? {} : { reverse: true, limit: 1 + random(50) },
        where: QUERIES[random(QUERIES.length)],
      };
      assert.is(await places(indexed, range), await places(plain, range), `seed ${seed}, ${JSON.stringify(range)}`);
    }
  }
});

test.run();
