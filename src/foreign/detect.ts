import { printable, TapeError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { ForeignFormat } from "./format.ts";
import { FORMATS } from "./formats.ts";
import { type Head, headOf } from "./head.ts";

/** Files begin like this that hold something else, or hold it in another way. */
const MAGIC: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], "it is compressed with gzip; unpack it first"],
  [[0x28, 0xb5, 0x2f, 0xfd], "it is compressed with zstd; unpack it first"],
  [[0x50, 0x4b, 0x03, 0x04], "it is a zip archive; unpack it first"],
  [[0xff, 0xfe], "it is UTF-16, not UTF-8"],
  [[0xfe, 0xff], "it is UTF-16, not UTF-8"],
];

/**
 * The format of that name.
 *
 * @throws {TapeError} code `invalid_argument`: there is none
 */
export function formatNamed(name: string): ForeignFormat {
  const format = FORMATS.find((format) => format.name === name);
  if (format !== undefined) return format;
  const names = FORMATS.map(({ name }) => name);
  const meant = typeof name === "string" ? nearest(name, names) : undefined;
  const hint = meant === undefined ? `the formats are ${names.join(", ")}` : `did you mean ${meant}?`;
  throw new TapeError(
    "invalid_argument",
    `Cannot convert from ${printable(String(name))}: there is no such format; ${hint}`,
  );
}

/**
 * The format of a file that begins so.
 *
 * @param what names the file in the error
 * @throws {TapeError} code `invalid_argument`: nobody can tell, or it is nothing that can be converted
 */
export function detectFormat(bytes: Uint8Array, isAll: boolean, what: string): ForeignFormat {
  const head = headOf(bytes, isAll, FORMATS.flatMap(({ cut }) => cut === "lines" ? [] : cut));
  checkContent(head, what);
  const fitting = FORMATS.filter((format) => format.fits(head));
  if (fitting.length === 1) return fitting[0]!;
  const choices = (fitting.length === 0 ? FORMATS : fitting).map(({ name, title }) => `${name} (${title})`).join(", ");
  const why = fitting.length === 0
    ? `it looks like none of ${choices}; where it is one all the same, name it`
    : `it looks like more than one format: ${choices}; name the one that it is`;
  throw new TapeError("invalid_argument", `Cannot convert ${what}: ${why}`);
}

/**
 * Refuses what is no foreign recording, whatever its format is said to be.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function checkConvertible(bytes: Uint8Array, isAll: boolean, what: string): void {
  checkContent(headOf(bytes, isAll, []), what);
}

function checkContent({ bytes, isAll, lines }: Head, what: string): void {
  const refuse = (why: string) => new TapeError("invalid_argument", `Cannot convert ${what}: ${why}`);
  if (isAll && bytes.every((byte) => byte <= 0x20)) throw refuse(bytes.length === 0 ? "it is empty" : "it is blank");
  for (const [magic, why] of MAGIC) if (magic.every((byte, at) => bytes[at] === byte)) throw refuse(why);
  const isTape = lines[0]?.string("type") === "init" && lines[0].has("tape_id") ||
    lines.some((line) => line.string("type") === "frame" && line.has("seq") && line.has("env"));
  if (isTape) throw refuse("it is a tape already, which all commands read as it is");
}
