/** S1: how long the command line takes to do next to nothing. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RuntimeName } from "../../test/helpers/runtime.ts";
import { atMost, type Candidate, interleaved, ms } from "../harness.ts";
import type { Command, Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape } from "../tape-maker.ts";

const EMPTY = "empty program";
const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const empty = fileURLToPath(new URL("../programs/empty.js", import.meta.url));

/** How many times as long as the empty program each may take. */
const LIMITS: Readonly<Record<string, Partial<Record<RuntimeName, number>>>> = {
  "tapeline --version": { node: 1.2, node24: 1.2 },
  "tapeline info": { node: 1.6, node24: 2.2 },
  "tapeline record -- cat": { node: 1.6, node24: 1.8 },
};

export async function measure({ workload, runtime, subject, rounds, quick, folder }: Job): Promise<Report> {
  const tape = await makeTape(folder, "small", 100, { lineBytes: 450 });
  const measured = await interleaved(
    [
      starting(EMPTY, runtime.startsWith("node") ? [subject[0], "-e", "0"] : [...subject, empty]),
      starting("tapeline --version", [...subject, main, "--version"]),
      starting("tapeline info", [...subject, main, "info", tape.path]),
      starting("tapeline record -- cat", [...subject, main, "record", "--dir", join(folder, "recorded"), "--", "cat"]),
    ],
    quick ? 1 : Math.max(rounds, 25),
  );

  const ratio = (name: string) => measured.get(name)!.median / measured.get(EMPTY)!.median;
  const goalOf = (name: string): Goal | undefined => {
    const limit = LIMITS[name]?.[runtime];
    return limit === undefined ? undefined : atMost(limit, ratio(name));
  };
  const rows = Array.from(measured, ([name, { median, samples }]): Row => ({
    target: name === EMPTY ? "" : "S1",
    workload,
    candidate: name,
    figure: ms(median),
    ratio: ratio(name),
    goal: goalOf(name),
    samples,
  }));
  return { rows, facts: [describeTape(tape)] };
}

function starting(name: string, [program, ...args]: Command): Candidate {
  return {
    name,
    run() {
      const startedAt = performance.now();
      const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8", input: "" });
      const took = performance.now() - startedAt;
      if (status !== 0) {
        throw new Error(`${[program, ...args].join(" ")} failed: ${error ?? stderr}`);
      }
      return Promise.resolve(took);
    },
  };
}
