import { cacheFolder } from "../cache-folder.ts";
import type { Command, CommandIo } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { infoReport, isLocked, type TapeInfo } from "../report/info-report.ts";
import { numberOption, optionalArgument, parseOptions, styleOption } from "../arguments/options.ts";
import { Progress } from "../terminal/progress.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { openTape, tapeFolder } from "../arguments/tape-argument.ts";
import type { SessionEnd } from "../../records/metadata.ts";
import { TapeReading } from "../arguments/tape-reading.ts";
import { type AskedLines, Where } from "../arguments/where.ts";
import { tapeState } from "../../tape/read/tape-state.ts";
import { tableWidth } from "../report/describe-record.ts";
import { sealedFacts } from "../summary/sealed/sealed-facts.ts";
import { factsOf } from "../summary/tape-facts.ts";
import { TapeSummary } from "../summary/tape-summary.ts";
import { asciiJson } from "../terminal/text.ts";

const HELP = `Tells what is on a tape: counted from the tape itself, in one pass.

Usage:
  tapeline info [--where QUERY] [--top N] [--json] [--no-cache] [--color WHEN]
                [--dir DIR] [TAPE]

Methods are listed with their count, errors and latencies: half of the answers
came within p50, 95 % within p95. Errors are JSON-RPC errors and results of
tools that say "isError". A tape that is damaged or has gaps gives exit code 3.
STRANGE lists what the peers should not do (lines that are no protocol, answers
to nothing, ids used twice, …), with the number of the first frame of each.

Of a tape that was finalized, and whose checksums fit, no more is parsed than
the report shows: what the writer has noted of each message is believed, and of
a message that names a member twice, the first one counts. Any other tape is
parsed from end to end. What was found out of a tape of 4 MiB or more is kept
for the next time, in tapeline/info in the user's cache folder, by default
~/.cache: names, ids and numbers, not what messages carry.

Options:
  --where QUERY count only what the query selects: see "tapeline help query"
  --top N       how many slow calls, errors and other things to list; by default
                5
  --json        all of it as one JSON object on one line; times in milliseconds
  --no-cache    neither use what was found out before, nor keep it
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Examples:
  tapeline info latest
  tapeline info --top 20 session.jsonl
  tapeline info --where 'tool:search at:+10s..+30s' latest
  tapeline info --json latest | jq .performance.p95_rtt_ms
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("info", args, {
    where: { type: "string" },
    top: { type: "string" },
    json: { type: "boolean" },
    "no-cache": { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const top = numberOption("--top", values.top, "0 or more", (n) => Number.isSafeInteger(n) && n >= 0) ?? 5;
  const where = new Where(values.where);
  const style = styleOption(values.color, io);
  const keys = await keysOf(values, io, "tell");
  const tape = await openTape(optionalArgument("info", positionals), tapeFolder(values.dir, io.env), keys);
  const reading = new TapeReading(tape, io);
  const sizeBytes = await tape.store.size(tape.key) ?? 0;
  const progress = new Progress(sizeBytes, io);
  const cache = values["no-cache"] === true ? undefined : cacheFolder("info", io.env);
  const isAll = where.query === undefined;
  const sealed = isAll ? await sealedFacts(tape, sizeBytes, { top, cache, signal: io.signal }, progress) : undefined;
  const asked = sealed === undefined ? await where.read(tape, reading) : undefined;
  const facts = sealed ?? factsOf(await parsedSummary(asked!, reading, sizeBytes, top, progress), sizeBytes);
  progress.clear();

  const known: TapeInfo = {
    tape,
    state: await tapeState(tape.store, tape.tapeId, tape.metadata),
    sizeBytes,
    facts,
    reading,
    where: isAll ? undefined : String(where.query),
  };
  if (values.json === true) {
    await io.stdout.write(`${asciiJson({ ...infoObject(known), ...isAll ? {} : { where: String(where.query) } })}\n`);
  } else await io.stdout.write(`${infoReport(known, top, style, tableWidth(io), Date.now()).join("\n")}\n`);
  return await reading.finish();
}

/** The summary of any tape up to a byte of it: each line that is asked for is parsed. */
async function parsedSummary(
  { lines, isSelected }: AskedLines,
  reading: TapeReading,
  end: number,
  top: number,
  progress: Progress,
): Promise<TapeSummary> {
  const summary = new TapeSummary(top);
  for await (const line of lines) {
    if (line.offset >= end) break;
    // What the query does not ask for is not looked at, but for what cannot be read.
    const isCounted = isSelected(line);
    const record = isCounted || line.type === undefined ? reading.parse(line) : undefined;
    if (isCounted && record !== undefined) summary.add(record);
    progress.at(line.offset);
  }
  summary.end();
  return summary;
}

const ms = (us: number | null) => us === null ? null : us / 1000;

function infoObject({ tape, state, facts, reading }: TapeInfo): object {
  const { unfinished } = reading;
  const { stats, performance } = facts;
  return {
    tape_id: tape.init.tape_id,
    path: tape.path,
    state,
    is_locked: isLocked(tape),
    init: tape.init,
    metadata: tape.metadata ?? null,
    client: facts.client ?? null,
    server: facts.server ?? null,
    protocol_version: facts.protocolVersion ?? tape.init.protocol_version ?? null,
    stats,
    performance,
    end: endObject(facts.sessionEnd ?? tape.metadata?.end),
    methods: facts.methods.map(({ label, p50, p95, max, ...rest }) => ({
      method: label,
      ...rest,
      p50_ms: ms(p50),
      p95_ms: ms(p95),
      max_ms: ms(max),
    })),
    slowest: facts.slowest.map(({ label, requestSeq, responseSeq, ts, us }) => ({
      method: label,
      request_seq: requestSeq,
      response_seq: responseSeq,
      ts: ts ?? null,
      rtt_ms: us / 1000,
    })),
    errors: facts.errors.map(({ label, firstSeq, ...rest }) => ({ method: label, ...rest, first_seq: firstSeq })),
    tool_error_count: stats.tool_error_count ?? 0,
    invalid_count: facts.invalid,
    log_count: facts.logs,
    unanswered: facts.open.map(({ label, ts, ...rest }) => ({ method: label, ...rest, ts: ts ?? null })),
    strange: facts.strange.map(({ firstSeq, ...rest }) => ({ ...rest, first_seq: firstSeq })),
    gaps: facts.gaps.map(({ type: _, ...gap }) => gap),
    damaged_line_count: reading.damagedCount,
    damaged_lines: reading.damaged.map(({ code, line = null, offset = null, length = null, message }) => {
      return { code, line, offset, length, message };
    }),
    unfinished_line: unfinished === undefined ? null : { offset: unfinished.offset, length: unfinished.length },
  };
}

/** How the session has ended, without what is not about that. */
function endObject(end: SessionEnd | null | undefined): SessionEnd | null {
  if (end == null) return null;
  const { ts = null, exit_code = null, signal = null, exit_ts = null, error = null, closed = [] } = end;
  return { ts, exit_code, signal, exit_ts, error, closed };
}

/** `tapeline info` */
export const info: Command = {
  name: "info",
  summary: "statistics, slowest calls and errors of a tape",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(info);
