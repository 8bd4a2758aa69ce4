import { test } from "uvu";
import * as assert from "uvu/assert";
import * as v from "valibot";
import { TapeError } from "../../src/errors.ts";
import {
  parseMetadata,
  TapeMetadataSchema,
  TapePerformanceSchema,
  TapeStatsSchema,
  TapeStatusSchema,
} from "../../src/records/metadata.ts";
import { emptyStats, RunningStats } from "../../src/records/running-stats.ts";
import type { TapeRecord } from "../../src/records/record.ts";

function refusal(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  try {
    parseMetadata(text, "metadata of tape demo");
  } catch (error) {
    if (!(error instanceof TapeError)) throw error;
    assert.is(error.code, "invalid_tape");
    assert.match(error.message, /^Cannot read metadata of tape demo: .*[^.]$/);
    return error.message.slice("Cannot read metadata of tape demo: ".length);
  }
  throw new Error(`accepted ${text}`);
}

test("parseMetadata() gives back all that was written, unknown fields too", () => {
  const text = JSON.stringify({
    tape_id: "demo",
    name: "Login fails",
    description: null,
    tags: ["auth"],
    created_at: "2026-03-01T10:00:00.000Z",
    updated_at: "2026-03-01T10:05:00.000Z",
    finalized_at: null,
    status: { error: "disk full", since: 3 },
    transport: { type: "stdio", command: "server", args: ["-v"], process_id: 7, shell: false },
    environment: { platform: "linux", runtime: "node", user: null, cpus: 8 },
    stats: { ...emptyStats(), tokens: 12 },
    performance: { avg_rtt_ms: 1.5, p50_rtt_ms: null },
    constructor: "kept",
    future: { deep: [1] },
  });
  assert.is(JSON.stringify(parseMetadata(text, "metadata")), text);
});

test("parseMetadata() takes the metadata of older tapes", () => {
  const older = {
    tape_id: "550e8400-e29b-41d4-a716-446655440000",
    name: "Old",
    tags: [],
    finalized_at: null,
    status: "recording",
    transport: { type: "stdio", command: "mcp-server" },
    environment: { platform: "darwin", recorder_version: "0.1.0", extra: { a: 1 } },
    stats: { frame_count: 150, message_counts: { client_to_server: 75 }, error_count: null },
    performance: null,
    checksum: null,
  };
  assert.equal(parseMetadata(JSON.stringify(older), "metadata"), older);
  const least = parseMetadata('{"tape_id":"x"}', "metadata");
  assert.is(least.tape_id, "x");
  assert.is(least.stats?.frame_count, undefined);
  for (const field of ["name", "tags", "status", "transport", "environment", "stats", "performance"]) {
    parseMetadata(JSON.stringify({ tape_id: "x", [field]: null }), "metadata");
  }
});

test("parseMetadata() says what is wrong and where", () => {
  assert.match(refusal("{"), /^it is not JSON \(/);
  assert.match(refusal(""), /^it is not JSON \(/);
  assert.match(refusal("[]"), /^Expected an object but received Array$/);
  assert.match(refusal("null"), /^Expected an object but received null$/);
  assert.match(refusal({}), /^tape_id: /);
  assert.match(refusal({ tape_id: 7 }), /^tape_id: .*string.*7/);
  assert.match(refusal({ tape_id: "x", tags: ["a", 2] }), /^tags\.1: /);
  assert.match(refusal({ tape_id: "x", status: 3 }), /^status: Expected a string or/);
  assert.match(refusal({ tape_id: "x", status: {} }), /^status: Expected a string or/);
  assert.match(refusal({ tape_id: "x", transport: [] }), /^transport: Expected an object/);
  assert.match(refusal({ tape_id: "x", environment: { platform: 1 } }), /^environment\.platform: /);
  assert.match(refusal({ tape_id: "x", stats: { frame_count: -1 } }), /^stats\.frame_count: .*-1/);
  assert.match(refusal({ tape_id: "x", stats: { message_counts: { client_to_server: 1.5 } } }), /client_to_server: /);
  assert.match(refusal('{"tape_id":"x","performance":{"avg_rtt_ms":1e999}}'), /^performance\.avg_rtt_ms: /);
});

test("parseMetadata() refuses any known field of the wrong type", () => {
  const wrong: [string | undefined, string, unknown][] = [
    ...["name", "description", "created_at", "updated_at", "finalized_at"].map((field) =>
      [undefined, field, 1] as const
    ),
    [undefined, "stats", 1],
    [undefined, "performance", 1],
    ...["type", "command", "url"].map((field) => ["transport", field, 1] as const),
    ["transport", "args", "-v"],
    ["transport", "process_id", "7"],
    ...["platform", "runtime", "runtime_version", "tapeline_version", "hostname", "user"].map(
      (field) => ["environment", field, 1] as const,
    ),
    ...Object.keys(emptyStats()).map((field) => ["stats", field, "1"] as const),
    ["stats", "lost_frame_count", "1"],
    ["stats", "tool_error_count", "1"],
    ...Object.keys(new RunningStats().performance()).map((field) => ["performance", field, "1"] as const),
  ].map(([group, field, value]) => [group as string | undefined, field as string, value]);
  for (const [group, field, value] of wrong) {
    const why = refusal({
      tape_id: "x",
      ...(group === undefined ? { [field]: value } : { [group]: { [field]: value } }),
    });
    assert.ok(why.startsWith(group === undefined ? `${field}: ` : `${group}.${field}: `), why);
  }
});

test("parseMetadata() keeps the cause and reports hostile text harmlessly", () => {
  try {
    parseMetadata("\x1b[2J{", "metadata");
    assert.unreachable();
  } catch (error) {
    assert.instance((error as TapeError).cause, SyntaxError);
    assert.not((error as TapeError).message.includes("\x1b"));
  }
  const why = refusal({ tape_id: "x", stats: "\x1b\n".repeat(100_000) });
  assert.match(why, /^stats: Expected an object/);
  assert.ok(refusal({ tape_id: "x", tags: "y".repeat(1e6) }).length < 300);
});

test("TapeStatusSchema takes a status of a newer writer", () => {
  for (const status of ["recording", "paused", "finalized", "archived", { error: "x" }]) {
    assert.ok(v.is(TapeStatusSchema, status), JSON.stringify(status));
  }
  for (const status of [1, {}, { error: 1 }, ["recording"]]) assert.not(v.is(TapeStatusSchema, status));
});

test("emptyStats() is complete, fresh each time, and what RunningStats starts from", () => {
  assert.equal(emptyStats(), new RunningStats().snapshot());
  assert.is.not(emptyStats().message_counts, emptyStats().message_counts);
  assert.ok(v.is(TapeStatsSchema, emptyStats()));
  assert.equal(Object.keys(emptyStats()), [
    "frame_count",
    "duration_ms",
    "file_size_bytes",
    "last_sequence",
    "message_counts",
    "error_count",
    "correlation_count",
    "checkpoint_count",
  ]);
});

const tape: TapeRecord[] = [
  { type: "init", version: "2.0", tape_id: "t", session_id: "s", created_at: "2026-03-01T10:00:00.000Z" },
  { type: "frame", seq: 0, ts: 0, dir: "client_to_server", env: { message: 1 } },
  { type: "frame", seq: 1, ts: 50, dir: "server_to_client", env: { message: 2 }, flags: { is_error: true } },
  {
    type: "correlation",
    id: "corr-0-1",
    request_seq: 0,
    response_seq: 1,
    request_ts: 0,
    response_ts: 50,
    rtt_ms: 50,
    rtt_us: 50_250,
    status: "error",
  },
  { type: "frame", seq: 2, ts: 100, dir: "client_to_server", env: { message: 3 }, flags: null },
  {
    type: "correlation",
    id: "corr-2-null",
    request_seq: 2,
    response_seq: null,
    request_ts: 100,
    response_ts: null,
    rtt_ms: null,
    status: "timeout",
  },
  { type: "gap", ts: 150, from_seq: 3, to_seq: 6, count: 4, reason: "disk full" },
  { type: "frame", seq: 7, ts: 180, dir: "client_to_server", env: { raw: "oops" }, flags: { is_error: false } },
  { type: "log", ts: 200, stream: "stderr", text: "bye" },
  { type: "checkpoint", checkpoint_at: "2026-03-01T10:00:01.000Z", seq: 7, stats: {} },
];

test("RunningStats counts every kind of record", () => {
  const stats = new RunningStats();
  for (const record of tape) stats.add(record);
  assert.equal(stats.snapshot(1234), {
    frame_count: 4,
    duration_ms: 200,
    file_size_bytes: 1234,
    last_sequence: 7,
    message_counts: { client_to_server: 3, server_to_client: 1 },
    error_count: 1,
    correlation_count: 1,
    checkpoint_count: 1,
    lost_frame_count: 4,
  });
  assert.is(stats.frameCount, 4);
  assert.is(stats.lastSequence, 7);
  assert.ok(v.is(TapeStatsSchema, stats.snapshot()));
});

test("RunningStats counts the errors of tools apart, and leaves them out while there are none", () => {
  const stats = new RunningStats();
  const frame = { type: "frame", seq: 0, ts: 0, dir: "server_to_client", flags: { is_tool_error: true } };
  assert.not("tool_error_count" in stats.snapshot());
  stats.add(frame);
  stats.add({ ...frame, flags: { is_error: true, is_tool_error: true } });
  assert.equal([stats.snapshot().error_count, stats.snapshot().tool_error_count], [1, 2]);
  stats.subtract(frame);
  assert.is(stats.snapshot().tool_error_count, 1);
});

test("RunningStats.lastSequence tells no frame from frame 0", () => {
  const stats = new RunningStats();
  assert.is(stats.lastSequence, null);
  assert.is(stats.snapshot().last_sequence, 0);
  stats.add({ type: "frame", seq: 0, ts: 0, dir: "client_to_server" });
  assert.is(stats.lastSequence, 0);
});

test("RunningStats.subtract() takes back counts, and only those", () => {
  const stats = new RunningStats();
  for (const record of tape) stats.add(record);
  for (const record of tape) stats.subtract(record);
  assert.equal(stats.snapshot(), { ...emptyStats(), duration_ms: 200, last_sequence: 7 });
  assert.is(stats.performance().max_rtt_ms, 50.25);
});

test("RunningStats.snapshot() is not changed by what comes later", () => {
  const stats = new RunningStats();
  stats.add(tape[1]!);
  const before = stats.snapshot();
  const copy = structuredClone(before);
  stats.add(tape[2]!);
  assert.equal(before, copy);
});

test("RunningStats passes over unknown types and fields of the wrong type", () => {
  const stats = new RunningStats();
  stats.add({ type: "note", ts: 70, seq: 9, count: 5, response_seq: 3, rtt_us: 1 });
  stats.add({ type: "frame", seq: "1", ts: NaN, dir: "sideways", flags: "is_error" });
  stats.add({ type: "correlation", rtt_ms: "1", rtt_us: null });
  stats.add({ type: "gap", count: "3" });
  stats.add({ type: "log", ts: "9000" });
  assert.equal(stats.snapshot(), { ...emptyStats(), frame_count: 1, duration_ms: 70 });
  assert.is(stats.performance().avg_rtt_ms, null);
});

test("RunningStats.performance() prefers microseconds and tells quantiles", () => {
  const stats = new RunningStats();
  for (let seq = 0; seq < 1000; seq++) {
    stats.add({ type: "frame", seq, ts: seq, dir: "client_to_server" });
    // 1 ms … 1000 ms; every second one in microseconds, beside a rounded rtt_ms that must not count.
    const ms = seq + 1;
    stats.add({
      type: "correlation",
      response_seq: seq,
      ...(seq % 2 ? { rtt_us: ms * 1000, rtt_ms: 0 } : { rtt_ms: ms }),
    });
  }
  stats.add({ type: "log", ts: 2000 });
  const performance = stats.performance();
  assert.ok(v.is(TapePerformanceSchema, performance));
  assert.is(performance.avg_rtt_ms, 500.5);
  assert.is(performance.min_rtt_ms, 1);
  assert.is(performance.max_rtt_ms, 1000);
  assert.is(performance.messages_per_second, 500);
  for (
    const [told, exact] of [
      [performance.p50_rtt_ms, 500],
      [performance.p95_rtt_ms, 950],
      [performance.p99_rtt_ms, 990],
    ] as const
  ) {
    assert.ok(Math.abs(told! - exact) <= exact * 0.02, `${told} for ${exact}`);
  }
});

test("RunningStats.performance() is null where nothing was measured", () => {
  assert.equal(new RunningStats().performance(), {
    avg_rtt_ms: null,
    max_rtt_ms: null,
    min_rtt_ms: null,
    messages_per_second: null,
    p50_rtt_ms: null,
    p95_rtt_ms: null,
    p99_rtt_ms: null,
  });
});

test("parseMetadata() refuses what nests deeper than 200 levels, and counts no brackets in strings", () => {
  const nested = (levels: number) => `{"tape_id":"t","x":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  assert.is(parseMetadata(nested(200), "m").tape_id, "t");
  for (const levels of [201, 100_000]) {
    assert.is(refusal(nested(levels)), "it nests deeper than 200 levels");
  }
  const text = JSON.stringify({ tape_id: "t", x: `\\"${"[".repeat(300)}`, y: Array(300).fill({}), z: "\\" });
  assert.is(parseMetadata(text, "m").tape_id, "t");
});

test("TapeMetadataSchema takes what RunningStats makes", () => {
  const stats = new RunningStats();
  for (const record of tape) stats.add(record);
  const metadata = { tape_id: "t", stats: stats.snapshot(), performance: stats.performance() };
  assert.ok(v.is(TapeMetadataSchema, JSON.parse(JSON.stringify(metadata))));
});

test.run();
