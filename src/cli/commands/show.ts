import { messageHeader } from "../../records/jsonrpc.ts";
import { optionalArgument, parseOptions, styleOption } from "../arguments/options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { openTape, tapeFolder } from "../arguments/tape-argument.ts";
import { TapeReading } from "../arguments/tape-reading.ts";
import { type Command, type CommandIo, UsageError } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { Calls, roundTripUs } from "../summary/calls.ts";
import { describeRecord, describeSeen } from "../report/describe-record.ts";
import { type Exchange, ExchangeSearch, type TapedFrame, type ToldFrame } from "../report/exchange.ts";
import { messageView, NO_LIMITS } from "../report/message-view.ts";
import { MessageOutput } from "../terminal/message-output.ts";
import { asciiJson, asciiText, escapeControls, type Style } from "../terminal/text.ts";
import { formatCount, plural } from "../terminal/units.ts";

const HELP = `Shows one message in full, with its answer or the request that it answers, how
long that took, and what came between.

Usage:
  tapeline show [--full] [--json | --raw] [--color WHEN] [--dir DIR] [TAPE] SEQ
  tapeline show [--full] [--json | --raw] [--color WHEN] [--dir DIR] --id ID
                [TAPE]

SEQ is the number that "tapeline tail" and "tapeline cat" print in front of each
message. Numbers, duplicate keys and escapes are shown as they stand; a string
that holds JSON is shown as the JSON that it holds. Only as much of the tape is
read as it takes.

Options:
  --id ID       the message with this JSON-RPC id, in place of SEQ
  --full        all of a long message; a terminal shows the beginning otherwise
  --json        what is found as one JSON object on one line, messages as they
                stand on the tape
  --raw         nothing but the message, to the letter as it crossed the wire
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  found
  1  failed
  2  wrong use, no such tape, or no such message on it
  3  found, but what was read of the tape is damaged; stderr says where

Examples:
  tapeline show 17
  tapeline show --full session.jsonl 17 | less
  tapeline show --id 5
  tapeline show --json latest 17 | jq .answer.env.message.result
`;

/** So many lines of a message are shown on a terminal: of the one that was asked for, and of the other one. */
const MAX_LINES = 100;
const MAX_OTHER_LINES = 30;
/** So many rows of a terminal a single line takes at most. */
const MAX_ROWS = 5;
/** So much of what came between is listed, without and with --full. */
const MAX_BETWEEN = 10;
const MAX_BETWEEN_FULL = 1000;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("show", args, {
    id: { type: "string" },
    full: { type: "boolean" },
    json: { type: "boolean" },
    raw: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  if (values.json === true && values.raw === true) throw new UsageError("--json and --raw exclude each other");
  const style = styleOption(values.color, io);
  const wanted = values.id === undefined ? seqArgument(positionals.at(-1)) : undefined;
  const name = optionalArgument("show", wanted === undefined ? positionals : positionals.slice(0, -1));
  const keys = await keysOf(values, io);
  const tape = await openTape(name, tapeFolder(values.dir, io.env), keys);
  const reading = new TapeReading(tape, io);
  const search = new ExchangeSearch(tape, reading);
  const found = await search.frame(wanted ?? await search.seqOf(values.id!));
  if (values.raw === true) {
    await new MessageOutput(io, (error) => reading.report(error)).write(found.frame);
    return await reading.finish();
  }
  const columns = io.columns;
  const requestSeq = holdsRequest(found) ? found.frame.seq : await search.requestOf(found);
  const exchange = requestSeq === undefined ? undefined : await search.exchange(
    requestSeq,
    (line, record, seen, calls) => describeSeen(line, record, seen, calls, style, columns),
    values.full === true ? MAX_BETWEEN_FULL : MAX_BETWEEN,
  );
  if (values.json === true) {
    await io.stdout.write(`${exchangeJson(found, exchange)}\n`);
    return await reading.finish();
  }
  const isBounded = io.isTty && values.full !== true;
  const width = columns * MAX_ROWS;
  const write = async (shown: ToldFrame) => {
    const lines = shown.frame.seq === found.frame.seq ? MAX_LINES : MAX_OTHER_LINES;
    await io.stdout.write(`${shown.text}\n`);
    for (const line of messageView(shown.frame, style, isBounded ? { lines, width } : NO_LIMITS)) {
      await io.stdout.write(`${line}\n`);
    }
  };
  if (exchange === undefined) {
    await write({ ...found, text: describeRecord(found.line, found.frame, new Calls(), style, columns) });
    return await reading.finish();
  }
  await write(exchange.request);
  for (const line of betweenLines(exchange, style)) await io.stdout.write(`${line}\n`);
  if (exchange.answer !== undefined) await write(exchange.answer);
  return await reading.finish();
}

/** @throws {UsageError} it is no number of a frame */
function seqArgument(text: string | undefined): number {
  if (text === undefined) throw new UsageError('show needs a SEQ, the number of a message; see "tapeline show --help"');
  const seq = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(seq)) return seq;
  throw new UsageError(
    `SEQ must be the number of a message, as "tapeline tail" shows it, not "${escapeControls(text)}"`,
  );
}

function holdsRequest({ frame }: TapedFrame): boolean {
  const { message, raw } = frame.env;
  if (message === undefined && raw != null) return false;
  const { kind } = messageHeader(message);
  return kind === "request" || (kind === "batch" && frame.flags?.requires_response === true);
}

/** What came between the two, or what became of the request. */
function betweenLines({ answer, correlation, between, betweenCount }: Exchange, style: Style): string[] {
  const what = answer === undefined ? "since then" : "meanwhile";
  const left = betweenCount - between.length;
  return [
    "",
    ...(betweenCount > 0 ? [style.dim(`${what}, ${plural(betweenCount, "record")}:`)] : []),
    ...between.map(({ text }) => text),
    ...(left > 0 ? [style.dim(`… ${formatCount(left)} more; "tapeline cat" shows them`)] : []),
    ...(betweenCount > 0 ? [""] : []),
    ...(answer === undefined ? [style.warn(outcome(correlation?.status ?? undefined, correlation?.response_seq))] : []),
  ];
}

function outcome(status: string | undefined, responseSeq: number | null | undefined): string {
  if (responseSeq != null) return `the answer, frame ${responseSeq}, could not be recorded`;
  switch (status) {
    case undefined:
      return "no answer yet";
    case "timeout":
      return "no answer in time";
    case "cancelled":
      return "cancelled, no answer";
    default:
      return "no answer";
  }
}

/** All of it on one line, in ASCII, with the frames as they stand on the tape. */
function exchangeJson(found: TapedFrame, exchange: Exchange | undefined): string {
  const { request, answer, correlation, between = [], betweenCount = 0 } = exchange ?? {};
  const us = correlation === undefined ? null : roundTripUs(correlation);
  const text = (frame: TapedFrame | undefined) => frame === undefined ? "null" : asciiText(frame.line.text());
  const isAnswer = found.frame.seq === answer?.frame.seq;
  const rest = {
    status: correlation?.status ?? null,
    rtt_ms: us === null ? null : us / 1000,
    between_count: betweenCount,
    between: between.map(({ type, seq = null, ts = null }) => ({ type, seq, ts })),
  };
  const frames = `"frame":${text(found)},"request":${text(isAnswer ? request : undefined)},` +
    `"answer":${text(isAnswer ? undefined : answer)}`;
  return `{"seq":${found.frame.seq},${frames},${asciiJson(rest).slice(1)}`;
}

/** `tapeline show` */
export const show: Command = { name: "show", summary: "one message with its answer", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(show);
