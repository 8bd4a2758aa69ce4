import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore } from "../../../src/stores/memory.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import type { RangeOptions } from "../../../src/tape/range/range.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, initLine, putTape } from "../../helpers/tapes.ts";

const COUNT = 8000;

/** As this library spells frames: such a tape is not looked through to see whether numbers rise. */
function own(seq: number, ts = seq): string {
  const text = JSON.stringify("x".repeat(150));
  return frameLine(seq, ts, `{"jsonrpc":"2.0","method":"m","params":[${text}]}`)
    .replace(',"env"', `,"ts_us":${ts}000,"env"`);
}

test("a range loses no frame by another one with a damaged number or time, with an index and without", async () => {
  const random = numbersFrom(7);
  for (let n = 0; n < 12; n++) {
    const at = 500 + random(COUNT - 1000);
    const wrong = random(2) > 0 ? at + 1000 + random(90_000) : random(at - 450);
    const damaged = n % 2 === 0 ? own(wrong, at) : own(at, wrong);
    const lines = Array.from({ length: COUNT }, (_, seq) => seq === at ? damaged : own(seq));
    const store = memoryStore();
    await putTape(store, "demo", initLine("demo") + lines.join(""));
    if (n % 3 > 0) await buildIndex(store, "demo");
    const reader = await StreamingTapeReader.open(store, "demo");
    for (const near of [at - 30, at - 3, at - 1, at, at + 1, at + 3, at + 40]) {
      const [from, to] = [near - 20 * random(20), near + 20 * random(20)];
      const bounds = n % 2 === 0 ? { fromSeq: from, toSeq: to } : { fromTime: from, toTime: to };
      const expected = Array.from({ length: to - from + 1 }, (_, n) => from + n).filter((seq) => seq !== at);
      for (const how of [{}, { reverse: true }, { where: "kind:notification" }]) {
        const range: RangeOptions = { ...bounds, ...how };
        const found = (await collect(reader.frames(range))).map(({ seq, ts }) => n % 2 === 0 ? seq : ts);
        const said = `round ${n}, ${at} is ${wrong}, ${JSON.stringify(range)}`;
        const kept = found.filter((seq) => seq !== wrong).sort((a, b) => a - b);
        assert.is(kept.join(" "), expected.join(" "), said);
      }
    }
  }
});

test.run();
