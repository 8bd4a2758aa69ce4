import { JsonSplitter } from "../json/split/json-splitter.ts";
import { JsonView } from "../json/split/json-view.ts";

/** So many lines are looked at. */
const LINES = 32;

/** How a file begins: what there is to tell of its format. */
export interface Head {
  /** Its first bytes. */
  readonly bytes: Uint8Array;
  /** Whether that is all of it. */
  readonly isAll: boolean;
  /** Of its first lines those that are JSON objects. */
  readonly lines: readonly JsonView[];
  /** How many lines there are beside them that are not blank. */
  readonly otherLines: number;
  /** Of a JSON document the paths of its first values, and of the containers that are opened: `metadata`, `frames`. */
  readonly paths: ReadonlySet<string>;
}

/**
 * Looks at how a file begins.
 *
 * @param open the containers that the formats open
 */
export function headOf(bytes: Uint8Array, isAll: boolean, open: readonly string[]): Head {
  const lines: JsonView[] = [];
  let otherLines = 0;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let count = 0; count < LINES && at < bytes.length;) {
    const newline = bytes.indexOf(0x0a, at);
    if (newline < 0 && !isAll) break;
    const end = newline < 0 ? bytes.length : newline;
    const view = JsonView.of(bytes, at, end);
    if (view !== undefined) lines.push(view);
    else if (!isBlank(bytes, at, end)) otherLines++;
    else count--;
    count++;
    at = end + 1;
  }
  return { bytes, isAll, lines, otherLines, paths: pathsIn(bytes, open) };
}

function pathsIn(bytes: Uint8Array, open: readonly string[]): ReadonlySet<string> {
  const paths = new Set<string>();
  const splitter = new JsonSplitter({
    open,
    maxBytes: Infinity,
    onPiece: ({ path }) => paths.add(path),
    onOpen: (path) => paths.add(path),
    onDamage() {},
  });
  splitter.push(bytes);
  return paths;
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! > 0x20) return false;
  return true;
}
