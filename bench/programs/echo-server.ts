// A server that sends back every so many-th line that it gets; how many is its argument.
import process from "node:process";

const every = Number(process.argv[2]);
const LF = 0x0a;
let lines = 0;
let last: Uint8Array[] = [];

process.stdin.on("data", (chunk: Uint8Array) => {
  let start = 0;
  for (let end = chunk.indexOf(LF); end >= 0; start = end + 1, end = chunk.indexOf(LF, start)) {
    last.push(chunk.subarray(start, end + 1));
    if (++lines % every === 0) process.stdout.write(Buffer.concat(last));
    last = [];
  }
  if (start < chunk.length) last.push(chunk.subarray(start));
});
