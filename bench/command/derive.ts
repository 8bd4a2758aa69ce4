/** Making a tape of others: several merged by time, and one of which all is taken, beside a loop that parses every line. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { atLeast, atMost, type Candidate, interleaved, median } from "../harness.ts";
import type { Command, Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape } from "../tape-maker.ts";

const TAPES = 10;
const LOOP = `hand loop, over ${TAPES} tapes`;
const MERGE = `tapeline merge, of ${TAPES} tapes`;
const CONCAT = "tapeline concat, of one";
const FILTER = "tapeline filter kind:frame, of one";
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const main = file("../../../dist/cli/main.js");

export async function measure({ workload, subject, rounds, quick, folder }: Job): Promise<Report> {
  const frames = quick ? 5_000 : 200_000;
  const tape = await makeTape(folder, `derive-${frames}`, frames, { lineBytes: 450 });
  const text = readFileSync(tape.path, "latin1");
  // They take turns: each starts a little later than the one before.
  const paths = Array.from({ length: TAPES }, (_, at) => {
    const path = join(folder, `derive-${frames}-${at}.jsonl`);
    const createdAt = new Date(Date.parse("2026-11-24T10:00:00Z") + at * 7).toISOString();
    if (!existsSync(path)) {
      writeFileSync(path, text.replace(/"created_at":"[^"]*"/, `"created_at":"${createdAt}"`), "latin1");
    }
    return path;
  });
  const out = join(folder, "derived.jsonl");
  const peaks = new Map<string, number[]>();
  const make = (name: string, bytes: number, ...args: string[]) =>
    program(name, bytes, [...subject, main, ...args, "--force", "-o", out], peaks);
  const all = TAPES * tape.bytes;
  const measured = await interleaved(
    [
      program(LOOP, all, [...subject, file("../programs/hand-loop-program.js"), ...paths], peaks),
      make(MERGE, all, "merge", ...paths),
      make(CONCAT, tape.bytes, "concat", paths[0]!),
      make(FILTER, tape.bytes, "filter", "kind:frame", paths[0]!),
    ],
    rounds,
  );
  const speed = (name: string) => measured.get(name)!.median / measured.get(LOOP)!.median;
  const goals: Readonly<Record<string, Goal>> = { [MERGE]: atLeast(0.5, speed(MERGE)) };
  const rows = Array.from(measured, ([name, found]): Row => ({
    target: name in goals ? "merge" : "",
    workload,
    candidate: name,
    figure: `${found.median.toFixed(0)} MB/s`,
    ratio: speed(name),
    goal: goals[name],
    samples: found.samples,
  }));
  const [merged, one] = [MERGE, CONCAT].map((name) => median(peaks.get(name)!)) as [number, number];
  rows.push({
    target: "merge",
    workload,
    candidate: `memory of ${MERGE}, against that of one`,
    figure: `${merged.toFixed(0)} MB`,
    ratio: merged / one,
    goal: atMost(64, merged - one, " MB more"),
    samples: peaks.get(MERGE),
  });
  return {
    rows,
    facts: [`${describeTape(tape)}; ${TAPES} of them`, "each is a program of its own, its start included"],
  };
}

/** MB/s of a program, and the most memory that it took, in MB. */
export function program(
  name: string,
  bytes: number,
  [command, ...args]: Command,
  peaks: Map<string, number[]>,
): Candidate {
  return {
    name,
    run() {
      const startedAt = performance.now();
      // The peak is told by GNU time, where there is one.
      const isTimed = existsSync("/usr/bin/time");
      const [program, before] = isTimed
        ? ["/usr/bin/time", ["-f", "peak %M", command]] as const
        : [command, []] as const;
      const { status, error, stderr } = spawnSync(program, [...before, ...args], {
        encoding: "utf8",
        env: process.env,
      });
      const took = performance.now() - startedAt;
      if (status !== 0) throw new Error(`${[command, ...args].join(" ")} failed: ${error ?? stderr}`);
      const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1] ?? NaN) / 1000;
      peaks.set(name, [...peaks.get(name) ?? [], peak]);
      return Promise.resolve(bytes / 1e6 / (took / 1000));
    },
  };
}
