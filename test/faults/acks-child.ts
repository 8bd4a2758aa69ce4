// Writes a tape and prints the sequence number of each frame that is acknowledged, until it is killed or has written so many:
//
//   acks-child.ts FOLDER create|resume DURABILITY COUNT
//
// It begins when it is told `go` on stdin, and prints `end` when the tape is finalized.
import { writeSync } from "node:fs";
import process from "node:process";
import { fileStore } from "../../src/stores/file.ts";
import type { Durability } from "../../src/tape/write/commit/group-commit.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { linesOf } from "../helpers/child.ts";
import { request } from "../helpers/tapes.ts";
import { countUuids } from "./known-uuids.ts";

const [folder, mode, durability, count] = process.argv.slice(2);

async function write(): Promise<void> {
  const options = { durability: durability as Durability };
  const store = fileStore(folder!);
  const writer = mode === "create"
    ? await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", ...options })
    : await StreamingTapeWriter.resume(store, "demo", options);
  writeSync(1, "open\n");
  for (let n = 0; n < Number(count);) {
    // Now one, now several that share a write, of all sizes.
    const burst = Array.from(
      { length: 1 + n % 4 },
      () => writer.writeFrame(request(n, "x".repeat(n++ * 7919 % 20_000))),
    );
    for (const frame of burst) frame.then((seq) => writeSync(1, `${seq}\n`), () => {});
    await Promise.allSettled(burst);
  }
  await writer.finalize();
  writeSync(1, "end\n");
}

countUuids();
writeSync(1, "ready\n");
for await (const line of linesOf(process.stdin)) {
  if (line !== "go") continue;
  await write();
  process.exit();
}
