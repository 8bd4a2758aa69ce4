/** What an index costs: to build it of a tape, and to write it while recording. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { MessageEnvelope } from "../../src/mod.ts";
import { atLeast, atMost, type Candidate, type Clock, clocks, interleaved, perSecond, rate } from "../harness.ts";
import { handLoop } from "../rivals/hand-loop.ts";
import { tapeline, tapelineFile } from "../built.ts";
import type { Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape, messagePool } from "../tape-maker.ts";

const { buildIndex, jsonText, lineSplit, parseRecord, pipe, StreamingTapeWriter } = tapeline;
const { fileSource, fileStore } = tapelineFile;

/** Distinct messages; they come again and again. */
const POOL = 1_000;

export function measure(job: Job): Promise<Report> {
  return job.workload === "build" ? build(job) : record(job);
}

const HAND_LOOP = "hand loop";
const PARSE = "pipe(fileSource, lineSplit, parseRecord)";
const BUILD = "buildIndex()";

async function build({ workload, rounds, quick, clock, folder }: Job): Promise<Report> {
  const tape = await makeTape(folder, "index-450-B", quick ? 2_000 : 1_000_000, { lineBytes: 450 });
  const store = fileStore(folder);
  let share = 0;
  const candidate = (name: string, work: () => unknown): Candidate => ({
    name,
    run: () => perSecond(clocks[clock], tape.frames, async () => await work()),
  });
  const measured = await interleaved([
    candidate(HAND_LOOP, () => handLoop(tape.path)),
    candidate(PARSE, async () => {
      let frames = 0;
      for await (const { type } of pipe(fileSource(tape.path), lineSplit(), parseRecord())) {
        if (type === "frame") frames++;
      }
      if (frames !== tape.frames) throw new Error(`read ${frames} frames, not ${tape.frames}`);
    }),
    candidate(BUILD, async () => {
      const { indexBytes, tapeBytes } = await buildIndex(store, tape.id);
      if (tapeBytes !== tape.bytes) throw new Error(`indexed ${tapeBytes} bytes, not ${tape.bytes}`);
      share = indexBytes / tapeBytes;
    }),
  ], rounds);
  const speed = (name: string) => measured.get(name)!.median / measured.get(PARSE)!.median;
  const rows = Array.from(measured, ([name, found]): Row => ({
    target: name === BUILD ? "index" : "",
    workload,
    candidate: name,
    figure: rate(found),
    ratio: speed(name),
    goal: name === BUILD ? atLeast(10, speed(name)) : undefined,
    samples: found.samples,
  }));
  const size: Row = {
    target: "index",
    workload,
    candidate: "size, of the tape",
    figure: `${(share * 100).toFixed(3)} %`,
    goal: atMost(0.2, share * 100, " %"),
  };
  return { rows: [...rows, size], facts: [`${describeTape(tape)}, its index ${(share * 100).toFixed(3)} % of it`] };
}

async function record({ workload, rounds, quick, clock, folder }: Job): Promise<Report> {
  const frames = quick ? POOL : 1_000_000;
  const pool = messagePool(POOL, { lineBytes: 450 });
  const texts = pool.map(({ message, direction }) => ({ text: JSON.stringify(message), direction }));
  const kinds = {
    objects: (n: number) => pool[n % POOL]!,
    text: (n: number) => {
      const { text, direction } = texts[n % POOL]!;
      return { message: jsonText(text), direction };
    },
  };
  const name = (kind: string, index: boolean) =>
    `pipe to writer.writable, ${kind}, ${index ? "with" : "without"} index`;
  const candidates = Object.entries(kinds).flatMap(([kind, envelope]) =>
    [false, true].map((index): Candidate => ({
      name: name(kind, index),
      run: () => written(folder, frames, index, envelope, clocks[clock]),
    }))
  );
  const measured = await interleaved(candidates, rounds);
  const rows = Object.keys(kinds).flatMap((kind) =>
    [false, true].map((index): Row => {
      const found = measured.get(name(kind, index))!;
      const ratio = found.median / measured.get(name(kind, false))!.median;
      const goal: Goal | undefined = index ? atLeast(0.97, ratio) : undefined;
      return {
        target: index ? "index" : "",
        workload,
        candidate: name(kind, index),
        figure: rate(found),
        ratio,
        goal,
        samples: found.samples,
      };
    })
  );
  return { rows, facts: [`${workload}: ${frames} frames, until the operating system has them all`] };
}

/** Makes a tape; ending it, which syncs, is not measured. */
async function written(
  folder: string,
  frames: number,
  index: boolean,
  envelope: (n: number) => MessageEnvelope,
  clock: Clock,
): Promise<number> {
  const tapeId = "indexed";
  const store = fileStore(folder);
  const writer = await StreamingTapeWriter.create(store, { tapeId, sessionId: "bench", index });
  const envelopes = (function* () {
    for (let n = 0; n < frames; n++) yield envelope(n);
  })();
  const speed = await perSecond(clock, frames, () => pipe(envelopes, writer.writable));
  const { stats } = await writer.finalize();
  for (const ending of ["jsonl", "meta.json", "index"]) rmSync(join(folder, `${tapeId}.${ending}`), { force: true });
  if (stats?.frame_count !== frames) throw new Error(`wrote ${stats?.frame_count} frames, not ${frames}`);
  return speed;
}
