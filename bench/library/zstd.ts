/** Z1, Z2, Z3: tapes whose lines are compressed one by one. */
import { atLeast, atMost, interleaved } from "../harness.ts";
import type { Job, Report } from "../plan.ts";
import { comparedRows, WrittenTapes } from "./written-tape.ts";

const PLAIN = "plain-lines";
const SMALL = "zstd-lines";

export async function measure(job: Job): Promise<Report> {
  const { workload, rounds } = job;
  const tapes = new WrittenTapes(job, 100_000, 450);
  const writing = [
    { name: "writing, plain", run: () => tapes.write(PLAIN, {}) },
    {
      name: "writing, compressed",
      run: () => tapes.write(SMALL, { compress: true }),
    },
  ];
  const reading = [
    { name: "reader.frames(), plain", run: () => tapes.read(PLAIN) },
    { name: "reader.frames(), compressed", run: () => tapes.read(SMALL) },
  ];
  const measured = await interleaved([...writing, ...reading], rounds);
  const part = await tapes.bytes(SMALL) / await tapes.bytes(PLAIN);
  tapes.remove(PLAIN, SMALL);
  const rows = [
    {
      target: "Z1",
      workload,
      candidate: "size of the compressed tape",
      figure: `${(100 * part).toFixed(1)} %`,
      goal: {
        ...atMost(35, 100 * part, " %"),
        text: "at most 35 % of the plain tape",
      },
    },
    ...comparedRows(
      workload,
      writing,
      measured,
      (name, ratio) => name.endsWith("plain") ? { target: "" } : { target: "Z2", goal: atLeast(0.4, ratio) },
    ),
    ...comparedRows(
      workload,
      reading,
      measured,
      (name, ratio) => name.endsWith("plain") ? { target: "" } : { target: "Z3", goal: atLeast(0.6, ratio) },
    ),
  ];
  return {
    rows,
    facts: [
      `${workload}: ${tapes.frames} frames, a dictionary of the session's own beginning`,
    ],
  };
}
