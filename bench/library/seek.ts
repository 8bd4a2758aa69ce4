/** Where in a million frames: a random one by its number or its time, and the last ones. */
import { spawnSync } from "node:child_process";
import { linkSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FrameRecord, StreamingTapeReader as Reader, TapeRecord } from "../../src/mod.ts";
import { atLeast, atMost, type Candidate, interleaved, ms, quantiles } from "../harness.ts";
import { tapeline, tapelineFile } from "../built.ts";
import { type McapFile, writeMcap } from "../rivals/mcap.ts";
import type { Command, Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, type MadeTape, makeTape } from "../tape-maker.ts";

const { buildIndex, StreamingTapeReader } = tapeline;
const { fileStore } = tapelineFile;
const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

const MCAP = "@mcap/core, indexed reader: by time";
const BY_SEQ = "reader.seekToFrame(), with index";
const BY_TIME = "reader.seekToTime(), with index";
const RANGE = "reader.frames({ fromSeq, limit: 1 }), with index";
const BY_SEQ_PLAIN = "reader.seekToFrame(), without index";
const BY_TIME_PLAIN = "reader.seekToTime(), without index";
const INFO = "tapeline info, of an empty tape";
const TAIL = "tapeline tail -n 100 --no-follow";

/** So many are looked up in a round. */
const SEEKS = 200;

export async function measure(job: Job): Promise<Report> {
  return job.workload === "the last frames" ? await lastFrames(job) : await randomFrames(job);
}

function millionFrames(folder: string, quick: boolean): Promise<MadeTape> {
  const frames = quick ? 20_000 : 1_000_000;
  return makeTape(folder, `info-${frames}`, frames, { lineBytes: 450 });
}

async function randomFrames(
  { workload, rounds, quick, folder }: Job,
): Promise<Report> {
  const tape = await millionFrames(folder, quick);
  const store = fileStore(folder);
  const { indexBytes } = await buildIndex(store, tape.id);
  // The same tape where no index stands beside it.
  const plainFolder = join(folder, "without-index");
  mkdirSync(plainFolder, { recursive: true });
  const plainPath = join(plainFolder, `${tape.id}.jsonl`);
  if (statSync(plainPath, { throwIfNoEntry: false }) === undefined) {
    linkSync(tape.path, plainPath);
  }

  await using indexed = await StreamingTapeReader.open(store, tape.id);
  await using plain = await StreamingTapeReader.open(
    fileStore(plainFolder),
    tape.id,
  );
  let duration = 0;
  for await (const { ts } of plain.frames({ reverse: true, limit: 1 })) duration = ts;
  let mcap: McapFile | undefined;
  let fault: string | undefined;
  try {
    mcap = await writeMcap(join(folder, `${tape.id}.mcap`), plain);
  } catch (error) {
    fault = error instanceof Error ? error.message.split("\n")[0]! : String(error);
  }

  const random = numbers();
  const all = new Map<string, number[]>();
  const seeking = (
    name: string,
    most: number,
    seek: (target: number) => Promise<number | undefined>,
  ): Candidate => ({
    name,
    isPeer: name === MCAP,
    async run() {
      const own = all.get(name) ?? [];
      all.set(name, own);
      let sum = 0;
      for (let n = 0; n < (quick ? 10 : SEEKS); n++) {
        const target = Math.floor(random() * most);
        const startedAt = performance.now();
        const found = await seek(target);
        const took = performance.now() - startedAt;
        if (!(found! >= target)) {
          throw new Error(`looked for ${target}, found ${found}`);
        }
        own.push(took);
        sum += took;
      }
      return sum;
    },
  });
  const bySeq = (reader: Reader) => async (seq: number) => {
    await reader.seekToFrame(seq);
    return frameOf(await reader.nextRecord()).seq;
  };
  const byTime = (reader: Reader) => async (ts: number) => {
    await reader.seekToTime(ts);
    return frameOf(await reader.nextRecord()).ts;
  };
  const { frames } = tape;
  await interleaved(
    [
      seeking(BY_SEQ, frames, bySeq(indexed)),
      seeking(BY_TIME, duration, byTime(indexed)),
      seeking(RANGE, frames, async (fromSeq) => {
        for await (const { seq } of indexed.frames({ fromSeq, limit: 1 })) {
          return seq;
        }
        return undefined;
      }),
      seeking(BY_SEQ_PLAIN, frames, bySeq(plain)),
      seeking(BY_TIME_PLAIN, duration, byTime(plain)),
      seeking(MCAP, duration, (ts) => {
        if (mcap === undefined) throw new Error(fault);
        return mcap.seek(ts);
      }),
    ],
    rounds,
  );
  await mcap?.close();

  const mcapTimes = quantiles(all.get(MCAP) ?? []);
  const rows = Array.from(all, ([candidate, samples]): Row[] => {
    const times = quantiles(samples);
    const isPlain = candidate === BY_SEQ_PLAIN || candidate === BY_TIME_PLAIN;
    const isOurs = candidate !== MCAP;
    const row = (name: string, part: number, goal: Goal | undefined): Row => ({
      target: goal === undefined ? "" : "seek",
      workload,
      candidate: `${candidate}, ${name}`,
      figure: samples.length === 0 ? `did not run: ${fault}` : ms(times(part)),
      ratio: mcapTimes(part) / times(part),
      goal,
      samples: part === 0.5 ? samples : undefined,
    });
    return [
      row(
        "p50",
        0.5,
        isOurs ? atMost(isPlain ? 8 : 1, times(0.5), " ms") : undefined,
      ),
      row(
        "p99",
        0.99,
        isOurs && !isPlain ? atMost(5, times(0.99), " ms") : undefined,
      ),
    ];
  }).flat();
  const ratio = mcapTimes(0.5) / quantiles(all.get(BY_TIME)!)(0.5);
  if (Number.isFinite(ratio)) {
    rows.push({
      target: "seek",
      workload,
      candidate: `${BY_TIME}, beside @mcap/core`,
      figure: ms(quantiles(all.get(BY_TIME)!)(0.5)),
      ratio,
      goal: atLeast(1, ratio),
    });
  }
  return {
    rows,
    facts: [
      describeTape(tape),
      `its index has ${(indexBytes / tape.bytes * 100).toFixed(2)} % of its size`,
      "a seek is from the call to the first record, with a reader that is open; targets are random",
    ],
  };
}

async function lastFrames(
  { workload, subject, rounds, quick, folder }: Job,
): Promise<Report> {
  const tape = await millionFrames(folder, quick);
  const empty = await makeTape(folder, "empty", 0, { lineBytes: 450 });
  const measured = await interleaved(
    [
      program(INFO, [...subject, main, "info", empty.path]),
      program(TAIL, [
        ...subject,
        main,
        "tail",
        "-n",
        "100",
        "--no-follow",
        tape.path,
      ]),
    ],
    quick ? 1 : Math.max(rounds, 15),
  );
  const ratio = measured.get(TAIL)!.median / measured.get(INFO)!.median;
  const rows = Array.from(
    measured,
    ([candidate, { median, samples }]): Row => ({
      target: candidate === TAIL ? "seek" : "",
      workload,
      candidate,
      figure: ms(median),
      ratio: measured.get(INFO)!.median / median,
      goal: candidate === TAIL ? { ...atMost(1.5, ratio), text: "at most 1.5 times info" } : undefined,
      samples,
    }),
  );
  return {
    rows,
    facts: [
      describeTape(tape),
      "each is a program of its own, its start included",
    ],
  };
}

function program(name: string, [path, ...args]: Command): Candidate {
  return {
    name,
    run() {
      const startedAt = performance.now();
      const { status, error, stderr } = spawnSync(path, args, {
        encoding: "utf8",
        input: "",
      });
      const took = performance.now() - startedAt;
      if (status !== 0) {
        throw new Error(
          `${[path, ...args].join(" ")} failed: ${error ?? stderr}`,
        );
      }
      return Promise.resolve(took);
    },
  };
}

function frameOf(record: TapeRecord | undefined): FrameRecord {
  if (record?.type !== "frame") {
    throw new Error(`there is ${record?.type} in place of a frame`);
  }
  return record;
}

/** Random numbers that are the same each time, from 0 to 1. */
function numbers(): () => number {
  let state = 0x5eed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
