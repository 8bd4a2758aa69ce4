/** What is on a long tape: `tapeline info`, the first time and again, beside a loop that parses every line. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { atLeast, atMost, type Candidate, interleaved } from "../harness.ts";
import type { Command, Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape } from "../tape-maker.ts";

const LOOP = "hand loop";
const FIRST = "tapeline info";
const AGAIN = "tapeline info, again";
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const main = file("../../../dist/cli/main.js");

export async function measure(
  { workload, subject, rounds, quick, folder }: Job,
): Promise<Report> {
  const frames = quick ? 20_000 : 1_000_000;
  const tape = await makeTape(folder, `info-${frames}`, frames, {
    lineBytes: 450,
  });
  const cache = join(folder, "cache");
  const measured = await interleaved(
    [
      seconds(
        LOOP,
        [...subject, file("../programs/hand-loop-program.js"), tape.path],
        cache,
      ),
      seconds(
        FIRST,
        [...subject, main, "info", "--no-cache", tape.path],
        cache,
      ),
      // The round that warms up finds out what the others are told.
      seconds(AGAIN, [...subject, main, "info", tape.path], cache),
    ],
    rounds,
  );
  const secondsOf = (name: string) => measured.get(name)!.median;
  const speed = (name: string) => secondsOf(LOOP) / secondsOf(name);
  const goals: Readonly<Record<string, Goal>> = {
    [FIRST]: atLeast(5, speed(FIRST)),
    [AGAIN]: atMost(0.3, secondsOf(AGAIN), " s"),
  };
  const rows = Array.from(measured, ([name, { median, samples }]): Row => ({
    target: name in goals ? "info" : "",
    workload,
    candidate: name,
    figure: `${median.toFixed(2)} s`,
    ratio: speed(name),
    goal: goals[name],
    samples,
  }));
  return {
    rows,
    facts: [
      describeTape(tape),
      "each is a program of its own, its start included",
    ],
  };
}

function seconds(
  name: string,
  [program, ...args]: Command,
  cache: string,
): Candidate {
  return {
    name,
    run() {
      const startedAt = performance.now();
      const env = { ...process.env, XDG_CACHE_HOME: cache };
      const { status, error, stderr } = spawnSync(program, args, {
        encoding: "utf8",
        env,
      });
      const took = performance.now() - startedAt;
      if (status !== 0) {
        throw new Error(
          `${[program, ...args].join(" ")} failed: ${error ?? stderr}`,
        );
      }
      return Promise.resolve(took / 1000);
    },
  };
}
