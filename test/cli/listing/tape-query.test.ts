import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseTapeQuery } from "../../../src/cli/listing/tape-query.ts";
import type { TapeRow } from "../../../src/cli/listing/tape-row.ts";
import { isTapeError } from "../../../src/errors.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");
const row: TapeRow = {
  tapeId: "01JDCAAA",
  state: "finalized",
  fault: "",
  isLocked: false,
  name: "Web Search",
  tags: ["nightly", "ci:linux"],
  started: "2026-11-24T10:00:00Z",
  startedMs: Date.parse("2026-11-24T10:00:00Z"),
  changedMs: Date.parse("2026-11-24T12:00:00Z"),
  sizeBytes: 20_000,
  durationMs: 7_200_000,
  frames: 120,
  errors: 2,
  toolErrors: null,
  failure: "exit 3",
  server: "everything server 1.0.0",
  client: "ide",
  command: "npx -y @scope/server-everything",
  methods: ["initialize", "tools/call", "__proto__"],
  tools: ["search", "search_more"],
};

function fits(query: string, more: Partial<TapeRow> = {}): boolean {
  return parseTapeQuery(query, NOW)({ ...row, ...more });
}

/** One query that fits and one that does not for every term. */
const CASES: readonly (readonly [fits: string, fitsNot: string])[] = [
  ['name:"Web Search"', "name:Search"],
  ["name:*Search", "name:web*"],
  ["name:/search/i", "name:/^search/i"],
  ["id:01JDC*", "id:01JDC"],
  ["tape:01JDCAAA", "tape:x"],
  ["tag:nightly", "tag:night"],
  ['tag:"ci:linux"', "tag:ci"],
  ["status:finalized", "status:recording"],
  ["status:exit*", "status:SIGSEGV"],
  ["state:finalized,paused", "-state:finalized,paused"],
  ['server:"everything server"', "server:everything"],
  ["server:*1.0.0", "server:1.0.0"],
  ["client:ide", "client:IDE"],
  ["command:*server-everything", "command:npx"],
  ["method:tools/call", "method:tools"],
  ["method:__proto__", "method:constructor"],
  ["tool:search", "tool:sear"],
  ["tool:fetch,search_*", "tool:fetch"],
  ["started:2026-11-24T10:00Z..2026-11-24T11:00Z", "started:<2026-11-24T10:00Z"],
  ["started:>2026-11-20", "started:>2026-11-25"],
  ["changed:2026-11-24T12:00Z", "changed:2026-11-24T12:01Z"],
  ["age:2d", "age:<47h"],
  ["age:>1d", "age:>3d"],
  ["dur:>1h", "dur:<1h"],
  ["duration:2h", "duration:1ms"],
  ["size:>16k", "size:>20k"],
  ["frames:100..200", "frames:..100"],
  ["errors:>1", "errors:0"],
  ["search", "needle"],
  ["SERVER-EVERYTHING", "/SERVER-EVERYTHING/"],
  ["/server-(no|every)thing/", "/^server-every/"],
  ['"Web Search"', '"Search Web"'],
  ["nightly ide", "nightly nothing"],
  ["nothing OR tool:search", "nothing OR tool:fetch"],
  ["tool:search -status:recording", "tool:search NOT name:*"],
  ["(tool:fetch OR tool:search) errors:1..", "(tool:fetch OR tool:search) errors:3.."],
  ["", "-tag:*"],
];

for (const [one, other] of CASES) {
  test(`a list is asked with --where: ${one || "nothing"} fits, ${other} does not`, () => {
    assert.is(fits(one), true, one);
    assert.is(fits(other), false, other);
  });
}

test("a tape of which something is not known fits no question about it", () => {
  const unknown: Partial<TapeRow> = { startedMs: null, durationMs: null, frames: null, errors: null, toolErrors: null };
  for (const query of ["started:>1970-01-01", "dur:>=0s", "frames:0..", "errors:0.."]) {
    assert.is(fits(query, unknown), false, query);
    assert.is(fits(`-${query}`, unknown), true, query);
  }
  assert.is(fits("errors:0..", { errors: null, toolErrors: 3 }), true);
  assert.is(fits("name:*", { name: "" }), false);
  assert.is(fits("age:0s", { changedMs: NOW + 1e9 }), true, "from the future");
});

test("a query that a list cannot be asked is refused, with the place and what would do", () => {
  const refusal = (query: string) => {
    try {
      parseTapeQuery(query, NOW);
    } catch (error) {
      assert.ok(isTapeError(error, "invalid_argument"));
      return (error as Error).message;
    }
    throw new Error(`it took ${query}`);
  };
  assert.match(refusal("sever:x"), /there is no term "sever:", did you mean server:\?.*\n {2}sever:x\n {2}\^+$/);
  assert.match(refusal("dir:c2s"), /there is no term "dir:", .*\(A text with a colon stands in quotes\)/);
  assert.match(refusal("op:x"), /there is no term "op:"/);
  assert.match(refusal("has:error"), /there is no term "has:"/);
  assert.match(refusal("params.x:1"), /there is no term "params/);
  assert.match(refusal("constructor:x"), /there is no term "constructor:"/);
  assert.match(refusal("started:7d"), /started: takes a date, such as 2026-11-24/);
  assert.match(refusal("started:14:05"), /started: takes a date/);
  for (const query of ["age:>7", "age:7", "age:1d..7", "age:0", "age:..7"]) {
    assert.match(
      refusal(query),
      /age: takes a time with its unit, such as 12h or 7d; a range.*\n {2}age:.*\n {6}\^+$/,
      query,
    );
  }
  assert.match(refusal("age:7d..12h"), /this range ends before it begins/);
  assert.match(
    refusal("age:>7 d"),
    /no space stands between a number and its unit: ">7d" would do\n {2}age:>7 d\n {6}\^{4}$/,
  );
  assert.is(fits("dur:>200"), true, "milliseconds, as everywhere");
  assert.match(refusal("size:big"), /size: takes bytes/);
  assert.match(refusal("frames:-1"), /frames: takes a whole number/);
});

test.run();
