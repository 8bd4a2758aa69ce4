// Prints the most memory that it took, in bytes:
//
//   lines MEGABYTES   a line of this length, without an end, through lineSplit
//   requests COUNT    requests that nobody answers, through the correlator
import { readFileSync } from "node:fs";
import process from "node:process";
import { correlator, lineSplit, pipe, sink, type TapeRecord } from "../../src/mod.ts";

function* endless(megabytes: number): Generator<Uint8Array> {
  for (let at = 0; at < megabytes; at++) yield new Uint8Array(1024 * 1024).fill(0x78);
}

function* requests(count: number): Generator<TapeRecord> {
  for (let seq = 0; seq < count; seq++) {
    const message = { jsonrpc: "2.0", id: `request-${seq}`, method: "ping" };
    yield { type: "frame", seq, ts: 0, dir: "client_to_server", env: { message } };
  }
}

const nowhere = <T>() => sink<T>({ write: () => Promise.resolve() });
const [what, amount] = process.argv.slice(2);
if (what === "lines") await pipe(endless(Number(amount)), lineSplit({ onError() {} }), nowhere());
else await pipe(requests(Number(amount)), correlator(), nowhere());
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
console.log(Number(peak?.[1]) * 1024);
