import { lineSplit, memorySource, pipe, type TapeLine, type TapeRecord } from "../../src/mod.ts";
import { parseLine } from "../../src/lines/parse-line.ts";

/** The lines of a tape, each with its record. */
export async function linesOf(tape: string): Promise<{ readonly line: TapeLine; readonly record: TapeRecord }[]> {
  const lines: { line: TapeLine; record: TapeRecord }[] = [];
  for await (const line of pipe(memorySource(tape), lineSplit())) lines.push({ line, record: parseLine(line) });
  return lines;
}
