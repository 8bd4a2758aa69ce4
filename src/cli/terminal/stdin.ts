import { createReadStream } from "node:fs";
import process from "node:process";

/** The bytes of stdin, or of a file that can only be read from its start to its end, as they come. */
export function stdinBytes(path?: string): ReadableStream<Uint8Array> {
  const stream = path === undefined ? process.stdin : createReadStream(path);
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      // A view of its own kind: a Buffer may lie in memory that others use.
      else controller.enqueue(new Uint8Array(value));
    },
    cancel() {
      stream.destroy();
    },
  }, { highWaterMark: 0 });
}
