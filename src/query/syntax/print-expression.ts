import type { Expression, Term, Value } from "./expression.ts";
import { printHasPath, printPath, quote } from "./path.ts";

/** Characters of a text that needs no quotes, and how it may begin. */
const PLAIN = /^[^\s()",*/=<>]+$/;
const NO_START = /^(?:[/=<>]|\.\.)/;

/** A query in its one spelling, which reads as the same query. */
export function printExpression(expression: Expression<string>): string {
  switch (expression.is) {
    case "all":
      return expression.of.map((part) => part.is === "any" ? `(${printExpression(part)})` : printExpression(part)).join(
        " ",
      );
    case "any":
      return expression.of.map(printExpression).join(" OR ");
    case "not":
      return `-${printPart(expression.of)}`;
    case "op":
      return `op:(${printExpression(expression.of)})`;
    default:
      return printTerm(expression);
  }
}

function printPart(part: Expression<string>): string {
  return part.is === "all" || part.is === "any" ? `(${printExpression(part)})` : printExpression(part);
}

function printTerm(term: Term<string>): string {
  switch (term.is) {
    case "has":
      return `has:${term.paths.map(printHasPath).join(",")}`;
    case "path":
      return `${printPath(term.path)}:${term.values.map((value) => printValue(value, true)).join(",")}`;
    case "term":
      return `${term.name}:${term.values.map((value) => printValue(value, term.name === "id")).join(",")}`;
  }
}

/** @param isLoose whether a text in quotes means less than one without */
function printValue(value: Value, isLoose: boolean): string {
  switch (value.is) {
    case "text":
      return printText(value.text, value.isQuoted === true, isLoose);
    case "glob":
      return value.pattern;
    case "regex":
      return `/${value.source}/${value.flags}`;
    case "compare":
      return `${value.comparison}${value.amount}`;
    case "range":
      return `${value.from ?? ""}..${value.to ?? ""}`;
  }
}

function printText(text: string, isQuoted: boolean, isLoose: boolean): string {
  if (isQuoted) return quote(text);
  const isPlain = PLAIN.test(text.replaceAll("/", "")) && !NO_START.test(text);
  if (isPlain && !(isLoose && text.includes(".."))) return text;
  // Where quotes would say that it is no number, it is a sign that says to take it to the letter.
  return isLoose ? `=${text}` : quote(text);
}
