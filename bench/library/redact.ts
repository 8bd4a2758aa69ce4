/** D1, D2: secrets taken out while recording, and out of old tapes; of what has none, as nearly all has. */
import { join } from "node:path";
import { atLeast, interleaved } from "../harness.ts";
import { tapelineRedact } from "../built.ts";
import type { Job, Report } from "../plan.ts";
import { handLoop } from "../rivals/hand-loop.ts";
import { comparedRows, WrittenTapes } from "./written-tape.ts";

const { loadPolicy, redaction, redactTape, scanTape } = tapelineRedact;
const PLAIN = "plain-lines";
const CLEAN = "clean-lines";

/** Thirty rules beside the built-in ones: ten of each kind. */
const THIRTY = {
  rules: Array.from({ length: 10 }, (_, n) => [
    { name: `key-${n}`, keys: [`customerField${n}`] },
    {
      name: `path-${n}`,
      paths: [
        `/params/arguments/field${n}`,
        `/result/structuredContent/*/field${n}`,
      ],
    },
    { name: `pattern-${n}`, pattern: `CUST${n}-[0-9]{6}` },
  ]).flat(),
};

export async function measure(job: Job): Promise<Report> {
  const { workload, rounds } = job;
  const tapes = new WrittenTapes(job, 200_000, 450);
  const thirty = await loadPolicy(THIRTY);
  const writing = [
    { name: "writing, as it is", run: () => tapes.write(PLAIN, {}) },
    {
      name: "writing, redacted by the built-in rules",
      run: () => tapes.write(CLEAN, { redaction: redaction() }),
    },
    {
      name: "writing, redacted by 30 more rules",
      run: () => tapes.write(CLEAN, { redaction: redaction(thirty) }),
    },
  ];
  const old = [
    {
      name: "parse loop",
      run: () => tapes.during(() => Promise.resolve(handLoop(join(tapes.folder, `${PLAIN}.jsonl`)))),
    },
    {
      name: "scanTape(), 30 more rules",
      run: () =>
        tapes.during(async () =>
          checkClean(
            (await scanTape(tapes.store, PLAIN, { policy: thirty })).count,
          )
        ),
    },
    {
      name: "redactTape(), 30 more rules",
      async run() {
        tapes.remove(CLEAN);
        return await tapes.during(async () => {
          const { rules } = await redactTape(tapes.store, PLAIN, {
            to: CLEAN,
            policy: thirty,
          });
          checkClean(Object.keys(rules).length);
        });
      },
    },
  ];
  const measured = await interleaved([...writing, ...old], rounds);
  tapes.remove(PLAIN, CLEAN);
  const rows = [
    ...comparedRows(
      workload,
      writing,
      measured,
      (name, ratio) => name.includes("redacted") ? { target: "D1", goal: atLeast(0.6, ratio) } : { target: "" },
    ),
    ...comparedRows(
      workload,
      old,
      measured,
      (name, ratio) => name.includes("30") ? { target: "D2", goal: atLeast(1.5, ratio) } : { target: "" },
    ),
  ];
  return {
    rows,
    facts: [`${workload}: ${tapes.frames} frames without a secret`],
  };
}

function checkClean(count: number): void {
  if (count > 0) throw new Error(`found ${count} secrets in what has none`);
}
