/** Asking a tape: what is selected of it, against a loop that parses every line. */
import { atLeast, type Candidate, clocks, interleaved, perSecond, rate } from "../harness.ts";
import { handLoop } from "../rivals/hand-loop.ts";
import { tapeline, tapelineFile } from "../built.ts";
import type { Goal, Job, Report, Row } from "../plan.ts";
import { describeTape, makeTape, type MessageOptions } from "../tape-maker.ts";

const {
  buildIndex,
  lineSplit,
  parseRecord,
  pipe,
  select,
  StreamingTapeReader,
} = tapeline;
const { fileSource, fileStore } = tapelineFile;

/** One frame of 10,000 calls the rare tool: of five frames two are calls. */
const RARE_EVERY = 4_000;

const tapes: Readonly<
  Record<string, MessageOptions & { readonly frames: number }>
> = {
  "450 B": { frames: 200_000, lineBytes: 450, rareEvery: RARE_EVERY },
  "2 KB": { frames: 100_000, lineBytes: 2_000, rareEvery: RARE_EVERY },
};

const PARSE_LOOP = "parse loop";

/** A query, how many frames of `calls` calls it picks, and how much faster than the parse loop it has to be. */
interface Asked {
  readonly query: string;
  readonly count: (calls: number) => number;
  readonly target?: { readonly name: string; readonly atLeast: number };
}

// Half of the frames carry a call or its answer.
const rareTool = {
  query: "method:tools/call tool:rare",
  count: (calls: number) => 2 * rare(calls),
};

/** Asked of a tape without an index. */
const queries: readonly Asked[] = [
  { ...rareTool, target: { name: "Q1", atLeast: 6 } },
  { query: 'text:"needle"', count: rare, target: { name: "Q2", atLeast: 3 } },
  { query: "kind:notification", count: (calls) => calls / 2 },
  { query: "seq:5..9", count: () => 5 },
  { query: "dur:>10s", count: () => 0 },
  { query: "params.arguments.query:/needle$/", count: rare },
  { query: "/needle/", count: rare },
];

/** Asked of a tape with an index, whose opening counts. */
const indexedQueries: readonly Asked[] = [
  { ...rareTool, target: { name: "Q3", atLeast: 100 } },
  { query: "seq:5..9", count: () => 5 },
  { query: "status:error", count: () => 0 },
];

const withIndex = (query: string) => `${query}, with index`;

function rare(calls: number): number {
  return Math.floor(calls / RARE_EVERY);
}

export async function measure(
  { workload, rounds, quick, clock, folder }: Job,
): Promise<Report> {
  const { frames, ...messages } = tapes[workload]!;
  const tape = await makeTape(
    folder,
    `query-${workload.replaceAll(" ", "-")}`,
    quick ? 10_000 : frames,
    messages,
  );
  const { indexBytes } = await buildIndex(fileStore(folder), tape.id);
  const calls = tape.frames / 5 * 2;
  const candidate = (
    name: string,
    read: (path: string) => Promise<number>,
    expected: number,
  ): Candidate => ({
    name,
    run: () =>
      perSecond(clocks[clock], tape.frames, async () => {
        const count = await read(tape.path);
        if (count !== expected) {
          throw new Error(`${name} found ${count} frames, not ${expected}`);
        }
      }),
  });
  const measured = await interleaved(
    [
      candidate(
        PARSE_LOOP,
        (path) => Promise.resolve(handLoop(path)),
        tape.frames,
      ),
      ...queries.map(({ query, count }) => candidate(query, (path) => picked(path, query), count(calls))),
      ...indexedQueries.map(({ query, count }) =>
        candidate(
          withIndex(query),
          () => found(folder, tape.id, query),
          count(calls),
        )
      ),
    ],
    rounds,
  );
  const speed = (name: string) => measured.get(name)!.median / measured.get(PARSE_LOOP)!.median;
  const rows = Array.from(measured, ([name, speeds]): Row => {
    const { target } = queries.find(({ query }) => query === name) ??
      indexedQueries.find(({ query }) => withIndex(query) === name) ?? {};
    const goal: Goal | undefined = target &&
      atLeast(target.atLeast, speed(name));
    return {
      target: target?.name ?? "",
      workload,
      candidate: name,
      figure: rate(speeds),
      ratio: speed(name),
      goal,
      samples: speeds.samples,
    };
  });
  const percent = (100 * indexBytes / tape.bytes).toFixed(2);
  return {
    rows,
    facts: [describeTape(tape), `its index has ${percent} % of its size`],
  };
}

async function picked(path: string, query: string): Promise<number> {
  let frames = 0;
  for await (
    const record of pipe(
      fileSource(path),
      lineSplit(),
      select(query),
      parseRecord(),
    )
  ) {
    if (record.type === "frame") frames++;
  }
  return frames;
}

async function found(
  folder: string,
  tapeId: string,
  query: string,
): Promise<number> {
  let frames = 0;
  await using reader = await StreamingTapeReader.open(
    fileStore(folder),
    tapeId,
  );
  for await (const _ of reader.frames({ where: query })) frames++;
  return frames;
}
