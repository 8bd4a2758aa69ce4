import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseQuery } from "../../../src/query/query.ts";
import { SeqSet } from "../../../src/query/operations/seq-set.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { lineSplit } from "../../../src/transforms/line-split.ts";
import { parseRecord } from "../../../src/transforms/parse-record.ts";
import { utf8 } from "../../helpers/bytes.ts";
import { collect } from "../../helpers/streams.ts";
import { frameLine, initLine } from "../../helpers/tapes.ts";
import { foreignTape, sessionTape } from "../session.ts";

const test = suite("operations");
const tape = await sessionTape();

/** The numbers of the frames that are selected: in one go, in which lines are held back, or of a tape that is read twice. */
async function picked(query: string, text: string, isTwice: boolean): Promise<number[]> {
  const parsed = parseQuery(query);
  const survey = isTwice ? parsed.survey() : undefined;
  if (survey !== undefined) {
    for await (const line of pipe([utf8(text)], lineSplit())) survey.add(line);
    survey.end();
  }
  const pieces = text.match(/[^]{1,333}/g)!.map(utf8);
  const records = await collect(pipe(pieces, lineSplit(), parsed.stage({ survey }), parseRecord()));
  return seqsOf(records);
}

function seqsOf(records: readonly TapeRecord[]): number[] {
  return records.flatMap((record) => record.type === "frame" ? [record.seq] : []);
}

for (
  const [query, expected] of [
    ["op:(tool:search)", [3, 5, 6, 12, 13, 14]],
    ["op:tool:search", [3, 5, 6, 12, 13, 14]],
    ["op:(tool:search) dir:s2c", [5, 6, 14]],
    ["op:(params.arguments.city:Paris status:ok)", [3, 5, 6]],
    ["op:(tool:search -has:params.arguments.tags)", [3, 5, 6]],
    ["op:(tool:search -status:ok)", []],
    ["op:(status:error)", [4, 7, 8, 9]],
    ["op:(dur:>250ms tool:*)", [7, 4].sort((a, b) => a - b)],
    ["op:(status:cancelled)", [12, 13, 14]],
    ["op:(status:pending)", [16, 18]],
    ["op:(method:notifications/progress)", [3, 5, 6]],
    ["op:(kind:notification -method:notifications/progress)", [12, 13, 14]],
    ["op:(text:nowhere)", []],
    ["-op:(status:ok) kind:request", [4, 8, 18]],
    ["op:(tool:search) OR kind:invalid", [3, 5, 6, 12, 13, 14, 15]],
    ["op:(status:error) OR op:(tool:slow)", [4, 7, 8, 9, 18]],
    ["status:pending", [16, 18]],
    ["tool:slow status:pending,error", [18]],
    ["-status:pending kind:request", [0, 3, 4, 8, 10, 12]],
  ] as const
) {
  test(`select() picks ${query}`, async () => {
    for (const [name, text] of [["canonical", tape], ["foreign", foreignTape(tape)]] as const) {
      const known = [...expected];
      assert.equal(await picked(query, text, true), known, `${name}, read twice`);
      assert.equal(await picked(query, text, false), known, `${name}, held back`);
    }
  });
}

test("a survey is only made where a query needs one", () => {
  assert.is(parseQuery("tool:search status:error").survey(), undefined);
  assert.ok(parseQuery("a OR op:b").survey() !== undefined);
  assert.ok(parseQuery("-status:orphan").survey() !== undefined);
});

test("op: knows the requests by which an operation goes on, and their correlations pass with them", async () => {
  const messages = [
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"book"}}',
    '{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"abc"}}',
    '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"other"}}',
    '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"book","inputResponses":{},"requestState":"abc"}}',
    '{"jsonrpc":"2.0","id":2,"result":{}}',
    '{"jsonrpc":"2.0","id":3,"error":{"code":-1,"message":"sold out"}}',
  ];
  const text = initLine("t") + messages.map((message, seq) => {
    const line = frameLine(seq, seq * 10, message);
    return message.includes("method") ? line : line.replace("client_to_server", "server_to_client");
  }).join("");
  for (const isTwice of [true, false]) {
    assert.equal(await picked('op:("sold out")', text, isTwice), [0, 1, 3, 5]);
    assert.equal(await picked("op:(tool:other)", text, isTwice), [2, 4]);
    assert.equal(await picked("op:(tool:book -status:ok)", text, isTwice), []);
  }
});

test("select() holds back no more than it may", async () => {
  const lines = [initLine("t"), frameLine(0, 0, '{"id":1,"method":"tools/call","params":{"name":"slow"}}')];
  for (let seq = 1; seq < 10_000; seq++) lines.push(frameLine(seq, seq));
  const answer = frameLine(10_000, 10_000, '{"id":1,"result":{}}').replace("client_to_server", "server_to_client");
  const seen: number[] = [];
  const stage = parseQuery("-op:(status:ok)").stage();
  const source = (function* () {
    for (const [at, line] of lines.entries()) {
      // All that is read, somebody has asked for.
      assert.ok(at - seen.length < 8300, `${at} lines were read, ${seen.length} came out`);
      yield utf8(line);
    }
    yield utf8(answer);
  })();
  for await (const record of pipe(source, lineSplit(), stage, parseRecord())) {
    if (record.type === "frame") seen.push(record.seq);
  }
  // When there was no more room, nothing was known of an answer.
  assert.is(seen[0], 0);
  assert.is(seen.length, 10_000);
});

test("SeqSet holds what was added, and nothing else", () => {
  const set = new SeqSet();
  const numbers = [0, 31, 32, 1023, 1024, 5_000_000, Number.MAX_SAFE_INTEGER];
  for (const seq of numbers) set.add(seq);
  for (const seq of numbers) {
    assert.ok(set.has(seq));
    assert.is(set.has(seq - 1), numbers.includes(seq - 1));
  }
});

test.run();
