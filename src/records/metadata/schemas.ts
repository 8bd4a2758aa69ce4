import * as v from "valibot";
import { printable } from "../../errors.ts";

/**
 * A schema for a JSON object of which some fields are known; all others are let through. Valibot itself would take an
 * array for an object.
 *
 * @param entries the known fields
 * @param holds a further condition, checked before the fields are
 * @param message what to say when it does not hold
 *
 * @internal
 */
export function jsonObject<Entries extends v.ObjectEntries>(
  entries: Entries,
  holds: (input: object) => boolean = () => true,
  message: string = "Unexpected object",
): v.GenericSchema<unknown, v.InferOutput<v.LooseObjectSchema<Entries, undefined>>> {
  return v.pipe(
    v.custom<object>(
      (input) => typeof input === "object" && input !== null && !Array.isArray(input),
      (issue) => `Expected an object but received ${issue.received}`,
    ),
    v.check(holds, message),
    v.looseObject(entries),
  );
}

/**
 * A schema for an integer from 0 to 2^53 - 1: counts, sequence numbers, times since the start of a tape.
 *
 * @internal
 */
export const CountSchema: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Schema of a text that may be missing. */
export const TextSchema: v.GenericSchema<unknown, string | null | undefined> = v.nullish(v.string());

/** Schema of a count that may be missing. */
export const OptionalCountSchema: v.GenericSchema<unknown, number | null | undefined> = v.nullish(CountSchema);

/**
 * Says in one line why a value does not fit a schema: the path of the first misfit and what is wrong with it. Undefined
 * if it fits. Texts are not repeated: they may be secret.
 *
 * @internal
 */
export function explainIssue(schema: v.GenericSchema<unknown, unknown>, value: unknown): string | undefined {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return undefined;
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  const { message, received } = issue;
  const quotes = received.startsWith('"') && message.endsWith(received);
  const why = quotes ? `${message.slice(0, -received.length)}a text` : message;
  return printable(path === null ? why : `${path}: ${why}`, 160);
}
