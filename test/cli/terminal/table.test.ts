import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Column, tableLines } from "../../../src/cli/terminal/table.ts";
import { styleFor, widthOf } from "../../../src/cli/terminal/text.ts";

interface Row {
  readonly name: string;
  readonly count: number;
  readonly note?: string;
}

const plain = styleFor({ isTty: false, env: {} });
const rows: readonly Row[] = [{ name: "first", count: 1 }, {
  name: "你好 second",
  count: 1234,
  note: "a long note, really",
}];
const columns: readonly Column<Row>[] = [
  { title: "NAME", cell: ({ name }) => name, minWidth: 5 },
  { title: "N", cell: ({ count }) => String(count), align: "right" },
  { title: "NOTE", cell: ({ note = "" }) => note, minWidth: 6, dropOrder: 1 },
  { title: "EMPTY", cell: () => "", dropOrder: 2 },
];

test("tableLines() aligns, by width", () => {
  assert.equal(tableLines(rows, columns, plain, 80), [
    "NAME            N  NOTE",
    "───────────  ────  ───────────────────",
    "first           1",
    "你好 second  1234  a long note, really",
  ]);
});

test("tableLines() narrows columns first, the widest first", () => {
  assert.equal(tableLines(rows, columns, plain, 30), [
    "NAME            N  NOTE",
    "───────────  ────  ───────────",
    "first           1",
    "你好 second  1234  a long not…",
  ]);
});

test("tableLines() leaves columns out where narrowing does not do", () => {
  assert.equal(tableLines(rows, columns, plain, 18), [
    "NAME            N",
    "───────────  ────",
    "first           1",
    "你好 second  1234",
  ]);
});

test("tableLines() never gets wider than the terminal while columns may be cut", () => {
  for (let width = 11; width < 50; width++) {
    for (const line of tableLines(rows, columns, plain, width)) assert.ok(widthOf(line) <= width, `${width}: ${line}`);
  }
});

test("tableLines() keeps what may not be cut, whatever the width", () => {
  assert.equal(tableLines(rows, columns, plain, 3)[2], "first     1");
});

test("tableLines() paints cells after it laid them out", () => {
  const style = styleFor({ isTty: true, env: {} });
  const lines = tableLines(
    rows,
    [{ title: "N", cell: ({ count }) => String(count), align: "right", paint: style.bad }],
    style,
    80,
  );
  assert.is(lines[2], "\u001b[31m   1\u001b[39m");
});

test("tableLines() shortens cells where cutting others is not enough, before it leaves any out", () => {
  const columns: Column<string>[] = [
    { title: "ID", cell: () => "0123456789", brief: () => "0123" },
    { title: "NAME", cell: () => "a longer name", minWidth: 8 },
    { title: "N", cell: () => "7", dropOrder: 1 },
  ];
  const at = (width: number) => tableLines(["x"], columns, plain, width)[2];
  assert.is(at(28), "0123456789  a longer name  7");
  assert.is(at(23), "0123456789  a longe…  7");
  assert.is(at(22), "0123  a longer name  7");
  assert.is(at(17), "0123  a longe…  7");
  assert.is(at(16), "0123  a longer …");
});

test.run();
