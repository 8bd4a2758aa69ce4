/** Tapes at rest: how small they get when they are packed, and what it takes to pack them, to read them and to find a frame. */
import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { StreamingTapeReader as Reader } from "../../src/mod.ts";
import { atMost, type Candidate, interleaved, median, ms } from "../harness.ts";
import { tapeline, tapelineFile, tapelineZstd } from "../built.ts";
import type { Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape } from "../tape-maker.ts";

const { buildIndex, StreamingTapeReader } = tapeline;
const { fileSink, fileStore } = tapelineFile;
const { packTape } = tapelineZstd;

const PLAIN_READ = "reader.frames() of the plain tape";
const PACKED_READ = "reader.frames() of the packed tape";
const PLAIN_SEEK = "reader.seekToFrame() of the plain tape";
const PACKED_SEEK = "reader.seekToFrame() of the packed tape";

const SEEKS = 100;

export async function measure({ workload, rounds, quick, folder }: Job): Promise<Report> {
  const tape = await makeTape(folder, "packed-450", quick ? 5_000 : 100_000, { lineBytes: 450 });
  const store = fileStore(folder);
  await buildIndex(store, tape.id);
  const packedFolder = join(folder, `packed-${crypto.randomUUID()}`);
  await mkdir(packedFolder);
  const path = join(packedFolder, `${tape.id}.jsonl.zst`);
  const startedAt = performance.now();
  const { blocks } = await packTape(store, tape.id, fileSink(path));
  const packMs = performance.now() - startedAt;
  const part = statSync(path).size / tape.bytes;

  await using plain = await StreamingTapeReader.open(store, tape.id);
  await using packed = await StreamingTapeReader.open(fileStore(packedFolder), tape.id);
  const reading = (name: string, reader: Reader): Candidate => ({
    name,
    async run() {
      const startedAt = performance.now();
      let count = 0;
      await reader.reset();
      for await (const _ of reader.frames()) count++;
      if (count !== tape.frames) throw new Error(`read ${count} frames`);
      return performance.now() - startedAt;
    },
  });
  const seeking = (name: string, reader: Reader): Candidate => ({
    name,
    async run() {
      let seq = 1;
      const times: number[] = [];
      for (let n = 0; n < SEEKS; n++) {
        seq = (seq * 48271) % tape.frames;
        const startedAt = performance.now();
        await reader.seekToFrame(seq);
        const record = await reader.nextRecord();
        times.push(performance.now() - startedAt);
        if (record?.type !== "frame" || record.seq !== seq) throw new Error(`did not find frame ${seq}`);
      }
      return median(times);
    },
  });
  const measured = await interleaved([
    reading(PLAIN_READ, plain),
    reading(PACKED_READ, packed),
    seeking(PLAIN_SEEK, plain),
    seeking(PACKED_SEEK, packed),
  ], rounds);
  const rows: Row[] = [
    {
      target: "size",
      workload,
      candidate: "packTape(), size of the packed tape",
      figure: `${(100 * part).toFixed(1)} %`,
      goal: { ...atMost(10, 100 * part, " %"), text: "at most 10 % of the plain tape" },
    },
    {
      target: "",
      workload,
      candidate: "packTape(), speed",
      figure: `${(tape.bytes / 1000 / packMs).toPrecision(3)} MB/s`,
    },
  ];
  for (const [candidate, { median, samples }] of measured) {
    const base = measured.get(candidate.includes("seek") ? PLAIN_SEEK : PLAIN_READ)!;
    rows.push({ target: "", workload, candidate, figure: ms(median), ratio: base.median / median, samples });
  }
  return { rows, facts: [describeTape(tape), `packed with its index into ${blocks} blocks`] };
}
