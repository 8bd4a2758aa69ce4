// Writes small tapes as it is told on stdin, while its system calls fail; each command prints a line of JSON, a Report.
//
//   create FOLDER DURABILITY   a new tape
//   resume FOLDER DURABILITY   goes on with it
import process from "node:process";
import { isTapeError } from "../../src/errors.ts";
import { fileStore } from "../../src/stores/file.ts";
import type { Durability } from "../../src/tape/write/commit/group-commit.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { linesOf } from "../helpers/child.ts";
import { request } from "../helpers/tapes.ts";
import { countUuids } from "./known-uuids.ts";
import type { Outcome, Report } from "./rounds.ts";

async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    const value = await call;
    return typeof value === "number" ? { seq: value } : {};
  } catch (error) {
    return { error: isTapeError(error) ? error.code : `not a TapeError: ${String(error)}` };
  }
}

async function round(verb: string, folder: string, durability: Durability): Promise<Omit<Report, "openFiles">> {
  countUuids();
  let writer: StreamingTapeWriter | undefined;
  const store = fileStore(folder);
  const opening = verb === "create"
    ? StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", durability })
    : StreamingTapeWriter.resume(store, "demo", { durability });
  const opened = await outcomeOf(opening.then((opened) => void (writer = opened)));
  const frames: Outcome[] = [];
  let ended: Outcome | undefined;
  if (writer !== undefined) {
    for (let n = 0; n < 3; n++) frames.push(await outcomeOf(writer.writeFrame(request(n))));
    frames.push(...await Promise.all([3, 4, 5].map((n) => outcomeOf(writer!.writeFrame(request(n, "x".repeat(50)))))));
    ended = await outcomeOf(writer.finalize());
  }
  return { opened, frames, ended };
}

console.log("ready");
for await (const line of linesOf(process.stdin)) {
  const [verb, folder, durability] = line.split(" ");
  console.log(JSON.stringify(await round(verb!, folder!, durability as Durability)));
}
