import { isTapeError } from "../../errors.ts";
import { tapeKeys } from "../../records/tape-id.ts";
import type { TapeStore } from "../../stores/store.ts";
import { TapeSink } from "../../streams/sink.ts";
import type { IndexRecorder } from "./index-recorder.ts";

/** The sink of a tape, with its index beside it: what has arrived on the tape, the index is told of. */
export function indexedSink(store: TapeStore, tapeId: string, tape: TapeSink, index: IndexRecorder): TapeSink {
  return new TapeSink({
    open: () => tape.open(),
    get offset() {
      return tape.offset;
    },
    async write(chunks) {
      const start = tape.offset;
      try {
        await tape.append(chunks);
      } finally {
        index.written(tape.offset - start);
      }
    },
    sync: () => tape.sync(),
    truncate: (offset) => tape.truncate(offset),
    check: () => tape.check(),
    async close() {
      try {
        await tape.close();
      } catch (error) {
        await index.close(false);
        // It belongs to nothing any more.
        if (isTapeError(error, "tape_not_found")) await store.delete(tapeKeys(tapeId).index).catch(() => {});
        throw error;
      }
      await index.close();
    },
    async abort(reason) {
      await index.close(false);
      await tape.abort(reason);
    },
  });
}
