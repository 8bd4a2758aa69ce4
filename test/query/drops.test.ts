import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TapeLine } from "../../src/lines/line.ts";
import { select } from "../../src/query/select.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { stage } from "../../src/streams/stage.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { foreignTape, sessionTape } from "./session.ts";

const tape = await sessionTape();
const lines = tape.split(/(?<=\n)/);
const TAPES: Readonly<Record<string, string>> = {
  "as its writer left it": tape,
  "spelled by somebody else": foreignTape(tape),
  "with line ends of both kinds": lines.map((line, at) => at % 2 === 0 ? line.replace("\n", "\r\n") : line).join(""),
  "torn and mended": lines.map((line, at) => at % 4 === 3 ? `#!?\n\n${line.slice(0, 70)}${line}` : line).join(""),
};
const QUERIES = [
  "tool:search",
  'text:"café"',
  "seq:3..6",
  "kind:notification",
  "dur:>1ms",
  "method:tools/call -id:1",
  "x",
];

/** Where the lines stand that a query selects of a tape that comes in pieces. */
async function selected(bytes: Uint8Array, size: number, query: string, isDirect: boolean): Promise<string[]> {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  // Behind a stage in between, a query gets all lines.
  const between = stage<TapeLine, TapeLine>({ transform: (line, emit) => emit(line) });
  const asked = isDirect
    ? pipe(pieces, lineSplit({ maxLineBytes: 1500, onError: () => {} }), select(query))
    : pipe(pieces, lineSplit({ maxLineBytes: 1500, onError: () => {} }), between, select(query));
  return (await collect(asked)).map((line) => `${line.number} ${line.offset} ${line.nextOffset} ${line.text()}`);
}

for (const [name, text] of Object.entries(TAPES)) {
  test(`select() picks the same lines of a tape ${name}, with their places, whether the others are made or not`, async () => {
    const bytes = utf8(text);
    for (const query of QUERIES) {
      const all = await selected(bytes, bytes.length, query, false);
      assert.ok(all.length < text.split("\n").length - 1, query);
      for (const size of [bytes.length, 4096, 700, 64, 7]) {
        assert.equal(await selected(bytes, size, query, true), all, `${query}, in pieces of ${size}`);
      }
    }
  });
}

test.run();
