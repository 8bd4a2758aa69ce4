import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { entryAt, type IndexEntry } from "../../src/index/index-entry.ts";
import { decodeHeader, ENTRY_BYTES } from "../../src/index/layout.ts";
import { TapeIndexer } from "../../src/index/tape-indexer.ts";
import { concat } from "../../src/bytes/bytes.ts";
import { TapeLine } from "../../src/lines/line.ts";
import { selectionOf } from "../../src/query/select.ts";
import { linesOf } from "../../src/tape/seek/lines-backwards.ts";
import { utf8 } from "../helpers/bytes.ts";
import { foreignTape, sessionTape } from "./session.ts";

const tape = await sessionTape();
const lines = tape.split(/(?<=\n)/);
/** As a writer has left it, spelled by somebody else, torn in the middle of a line, and with lines that are no records. */
const TAPES = [
  tape,
  foreignTape(tape),
  lines.map((line, at) => at === 9 ? line.slice(0, 60) : line).join(""),
  lines.map((line, at) => at % 5 === 3 ? `#!?\n${line}` : line).join(""),
];

const term = fc.constantFrom(
  ...["method:tools/call", "method:tools/*", "tool:search", "tool:read_file", "tool:s*", "tool:none", "id:7", 'id:"7"'],
  ...["id:0", "id:3..8", "dir:c2s", "dir:s2c", "kind:request", "kind:response", "kind:notification", "kind:batch"],
  ...["kind:log", "kind:gap", "kind:invalid", "kind:correlation", "kind:checkpoint", "request:3", "request:3..8"],
  ...["status:error", "status:ok", "status:tool_error", "status:-32601", "status:pending", "status:cancelled"],
  ...["dur:>200ms", "dur:0ms", "size:>1k", "size:<60", "seq:3..6", "seq:17..", "at:+1s..", "at:+0s..+200ms"],
  ...["text:café", "text:none", "/caf./", "has:error", "has:params.name", "params.name:search", "op:(tool:search)"],
);
const query = fc.tuple(fc.array(fc.tuple(fc.boolean(), term), { minLength: 1, maxLength: 3 }), fc.boolean()).map(
  ([terms, isAny]) => terms.map(([isNot, text]) => isNot ? `-${text}` : text).join(isAny ? " OR " : " "),
);

/** What an index says of the blocks of a tape that end behind these lines. */
function entriesOf(bytes: Uint8Array<ArrayBuffer>, ends: readonly number[]): IndexEntry[] {
  let next = 0;
  const indexer = new TapeIndexer("demo", undefined, () => ends[next++] ?? Infinity);
  indexer.push(bytes);
  indexer.end();
  const index = concat([...indexer.take()]);
  const header = decodeHeader(index.subarray(0, ENTRY_BYTES), "demo");
  assert.ok("crc" in header);
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const entries = [];
  for (let at = ENTRY_BYTES; at < index.length; at += ENTRY_BYTES) entries.push(entryAt(index, view, at, header.crc)!);
  return entries;
}

test("LineMatcher.mayTake() refuses no block that holds what is selected, or is needed for it", () => {
  let [passedOver, taken] = [0, 0];
  const property = fc.property(
    fc.nat(TAPES.length - 1),
    query,
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 40, maxLength: 40 }),
    (which, where, sizes) => {
      const bytes = Uint8Array.from(utf8(TAPES[which]!));
      const all = linesOf(bytes, 0, 1e6, undefined, 1).filter((line): line is TapeLine => line instanceof TapeLine);
      const ends: number[] = [];
      for (let at = 0, block = 0; at < all.length; block++) {
        at += sizes[block] ?? 5;
        if (at < all.length) ends.push(all[at]!.offset);
      }
      const selection = selectionOf(where, undefined, "select");
      const survey = selection.survey();
      for (const line of all) survey?.add(line);
      survey?.end();
      const full = selection.matcher(survey);
      const expected = all.filter((line) => full.takes(line)).map(({ offset }) => offset);
      const matcher = selection.matcher(survey);
      const found: number[] = [];
      const entries = entriesOf(bytes, ends);
      for (const entry of entries) {
        if (!matcher.mayTake(entry)) {
          passedOver++;
          continue;
        }
        for (const line of all) {
          const isInside = line.offset >= entry.offset && line.offset < entry.end;
          if (isInside && matcher.takes(line)) found.push(line.offset);
        }
      }
      const end = entries.at(-1)?.end ?? 0;
      for (const line of all) if (line.offset >= end && matcher.takes(line)) found.push(line.offset);
      taken += found.length;
      assert.equal(found, expected, `${where} on tape ${which}, blocks ending at ${ends}`);
    },
  );
  fc.assert(property, { numRuns: 1500 });
  assert.ok(passedOver > 500 && taken > 500, `${passedOver} blocks were passed over, ${taken} lines taken`);
});

test.run();
