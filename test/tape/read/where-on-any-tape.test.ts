import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { parseQuery } from "../../../src/query/query.ts";
import { select } from "../../../src/query/select.ts";
import type { TapeRecord } from "../../../src/records/record.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { buildIndex } from "../../../src/tape/index/build-index.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { lineSplit } from "../../../src/transforms/line-split.ts";
import { parseRecord } from "../../../src/transforms/parse-record.ts";
import { collect } from "../../helpers/streams.ts";
import { putTape, textOf } from "../../helpers/tapes.ts";
import { conversations, FATES, recordConversation } from "../../query/conversations.ts";
import { type Question, questions } from "../../query/questions.ts";
import { heard } from "../../query/reference.ts";

/** Frames and logs by what they are known by. */
function named(records: readonly TapeRecord[]): string[] {
  return records.flatMap((record) => {
    if (record.type === "frame") return [`frame ${record.seq}`];
    return record.type === "log" ? [`log ${record.ts} ${record.text}`] : [];
  });
}

/** What a question means on a tape. */
function expected(tape: string, { fits }: Question): string[] {
  return named(heard(tape).filter((said) => said.some(fits)).map(([said]) => said!.record));
}

const quiet = { onError: () => {} };
/** How often each term was asked for and found something. */
const found = new Map<string, number>();

for (const [name, fate] of Object.entries(FATES)) {
  test(`a query means the same on a tape ${name}: in a pipeline, by the reader, with an index`, async () => {
    const property = fc.asyncProperty(
      conversations,
      fc.array(fc.nat(10_000), { minLength: 30, maxLength: 30 }),
      fc.array(questions, { minLength: 4, maxLength: 4 }),
      async (conversation, dice, asked) => {
        const store = memoryStore();
        await recordConversation(store, conversation);
        const written = (await textOf(store, "demo.jsonl")).trimEnd().split("\n");
        const tape = `${fate(written, dice).join("\n")}\n`;
        await putTape(store, "demo", tape);
        for (const isIndexed of [false, true]) {
          if (isIndexed) await buildIndex(store, "demo");
          const reader = await StreamingTapeReader.open(store, "demo", quiet);
          for (const question of asked) {
            const { query, terms } = question;
            const said = `${query}\n${tape}`;
            const want = expected(tape, question);
            if (want.length > 0) { for (const term of terms) found.set(term, (found.get(term) ?? 0) + 1); }
            assert.equal(named(await collect(reader.records({ where: query }))), want, said);
            const frames = want.filter((each) => each.startsWith("frame")).reverse().slice(0, 3);
            assert.equal(named(await collect(reader.frames({ where: query, reverse: true, limit: 3 }))), frames, said);
            if (isIndexed) continue;
            const lines = pipe(store.openSource("demo.jsonl"), lineSplit(quiet));
            assert.equal(named(await collect(pipe(lines, select(query), parseRecord(quiet)))), want, said);
            assert.is(parseQuery(String(parseQuery(query))).toString(), String(parseQuery(query)));
          }
        }
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });
}

test("a query means the same on a tape that is being written, up to where it is", async () => {
  const property = fc.asyncProperty(
    conversations,
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 3 }),
    questions,
    async (conversation, cuts, question) => {
      const store = memoryStore();
      await recordConversation(store, conversation);
      const tape = await textOf(store, "demo.jsonl");
      const bytes = new TextEncoder().encode(tape);
      const start = tape.indexOf("\n") + 1;
      const ends = cuts.sort((a, b) => a - b).map((cut) => start + Math.floor(cut * (bytes.length - start)));
      await store.delete("demo.meta.json");
      await store.put("demo.jsonl", bytes.subarray(0, ends[0]));
      const reader = await StreamingTapeReader.open(store, "demo", quiet);
      await buildIndex(store, "demo");
      for (const end of [...ends, bytes.length]) {
        await store.put("demo.jsonl", bytes.subarray(0, end));
        const whole = new TextDecoder().decode(bytes.subarray(0, bytes.lastIndexOf(10, end - 1) + 1));
        const want = expected(whole, question);
        assert.equal(
          named(await collect(reader.records({ where: question.query }))),
          want,
          `${question.query}\n${whole}`,
        );
      }
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

test("every term has found something above", () => {
  for (
    const term of [
      "method:",
      "tool:",
      "id:",
      "status:",
      "text:",
      "has:",
      "seq:",
      "request:",
      "dur:",
      "at:",
      "dir:",
      "kind:",
      "size:",
      "params.arguments.city:",
      "params.arguments.limit:",
      "result.content.text:",
      "/params/arguments/x~0~1y:",
    ]
  ) {
    assert.ok((found.get(term) ?? 0) > 3, `${term} found something ${found.get(term) ?? 0} times`);
  }
});

test.run();
