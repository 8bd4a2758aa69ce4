/** R1, R2, R3: a tape from its file into records in hand. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { TapeLine } from "../../src/mod.ts";
import { atLeast, type Candidate, clocks, interleaved, perSecond, rate } from "../harness.ts";
import { handLoop } from "../rivals/hand-loop.ts";
import { tapeline, tapelineFile } from "../built.ts";
import { peekLoop } from "../rivals/peek-loop.ts";
import { jsonlParser, ndjson, split2 } from "../rivals/peers.ts";
import type { Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape, type MessageOptions } from "../tape-maker.ts";

const { filter, lineSplit, parseRecord, pipe, StreamingTapeReader } = tapeline;
const { fileSource, fileStore } = tapelineFile;

const HUGE_WORKLOAD = "1 MB messages";

const tapes: Readonly<Record<string, MessageOptions & { readonly frames: number }>> = {
  "450 B": { frames: 200_000, lineBytes: 450 },
  "2 KB": { frames: 200_000, lineBytes: 2_000 },
  [HUGE_WORKLOAD]: { frames: 20_000, lineBytes: 450, hugeEvery: 80 },
  "non-ASCII": { frames: 200_000, lineBytes: 450, isAscii: false },
};

/** For others, some of which take long: speeds are compared, and one workload tells them. */
const PEER_WORKLOAD = "450 B";
const PEER_FRAMES = 20_000;

/** Reads the file and gives how many frames it saw. */
type Reading = (path: string) => Promise<number>;

const HAND_LOOP = "hand loop";
const PEEK_LOOP = "a look at each header in place";
const COMPOSED = "pipe(fileSource, lineSplit, parseRecord)";
const COUNT = "count one direction of half the tape";
const PICK = "parse one direction of 1 % of the tape";
const FRAMES = "reader.frames()";
const targets: Readonly<Record<string, string>> = { [COMPOSED]: "R1", [COUNT]: "R2", [PICK]: "R2", [FRAMES]: "R3" };

export async function measure({ workload, runtime, rounds, quick, clock, folder }: Job): Promise<Report> {
  const { frames: wanted, ...messages } = tapes[workload]!;
  const tape = await makeTape(folder, workload.replaceAll(" ", "-"), quick ? 2_000 : wanted, messages);
  const candidate = (name: string, read: Reading, expected: number, of = tape): Candidate => ({
    name,
    isPeer: of !== tape,
    run: () =>
      perSecond(clocks[clock], of.frames, async () => {
        const count = await read(of.path);
        if (count !== expected) {
          throw new Error(`read ${count} frames, not ${expected}`);
        }
      }),
  });
  const short = await makeTape(folder, "peers", quick ? 2_000 : PEER_FRAMES, tapes[PEER_WORKLOAD]!);
  const peer = (name: string, read: Reading) => candidate(name, read, short.frames, short);
  const peers = [
    peer("plain chain of Web Streams", plainChain),
    peer("readline", readline),
    peer("split2", split2Lines),
    peer("ndjson", ndjsonValues),
    peer("stream-json (jsonl)", streamJson),
  ];
  const { frames: count } = tape;
  /** Frames of one direction from `first` on, up to `end`: of five frames the first and the third. */
  const requests = (first: number, end: number) => ((end - first) / 5) * 2;
  const [half, some] = [tape.frames / 2, tape.frames / 100];

  const measured = await interleaved(
    [
      candidate(HAND_LOOP, (path) => Promise.resolve(handLoop(path)), count),
      candidate(PEEK_LOOP, async (path) => (await peekLoop(path)).frames, count),
      candidate(COMPOSED, composed, count),
      candidate(COUNT, countRequests(0, half), requests(0, half)),
      candidate(PICK, parseRequests(half, half + some), requests(half, half + some)),
      candidate(FRAMES, () => readerFrames(tape.folder, tape.id), count),
      ...(workload === PEER_WORKLOAD ? peers : []),
    ],
    rounds,
  );

  const speed = (name: string) => measured.get(name)!.median / measured.get(HAND_LOOP)!.median;
  const goalOf = (name: string): Goal | undefined => {
    const ratio = speed(name);
    switch (targets[name]) {
      case "R1":
        return { text: "at least 0.90 (Bun 0.80)", met: ratio >= (runtime === "bun" ? 0.8 : 0.9) };
      case "R2":
        return atLeast(runtime.startsWith("node") && workload !== HUGE_WORKLOAD ? 10 : 5, ratio);
      case "R3":
        return atLeast(0.85, ratio);
    }
    if (name === HAND_LOOP || name === PEEK_LOOP || Number.isNaN(ratio)) return undefined;
    return { text: "behind R1", met: ratio < speed(COMPOSED) };
  };
  const rows = Array.from(measured, ([name, found]): Row => ({
    target: targets[name] ?? "",
    workload,
    candidate: name,
    figure: rate(found),
    ratio: speed(name),
    goal: goalOf(name),
    samples: found.samples,
  }));
  const facts = [describeTape(tape)];
  if (workload === PEER_WORKLOAD) facts.push(`others read ${short.frames} frames of the same kind`);
  return { rows, facts };
}

async function composed(path: string): Promise<number> {
  let frames = 0;
  for await (const record of pipe(fileSource(path), lineSplit(), parseRecord())) if (record.type === "frame") frames++;
  return frames;
}

function countRequests(first: number, end: number): Reading {
  return async (path) => {
    let frames = 0;
    const wanted = filter((line: TapeLine) => line.dir === "client_to_server" && line.seq! >= first && line.seq! < end);
    for await (const _ of pipe(fileSource(path), lineSplit(), wanted)) frames++;
    return frames;
  };
}

function parseRequests(first: number, end: number): Reading {
  return async (path) => {
    let frames = 0;
    const wanted = filter((line: TapeLine) => line.dir === "client_to_server" && line.seq! >= first && line.seq! < end);
    for await (const record of pipe(fileSource(path), lineSplit(), wanted, parseRecord())) {
      if (record.type === "frame") frames++;
    }
    return frames;
  };
}

async function readerFrames(folder: string, id: string): Promise<number> {
  let frames = 0;
  await using reader = await StreamingTapeReader.open(fileStore(folder), id);
  for await (const frame of reader.frames()) if (frame.seq >= 0) frames++;
  return frames;
}

interface Typed {
  readonly type: string;
}

/** What Web Streams give without tapeline, each step a TransformStream of its own. */
async function plainChain(path: string): Promise<number> {
  const file = await open(path);
  const bytes = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(64 * 1024));
      if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
      await file.close();
      controller.close();
    },
  });
  let rest = "";
  const lines = new TransformStream<string, string>({
    transform(text, controller) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const line of parts) controller.enqueue(line);
    },
  });
  const records = new TransformStream<string, Typed>({
    transform: (line, controller) => controller.enqueue(JSON.parse(line)),
  });
  const decoder = new TextDecoderStream() as TransformStream<Uint8Array, string>;
  let frames = 0;
  for await (const record of bytes.pipeThrough(decoder).pipeThrough(lines).pipeThrough(records)) {
    if (record.type === "frame") frames++;
  }
  return frames;
}

function readline(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let frames = 0;
    createInterface({ input: createReadStream(path).on("error", reject), crlfDelay: Infinity })
      .on("line", (line) => {
        if (JSON.parse(line).type === "frame") frames++;
      })
      .on("close", () => resolve(frames));
  });
}

function framesOf<T>(stream: Readable, typeOf: (value: T) => string): Promise<number> {
  return new Promise((resolve, reject) => {
    let frames = 0;
    stream
      .on("data", (value: T) => {
        if (typeOf(value) === "frame") frames++;
      })
      .on("end", () => resolve(frames))
      .on("error", reject);
  });
}

async function split2Lines(path: string): Promise<number> {
  const split = await split2();
  return await framesOf(createReadStream(path).pipe(split(JSON.parse)), ({ type }: Typed) => type);
}

async function ndjsonValues(path: string): Promise<number> {
  const { parse } = await ndjson();
  return await framesOf(createReadStream(path).pipe(parse()), ({ type }: Typed) => type);
}

async function streamJson(path: string): Promise<number> {
  const parser = await jsonlParser();
  return await framesOf(createReadStream(path).pipe(parser.asStream()), ({ value }: { value: Typed }) => value.type);
}
