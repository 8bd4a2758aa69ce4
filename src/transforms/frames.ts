import { wantRecord } from "../arguments.ts";
import type { FrameRecord, TapeRecord } from "../records/record.ts";
import { type Stage, stage } from "../streams/stage.ts";

/**
 * Lets frames through and nothing else.
 *
 * @example
 * ```ts
 * import { frames, lineSplit, memorySource, messageText, parseRecord, pipe } from "tapeline";
 *
 * const tape = memorySource('{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":{"id":1.0}}}\n');
 * for await (const frame of pipe(tape, lineSplit(), parseRecord(), frames())) {
 *   console.log(messageText(frame)); // {"id":1.0}
 * }
 * ```
 */
export function frames(): Stage<TapeRecord, FrameRecord> {
  return stage<TapeRecord, FrameRecord>({
    transform(record, emit) {
      wantRecord("pick frames", record);
      if (record.type === "frame") emit(record);
    },
  });
}
