import { test } from "uvu";
import * as assert from "uvu/assert";
import { currentRuntime, runtimeNames } from "./helpers/runtime.ts";
import { simulate } from "./simulation/simulate.ts";

/** Each runtime has seeds of its own, so that all of them together see so many schedules; `npm run simulate` tries others. */
const SCHEDULES = 10_000;
const share = SCHEDULES / runtimeNames.length;
const first = 1 + share * runtimeNames.indexOf(currentRuntime());

test(`schedules ${first} to ${first + share - 1} of writes, crashes and failing disks keep every promise`, async () => {
  for (let seed = first; seed < first + share; seed++) await simulate(seed);
});

test("the same seed makes the same schedule", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const runs: string[][] = [[], []];
    for (const lines of runs) await simulate(seed, (line) => lines.push(line));
    assert.ok(runs[0]!.length > 20);
    assert.equal(runs[0], runs[1]);
  }
});

test.run();
