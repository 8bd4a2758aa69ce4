import { constants, createReadStream, openSync, statSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";
import type { Readable } from "node:stream";

/** The bytes of stdin, or of a file that can only be read from its start to its end, as they come. */
export function stdinBytes(path?: string): ReadableStream<Uint8Array> {
  const stream = path === undefined ? process.stdin : streamOf(path);
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

function streamOf(path: string): Readable {
  const isNode = process.versions.bun === undefined && process.versions.deno === undefined;
  if (!isNode || !statSync(path).isFIFO()) return createReadStream(path);
  // Node cannot end while a file is being read, and of a pipe into which nobody writes that may be for ever. As a socket it is waited for.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}
