import { open } from "node:fs/promises";

/** More than the longest line. */
const BLOCK_BYTES = 2 * 1024 * 1024;
const LF = 0x0a;

/**
 * How fast a part of a tape can be found: two blocks are read in turn, line endings are searched for, and of each line the first
 * bytes are looked at where they lie. It takes every line to be whole and spelled as tapeline does. Gives how many frames it
 * saw, and how many of them a server sent.
 */
export async function peekLoop(path: string): Promise<{ readonly frames: number; readonly fromServer: number }> {
  await using file = await open(path, "r");
  let [block, following] = [Buffer.allocUnsafe(BLOCK_BYTES), Buffer.allocUnsafe(BLOCK_BYTES)];
  let position = 0;
  let held = 0;
  let frames = 0;
  let fromServer = 0;
  const read = (into: Buffer, at: number) => file.read(into, at, into.length - at, position);
  let next = read(block, 0);
  for (let bytesRead; (bytesRead = (await next).bytesRead) > 0;) {
    position += bytesRead;
    const end = held + bytesRead;
    const lastEnd = block.lastIndexOf(LF, end - 1);
    held = block.copy(following, 0, lastEnd + 1, end);
    next = read(following, held); // the disk works while this block is looked through
    for (let start = 0; start <= lastEnd; start = block.indexOf(LF, start) + 1) {
      if (block[start + '{"type":"'.length] !== 0x66 /* f */) continue;
      let at = skipDigits(block, start + '{"type":"frame","seq":'.length);
      at = skipDigits(block, at + ',"ts":'.length);
      frames++;
      if (block[at + ',"dir":"'.length] === 0x73 /* s */) fromServer++;
    }
    [block, following] = [following, block];
  }
  return { frames, fromServer };
}

function skipDigits(block: Buffer, from: number): number {
  let at = from;
  while (block[at]! >= 0x30 && block[at]! <= 0x39) at++;
  return at;
}
