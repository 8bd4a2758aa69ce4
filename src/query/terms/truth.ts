import type { Subject } from "./subject.ts";

/** What is known of a condition before everything is: it fails, it holds, or more must be looked at. */
export type Truth = 0 | 1 | 2;

/** It fails, whatever else may come out. */
export const NO = 0;
/** It holds, whatever else may come out. */
export const YES = 1;
/** More must be looked at. */
export const MAYBE = 2;

/** What is known of a test that has been made. */
export function truthOf(holds: boolean): Truth {
  return holds ? YES : NO;
}

/** Says as much of a record as can be told from what is known of it; at the level `ALL` that is never `MAYBE`. */
export type Evaluate = (subject: Subject) => Truth;
