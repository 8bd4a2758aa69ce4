// Records to the tape `demo`, and prints the number of each frame that is acknowledged, until it is killed or has written so many:
//
//   recorder-child.ts FOLDER create|resume COUNT
//
// Prints `open N` first, where N is the number of its first frame, and `end` when the tape is finalized.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { create, keysIn, resume, storeIn, write } from "./session.ts";

const [folder = "", mode, count] = process.argv.slice(2);
await mkdir(join(folder, "tapes"), { recursive: true });
const keys = await keysIn(folder);
const writer = await (mode === "create" ? create : resume)(storeIn(folder, keys), keys, false);
process.stdout.write(`open ${writer.nextSeq}\n`);
await write(writer, writer.nextSeq, writer.nextSeq + Number(count), (seq) => void process.stdout.write(`${seq}\n`));
await writer.finalize();
process.stdout.write("end\n");
