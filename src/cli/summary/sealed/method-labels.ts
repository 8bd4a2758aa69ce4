import { SpelledMethods } from "../../../lines/plain/spelled-methods.ts";
import type { Direction } from "../../../records/record.ts";
import { copyOf } from "../../terminal/text.ts";
import { MAX_LABEL } from "../calls.ts";
import type { MethodSummary } from "../tape-summary.ts";

/** A method as messages spell it. */
export interface MethodLabel {
  readonly method: string;
  readonly label: string;
  /** Where it is counted. */
  readonly counted: MethodSummary;
}

/**
 * The labels of methods, found by their bytes.
 *
 * @param count where a label is counted
 */
export function methodLabels(count: (label: string, dir: Direction) => MethodSummary): SpelledMethods<MethodLabel> {
  return new SpelledMethods((method, name, dir) => {
    const label = copyOf(name === undefined ? method : `${method} ${name}`, MAX_LABEL);
    return { method, label, counted: count(label, dir) };
  });
}
