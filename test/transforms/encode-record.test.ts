import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { isTapeError, type TapeErrorCode } from "../../src/errors.ts";
import { jsonText } from "../../src/json/json-text.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { FrameRecord, TapeRecord } from "../../src/records/record.ts";
import { messageText } from "../../src/records/recorded-text.ts";
import { DEFAULT_MAX_LINE_BYTES } from "../../src/transforms/line-split.ts";
import { encodeRecord } from "../../src/transforms/encode-record.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { memorySink } from "../../src/sinks/memory.ts";
import { utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

/** What is written, as text. The records need not be any. */
async function encoded(records: readonly unknown[]): Promise<string> {
  const tape = memorySink();
  await pipe(records as TapeRecord[], encodeRecord(), tape);
  return tape.text();
}

function parsed(text: string): Promise<TapeRecord[]> {
  return collect(pipe([utf8(text)], lineSplit(), parseRecord()));
}

const frame = (message: unknown, more: Partial<FrameRecord> = {}): FrameRecord => ({
  type: "frame",
  seq: 0,
  ts: 1,
  dir: "client_to_server",
  ...more,
  env: { message },
});
const HEAD = '{"type":"frame","seq":0,"ts":1,"dir":"client_to_server"';

const table: [record: unknown, line: string][] = [
  [frame({ id: 1 }), `${HEAD},"env":{"message":{"id":1}}}`],
  // The header comes first, the message last, whatever the order in memory.
  [
    {
      env: { message: [1], timestamp: "t" },
      dir: "client_to_server",
      action: { type: "delay" },
      ts: 1,
      seq: 0,
      type: "frame",
    },
    `${HEAD},"action":{"type":"delay"},"env":{"timestamp":"t","message":[1]}}`,
  ],
  [
    frame(null, { ts_us: 1203, correlation_id: "corr-0", flags: { requires_response: true } }),
    `${HEAD},"ts_us":1203,"correlation_id":"corr-0","flags":{"requires_response":true},"env":{"message":null}}`,
  ],
  [{ ...frame(0), env: { encoding: "base64", raw: "/w==" } }, `${HEAD},"env":{"encoding":"base64","raw":"/w=="}}`],
  [
    { stream: "stderr", text: 'a"\n\u2028é\ud800', ts: 4, type: "log" },
    '{"type":"log","stream":"stderr","text":"a\\"\\n\u2028é\\ud800","ts":4}',
  ],
  [
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x", protocol_version: null },
    '{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"x","protocol_version":null}',
  ],
  [
    {
      type: "correlation",
      id: "corr-0-1",
      request_seq: 0,
      response_seq: 1,
      request_ts: 1,
      response_ts: 2,
      rtt_ms: 1.5,
      status: "success",
      rtt_us: 1490,
      late: true,
    },
    '{"type":"correlation","id":"corr-0-1","request_seq":0,"response_seq":1,"request_ts":1,"response_ts":2,"rtt_ms":1.5,"status":"success","rtt_us":1490,"late":true}',
  ],
  [
    {
      type: "correlation",
      id: 'c"1',
      request_seq: 0,
      response_seq: null,
      request_ts: 1,
      response_ts: null,
      rtt_ms: null,
      status: "timeout",
    },
    '{"type":"correlation","id":"c\\"1","request_seq":0,"response_seq":null,"request_ts":1,"response_ts":null,"rtt_ms":null,"status":"timeout"}',
  ],
  [
    { type: "correlation", id: "c1", request_seq: 0, rtt_ms: 3 },
    '{"type":"correlation","id":"c1","request_seq":0,"rtt_ms":3}',
  ],
  [{ type: 'no"te', "a\nb": [1, { c: null }], n: -0.5 }, '{"type":"no\\"te","a\\nb":[1,{"c":null}],"n":-0.5}'],
  // What JSON leaves out is left out, what it makes null is null.
  [{ type: "note", a: undefined, b: NaN, c: [undefined, Infinity] }, '{"type":"note","b":null,"c":[null,null]}'],
  [
    JSON.parse('{"type":"note","__proto__":{"a":1},"constructor":2}'),
    '{"type":"note","__proto__":{"a":1},"constructor":2}',
  ],
];

test("encodeRecord() writes canonical lines", async () => {
  for (const [record, line] of table) assert.is(await encoded([record]), line + "\n");
  assert.is(await encoded(table.map(([record]) => record)), table.map(([, line]) => line + "\n").join(""));
});

test("encodeRecord() emits one chunk for each line, whole", async () => {
  const chunks = await collect(pipe([frame(1), frame(2)], encodeRecord()));
  assert.equal(chunks.map((chunk) => new TextDecoder().decode(chunk)), [
    `${HEAD},"env":{"message":1}}\n`,
    `${HEAD},"env":{"message":2}}\n`,
  ]);
});

/** Texts, and what becomes of them on a line where that is not the same. */
const texts: [text: string, onLine?: string][] = [
  ['{"jsonrpc":"2.0","id":12345678901234567890,"result":{"total":1.0}}'],
  ["[9007199254740993,1e400,-0,0.10,1E+2]"],
  ['{"a":1,"a":2}'],
  ['{"2":0,"1":0}'],
  ['{"__proto__":{"polluted":true}}'],
  ['"\\u0041\\/\\ud800 \\u2028"'],
  ['"\u2028\u2029\u007f\ufeff漢字 🎞️"'],
  ['"\ud800 and \udc00 alone"', '"\\ud800 and \\udc00 alone"'],
  ["null"],
  ["true"],
  [' { "id" : 1 } '],
  ['{\n  "id": 1,\r\n  "list": [\n]\r}', '{   "id": 1,    "list": [ ] }'],
  ["[".repeat(10_000) + "]".repeat(10_000)],
];

const onLines = texts.map(([given, onLine]) => onLine ?? given);

test("encodeRecord() splices in the text of a jsonText as it is, with spaces for the ends of lines", async () => {
  for (const [given, onLine = given] of texts) {
    assert.is(await encoded([frame(jsonText(given))]), `${HEAD},"env":{"message":${onLine}}}\n`);
  }
});

test("encodeRecord() copies the text of a message that was read from a tape", async () => {
  for (const onLine of onLines) {
    const line = `${HEAD},"env":{"message":${onLine}}}\n`;
    const records = await parsed(line);
    assert.is(await encoded(records), line);
    assert.is(messageText(records[0] as FrameRecord), onLine);
  }
});

test("encodeRecord() copies a canonical tape byte by byte, whatever its messages are", async () => {
  const text = fc.oneof(
    fc.json({ stringUnit: "binary" }),
    fc.constantFrom(...onLines),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 10 }), async (messages) => {
      const tape = messages.map((message, seq) =>
        `{"type":"frame","seq":${seq},"ts":1,"dir":"server_to_client","ts_us":5,"env":{"message":${message}}}\n`
      ).join("");
      assert.is(await encoded(await parsed(tape)), tape);
    }),
    { includeErrorInReport: true },
  );
});

test("encodeRecord() makes lines of a foreign tape canonical, all but the messages", async () => {
  const foreign =
    ' { "env" : { "message" : {"id":1.0, "a":1,"a":2} , "x":null } , "seq":0, "dir" : "client_to_server", "ts" : 1.0, "type":"frame" } \r\n';
  assert.is(await encoded(await parsed(foreign)), `${HEAD},"env":{"x":null,"message":{"id":1.0, "a":1,"a":2}}}\n`);
});

test("encodeRecord() writes a message anew that was changed since it was read, however deep", async () => {
  const tape = `${HEAD},"env":{"message":{"id":1.0,"params":{"list":[{"n":1.0}]}}}}\n`;
  const [record] = await parsed(tape) as [FrameRecord & { env: { message: { params: { list: { n: number }[] } } } }];
  record.env.message.params.list[0]!.n = 2;
  assert.is(await encoded([record]), `${HEAD},"env":{"message":{"id":1,"params":{"list":[{"n":2}]}}}}\n`);
  record.env.message.params.list[0]!.n = 1;
  assert.is(await encoded([record]), tape);
});

test("encodeRecord() writes the other fields as they are now", async () => {
  const [record] = await parsed(`${HEAD},"flags":{"is_error":true},"env":{"message":{"id":1.0}}}\n`) as [FrameRecord];
  record.seq = 7;
  record.flags = { is_error: false };
  record.env.timestamp = "t";
  await encoded([record]);
  record.flags.is_error = null;
  assert.is(
    await encoded([record]),
    '{"type":"frame","seq":7,"ts":1,"dir":"client_to_server","flags":{"is_error":null},"env":{"timestamp":"t","message":{"id":1.0}}}\n',
  );
});

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(fc.option(arbitrary, { nil: null }), { nil: undefined });
const text = fc.string({ unit: "binary", maxLength: 70 });
const dir = fc.constantFrom("client_to_server" as const, "server_to_client" as const);
const duration = fc.double({ min: 0, noDefaultInfinity: true, noNaN: true });
const flags = fc.record({ is_error: fc.boolean(), is_notification: fc.constant(null), more: fc.jsonValue() }, {
  requiredKeys: [],
});
const extra = fc.dictionary(fc.string({ unit: "binary" }).map((key) => `x${key}`), fc.jsonValue(), { maxKeys: 2 });
const anyRecord: fc.Arbitrary<object> = fc.oneof(
  fc.record({
    type: fc.constant("frame"),
    seq: fc.maxSafeNat(),
    ts: fc.maxSafeNat(),
    dir,
    ts_us: optional(fc.maxSafeNat()),
    action: optional(fc.dictionary(text, fc.jsonValue(), { maxKeys: 2 })),
    correlation_id: optional(text),
    flags: optional(flags),
    transport: optional(fc.constant({ stdio: { args: ["a"] } })),
    env: fc.record({ message: fc.jsonValue(), timestamp: optional(text), session_id: optional(text) }, {
      requiredKeys: ["message"],
    }),
  }),
  fc.record({
    type: fc.constant("correlation"),
    id: text,
    request_seq: fc.maxSafeNat(),
    response_seq: optional(fc.maxSafeNat()),
    request_ts: optional(fc.maxSafeNat()),
    response_ts: optional(fc.maxSafeNat()),
    rtt_ms: optional(duration),
    rtt_us: optional(duration),
    status: optional(text),
    late: optional(fc.boolean()),
  }),
  fc.record({ type: fc.constant("log"), ts: fc.maxSafeNat(), stream: text, text }),
  fc.record({ type: text.map((type) => `x${type}`) }),
);

/** Its JSON text with the keys of each object in one order. */
function sorted(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) =>
      typeof part !== "object" || part === null || Array.isArray(part)
        ? part
        : Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1)),
  );
}

test("encodeRecord() writes whatever a record holds, and parseRecord() reads it back", async () => {
  const records = fc.array(fc.tuple(anyRecord, extra).map(([record, more]) => ({ ...record, ...more })), {
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(records, async (records) => {
      const tape = await encoded(records);
      assert.is(tape.split("\n").length, records.length + 1);
      assert.equal((await parsed(tape)).map(sorted), records.map(sorted));
    }),
    { numRuns: 500, includeErrorInReport: true },
  );
});

function isError(error: unknown, code: TapeErrorCode, message: RegExp): void {
  assert.ok(isTapeError(error, code), String(error));
  assert.match(error.message, message);
}

test("encodeRecord() throws serialization for what has no JSON text, behind the lines before it", async () => {
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  const bad: [record: unknown, message: RegExp, hasCause?: boolean][] = [
    [frame(jsonText("{")), /^Cannot encode a message: its text is not JSON$/],
    [frame(jsonText("")), /its text is not JSON$/],
    [frame(jsonText('{"id":1} x')), /its text is not JSON$/],
    [frame(jsonText('{"id":01}')), /its text is not JSON$/],
    [frame(1n), /^Cannot encode a message: .*BigInt/, true],
    [frame({ deep: [1n] }), /BigInt/, true],
    [frame(circle), /^Cannot encode a message: /, true],
    [frame(() => {}), /^Cannot encode a message: a value of type function has no JSON text$/],
    [frame(Symbol("x")), /^Cannot encode a message: a value of type symbol has no JSON text$/],
    [frame({ toJSON: () => undefined }), /^Cannot encode a message: a value of type object has no JSON text$/],
    [frame(1, { action: circle }), /^Cannot encode the field action of a record: /, true],
    [{ type: "note", n: 1n }, /^Cannot encode the field n of a record: /, true],
    [
      { type: "note", f: () => {} },
      /^Cannot encode the field f of a record: a value of type function has no JSON text$/,
    ],
    // What is no record.
    [frame(undefined), /^Cannot write a record: env/],
    [{ ...frame(1), seq: -1 }, /^Cannot write a record: seq: /],
    [{ ...frame(1), dir: "sideways" }, /^Cannot write a record: dir: /],
    [{ ts: 1 }, /^Cannot write a record: .*type/],
    [null, /^Cannot write a record: /],
    ["text", /^Cannot write a record: /],
  ];
  for (const [record, message, hasCause = false] of bad) {
    const tape = memorySink();
    const error = await reasonOf(pipe([frame(1), record] as TapeRecord[], encodeRecord(), tape));
    isError(error, "serialization", message);
    assert.is((error as Error).cause !== undefined, hasCause, String(message));
    assert.is(tape.text(), `${HEAD},"env":{"message":1}}\n`);
  }
});

test("encodeRecord() says in one line why a value has no JSON text", async () => {
  const circle: Record<string, unknown> = { a: {} };
  circle.a = { b: circle };
  const error = await reasonOf(encoded([frame(circle)])) as Error;
  assert.not.match(error.message, /\n/);
});

test("encodeRecord() writes a line of maxLineBytes and refuses a longer one, counted in bytes", async () => {
  const line = `${HEAD},"env":{"message":"é漢"}}`;
  const length = utf8(line).length;
  const take = (maxLineBytes: number) => collect(pipe([frame("é漢")], encodeRecord({ maxLineBytes })));
  assert.is((await take(length))[0]!.length, length + 1);
  const error = await reasonOf(take(length - 1));
  isError(error, "line_too_long", /^Cannot write a frame record: it has \d+ bytes, the limit is \d+$/);
  assert.is((error as { length?: number }).length, length);
});

test("encodeRecord() has the limit of lineSplit() by default", async () => {
  const around = utf8(`${HEAD},"env":{"message":""}}`).length;
  const fits = frame("x".repeat(DEFAULT_MAX_LINE_BYTES - around));
  const [line] = await collect(pipe([fits], encodeRecord()));
  assert.is(line!.length, DEFAULT_MAX_LINE_BYTES + 1);
  assert.is((await collect(pipe([line!], lineSplit())))[0]!.length, DEFAULT_MAX_LINE_BYTES);
  const long = frame("x".repeat(DEFAULT_MAX_LINE_BYTES - around + 1));
  isError(await reasonOf(encoded([long])), "line_too_long", /frame/);
});

test("encodeRecord() leaves a line as it is when later ones come, long and short", async () => {
  const messages = Array.from({ length: 3000 }, (_, at) => String(at).repeat(at % 500 === 0 ? 40_000 : 40));
  const chunks = await collect(pipe(messages.map((message) => frame(message)), encodeRecord()));
  for (const [at, chunk] of chunks.entries()) {
    assert.ok(new TextDecoder().decode(chunk) === `${HEAD},"env":{"message":"${messages[at]}"}}\n`, `line ${at}`);
  }
  assert.is(chunks.length, messages.length);
});

test.run();
