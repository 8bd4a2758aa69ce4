/** Making a tape of a long log of another program: `tapeline convert`, beside a loop that parses every line of it. */
import { appendFileSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { program } from "./derive.ts";
import { atLeast, atMost, interleaved, median } from "../harness.ts";
import type { Goal, Job, Report, Row } from "../plan.ts";
import { messagePool } from "../tape-maker.ts";

const LOOP = "hand loop, over the log";
const CONVERT = "tapeline convert";
const SHORT = "tapeline convert, of a tenth";
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const main = file("../../../dist/cli/main.js");
/** What a line of the pool takes, about. */
const LINE_BYTES = 450;

/** A message as a line of such a log. */
const LINES: Readonly<
  Record<string, (message: string, dir: "send" | "recv", at: number) => string>
> = {
  jsonrpc: (message) => message,
  mcporter: (message, dir, at) => {
    const ts = new Date(Date.parse("2026-11-24T10:00:00Z") + at).toISOString();
    return `${message.slice(0, -1)},"_meta":{"dir":"${dir}","server":"bench","ts":"${ts}"}}`;
  },
};

export async function measure(
  { workload, subject, rounds, quick, folder }: Job,
): Promise<Report> {
  const megabytes = quick ? 10 : 1_000;
  const [long, short] = [1, 10].map((part) => makeLog(folder, workload, megabytes / part)) as [string, string];
  const out = join(folder, "converted.jsonl");
  const peaks = new Map<string, number[]>();
  const convert = (name: string, path: string) =>
    program(name, statSync(path).size, [
      ...subject,
      main,
      "convert",
      "--force",
      "-o",
      out,
      path,
    ], peaks);
  const loop = [...subject, file("../programs/hand-loop-program.js"), long] as const;
  const measured = await interleaved(
    [
      program(LOOP, statSync(long).size, loop, peaks),
      convert(CONVERT, long),
      convert(SHORT, short),
    ],
    // A gigabyte takes a while, and what it takes hardly varies.
    Math.min(rounds, 3),
  );
  const speed = (name: string) => measured.get(name)!.median / measured.get(LOOP)!.median;
  const goals: Readonly<Record<string, Goal>> = {
    [CONVERT]: atLeast(0.5, speed(CONVERT)),
  };
  const rows = Array.from(measured, ([name, found]): Row => ({
    target: name in goals ? "convert" : "",
    workload,
    candidate: name,
    figure: `${found.median.toFixed(0)} MB/s`,
    ratio: speed(name),
    goal: goals[name],
    samples: found.samples,
  }));
  const [all, tenth] = [CONVERT, SHORT].map((name) => median(peaks.get(name)!)) as [number, number];
  rows.push({
    target: "convert",
    workload,
    candidate: `memory of ${CONVERT}, against that of a tenth`,
    figure: `${all.toFixed(0)} MB`,
    ratio: all / tenth,
    goal: atMost(32, all - tenth, " MB more"),
    samples: peaks.get(CONVERT),
  });
  const size = (statSync(long).size / 1e6).toFixed(0);
  return {
    rows,
    facts: [
      `a log of ${size} MB; each is a program of its own, its start included`,
    ],
  };
}

/** A log of so many megabytes. */
function makeLog(folder: string, workload: string, megabytes: number): string {
  const path = join(folder, `${workload}-${megabytes}.log`);
  if (existsSync(path)) return path;
  const pool = messagePool(5_000, { lineBytes: LINE_BYTES });
  const text = pool.map(({ message, direction }, at) =>
    `${
      LINES[workload]!(
        JSON.stringify(message),
        direction === "client_to_server" ? "send" : "recv",
        at,
      )
    }\n`
  ).join("");
  writeFileSync(path, "");
  for (let written = 0; written < megabytes * 1e6; written += text.length) {
    appendFileSync(path, text);
  }
  return path;
}
