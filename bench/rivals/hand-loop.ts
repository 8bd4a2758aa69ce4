import { closeSync, openSync, readSync } from "node:fs";

/** What a specialist would write: large blocks, a search for the line ending, JSON.parse. */
export function handLoop(path: string): number {
  const blockBytes = 1024 * 1024;
  const file = openSync(path, "r");
  let buffer = Buffer.allocUnsafe(blockBytes);
  let held = 0;
  let frames = 0;
  for (;;) {
    if (held === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
    const bytesRead = readSync(file, buffer, held, buffer.length - held, null);
    if (bytesRead === 0) break;
    const block = buffer.subarray(0, held + bytesRead);
    let start = 0;
    for (let end = block.indexOf(10, held); end >= 0; end = block.indexOf(10, start)) {
      if (JSON.parse(block.toString("utf8", start, end)).type === "frame") frames++;
      start = end + 1;
    }
    block.copyWithin(0, start);
    held = block.length - start;
  }
  closeSync(file);
  return frames;
}
