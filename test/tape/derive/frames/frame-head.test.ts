import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../../helpers/properties.ts";
import { TapeLine } from "../../../../src/lines/line.ts";
import { parseLine } from "../../../../src/lines/parse-line.ts";
import type { FrameRecord } from "../../../../src/records/record.ts";
import { messageText } from "../../../../src/records/recorded-text.ts";
import { FrameHead } from "../../../../src/tape/derive/frames/frame-head.ts";
import { FrameRewriter } from "../../../../src/tape/derive/frames/frame-rewriter.ts";
import { utf8 } from "../../../helpers/bytes.ts";

const LINES = [
  '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":{}}}',
  '{"type":"frame","seq":17,"ts":5,"dir":"server_to_client","ts_us":5003,"correlation_id":"corr-9","env":{"message":[1,"}"]}}',
  '{"type":"frame","seq":9,"ts":1,"dir":"client_to_server","ts_us":1,"correlation_id":"corr-9","flags":{"requires_response":true},' +
  '"env":{"message": {"id":1.0,"x":"☃\\u00e9\\"}}","a":{"env":{"message":2}}} }}',
  '{"type":"frame","seq":2,"ts":7,"dir":"client_to_server","flags":{"is_error":true,"is_tool_error":null},"origin":{"tape":1,' +
  '"seq":40,"ts":3,"origin":{"seq":8}},"env":{"message":"text"}}',
];

/** What the bytes say, if they can be copied as they are. */
function headOf(text: string, behind = "\n"): { head: FrameHead; message: string } | undefined {
  const line = utf8(text);
  const bytes = utf8(`before\n${text}${behind}`);
  const start = "before\n".length;
  const head = new FrameHead();
  if (!head.read(bytes, start, start + line.length) || !new FrameRewriter(head).isJson()) return undefined;
  return { head, message: new TextDecoder().decode(bytes.subarray(head.messageStart, head.end - 2)) };
}

function check(text: string): boolean {
  const found = headOf(text);
  if (found === undefined) return false;
  const line = utf8(text);
  const record = parseLine(new TapeLine(line, 0, line.length, 0, 1, true)) as FrameRecord;
  const { head, message } = found;
  const { seq, ts, ts_us, dir, correlation_id, flags, origin } = record;
  assert.is(record.type, "frame", text);
  assert.equal(
    [head.seq, head.ts, head.tsUs, head.isFromClient],
    [seq, ts, ts_us ?? -1, dir === "client_to_server"],
    text,
  );
  assert.is(head.correlation < 0 ? undefined : `corr-${head.correlation}`, correlation_id, text);
  assert.equal(head.flags, flags, text);
  const spelled = new TextDecoder().decode(head.bytes.subarray(head.originStart, head.originEnd));
  assert.equal(spelled === "" ? undefined : JSON.parse(spelled), origin, text);
  assert.is(message, messageText(record), text);
  return true;
}

test("FrameHead reads what this library writes", () => {
  for (const line of LINES) assert.ok(check(line), line);
});

test("FrameHead takes no line for a frame that is none, and reads of every frame what a parser does", () => {
  const spliced = fc.tuple(
    fc.constantFrom(...LINES),
    fc.nat(),
    fc.nat({ max: 8 }),
    fc.constantFrom(
      "",
      "0",
      "}",
      "{",
      '"',
      "\\",
      ",",
      " ",
      "\u0000",
      "é",
      ',"seq":1',
      '"x":1,',
      "}}",
      "-",
      "1e5",
      "\\ud800",
      "corr-",
    ),
  );
  let taken = 0;
  fc.assert(
    fc.property(spliced, fc.nat(), fc.string(), ([line, at, count, text], again, more) => {
      const place = at % (line.length + 1);
      const once = line.slice(0, place) + text + line.slice(place + count);
      if (check(once)) taken++;
      const twice = again % (once.length + 1);
      if (check(once.slice(0, twice) + more.replace(/[\r\n]/g, "") + once.slice(twice))) taken++;
    }),
    { numRuns: 20_000 },
  );
  assert.ok(taken > 500, String(taken));
});

test("FrameHead does not read a line behind which nothing stands to stop at", () => {
  const torn = '{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":"}}';
  assert.is(headOf(torn), undefined);
  assert.is(headOf(LINES[0]!, ""), undefined);
  assert.ok(headOf(LINES[0]!, "\r\n") !== undefined);
  assert.ok(headOf(LINES[0]!, "\u0000") !== undefined);
});

test.run();
