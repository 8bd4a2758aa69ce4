import { NONE } from "./fuse.ts";
import { type HeldChunks, unlock } from "./held-chunks.ts";
import { Sink, type SinkSpec, type TakenSink } from "./sink.ts";
import type { ChunkReader } from "./source-spec.ts";
import { hold } from "./source.ts";

/**
 * Moves all chunks to where they go, and closes it. Both streams are locked at once, and unlocked when the promise
 * settles. Of several errors the first one counts: what comes of letting go is not told.
 */
export async function drain<T>(stream: ReadableStream<T>, end: WritableStream<T>): Promise<void> {
  if (!(end instanceof Sink)) return await pipeTo(stream, end);
  const reader = stream.getReader();
  const taken = await Sink.take<T>(end);
  unlock(reader);
  await (taken === undefined ? pipeTo(stream, end) : pump(hold(stream), taken));
}

/** As the platform's `pipeTo`, in which an error of `cancel()` or `abort()` would take the place of the first one. */
async function pipeTo<T>(stream: ReadableStream<T>, end: WritableStream<T>): Promise<void> {
  try {
    await stream.pipeTo(end, { preventAbort: true, preventCancel: true });
  } catch (error) {
    await stream.cancel(error).catch(() => {});
    if (await hasFailed(stream)) await end.abort(error).catch(() => {});
    throw error;
  }
}

/** Whether an unlocked stream has failed by itself; if not, it has been cancelled by now. */
async function hasFailed(stream: ReadableStream<unknown>): Promise<boolean> {
  if (stream.locked) return false; // somebody was quicker, and learns of it
  const reader = stream.getReader();
  const failed = await reader.closed.then(() => false, () => true);
  reader.releaseLock();
  return failed;
}

/** How many chunks go to a sink at once. */
const SINK_BATCH = 1024;

/** Moves chunks to an idle sink, as many at a time as are at hand. */
async function pump<T>(held: HeldChunks<T>, { spec, writer }: TakenSink<T>): Promise<void> {
  try {
    await writeAll(held, spec);
    await writer.close();
  } catch (error) {
    // Behind a close() that failed this does nothing.
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

async function writeAll<T>(held: HeldChunks<T>, spec: SinkSpec<T>): Promise<void> {
  const { chunks } = held;
  try {
    for (let batch = takeBatch(chunks); batch.length > 0 || await chunks.fill(); batch = takeBatch(chunks)) {
      if (batch.length === 0) continue;
      try {
        await spec.write(batch);
      } catch (error) {
        await held.cancel(error).catch(() => {});
        throw error;
      }
    }
  } catch (error) {
    held.finish({ error });
    throw error;
  }
  held.finish();
}

function takeBatch<T>(chunks: ChunkReader<T>): T[] {
  const batch: T[] = [];
  while (batch.length < SINK_BATCH) {
    const chunk = chunks.take();
    if (chunk === NONE) break;
    batch.push(chunk);
  }
  return batch;
}
