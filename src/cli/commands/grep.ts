import type { TapeLine } from "../../lines/line.ts";
import { recordOn } from "../../lines/parse-line.ts";
import { parseQuery, type Query } from "../../query/query.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { type OpenedTape, openTape, tapeFolder } from "../arguments/tape-argument.ts";
import { styleOption } from "../arguments/options.ts";
import { parseQueryOptions } from "../arguments/query-options.ts";
import { isTelling, TapeReading } from "../arguments/tape-reading.ts";
import { Where } from "../arguments/where.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf, tellError } from "../program.ts";
import { describeRecord, lineWidth } from "../report/describe-record.ts";
import type { TapeRecord } from "../../records/record.ts";
import { askedRecords } from "../summary/asked-records.ts";
import { Calls } from "../summary/calls.ts";
import { ChosenOperations, Operations } from "../summary/operations.ts";
import { Progress } from "../terminal/progress.ts";
import { asciiJson, escapeControls, harmlessJson, pad, type Style, widthOf } from "../terminal/text.ts";

const HELP = `Prints what a query selects from tapes, a line each.

Usage:
  tapeline grep [-c] [-C] [--json] [--color WHEN] [--dir DIR] QUERY [TAPE…]

The lines are those of "tapeline cat"; where there are several tapes, each line
says which one it is from. "tapeline help query" explains queries; "tapeline
filter" makes a tape of what one selects. "tapeline list --where tool:search"
tells which tapes of a folder have calls of a tool, without reading them.

Options:
  -c, --count    only how many records fit, of each tape
  -C, --context  the whole operation around each frame that fits: the request,
                 its answer, and what else belongs to it
  --json         the lines of the tapes, as they stand there; with -c an object
                 for each tape
  --color WHEN   auto, always or never; auto, the default, asks the terminal,
                 NO_COLOR and FORCE_COLOR
  --dir DIR      where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  something fits
  1  nothing does, or a tape could not be read
  2  wrong use, no query, or a TAPE that is not there or that no key opens; of
     several, the others are searched all the same
  3  a tape is damaged or has gaps; stderr says where

Examples:
  tapeline grep method:ping latest
  tapeline grep -c kind:request latest latest-1
  tapeline grep -c method:ping tapes/*.jsonl
  tapeline grep --json id:3 session.jsonl | jq .env.message
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseQueryOptions("grep", args, {
    count: { type: "boolean", short: "c" },
    context: { type: "boolean", short: "C" },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const [text, ...names] = positionals;
  if (text === undefined) throw new UsageError('grep needs a query; see "tapeline grep --help"');
  if (values.count === true && values.context === true) throw new UsageError("-c and -C exclude each other");
  const query = parseQuery(text);
  const style = styleOption(values.color, io);
  const folder = tapeFolder(values.dir, io.env);
  const keys = await keysOf(values, io);
  const tapes: OpenedTape[] = [];
  let [hits, code, unopened] = [0, 0, 0];
  for (const name of names.length === 0 ? ["latest"] : names) {
    try {
      tapes.push(await openTape(name, folder, keys));
    } catch (error) {
      // One of many that cannot be searched keeps nobody from what the others hold.
      if (names.length < 2 || io.signal.aborted) throw error;
      unopened = Math.max(unopened, await tellError(error, io));
    }
  }
  const labelWidth = names.length < 2 ? 0 : Math.max(...tapes.map((tape) => widthOf(labelOf(tape))));
  for (const tape of tapes) {
    const search = new Search(tape, query, io, labelWidth);
    const found = values.count === true
      ? await search.count(values.json === true)
      : await search.print(values.json === true, values.context === true, style);
    hits += found.hits;
    code = Math.max(code, found.code);
  }
  return unopened || code || (hits > 0 ? 0 : 1);
}

/** A terminal may be so narrow that lines are broken, but they tell something. */
const MIN_WIDTH = 40;

function labelOf({ path }: OpenedTape): string {
  return `${escapeControls(path)}:`;
}

interface Found {
  readonly hits: number;
  readonly code: number;
}

/** What one tape holds of it. */
class Search {
  readonly #tape: OpenedTape;
  readonly #io: CommandIo;
  readonly #reading: TapeReading;
  readonly #where: Where;
  readonly #labelWidth: number;

  /** @param labelWidth how wide the names of the tapes are; 0 where it need not be said which one it is */
  constructor(tape: OpenedTape, query: Query, io: CommandIo, labelWidth: number) {
    this.#tape = tape;
    this.#io = io;
    this.#labelWidth = labelWidth;
    this.#reading = new TapeReading(tape, io);
    this.#where = new Where(String(query));
  }

  async count(isJson: boolean): Promise<Found> {
    let hits = 0;
    const { lines, isSelected } = await this.#where.read(this.#tape, this.#reading);
    for await (const line of this.#watched(lines, (line) => line)) {
      if (isSelected(line) && line.type !== undefined && this.#where.isAskedFor(line)) hits++;
      // Whether the tape is whole is to be told of.
      if (isTelling(line)) this.#reading.parse(line);
    }
    const { path, init: { tape_id } } = this.#tape;
    const text = isJson
      ? asciiJson({ tape_id, path, count: hits })
      : `${this.#labelWidth > 0 ? `${escapeControls(path)}:` : ""}${hits}`;
    await this.#io.stdout.write(`${text}\n`);
    return { hits, code: await this.#reading.finish() };
  }

  /** @param withContext whether the whole operation around each hit is printed */
  async print(isJson: boolean, withContext: boolean, style: Style): Promise<Found> {
    if (withContext) return await this.#printOperations(isJson, style);
    let hits = 0;
    if (!isJson) {
      const asked = askedRecords(this.#tape, this.#reading, this.#where, (line) => this.#where.isAskedFor(line));
      for await (const { line, record, calls } of this.#watched(asked, ({ line }) => line)) {
        hits++;
        await this.#tell(line, record, calls, style);
      }
      return { hits, code: await this.#reading.finish() };
    }
    const { lines, isSelected } = await this.#where.read(this.#tape, this.#reading);
    for await (const line of this.#watched(lines, (line) => line)) {
      const isHit = isSelected(line) && this.#where.isAskedFor(line);
      const record = isHit || isTelling(line) ? this.#reading.parse(line) : undefined;
      if (!isHit || record === undefined) continue;
      hits++;
      await this.#printJson(line);
    }
    return { hits, code: await this.#reading.finish() };
  }

  /** What fits, with the whole operation around each hit. */
  async #printOperations(isJson: boolean, style: Style): Promise<Found> {
    const calls = new Calls();
    const chosen = await this.#operations();
    const operations = new Operations();
    const isSelected = await this.#where.test(this.#tape, this.#reading);
    let hits = 0;
    for await (const line of this.#watched(this.#reading.lines(), (line) => line)) {
      let isTold = isSelected(line) && this.#where.isAskedFor(line);
      const record = isTold || isTelling(line) || isFrame(line) ? this.#reading.parse(line) : undefined;
      if (record === undefined) continue;
      if (isTold) hits++;
      // A gap may be the request to an answer.
      if (record.type === "frame" || record.type === "gap") {
        isTold = chosen.has(operations.requestsOf(record)) || isTold;
      }
      if (isTold && isJson) await this.#printJson(line);
      else if (isTold) await this.#tell(line, record, calls, style);
      else calls.learn(record);
    }
    return { hits, code: await this.#reading.finish() };
  }

  async #printJson(line: TapeLine): Promise<void> {
    const { stdout, isTty } = this.#io;
    await stdout.write(`${isTty ? harmlessJson(line.text()) : line.text()}\n`);
  }

  async #tell(line: TapeLine, record: TapeRecord, calls: Calls, style: Style): Promise<void> {
    const width = this.#labelWidth;
    const room = lineWidth(this.#io) - (width > 0 ? width + 1 : 0);
    const told = describeRecord(line, record, calls, style, Math.max(room, MIN_WIDTH));
    const label = width > 0 ? `${style.dim(pad(labelOf(this.#tape), width))} ` : "";
    await this.#io.stdout.write(`${label}${told}\n`);
  }

  /** What is hit may come behind what belongs to it: so the tape is read once before. */
  async #operations(): Promise<ChosenOperations> {
    const { store, key } = this.#tape;
    const isSelected = await this.#where.test(this.#tape, this.#reading);
    const chosen = new ChosenOperations();
    for await (const line of this.#reading.linesBetween(0, await store.size(key) ?? 0)) {
      const isHit = isSelected(line) && this.#where.isAskedFor(line);
      if (line.type !== "frame" && line.type !== "gap" && !isHit) continue;
      const record = recordOn(line);
      if (record?.type === "frame" || record?.type === "gap") chosen.see(record, isHit);
      else if (record?.type === "correlation") chosen.choose(record.request_seq);
    }
    return chosen;
  }

  async *#watched<T>(all: AsyncIterable<T>, lineOf: (each: T) => TapeLine): AsyncGenerator<T> {
    const { store, key } = this.#tape;
    const progress = new Progress(await store.size(key) ?? 0, this.#io);
    try {
      for await (const each of all) {
        progress.at(lineOf(each).offset);
        yield each;
      }
    } finally {
      progress.clear();
    }
  }
}

function isFrame({ type }: TapeLine): boolean {
  return type === "frame";
}

/** `tapeline grep` */
export const grep: Command = { name: "grep", summary: "what a query selects, from one tape or many", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(grep);
