import { idKeyOfText } from "../../records/jsonrpc.ts";
import { LinearRegex } from "../regex/linear-regex.ts";
import { type Amount, readAnyNumber, readCount, readDuration, readMoment, readSize } from "../syntax/amounts.ts";
import type { GlobValue, RegexValue, TextValue, Value } from "../syntax/expression.ts";
import type { ValueKind } from "../syntax/term-names.ts";

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** Whether a text is one of those that were asked for. */
export function textTest(values: readonly Value[]): (text: string) => boolean {
  const texts = new Set(values.flatMap((value) => value.is === "text" ? [value.text] : []));
  const others = values.flatMap((value) => value.is === "glob" || value.is === "regex" ? [patternTest(value)] : []);
  if (others.length === 0) {
    const [only = ""] = texts;
    return texts.size === 1 ? (text) => text === only : (text) => texts.has(text);
  }
  return (text) => texts.has(text) || others.some((fits) => fits(text));
}

/** Whether the key of an id is one of those that were asked for: without quotes, 7 means a number or a text. */
export function idTest(values: readonly Value[]): (idKey: string) => boolean {
  const keys = new Set(values.flatMap((value) => value.is === "text" ? idKeysOf(value) : []));
  const globs = values.flatMap((value) => value.is === "glob" ? [patternTest(value)] : []);
  return (idKey) => keys.has(idKey) || globs.some((fits) => fits(idKey.startsWith('"') ? idKey.slice(1, -1) : idKey));
}

/** The keys of the ids that a value means. */
export function idKeysOf({ text, isQuoted }: TextValue): readonly string[] {
  if (isQuoted === true) return [`"${text}"`];
  return [JSON_NUMBER.test(text) ? idKeyOfText(text) : text, `"${text}"`];
}

/** Whether a number is one of those that were asked for. */
export function amountTest(kind: ValueKind, values: readonly Value[]): (amount: number) => boolean {
  if (kind === "date") return rangesTest(values, (text) => readMoment(text)!.absolute!);
  const read = kind === "duration" ? readDuration : kind === "size" ? readSize : readCount;
  return rangesTest(values, (text) => read(text)!);
}

/** The same for amounts that are read in another way. */
export function rangesTest(values: readonly Value[], read: (text: string) => Amount): (amount: number) => boolean {
  const tests = values.map((value): (amount: number) => boolean => {
    switch (value.is) {
      case "compare": {
        const { at, until, isStretch = false } = read(value.amount);
        switch (value.comparison) {
          case ">":
            return isStretch ? (amount) => amount >= until : (amount) => amount > at;
          case ">=":
            return (amount) => amount >= at;
          case "<":
            return (amount) => amount < at;
          case "<=":
            return isStretch ? (amount) => amount < until : (amount) => amount <= at;
        }
        break;
      }
      case "range": {
        const from = value.from === undefined ? -Infinity : read(value.from).at;
        if (value.to === undefined) return (amount) => amount >= from;
        const { at, until, isStretch = false } = read(value.to);
        return isStretch ? (amount) => amount >= from && amount < until : (amount) => amount >= from && amount <= at;
      }
      case "text": {
        const { at, until } = read(value.text);
        return (amount) => amount >= at && amount < until;
      }
    }
    return () => false;
  });
  return tests.length === 1 ? tests[0]! : (amount) => tests.some((fits) => fits(amount));
}

/** Whether a value in a message is one of those that were asked for. */
export function jsonTest(values: readonly Value[]): (found: unknown) => boolean {
  const tests = values.map(oneJsonTest);
  return tests.length === 1 ? tests[0]! : (found) => tests.some((fits) => fits(found));
}

function oneJsonTest(value: Value): (found: unknown) => boolean {
  switch (value.is) {
    case "text": {
      const { text, isQuoted } = value;
      if (isQuoted === true) return (found) => found === text;
      const number = readAnyNumber(text);
      return (found) =>
        found === text ||
        (typeof found === "number"
          ? found === number
          : typeof found === "boolean" || found === null
          ? String(found) === text
          : false);
    }
    case "glob":
    case "regex": {
      const fits = patternTest(value);
      return (found) =>
        typeof found === "string"
          ? fits(found)
          : typeof found === "number" || typeof found === "boolean"
          ? fits(String(found))
          : false;
    }
    case "compare":
    case "range": {
      const fits = rangesTest([value], (text) => ({ at: Number(text), until: Number(text) }));
      return (found) => typeof found === "number" && fits(found);
    }
  }
}

/** Whether a text fits a pattern. Both kinds take linear time. */
function patternTest(value: GlobValue | RegexValue): (text: string) => boolean {
  if (value.is === "regex") {
    const regex = new LinearRegex(value.source, value.flags);
    return (text) => regex.test(text);
  }
  const parts = value.pattern.split("*");
  const [first, last] = [parts[0]!, parts.at(-1)!];
  const inner = parts.slice(1, -1);
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const part of inner) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
