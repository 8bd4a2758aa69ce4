// Appends a line to a tape on a disk that takes its time, and tells how many turns everything else had meanwhile.
import process from "node:process";
import { fileSink } from "../../../src/sinks/file/file.ts";

const sink = fileSink(process.argv[2]!, { mode: "append" });
await sink.open();
let turns = 0;
const timer = setInterval(() => turns++, 10);
await sink.append([new TextEncoder().encode("a line\n")]);
clearInterval(timer);
console.log(turns);
await sink.abort(undefined);
