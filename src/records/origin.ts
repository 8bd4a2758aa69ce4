import type { RecordOrigin } from "./record.ts";

/** How far back it is looked: who makes a tape of a tape of a tape knows what he does. */
const MAX_DEPTH = 16;

/**
 * Which of the tapes that a tape was made of a record comes from, as a text; empty where there is only one. Ids of messages
 * mean something within each only.
 */
export function originScope(origin: RecordOrigin | null | undefined): string {
  let scope = "";
  for (let depth = 0; origin != null && depth < MAX_DEPTH; depth++) {
    if (typeof origin.tape === "number") scope += `@${origin.tape}`;
    origin = origin.origin as RecordOrigin | null | undefined;
  }
  return scope;
}
