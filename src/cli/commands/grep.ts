import type { TapeLine } from "../../lines/line.ts";
import { recordOn } from "../../lines/parse-line.ts";
import { parseQuery, type Query } from "../../query/query.ts";
import { type OpenedTape, openTape, tapeFolder } from "../arguments/tape-argument.ts";
import { parseOptions, styleOption } from "../arguments/options.ts";
import { TapeReading } from "../arguments/tape-reading.ts";
import { Where } from "../arguments/where.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { describeRecord, isNoteworthy, lineWidth } from "../report/describe-record.ts";
import { Calls } from "../summary/calls.ts";
import { ChosenOperations, Operations } from "../summary/operations.ts";
import { Progress } from "../terminal/progress.ts";
import { asciiJson, escapeControls, harmlessJson, type Style } from "../terminal/text.ts";

const HELP = `Prints what a query selects from tapes, a line each.

Usage:
  tapeline grep [-c] [-C] [--json] [--color WHEN] [--dir DIR] QUERY [TAPE…]

The lines are those of "tapeline cat"; where there are several tapes, each line
says which one it is from. "tapeline help query" explains queries; "tapeline
filter" makes a tape of what one selects.

Options:
  -c, --count    only how many frames fit, of each tape
  -C, --context  the whole operation around each frame that fits: the request,
                 its answer, and what else belongs to it
  --json         the lines of the tapes, as they stand there; with -c an object
                 for each tape
  --color WHEN   auto, always or never; auto, the default, asks the terminal,
                 NO_COLOR and FORCE_COLOR
  --dir DIR      where tapes are kept; by default $TAPELINE_DIR or ./tapes

Exit codes:
  0  something fits
  1  nothing does, or a tape could not be read
  2  wrong use, no such tape, or no query
  3  a tape is damaged or has gaps; stderr says where

Examples:
  tapeline grep method:ping latest
  tapeline grep -c kind:request latest latest-1
  tapeline grep --json id:3 session.jsonl | jq .env.message
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("grep", args, {
    count: { type: "boolean", short: "c" },
    context: { type: "boolean", short: "C" },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
  });
  const [text, ...names] = positionals;
  if (text === undefined) throw new UsageError('grep needs a query; see "tapeline grep --help"');
  if (values.count === true && values.context === true) throw new UsageError("-c and -C exclude each other");
  const query = parseQuery(text);
  const style = styleOption(values.color, io);
  const folder = tapeFolder(values.dir, io.env);
  const tapes: OpenedTape[] = [];
  for (const name of names.length === 0 ? ["latest"] : names) tapes.push(await openTape(name, folder));
  let [hits, code] = [0, 0];
  for (const tape of tapes) {
    const search = new Search(tape, query, io, tapes.length > 1);
    const found = values.count === true
      ? await search.count(values.json === true)
      : await search.print(values.json === true, values.context === true, style);
    hits += found.hits;
    code = Math.max(code, found.code);
  }
  return code !== 0 ? code : hits > 0 ? 0 : 1;
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
  readonly #isNamed: boolean;

  /** @param isNamed whether it has to be said which tape it is */
  constructor(tape: OpenedTape, query: Query, io: CommandIo, isNamed: boolean) {
    this.#tape = tape;
    this.#io = io;
    this.#isNamed = isNamed;
    this.#reading = new TapeReading(tape, io);
    this.#where = new Where(String(query));
  }

  async count(isJson: boolean): Promise<Found> {
    let hits = 0;
    const { lines, isSelected } = await this.#where.read(this.#tape, this.#reading);
    for await (const line of this.#watched(lines)) if (isSelected(line) && isFrame(line)) hits++;
    const { path, init: { tape_id } } = this.#tape;
    const text = isJson
      ? asciiJson({ tape_id, path, count: hits })
      : `${this.#isNamed ? `${escapeControls(path)}:` : ""}${hits}`;
    await this.#io.stdout.write(`${text}\n`);
    return { hits, code: await this.#reading.finish() };
  }

  /** @param withContext whether the whole operation around each hit is printed */
  async print(isJson: boolean, withContext: boolean, style: Style): Promise<Found> {
    const { stdout, isTty } = this.#io;
    const calls = new Calls();
    const name = this.#isNamed ? style.dim(`${escapeControls(this.#tape.path)}: `) : "";
    const chosen = withContext ? await this.#operations() : undefined;
    const operations = new Operations();
    // Of an answer it is told what was asked: for that all has to be read.
    const needsAll = !isJson || withContext;
    const asked = needsAll
      ? { lines: this.#reading.lines(), isSelected: await this.#where.test(this.#tape, this.#reading) }
      : await this.#where.read(this.#tape, this.#reading);
    let hits = 0;
    for await (const line of this.#watched(asked.lines)) {
      let isSelected = asked.isSelected(line) && isAskedFor(line);
      if (isSelected) hits++;
      const isNeeded = isSelected || line.type === undefined || isFrame(line) && needsAll;
      const record = isNeeded ? this.#reading.parse(line) : undefined;
      if (record === undefined) continue;
      if (chosen !== undefined && record.type === "frame") {
        isSelected = chosen.has(operations.requestsOf(record)) || isSelected;
      }
      if (isJson) {
        if (isSelected) await stdout.write(`${isTty ? harmlessJson(line.text()) : line.text()}\n`);
        continue;
      }
      const told = describeRecord(line, record, calls, style, lineWidth(this.#io, undefined));
      if (isSelected && isNoteworthy(record)) await stdout.write(`${name}${told}\n`);
    }
    return { hits, code: await this.#reading.finish() };
  }

  /** What is hit may come behind what belongs to it: so the tape is read once before. */
  async #operations(): Promise<ChosenOperations> {
    const { store, key } = this.#tape;
    const isSelected = await this.#where.test(this.#tape, this.#reading);
    const chosen = new ChosenOperations();
    for await (const line of this.#reading.linesBetween(0, await store.size(key) ?? 0)) {
      const isHit = isSelected(line);
      if (line.type !== "frame") continue;
      const record = recordOn(line);
      if (record?.type === "frame") chosen.see(record, isHit);
    }
    return chosen;
  }

  async *#watched(lines: AsyncIterable<TapeLine>): AsyncGenerator<TapeLine> {
    const { store, key } = this.#tape;
    const progress = new Progress(await store.size(key) ?? 0, this.#io);
    try {
      for await (const line of lines) {
        progress.at(line.offset);
        yield line;
      }
    } finally {
      progress.clear();
    }
  }
}

function isFrame({ type }: TapeLine): boolean {
  return type === "frame";
}

/** Whether a selected line is what was asked for, and not only what the tape cannot do without. */
function isAskedFor({ type }: TapeLine): boolean {
  return type !== "init" && type !== "gap" && type !== "end" && type !== "correlation" && type !== "checkpoint";
}

/** `tapeline grep` */
export const grep: Command = { name: "grep", summary: "what a query selects, from one tape or many", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(grep);
