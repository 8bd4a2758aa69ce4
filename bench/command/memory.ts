/** M1: the most memory that a process of its own takes for a small and for a large tape. */
import { execFile } from "node:child_process";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atMost, median } from "../harness.ts";
import type { Job, Report, Row } from "../plan.ts";
import { makeTape } from "../tape-maker.ts";

const script = fileURLToPath(new URL("../programs/memory-child.js", import.meta.url));
const LARGE = 10;

export async function measure({ workload, subject: [program, ...args], rounds, quick, folder }: Job): Promise<Report> {
  const tape = await makeTape(folder, "memory", quick ? 5_000 : 400_000, { lineBytes: 450 });
  const bytes = readFileSync(tape.path);
  const paths: string[] = [];
  for (const times of [1, LARGE]) {
    const path = join(folder, `memory-${times}.jsonl`);
    paths.push(path);
    // Written for each workload anew: two gigabytes are not left lying about.
    writeFileSync(path, "");
    for (let n = 0; n < times; n++) appendFileSync(path, bytes);
  }

  const peakOf = async (work: string, times: number): Promise<number> => {
    const { stdout } = await promisify(execFile)(program, [
      ...[...args, script, work, folder, `memory-${times}`],
      String(times * (work === "write" || work === "filter" ? tape.frames : tape.lines)),
    ]);
    return Number(stdout);
  };
  const peaks: Record<"empty" | "small" | "large", number[]> = { empty: [], small: [], large: [] };
  try {
    // Reading two gigabytes takes a while, and peaks hardly vary.
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      peaks.empty.push(await peakOf("empty", 0));
      peaks.small.push(await peakOf(workload, 1));
      peaks.large.push(await peakOf(workload, LARGE));
    }
  } finally {
    for (const path of paths) rmSync(path);
  }

  const [empty, small, large] = [median(peaks.empty), median(peaks.small), median(peaks.large)];
  const name = (times: number) => `${workload} ${Math.round((times * tape.bytes) / 1e6)} MB`;
  const figure = (peak: number) => (peak === empty ? mb(peak) : `${mb(peak)} (${mb(peak - empty)} more)`);
  const rows: Row[] = [
    { target: "", workload, candidate: "empty process", figure: figure(empty), samples: peaks.empty },
    { target: "", workload, candidate: name(1), figure: figure(small), samples: peaks.small },
    {
      target: "M1",
      workload,
      candidate: `${name(LARGE)}, against the small one`,
      figure: figure(large),
      ratio: large / small,
      goal: atMost(1.15, large / small),
      samples: peaks.large,
    },
    {
      target: "M1",
      workload,
      candidate: `${name(LARGE)}, against an empty process`,
      figure: figure(large),
      ratio: large / empty,
      goal: atMost(64, (large - empty) / 1e6, " MB more"),
    },
  ];
  return { rows, facts: [`${workload}: ${tape.frames} frames, and ${LARGE} times as many; peak resident memory`] };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
