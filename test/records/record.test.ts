import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as v from "valibot";
import fc from "../helpers/properties.ts";
import { explainEnvelope, explainRecord, isMessageEnvelope, isTapeRecord } from "../../src/records/record-guard.ts";
import type { MessageEnvelope, TapeRecord, UnknownRecordType } from "../../src/records/record.ts";
import {
  CheckpointRecordSchema,
  CorrelationRecordSchema,
  EndRecordSchema,
  FrameRecordSchema,
  GapRecordSchema,
  InitRecordSchema,
  JsonEnvelopeSchema,
  LogRecordSchema,
  MessageEnvelopeSchema,
  RawEnvelopeSchema,
  TapeRecordSchema,
  UnknownRecordSchema,
} from "../../src/records/record-schema.ts";

const ISO = "2026-03-01T10:00:00.000Z";

// Lines as this library writes them, with every field there is.
const full = [
  `{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"${ISO}","protocol_version":"2025-11-25"}`,
  `{"type":"frame","seq":0,"ts":1,"dir":"client_to_server","ts_us":1203,"env":{"message":{"id":1},"direction":` +
  `"client_to_server","timestamp":"${ISO}","session_id":"s"},"action":{"type":"delay"},"transport":{"stdio":` +
  `{"process_id":9,"command":"server","args":["-v"]}},"correlation_id":"c1","flags":{"is_error":false,` +
  `"is_notification":false,"requires_response":true,"is_invalid":false,"is_stray":false,"is_tool_error":false}}`,
  `{"type":"frame","seq":1,"ts":2,"dir":"server_to_client","env":{"raw":"AP8=","encoding":"base64","line_end":"\\r\\n"},` +
  `"transport":` +
  `{"http":{"method":"POST","path":"/mcp","status":200,"connection":"a","exchange":4}},"flags":{"is_invalid":true}}`,
  `{"type":"correlation","id":"corr-0-1","request_seq":0,"response_seq":1,"request_ts":1,"response_ts":2,"rtt_ms":1,` +
  `"status":"success","rtt_us":1490,"continues":0,"late":false,"ambiguous":false}`,
  `{"type":"checkpoint","checkpoint_at":"${ISO}","seq":1,"stats":{"frame_count":2,"duration_ms":2,"file_size_bytes":` +
  `500,"last_sequence":1,"message_counts":{"client_to_server":1,"server_to_client":1},"error_count":0,` +
  `"correlation_count":1,"checkpoint_count":0,"lost_frame_count":0,"tool_error_count":0},"final":true}`,
  `{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"${ISO}","derived_from":[{"tape_id":"a",` +
  `"session_id":"s","created_at":"${ISO}","offset_ms":5,"by":"cut","query":"seq:1..2","derived_from":[{"tape_id":"b"}]}]}`,
  `{"type":"frame","seq":0,"ts":1,"dir":"client_to_server","origin":{"tape":1,"seq":7,"ts":0,"origin":{"seq":3}},"env":` +
  `{"message":0}}`,
  `{"type":"gap","ts":3,"from_seq":2,"to_seq":4,"count":3,"reason":"disk full"}`,
  `{"type":"gap","ts":3,"from_seq":2,"to_seq":2,"count":1,"dir":"server_to_client","id":"a","method":"m","length":9,` +
  `"flags":{"is_error":true}}`,
  `{"type":"log","ts":4,"stream":"stderr","text":"listening"}`,
  `{"type":"end","ts":9,"exit_code":3,"signal":"SIGSEGV","exit_ts":8,"error":"no such command","closed":` +
  `[{"stream":"stdin","by":"client","ts":5},{"stream":"stdout","by":"server","ts":8}]}`,
  `{"type":"note","text":"from a newer writer","seq":-1}`,
];

// Lines of older or foreign tapes: nulls, missing fields, spaces, other orders, unknown fields and types.
const older = [
  `{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"${ISO}","protocol_version":null}`,
  `{"version":"1.0","type":"init","tape_id":"t","session_id":"s","created_at":"${ISO}","compressed":false}`,
  `{ "type": "frame", "seq": 0, "ts": 0, "dir": "client_to_server", "env": { "message": {} } }`,
  `{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":null}}`,
  `{"dir":"server_to_client","env":{"message":[],"raw":null,"encoding":null,"direction":null,"timestamp":null,` +
  `"session_id":null},"action":null,"transport":null,"correlation_id":null,"flags":null,"ts_us":null,"ts":0,"seq":0,` +
  `"type":"frame"}`,
  `{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":0},"transport":{"stdio":null,"http":null},` +
  `"flags":{"is_error":null}}`,
  `{"type":"frame","seq":0,"ts":0,"dir":"client_to_server","env":{"message":0},"transport":{"sse":{"status":"open"}}}`,
  `{"type":"correlation","id":"c1","request_seq":0,"response_seq":1,"rtt_ms":100}`,
  `{"type":"correlation","id":"c1","request_seq":0,"response_seq":null,"request_ts":0,"response_ts":null,` +
  `"rtt_ms":null,"status":"abandoned"}`,
  `{"type":"checkpoint","checkpoint_at":1760000000000,"seq":null,"stats":{}}`,
  `{"type":"checkpoint","checkpoint_at":"${ISO}","stats":{"frame_count":null,"message_counts":null}}`,
  `{"type":"init","version":"2.0","tape_id":"t","session_id":"s","created_at":"${ISO}","derived_from":null}`,
  `{"type":"frame","seq":0,"ts":1,"dir":"client_to_server","origin":{"tape":null,"seq":null,"more":[]},"env":{"raw":""}}`,
  `{"type":"log","ts":4,"stream":"stderr","text":"","origin":{"tape":1}}`,
  `{"type":"gap","ts":3,"from_seq":null,"to_seq":null,"count":3,"reason":null}`,
  `{"type":"end","ts":0}`,
  `{"type":"end","ts":0,"exit_code":null,"signal":null,"exit_ts":null,"error":null,"closed":null}`,
  `{"type":"end","ts":0,"closed":[{"stream":"socket","by":null,"ts":null,"code":1006},{"stream":"stdin"}]}`,
  `{"type":""}`,
  `{"type":"__proto__","__proto__":{"type":"frame"}}`,
];

// A map, because one of the unknown types above is called `__proto__`.
const schemas = new Map<string, v.GenericSchema<unknown, unknown>>([
  ["init", InitRecordSchema],
  ["frame", FrameRecordSchema],
  ["correlation", CorrelationRecordSchema],
  ["checkpoint", CheckpointRecordSchema],
  ["gap", GapRecordSchema],
  ["log", LogRecordSchema],
  ["end", EndRecordSchema],
]);

test("TapeRecordSchema takes every record as written and as found on older tapes", () => {
  for (const line of [...full, ...older]) {
    const result = v.safeParse(TapeRecordSchema, JSON.parse(line));
    assert.ok(result.success, `${line}\n${result.issues?.[0].message}`);
  }
});

test("isTapeRecord() takes them too", () => {
  for (const line of [...full, ...older]) assert.ok(isTapeRecord(JSON.parse(line)), line);
});

test("the schema of each type takes its own records and no others", () => {
  for (const line of [...full, ...older]) {
    const record = JSON.parse(line);
    for (const [type, schema] of schemas) {
      assert.is(v.is(schema, record), record.type === type, `${type}: ${line}`);
    }
    assert.is(v.is(UnknownRecordSchema, record), !schemas.has(record.type), line);
    const schema = schemas.get(record.type);
    if (schema) assert.not(v.is(schema, { ...record, type: "note" }), line);
  }
});

test("isTapeRecord() leaves the line as it was, unknown fields and all", () => {
  for (const line of full) {
    const inside = line
      .replace(/^\{/, '{"constructor":"x","__proto__":{"seq":5},')
      .replace(/\}$/, ',"later":{"deep":[1,null]}}')
      .replace('"env":{', '"env":{"prototype":1,')
      .replace('"stats":{', '"stats":{"tokens":7,')
      .replace('"flags":{', '"flags":{"is_cached":true,')
      .replace('"http":{', '"http":{"headers":{},');
    const record: unknown = JSON.parse(inside);
    assert.ok(isTapeRecord(record), inside);
    assert.ok(v.is(TapeRecordSchema, record), inside);
    assert.is(JSON.stringify(record), inside);
  }
});

const frame = { type: "frame", seq: 0, ts: 0, dir: "client_to_server", env: { message: 1 } };

test("isTapeRecord() refuses what is no record", () => {
  const none: unknown[] = [
    undefined,
    null,
    "frame",
    7,
    [],
    Object.assign([], frame),
    {},
    { type: null },
    { type: 7 },
    { type: ["frame"] },
    { type: "frame" },
    { type: "init", version: 2, tape_id: "t", session_id: "s", created_at: ISO },
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: 1760000000000 },
    { type: "init", version: "2.0", tape_id: "t", created_at: ISO },
    { ...frame, seq: "0" },
    { ...frame, seq: -1 },
    { ...frame, seq: 0.5 },
    { ...frame, seq: 2 ** 53 },
    { ...frame, seq: null },
    { ...frame, ts: 1.25 },
    { ...frame, ts_us: -1 },
    { ...frame, dir: "inbound" },
    { ...frame, dir: null },
    { ...frame, env: null },
    { ...frame, env: [] },
    { ...frame, env: {} },
    { ...frame, env: { raw: null } },
    { ...frame, env: { message: undefined } },
    { ...frame, env: { message: 1, raw: 7 } },
    { ...frame, env: { raw: "x", encoding: "hex" } },
    { ...frame, env: { message: 1, direction: "x" } },
    { ...frame, action: "continue" },
    { ...frame, transport: "stdio" },
    { ...frame, transport: { stdio: { args: "-v" } } },
    { ...frame, transport: { stdio: { args: [1] } } },
    { ...frame, transport: { http: { status: "200" } } },
    { ...frame, transport: { http: { connection: {} } } },
    { ...frame, correlation_id: 1 },
    { ...frame, flags: [] },
    { ...frame, flags: { is_error: 1 } },
    { type: "correlation", id: 1, request_seq: 0 },
    { type: "correlation", id: "c", request_seq: null },
    { type: "correlation", id: "c", request_seq: 0, rtt_ms: -1 },
    { type: "correlation", id: "c", request_seq: 0, rtt_us: Infinity },
    { type: "correlation", id: "c", request_seq: 0, status: 1 },
    { type: "correlation", id: "c", request_seq: 0, late: "no" },
    { type: "correlation", id: "c", request_seq: 0, ambiguous: 1 },
    { type: "checkpoint", stats: {} },
    { type: "checkpoint", checkpoint_at: NaN, stats: {} },
    { type: "checkpoint", checkpoint_at: ISO },
    { type: "checkpoint", checkpoint_at: ISO, stats: null },
    { type: "checkpoint", checkpoint_at: ISO, stats: { frame_count: "2" } },
    { type: "checkpoint", checkpoint_at: ISO, stats: { message_counts: [] } },
    { type: "checkpoint", checkpoint_at: ISO, stats: { message_counts: { client_to_server: -1 } } },
    { type: "gap", ts: 0 },
    { type: "gap", count: 1 },
    { type: "gap", ts: 0, count: 1, from_seq: -1 },
    { type: "gap", ts: 0, count: 1, dir: "up" },
    { type: "gap", ts: 0, count: 1, id: true },
    { type: "gap", ts: 0, count: 1, method: 1 },
    { type: "gap", ts: 0, count: 1, length: -1 },
    { type: "gap", ts: 0, count: 1, flags: 1 },
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x", max_line_bytes: 1.5 },
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x", derived_from: {} },
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x", derived_from: [{}] },
    { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "x", derived_from: [null] },
    { type: "log", ts: 0, text: "x" },
    { type: "log", ts: 0, stream: "stderr" },
  ];
  for (const value of none) {
    assert.not(isTapeRecord(value), JSON.stringify(value));
    assert.not(v.is(TapeRecordSchema, value), JSON.stringify(value));
  }
});

test("isTapeRecord() reads own fields, not inherited ones, for the type and the message", () => {
  const values = [
    Object.create(frame),
    JSON.parse('{"__proto__":{"type":"note"}}'),
    Object.assign(Object.create({ type: "note" }), { seq: 1 }),
    { ...frame, env: Object.create({ message: 1 }) },
    { ...frame, env: Object.create({ raw: "x" }) },
    { ...frame, env: JSON.parse('{"__proto__":{"message":1}}') },
  ];
  for (const value of values) {
    assert.not(isTapeRecord(value));
    assert.not(v.is(TapeRecordSchema, value));
  }
  assert.ok(isTapeRecord(Object.assign(Object.create(null), frame)));
  assert.ok(v.is(TapeRecordSchema, Object.assign(Object.create(null), frame)));
});

test("isTapeRecord() and the schema never look into a message", () => {
  const refuse = (): never => {
    throw new Error("looked into the message");
  };
  const message = new Proxy({}, {
    get: refuse,
    has: refuse,
    ownKeys: refuse,
    getPrototypeOf: refuse,
    getOwnPropertyDescriptor: refuse,
  });
  assert.ok(isTapeRecord({ ...frame, env: { message } }));
  assert.ok(v.is(TapeRecordSchema, { ...frame, env: { message } }));
  assert.ok(isMessageEnvelope({ message, direction: "client_to_server" }));
  assert.ok(v.is(MessageEnvelopeSchema, { message, direction: "client_to_server" }));
});

// ---- the guards against the schemas ----

const envelopes = [
  {
    message: {},
    direction: "client_to_server",
    timestamp: ISO,
    session_id: "s",
    line_end: "\r\n",
    transport: { http: { method: "POST" } },
    action: {},
    flags: { is_error: false },
    raw: null,
    encoding: null,
  },
  { raw: "oops", encoding: "base64", direction: "server_to_client", transport: null, flags: null },
];

// Fields that are not in the sample but that the schema knows; set on top of what the sample has.
const more = [
  "ts_us",
  "action",
  "correlation_id",
  "env.message",
  "env.raw",
  "env.encoding",
  "env.direction",
  "env.line_end",
  "line_end",
  "transport.stdio",
  "transport.http",
  "flags.is_error",
  "status",
  "message",
  "raw",
  "encoding",
  "unknown",
];

type Path = readonly string[];

function pathsOf(value: unknown, prefix: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [[...prefix, key], ...pathsOf(item, [...prefix, key])]);
}

const REMOVE = Symbol("remove");

/** Sets or removes one own field of a sample; leaves the sample as it is where there is no such place. */
function mutate(sample: unknown, path: Path, value: unknown): void {
  let at = sample;
  for (const key of path.slice(0, -1)) at = isOpen(at) && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined;
  if (!isOpen(at)) return;
  const last = path[path.length - 1]!;
  if (value === REMOVE) Reflect.deleteProperty(at, last);
  // Defined, not assigned: assigning to `__proto__` would set the prototype.
  else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
}

function isOpen(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Object.isFrozen(value);
}

// Frozen, so that a mutation cannot reach through one of them into the next run.
const odd: unknown[] = [
  REMOVE,
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 53 - 1,
  2 ** 53,
  1n,
  "",
  "x",
  "frame",
  "init",
  "base64",
  "client_to_server",
  "server_to_client",
  [],
  ["a"],
  ["a", 1],
  {},
  { message: null },
  { message: undefined },
  { raw: "x" },
  { client_to_server: 1 },
  { client_to_server: "1" },
  { stdio: {} },
  { stdio: [] },
  { is_error: 0 },
  Object.create(null),
  Object.create({ message: 1, raw: "x", type: "note", is_error: true }),
  Object.create({ is_error: 1, frame_count: -1, stdio: 1, status: "x" }),
  JSON.parse('{"__proto__":{"message":1}}'),
  Object.assign([], { message: 1 }),
  new Date(0),
  new Map(),
  () => 1,
  Symbol("x"),
].map((value) => Object.freeze(value));

const samples = [...full, ...older].map((line) => JSON.parse(line) as object);
const morePaths = more.map((path) => path.split("."));

const pairs: [string, (value: unknown) => boolean, v.GenericSchema<unknown, unknown>, object[]][] = [
  ["isTapeRecord() and TapeRecordSchema", isTapeRecord, TapeRecordSchema, samples],
  ["isMessageEnvelope() and MessageEnvelopeSchema", isMessageEnvelope, MessageEnvelopeSchema, envelopes],
];

for (const [name, guard, schema, of] of pairs) {
  test(`${name} agree on every single wrong, missing or odd field`, () => {
    const verdicts = { true: 0, false: 0 };
    for (const sample of of) {
      for (const path of [...pathsOf(sample), ...morePaths]) {
        for (const value of odd) {
          const changed = structuredClone(sample);
          mutate(changed, path, value);
          const verdict = v.is(schema, changed);
          verdicts[`${verdict}`]++;
          const what = `${path.join(".")} = ${fc.stringify(value)} in ${JSON.stringify(sample)}`;
          assert.is(guard(changed), verdict, what);
        }
      }
    }
    assert.ok(verdicts.true > 200 && verdicts.false > 200, JSON.stringify(verdicts));
  });

  test(`${name} agree after several random changes`, () => {
    const change = fc.record({
      path: fc.oneof(
        fc.constantFrom(...of.flatMap((sample) => pathsOf(sample)), ...morePaths),
        fc.tuple(fc.constantFrom("env", "flags", "stats", "transport"), fc.string()),
      ),
      value: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...odd) },
        { weight: 1, arbitrary: fc.anything({ withNullPrototype: true }) },
      ),
    });
    const verdicts = { true: 0, false: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...of), fc.array(change, { maxLength: 4 }), (sample, changes) => {
        const changed = structuredClone(sample);
        for (const { path, value } of changes) mutate(changed, path, value);
        const verdict = v.is(schema, changed);
        verdicts[`${verdict}`]++;
        return guard(changed) === verdict;
      }),
      { numRuns: 10_000 },
    );
    // A test that only ever sees one verdict proves nothing.
    assert.ok(verdicts.true > 1000 && verdicts.false > 1000, JSON.stringify(verdicts));
  });

  test(`${name} agree on anything at all`, () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), fc.string(), (value, type) => {
        assert.is(guard(value), v.is(schema, value));
        const typed = { ...(value as object), type };
        assert.is(guard(typed), v.is(schema, typed));
      }),
      { numRuns: 2000 },
    );
  });
}

test("explainRecord() names the first field that is wrong, in one short line", () => {
  const cases: [unknown, RegExp][] = [
    [null, /^Expected an object but received null$/],
    [[], /^Expected an object but received Array$/],
    [{}, /^Expected a "type" that is a string$/],
    [{ ...frame, seq: "5" }, /^seq: .*number but received a text$/],
    [{ ...frame, env: {} }, /^env: Expected a "message", or "raw" text$/],
    [{ ...frame, env: [] }, /^env: Expected an object but received Array$/],
    [{ ...frame, dir: "in\u001b[2J" }, /^dir: .* but received a text$/],
    [{ ...frame, transport: { stdio: { args: ["a", 1] } } }, /^transport\.stdio\.args\.1: /],
    [{ type: "gap", ts: -1, count: 3 }, /^ts: .*-1/],
    [{ type: "gap", ts: 1 }, /^count: /],
  ];
  for (const [value, why] of cases) {
    const said = explainRecord(value);
    assert.match(said, why);
    assert.not.match(said, /\n/);
  }
  assert.ok(explainRecord({ ...frame, seq: "9".repeat(1e6) }).length < 250);
});

test("explainRecord() has nothing to say about a record", () => {
  for (const line of [...full, ...older]) assert.is(explainRecord(JSON.parse(line)), "");
});

test("explainEnvelope() names what a writer misses", () => {
  const direction = "client_to_server";
  assert.match(explainEnvelope(undefined), /^Expected an object but received undefined$/);
  assert.match(explainEnvelope({ direction }), /^Expected a "message", or "raw" text$/);
  assert.match(explainEnvelope({ message: 1 }), /^direction: /);
  assert.match(explainEnvelope({ message: 1, raw: "x", direction }), /^raw: .*not both$/);
  assert.is(explainEnvelope({ message: 1, direction }), "");
});

test("isMessageEnvelope() wants a direction, and a message or raw text but not both", () => {
  const direction = "client_to_server";
  for (const envelope of [{ message: null }, { message: 0 }, { raw: "" }, { raw: "x", encoding: "base64" }]) {
    assert.ok(isMessageEnvelope({ ...envelope, direction }), JSON.stringify(envelope));
    assert.not(isMessageEnvelope(envelope), JSON.stringify(envelope));
    assert.not(isMessageEnvelope({ ...envelope, direction: "up" }), JSON.stringify(envelope));
  }
  for (const inherited of [{ message: 1 }, { raw: "x" }, { message: 1, raw: "x" }]) {
    const envelope = Object.assign(Object.create(inherited), { direction });
    assert.not(isMessageEnvelope(envelope), JSON.stringify(inherited));
    assert.not(v.is(MessageEnvelopeSchema, envelope), JSON.stringify(inherited));
  }
  assert.not(v.is(JsonEnvelopeSchema, { direction }));
  assert.not(v.is(JsonEnvelopeSchema, { raw: "x", direction }));
  assert.not(v.is(RawEnvelopeSchema, { message: 1, raw: "x", direction }));
  for (
    const envelope of [{}, { message: undefined }, { message: 1, raw: "x" }, { raw: 1 }, {
      message: 1,
      encoding: "base64",
    }]
  ) {
    assert.not(isMessageEnvelope({ ...envelope, direction }), JSON.stringify(envelope));
  }
});

test("TapeRecord narrows by its type, also with unknown records in the union", () => {
  // Checked by the compiler: each of these lines is an error if narrowing does not work.
  function seqOf(record: TapeRecord): number | undefined {
    if (record.type === "frame") return record.seq;
    if (record.type === "correlation") return record.request_seq;
    if (record.type === "checkpoint") return record.stats.frame_count ?? undefined;
    if (record.type === "init" || record.type === "gap" || record.type === "log") return undefined;
    if (record.type === "end") return record.exit_code ?? undefined;
    if (record.type === "redacted") return record.rules.jwt;
    return typeof record.seq === "number" ? record.seq : record.type.length;
  }
  const envelope: MessageEnvelope = { message: { id: 1 }, direction: "client_to_server" };
  // @ts-expect-error a message or raw text is needed
  const empty: MessageEnvelope = { direction: "client_to_server" };
  assert.ok(isMessageEnvelope(envelope));
  assert.not(isMessageEnvelope(empty));
  assert.is(seqOf({ type: "frame", seq: 4, ts: 0, dir: "client_to_server", env: { message: 1 }, flags: undefined }), 4);
  assert.is(seqOf({ type: "note" as UnknownRecordType, seq: 5 }), 5);
  assert.is(seqOf({ type: "note" as UnknownRecordType }), 4);
});

test("isTapeRecord() takes the example tape that the format comes from", () => {
  const example = new URL("../../../shared/data/shadowcat/example-minimal.jsonl", import.meta.url);
  if (!existsSync(example)) return console.log("skip: ../shared/data/shadowcat is not here");
  const lines = readFileSync(example, "utf8").split("\n").filter((line) => line !== "");
  assert.ok(lines.length > 0);
  for (const line of lines) {
    const record: unknown = JSON.parse(line);
    assert.ok(isTapeRecord(record), explainRecord(record));
  }
});

test.run();
