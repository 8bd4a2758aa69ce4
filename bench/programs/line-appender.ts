/**
 * Appends frames to the file that is its argument, as stdin says: `paced 300` (one every 7 ms) or `burst 1000`. Each says
 * when it was written, by the clock of the machine.
 */
import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

const file = openSync(process.argv[2]!, "a");
const text = "some text ".repeat(28);
let seq = 0;

function append(): void {
  const at = performance.timeOrigin + performance.now();
  const message = { jsonrpc: "2.0", method: "notifications/message", params: { at, level: "info", data: text } };
  const frame = { type: "frame", seq, ts: seq, dir: "server_to_client", env: { message } };
  writeSync(file, `${JSON.stringify(frame)}\n`);
  seq++;
}

for await (const command of createInterface({ input: process.stdin })) {
  const [how, count] = command.split(" ");
  for (let n = 0; n < Number(count); n++) {
    append();
    if (how === "paced") await setTimeout(7);
  }
}
