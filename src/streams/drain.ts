import { NONE } from "./stage-spec.ts";
import { type Failure, type HeldChunks, unlock } from "./held-chunks.ts";
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
    await stream.pipeTo(end, { preventCancel: true });
  } catch (error) {
    // A stream that has failed by itself cannot be cancelled, and its error was the first.
    await stream.cancel(error).catch(() => {});
    const failure = await failureOf(stream);
    throw failure === undefined ? error : failure.error;
  }
}

/** What a stream that is over has failed with. */
async function failureOf(stream: ReadableStream<unknown>): Promise<Failure | undefined> {
  if (stream.locked) return undefined; // somebody was quicker, and learns of it
  const reader = stream.getReader();
  const failure = await reader.closed.then(() => undefined, (error: unknown) => ({ error }));
  reader.releaseLock();
  return failure;
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
