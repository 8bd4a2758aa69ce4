import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  asciiJson,
  type ColorChoice,
  copyOf,
  cut,
  escapeControls,
  harmlessJson,
  pad,
  styleFor,
  widthOf,
} from "../../../src/cli/terminal/text.ts";

const STEERING = [
  ...["\u0000", "\u0007", "\b", "\n", "\r", "\t", "\u001b[2J", "\u007f", "\u0085", "\u009b31m", "\u00ad", "\u061c"],
  ...["\u200b", "\u200e", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff", "\ufff9", "\u{e0041}", "\ud800", "\udfff"],
];

test("escapeControls() leaves nothing that steers a terminal or hides in it", () => {
  for (const text of STEERING) assert.match(escapeControls(`a${text}b`), /^[ -~]+$/, JSON.stringify(text));
  assert.is(escapeControls("a\n\u001b[31mb\u202e"), "a\\n\\u{1b}[31mb\\u{202e}");
});

test("escapeControls() leaves all other text as it is", () => {
  for (const text of ["", "hello", "héllo", "你好", "👋🏽", "مرحبا", "\\n"]) assert.is(escapeControls(text), text);
});

test("harmlessJson() is the same JSON, without what steers a terminal", () => {
  const value = { text: STEERING.filter((text) => text.isWellFormed()).join("x"), more: "你好" };
  const text = JSON.stringify(value);
  assert.not(harmlessJson(text) === text);
  assert.equal(JSON.parse(harmlessJson(text)), value);
  assert.not(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(harmlessJson(text)));
});

test("asciiJson() is the same JSON in ASCII on one line", () => {
  const value = { text: STEERING.join("x"), more: "你好 👋" };
  assert.match(asciiJson(value), /^[ -~]+$/);
  assert.equal(JSON.parse(asciiJson(value)), value);
});

test("widthOf() counts places, not characters", () => {
  const widths = { "": 0, abc: 3, "é": 1, "e\u0301": 1, "你好": 4, "👋": 2, "→…": 2, "ｱ": 1, "한": 2 };
  for (const [text, width] of Object.entries(widths)) assert.is(widthOf(text), width, text);
});

test("cut() keeps a text within its width", () => {
  assert.is(cut("hello", 5), "hello");
  assert.is(cut("hello", 4), "hel…");
  assert.is(cut("hello", 1), "…");
  assert.is(cut("hello", 0), "");
  assert.is(cut("你好吗", 5), "你好…");
  assert.is(cut("你好吗", 4), "你…");
  assert.is(cut("👋👋👋", 5), "👋👋…");
  for (const text of ["x".repeat(1e6), "你".repeat(1e5), `a${"\u0301".repeat(1e5)}`]) {
    const kept = cut(text, 20);
    assert.ok(widthOf(kept) <= 20 && kept.length < 200 && kept.endsWith("…"), text.slice(0, 5));
  }
});

test("copyOf() cuts", () => {
  assert.is(copyOf("hello", 5), "hello");
  assert.is(copyOf("hello", 3), "hel");
});

test("pad() fills up on either side, by width", () => {
  assert.is(pad("你", 4), "你  ");
  assert.is(pad("12", 4, "right"), "  12");
  assert.is(pad("12345", 4), "12345");
});

test("styleFor() colours only a terminal, and not against NO_COLOR", () => {
  const isColoured = (isTty: boolean, env: Record<string, string>) => styleFor({ isTty, env }).bad("x") !== "x";
  assert.is(isColoured(true, {}), true);
  assert.is(isColoured(true, { NO_COLOR: "" }), true);
  assert.is(isColoured(true, { NO_COLOR: "1" }), false);
  assert.is(isColoured(true, { TERM: "dumb" }), false);
  assert.is(isColoured(false, {}), false);
});

test("styleFor() asks --color first, then NO_COLOR, FORCE_COLOR and the terminal", () => {
  const isColoured = (isTty: boolean, env: Record<string, string>, color?: ColorChoice) =>
    styleFor({ isTty, env }, color).bad("x") !== "x";
  assert.is(isColoured(false, { FORCE_COLOR: "1" }), true);
  assert.is(isColoured(true, { FORCE_COLOR: "0" }), false);
  assert.is(isColoured(true, { FORCE_COLOR: "false" }), false);
  assert.is(isColoured(true, { FORCE_COLOR: "" }), true);
  assert.is(isColoured(false, { FORCE_COLOR: "1", NO_COLOR: "1" }), false);
  assert.is(isColoured(false, { NO_COLOR: "1", TERM: "dumb" }, "always"), true);
  assert.is(isColoured(true, { FORCE_COLOR: "1" }, "never"), false);
  assert.is(isColoured(true, {}, "auto"), true);
});

test.run();
