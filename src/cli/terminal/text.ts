import type { CommandIo } from "../command.ts";

const ASCII = /^[\x20-\x7e]*$/;

/** The escapes that everybody reads; all others are spelled `\u{…}`. */
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Foreign text made fit for a terminal: what could steer it or hide in it (control, format and bidi characters, line
 * separators, lone surrogates) is escaped as `\n` or `\u{1b}`.
 */
export function escapeControls(text: string): string {
  if (ASCII.test(text)) return text;
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => SHORT[char] ?? `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}

/** Letters that take no place of their own: accents that combine, variation selectors. */
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;
/** Letters that take two places in a terminal: East Asian ones and emoji. */
const TWO_WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** How many places an (escaped) text takes in a terminal. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += NO_WIDTH.test(char) ? 0 : TWO_WIDE.test(char) ? 2 : 1;
  return width;
}

/** The text cut to `width` places, with an ellipsis where something was cut off. */
export function cut(text: string, width: number): string {
  // Letters without width could go on forever: 8 units for a place are more than any script needs.
  const start = text.length <= width * 8 ? text : text.slice(0, width * 8);
  if (start === text && widthOf(text) <= width) return text;
  if (width < 1) return "";
  if (ASCII.test(start)) return `${start.slice(0, width - 1)}…`;
  let kept = "";
  let used = 0;
  for (const char of start) {
    used += widthOf(char);
    if (used > width - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

/** The first `length` units of a text. A slice would keep all of a long text in memory for as long as it lives. */
export function copyOf(text: string, length: number): string {
  return text.length <= length ? text : [...text.slice(0, length)].join("");
}

/** The text filled up with spaces to `width` places. */
export function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const fill = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "left" ? text + fill : fill + text;
}

/** A value as one line of JSON in ASCII only, so that no terminal, log or encoding changes what a program reads. */
export function asciiJson(value: unknown): string {
  return asciiText(JSON.stringify(value));
}

/** The same JSON text in ASCII only. */
export function asciiText(json: string): string {
  return json.replace(/[\x7f-\uffff]/g, jsonEscape);
}

/** The same JSON text with every character escaped that could steer a terminal or hide in it. */
export function harmlessJson(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => char.split("").map(jsonEscape).join(""));
}

function jsonEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Colours by their meaning. Without colour every one of them gives the text back. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly out: (text: string) => string;
}

/** When to colour: `auto` asks the terminal and the environment. */
export type ColorChoice = "auto" | "always" | "never";

/**
 * The colours for what is printed. Of those who have a say the first one decides: the `--color` option, `NO_COLOR`,
 * `FORCE_COLOR`, and whether stdout is a terminal that knows colours.
 */
export function styleFor(io: Pick<CommandIo, "isTty" | "env">, color: ColorChoice = "auto"): Style {
  const isColoured = color === "auto" ? wantsColor(io) : color === "always";
  const paint = (on: number, off: number) => (text: string) =>
    isColoured && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    good: paint(32, 39),
    bad: paint(31, 39),
    warn: paint(33, 39),
    out: paint(36, 39),
  };
}

function wantsColor({ isTty, env: { NO_COLOR, FORCE_COLOR, TERM } }: Pick<CommandIo, "isTty" | "env">): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return isTty && TERM !== "dumb";
}
