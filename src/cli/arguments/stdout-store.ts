import type { TapeStore } from "../../stores/store.ts";
import { TapeSink } from "../../streams/sink.ts";
import { memorySource } from "../../sources/memory.ts";
import type { CommandIo } from "../command.ts";

/** A store of one tape that is written to stdout: nothing of it can be read, and its metadata are dropped. */
export function stdoutStore(io: Pick<CommandIo, "stdout">): TapeStore {
  let offset = 0;
  return {
    openSink: () =>
      Promise.resolve(
        new TapeSink({
          get offset() {
            return offset;
          },
          async write(chunks) {
            for (const chunk of chunks) {
              offset += chunk.length;
              // What was written may wait in the pipe, and the memory is used again.
              await io.stdout.write(chunk.slice());
            }
          },
          open: () => Promise.resolve(),
          sync: () => Promise.resolve(),
          truncate: () => Promise.resolve(),
          check: () => Promise.resolve(),
          close: () => Promise.resolve(),
          abort: () => Promise.resolve(),
        }),
      ),
    openSource: () => memorySource(""),
    size: () => Promise.resolve(offset),
    get: () => Promise.resolve(undefined),
    put: () => Promise.resolve(),
    async *list() {},
    delete: () => Promise.resolve(false),
  };
}
