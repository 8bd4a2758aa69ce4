import type { Path } from "./expression.ts";

/** What a segment may consist of that needs no quotes. */
const PLAIN = /^[\w$][\w$-]*$/;

/** A path as it is written: `params.arguments.city`, and `$.error` where there is only one name. */
export function printPath(path: Path): string {
  const [first] = path;
  const needsRoot = path.length === 1 || first === "$" || !PLAIN.test(first!);
  return `${needsRoot ? "$." : ""}${path.map(printSegment).join(".")}`;
}

/** The same where nothing but a path can stand. */
export function printHasPath(path: Path): string {
  return path.length === 1 && PLAIN.test(path[0]!) && path[0] !== "$" ? path[0]! : printPath(path);
}

/** A text in quotes. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** A JSON pointer as a path: RFC 6901, without `#`. */
export function pathOfPointer(pointer: string): Path {
  return pointer.slice(1).split("/").map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function printSegment(segment: string): string {
  return PLAIN.test(segment) ? segment : quote(segment);
}
