// What may come of a call from plain JavaScript, where no compiler has looked at the arguments.
import { printable, TapeError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** Every name of the options `T`: the compiler sees to it that none is missing. */
export type OptionNames<T> = { readonly [Name in keyof Required<T>]: true };

/**
 * Refuses options that nobody knows: a misspelt one would be ignored.
 *
 * @param what what cannot be done with them, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function checkOptions(what: string, options: unknown, names: Readonly<Record<string, true>>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TapeError("invalid_argument", `Cannot ${what}: its options must be an object, not ${kindOf(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names);
    const meant = nearest(name, known);
    const hint = meant === undefined ? `the options are ${known.join(", ")}` : `did you mean ${meant}?`;
    throw new TapeError("invalid_argument", `Cannot ${what}: there is no option ${printable(name)}, ${hint}`);
  }
}

/**
 * Refuses what is no path of a file or folder.
 *
 * @param what what cannot be done with it, as in "Cannot <what>"
 * @throws {TapeError} code `invalid_argument`
 */
export function checkPath(what: string, name: string, path: unknown): void {
  if (typeof path === "string" && path !== "") return;
  const got = path === "" ? "an empty one" : kindOf(path);
  throw new TapeError("invalid_argument", `Cannot ${what}: the ${name} must be a text, not ${got}`);
}

/** The error for a chunk that a stage cannot take. */
export function wrongChunk(what: string, wanted: string, chunk: unknown): TapeError {
  return new TapeError("invalid_argument", `Cannot ${what}: it takes ${wanted}, not ${kindOf(chunk)}`);
}

/**
 * Refuses what is no record, at the cost of a look at its type: bytes, texts, and lines that were not parsed.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function wantRecord(what: string, chunk: { readonly type?: unknown; readonly env?: unknown } | undefined): void {
  if (typeof chunk?.type !== "string" || chunk.type === "frame" && chunk.env === undefined) {
    throw wrongChunk(what, "the records of parseRecord()", chunk);
  }
}

/** What a value is, in words that fit behind "not": "a string", "null", "a Response". */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${printable(value.name)}`;
  if (isThenable(value)) return "a promise";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name !== "string" || name === "" || name === "Object") return "an object";
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${printable(name)}`;
}

/** As {@linkcode kindOf}, for what should be an object with some function. */
export function lacking(value: unknown): string {
  return typeof value === "object" && value !== null && !isThenable(value) ? "an object without" : kindOf(value);
}

/** Whether `await` would wait for a value. */
export function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
