import { isThenable, kindOf } from "../arguments.ts";
import { TapeError } from "../errors.ts";
import { type Stage, stage } from "../streams/stage.ts";
import { ONLY_PASSES, type StageSpec, type StageTraits } from "../streams/stage-spec.ts";

/** Lets the chunks through that a type guard accepts, and narrows their type. */
export function filter<T, U extends T>(accepts: (chunk: T) => chunk is U): Stage<T, U>;
/**
 * Lets the chunks through for which `accepts` returns true. Put it before {@linkcode parseRecord} and it decides on a
 * line's `type`, `seq`, `ts` and `dir` without parsing it.
 *
 * Directly behind {@linkcode lineSplit} a line is lent for the call: when it is let through it keeps its bytes; when it is not, its bytes
 * may be gone afterwards. Of a rejected line that was kept all the same, what has been read of its header stays, and so does what
 * {@linkcode TapeLine.bytes} gave; another look throws a `TapeError`, code `closed`.
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
  if (typeof accepts !== "function") {
    throw new TapeError("invalid_argument", `Cannot filter: it takes a function, not ${kindOf(accepts)}`);
  }
  const spec: StageSpec<T, T> & StageTraits<T, T> = {
    transform(chunk, emit) {
      const verdict: unknown = accepts(chunk);
      if (verdict === true) emit(chunk);
      else if (verdict) {
        // It would let everything through.
        if (isThenable(verdict)) {
          throw new TapeError("invalid_argument", "Cannot filter: the function returned a promise");
        }
        emit(chunk);
      }
    },
    [ONLY_PASSES]: true,
  };
  return stage(spec);
}
