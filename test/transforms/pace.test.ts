import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { source } from "../../src/streams/source.ts";
import { pace, type PaceOptions, type Timed } from "../../src/transforms/pace.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf, within } from "../helpers/within.ts";

/** What comes out, and after how many milliseconds each. Clocks are coarse, so a millisecond is taken off what to expect. */
async function timed<T extends Timed>(chunks: readonly T[], options?: PaceOptions) {
  const start = performance.now();
  const out: { chunk: T; ms: number }[] = [];
  for await (const chunk of pipe(chunks, pace<T>(options))) out.push({ chunk, ms: performance.now() - start });
  assert.equal(out.map(({ chunk }) => chunk), chunks);
  return out.map(({ ms }) => ms);
}

const at = (...times: unknown[]) => times.map((ts) => ({ ts }));
const HOUR = 3_600_000;

function notBefore(times: readonly number[], expected: readonly number[]): void {
  for (const [index, ms] of expected.entries()) {
    assert.ok(times[index]! >= ms - 1, `chunk ${index} came after ${times[index]} ms, not ${ms}`);
  }
}

test("pace() holds chunks back until their time, counted from the first one", async () => {
  notBefore(await timed(at(1000, 1020, 1050, 1050)), [0, 20, 50, 50]);
});

test("pace() goes at a speed", async () => {
  notBefore(await timed(at(0, 100, 200), { speed: 4 }), [0, 25, 50]);
  notBefore(await timed(at(0, 20), { speed: 0.5 }), [0, 40]);
});

// These would not end if they waited.

test("pace() at an infinite speed waits for nothing", async () => {
  await within(timed(at(0, HOUR, 2 * HOUR), { speed: Infinity }), "the last chunk");
});

test("pace() does not wait for the first chunk, one without a time, or one that goes back in time", async () => {
  await within(timed(at(HOUR, HOUR, undefined, null, "1", 0, HOUR - 1, HOUR)), "the last chunk");
  await within(timed([{ text: "a" }, { text: "b" }] as (Timed & { text: string })[]), "the last chunk");
});

test("pace() goes on from the latest time after one that went back", async () => {
  notBefore(await timed(at(100, 50, 130)), [0, 0, 30]);
});

test("pace() waits no longer than maxDelayMs, at any speed", async () => {
  const times = await within(timed(at(0, HOUR, 2 * HOUR, 2 * HOUR + 5), { maxDelayMs: 20 }), "the last chunk");
  notBefore(times, [0, 20, 40, 45]);
  notBefore(await within(timed(at(0, HOUR), { speed: 0.01, maxDelayMs: 20 }), "the last chunk"), [0, 20]);
  await within(timed(at(0, HOUR), { maxDelayMs: 0 }), "the last chunk");
});

test("pace() waits longer than the longest timer there is", async () => {
  // A timer that is set for more than 2^31 - 1 ms goes off at once.
  const abort = new AbortController();
  const reader = pipe(at(0, 2 ** 40), pace({ signal: abort.signal })).getReader();
  await reader.read();
  const read = reasonOf(reader.read());
  await new Promise((resolve) => setTimeout(resolve, 50));
  abort.abort("still waiting");
  assert.is(await read, "still waiting");
});

test("pace() fails with the reason of its signal, while it waits or before", async () => {
  const reason = new Error("enough");
  const abort = new AbortController();
  const reader = pipe(at(0, HOUR), pace({ signal: abort.signal })).getReader();
  await reader.read();
  const read = reasonOf(reader.read());
  await new Promise((resolve) => setTimeout(resolve, 5));
  abort.abort(reason);
  assert.is(await within(read, "the failure"), reason);
  for (const speed of [1, Infinity]) {
    assert.is(await reasonOf(collect(pipe(at(0), pace({ speed, signal: AbortSignal.abort(reason) })))), reason);
  }
});

test("pace() that is cancelled while it waits lets go of its source at once", async () => {
  const chunks = at(0, HOUR, 2 * HOUR);
  let reason: unknown;
  const cancelled = new Promise<void>((resolve) => {
    const timed = source<Timed>({
      pull: () => Promise.resolve([chunks.shift()!]),
      cancel(given) {
        reason = given;
        resolve();
        return Promise.resolve();
      },
    });
    const reader = pipe(timed, pace()).getReader();
    reader.read().then(async () => {
      const read = reader.read();
      await new Promise((done) => setTimeout(done, 5));
      await reader.cancel("enough");
      assert.ok((await read).done);
    });
  });
  await within(cancelled, "the cancelled source");
  assert.is(reason, "enough");
});

test("pace() throws invalid_argument for a speed that is not above 0, and for a delay below 0", () => {
  for (const options of [{ speed: 0 }, { speed: -1 }, { speed: NaN }, { maxDelayMs: -1 }, { maxDelayMs: NaN }]) {
    assert.throws(() => pace(options), (error: unknown) => isTapeError(error, "invalid_argument"));
  }
});

test.run();
