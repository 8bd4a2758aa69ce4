import { isTapeError } from "../../errors.ts";
import type { TapeStore } from "../../stores/store.ts";
import type { TapeSink } from "../../streams/sink.ts";

/**
 * A sink for an index, which is empty, whatever was there.
 *
 * @throws {TapeError} code `locked`, `io`
 */
export async function openEmpty(store: TapeStore, key: string): Promise<TapeSink> {
  return await openCut(store, key, 0) ?? await store.openSink(key, { mode: "create" });
}

/**
 * A sink for an index, of which the first `length` bytes stay; undefined where there is none.
 *
 * @throws {TapeError} code `locked`, `io`
 */
export async function openCut(store: TapeStore, key: string, length: number): Promise<TapeSink | undefined> {
  let sink: TapeSink;
  try {
    sink = await store.openSink(key, { mode: "append" });
  } catch (error) {
    if (isTapeError(error, "tape_not_found")) return undefined;
    throw error;
  }
  try {
    if (sink.offset > length) await sink.truncate(length);
    return sink;
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}
