import { type Stage, stage } from "../streams/stage.ts";

/** Lets the chunks through that a type guard accepts, and narrows their type. */
export function filter<T, U extends T>(accepts: (chunk: T) => chunk is U): Stage<T, U>;
/**
 * Lets the chunks through for which `accepts` returns true. Put it before {@linkcode parseRecord} and it decides on a
 * line's `type`, `seq`, `ts` and `dir` without parsing it.
 *
 * @example What clients sent, without parsing the rest
 * ```ts
 * import { filter, lineSplit, memorySource, parseRecord, pipe, type TapeLine } from "tapeline";
 *
 * const fromClient = filter((line: TapeLine) => line.dir === "client_to_server");
 * for await (const record of pipe(memorySource(""), lineSplit(), fromClient, parseRecord())) console.log(record);
 * ```
 */
export function filter<T>(accepts: (chunk: T) => boolean): Stage<T, T>;
export function filter<T>(accepts: (chunk: T) => boolean): Stage<T, T> {
  return stage<T, T>({
    transform(chunk, emit) {
      if (accepts(chunk)) emit(chunk);
    },
  });
}
