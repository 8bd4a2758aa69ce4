import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Batch, PendingLines } from "../../../../src/tape/write/commit/pending-lines.ts";
import { numbersFrom } from "../../../helpers/random.ts";

const utf8 = new TextEncoder();

function text({ pieces }: Batch): string {
  return pieces.map((piece) => new TextDecoder("utf-8", { fatal: true }).decode(piece)).join("");
}

/** A line of about so many characters, no two of them alike. */
function lineOf(n: number, length: number): string {
  return `${n} ${"aü漢🎞".repeat(length / 5)}\n`;
}

test("PendingLines gives back what was appended, in whole groups and in order, whatever is asked in between", () => {
  const random = numbersFrom(7);
  const lines = new PendingLines();
  let appended = "";
  let taken = "";
  let bytes = 0;
  const held: { readonly batch: Batch; readonly text: string }[] = [];
  for (let n = 0; n < 3000; n++) {
    for (let inGroup = random(3); inGroup >= 0; inGroup--) {
      const line = lineOf(n, random(20) === 0 ? random(random(20) === 0 ? 700_000 : 60_000) : random(500));
      const cut = line.indexOf(" ");
      if (random(3) === 0) lines.append([line.slice(0, cut), utf8.encode(line.slice(cut, -1)), "\n"]);
      else if (random(9) === 0) lines.appendLast(line);
      else lines.append(line);
      appended += line;
      bytes += utf8.encode(line).length;
      if (random(50) === 0) assert.is(lines.total, bytes);
    }
    lines.endGroup();
    if (random(100) > 0) continue;
    const batch = lines.take();
    assert.ok(batch.pieces.every((piece) => piece.at(-1) === 0x0a), "no line spans two pieces");
    held.push({ batch, text: text(batch) });
    taken += text(batch);
    assert.ok(appended.startsWith(taken));
    assert.is(batch.lastLine - batch.firstLine, text(batch).split("\n").length - 1);
    if (random(2) > 0) continue;
    const done = held.splice(random(held.length), 1)[0]!;
    assert.ok(text(done.batch) === done.text, "what was handed out stays as it is until it is released");
    lines.release(done.batch);
  }
  for (; lines.isWaiting; taken += text(lines.take()));
  assert.ok(taken === appended);
  assert.is(lines.waiting, 0);
});

test("PendingLines copies what it is given as bytes at once", () => {
  for (const length of [10, 1000, 300_000]) {
    const lines = new PendingLines();
    const bytes = new Uint8Array(length).fill(0x61);
    lines.append("first\n");
    lines.append(["<", bytes, ">\n"]);
    bytes.fill(0x62);
    assert.is(text(lines.take()), `first\n<${"a".repeat(length)}>\n`);
  }
});

test("PendingLines uses the blocks of a batch again once it is released, and not before", () => {
  const lines = new PendingLines();
  const bufferOf = () => {
    lines.append("line\n");
    lines.endGroup();
    const batch = lines.take();
    return { batch, buffer: batch.pieces[0]!.buffer };
  };
  const first = bufferOf();
  const second = bufferOf();
  assert.is.not(second.buffer, first.buffer);
  lines.release(first.batch);
  assert.is(bufferOf().buffer, first.buffer);
});

test("appendLast() ends a piece", () => {
  const lines = new PendingLines();
  lines.append("a\n");
  lines.appendLast("checkpoint\n");
  lines.append("b\n");
  assert.equal(lines.take().pieces.map((piece) => new TextDecoder().decode(piece)), ["a\ncheckpoint\n", "b\n"]);
});

test.run();
