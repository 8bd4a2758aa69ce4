import { TapeError } from "../../errors.ts";
import { isBlank } from "../../lines/line-parts.ts";
import { recordOn } from "../../lines/parse-line.ts";
import { decoderOf } from "../../stores/decoding.ts";
import type { TapeStore } from "../../stores/store.ts";
import { tapeLines } from "../verify/verify-lines.ts";
import { decodedLine, isOfCoding, isTorn } from "./line-recoder.ts";

const CR = 0x0d;

/** A tape, and how it is read. */
export interface CodedTape {
  /** What decodes it. */
  readonly store: TapeStore;
  readonly key: string;
  /** The byte to stop before. */
  readonly size: number;
  /** The longest line that stands on it. */
  readonly maxLineBytes: number;
}

/**
 * Compares two tapes line by line, whatever they are coded with; but for their `init` records, checkpoints, and a torn last line.
 *
 * @throws {TapeError} code `internal`: they do not say the same
 */
export async function checkSame(
  one: CodedTape,
  other: CodedTape,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const [expected, found] = [contentOf(one, signal), contentOf(other, signal)];
  try {
    for (;;) {
      const [a, b] = [await expected.next(), await found.next()];
      if (a.done === true && b.done === true) return;
      if (a.done !== b.done || !isSame(a.value!, b.value!)) {
        throw new TapeError("internal", `Cannot recode ${name}: what was written is not what was read`);
      }
    }
  } finally {
    await expected.return();
    await found.return();
  }
}

/** What a tape says, in lines as they were before they were coded. */
async function* contentOf(
  { store, key, size, maxLineBytes }: CodedTape,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = decoderOf(store);
  let hasInit = false;
  for await (const line of tapeLines(store, key, { end: size, maxLineBytes, signal })) {
    if (line instanceof TapeError) throw line;
    if (!hasInit) hasInit = !isBlank(line);
    else if (isTorn(line) || isOfCoding(line, decoder)) continue;
    else if (line.type !== "checkpoint" || recordOn(line)?.type !== "checkpoint") yield decodedLine(line, decoder);
  }
}

/** Whether two lines are the same. A carriage return at the end is one of the line in a coded line only. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const length = lengthOf(a);
  if (length !== lengthOf(b)) return false;
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function lengthOf(line: Uint8Array): number {
  return line.at(-1) === CR ? line.length - 1 : line.length;
}
