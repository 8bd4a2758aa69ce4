import { test } from "uvu";
import * as assert from "uvu/assert";
import { brief, converted, sample, sampleText } from "./converted.ts";
import type { CorrelationRecord, GapRecord, LogRecord, TapeRecord } from "../../src/records/record.ts";

const correlations = (records: readonly TapeRecord[]) =>
  records.filter((record): record is CorrelationRecord => record.type === "correlation");
const logs = (records: readonly TapeRecord[]) =>
  records.filter((record): record is LogRecord => record.type === "log" && record.stream !== "tapeline");
const pairs = (records: readonly TapeRecord[]) =>
  correlations(records).map(({ request_seq, response_seq, rtt_us }) => [request_seq, response_seq, rtt_us ?? null]);

test("monolithic: the three shapes give the same session, with what each of them says of it", async () => {
  const shapes = { draft: [0, 60_000, 61_000], recorder: [0, 47_000, 420_000], v1: [0, 5_000_000, 5_456_000] };
  for (const [shape, [first, second, third]] of Object.entries(shapes)) {
    const { frames, texts, records, metadata } = await converted(sample(`monolithic-${shape}.json`));
    assert.equal(frames.map(brief), [`→ ${first}`, `← ${second}`, `← ${third}`], shape);
    assert.match(texts[0]!, /"id": 9007199254740993.*1e400, "b": 2\.0/);
    assert.equal(pairs(records), [[0, 1, second! - first!]]);
    const { created_at, transport, converted_from } = metadata;
    const rest = { created_at, type: transport?.type, id: converted_from?.tape_id, tool: converted_from?.tool };
    const created = {
      draft: "2025-08-05T10:00:00.000Z",
      recorder: "2025-08-04T10:00:00.123Z",
      v1: "2025-08-04T11:20:00.000Z",
    };
    assert.is(rest.created_at, created[shape as keyof typeof created]);
    assert.is(rest.type, "stdio");
    assert.is(rest.tool, shape === "v1" ? "recorder 0.1.0" : undefined);
    assert.is(rest.id?.slice(0, 8), { draft: "3b1f7b3f", recorder: "4c0f6a2e", v1: undefined }[shape]);
  }
  const draft = await converted(sample("monolithic-draft.json"));
  assert.equal(draft.frames.map(({ action }) => action), [undefined, undefined, { is_synthetic: true }]);
  assert.equal(draft.frames[0]!.transport, { other: { edge: "transport_in" } });
  const { metadata } = await converted(sample("monolithic-v1.json"));
  assert.equal(metadata.transport!.args, ["--token", "[masked]"]);
  assert.is(metadata.environment!.platform, "linux");
});

test("monolithic: a frame without a time or a direction says so, and one from before keeps its date", async () => {
  const text = sampleText("monolithic-recorder.json")
    .replace('"timestamp": 1754301600170', '"timestamp": "soon"').replace(
      '"direction": "ServerToClient"',
      '"direction": "up"',
    )
    .replace("1754301600543", "1754301500000");
  const { frames, records, notes, metadata } = await converted(text);
  assert.equal(frames.map(brief), ["→ 0", "← 0 untimed undirected", "← 0"]);
  assert.is(frames[1]!.ts_us, undefined);
  assert.is(correlations(records)[0]!.rtt_ms, null);
  assert.is(notes.length, 3);
  assert.equal([metadata.converted_from!.times, metadata.converted_from!.directions], ["some", "some"]);
});

test("mcpsnoop: messages, stderr, what was no JSON, what was dropped, and how the server was started", async () => {
  const { frames, records, texts, metadata, isComplete } = await converted(sample("mcpsnoop.jsonl"));
  assert.equal(
    frames.map(brief),
    ["→ 20500", "← 30123", "← 31000 raw", "→ 50000", "← 51000"],
  );
  assert.equal(texts[2], "npm warn this is no JSON");
  assert.match(texts[0]!, /"id":12345678901234567890.*"weight":1\.50/);
  assert.equal(pairs(records), [[0, 1, 9623], [5, 6, 1000]]);
  assert.equal(logs(records).map(({ stream, text }) => [stream, text]), [["stderr", "notes.js: one more note"]]);
  const gap = records.find((record): record is GapRecord => record.type === "gap")!;
  assert.equal([gap.from_seq, gap.to_seq, gap.count], [3, 4, 2]);
  assert.equal(frames[4]!.action, { by: "mcpsnoop", redacted: true });
  assert.equal(metadata.transport, { type: "stdio", command: "node", args: ["notes.js", "--api-key", "[masked]"] });
  assert.is(isComplete, false);
});

test("mcpsnoop: over HTTP ids are those of a connection, and numbers may come out of order", async () => {
  const { frames, records, notes, isComplete } = await converted(sample("mcpsnoop-http.jsonl"));
  assert.equal(pairs(records).slice(0, 2), [[0, 1, 2000], [2, null, null]]);
  const [request] = frames.map(({ transport }) => transport!.http!);
  assert.equal(request, {
    connection: "127.0.0.1:50001",
    mcp_method: "tools/list",
    mcp_protocol_version: "2026-07-28",
  });
  const refusal = frames.find(({ flags }) => flags?.is_invalid)!;
  assert.equal([refusal.env.raw, refusal.transport!.http!.status, refusal.transport!.http!.auth_challenge], [
    "",
    401,
    "Bearer",
  ]);
  assert.ok(notes.includes("left out: 1 × HTTP answer without a body"));
  assert.is(isComplete, true);
});

test("mcporter: each server is a connection of its own, and _meta is cut out", async () => {
  const { frames, records, texts } = await converted(sample("mcporter.ndjson"));
  assert.equal(pairs(records), [[0, 1, 19_000], [4, 5, 14_000], [3, 6, 50_000]]);
  assert.not.match(texts.join(), /_meta/);
  assert.equal(frames[4]!.transport, { other: { connection: "weather" } });
  assert.equal(logs(records).map(({ ts, text }) => [ts, text]), [[0, "$transport/start notes"], [
    100,
    "$transport/close notes",
  ]]);
});

test("mcp-recorder: answers have their latency, and nothing else is told of the time", async () => {
  const { frames, records, notes, metadata } = await converted(sample("mcp-recorder.json"));
  assert.equal(frames.map(brief), ["→ 0", "← 7000", "→ 7000", "→ 11000", "← 23000"]);
  assert.equal(pairs(records), [[0, 1, 7000], [3, 4, 12_000]]);
  assert.equal(logs(records).map(({ text }) => text), ["GET /mcp -> 200"]);
  assert.match(notes.join(), /no pauses/);
  assert.equal(metadata.transport, { type: "http", url: "http://127.0.0.1:8000" });
  // Other clients may have had the same ids.
  const twice = sampleText("mcp-recorder.json").replaceAll('"id": 1', '"id": 0');
  assert.equal(pairs((await converted(twice)).records), pairs(records));
});

test("har: exchanges, event streams and errors, in the order of time", async () => {
  const { frames, texts, records, notes, metadata } = await converted(sample("har.har"));
  assert.equal(frames.map(brief), [
    ...[
      "→ 0",
      "← 40500",
      "→ 50000",
      "→ 1000000",
      "← 1000000 untimed",
      "→ 1200000",
      "← 1500000",
      "→ 2000000",
      "← 2012000 raw",
    ],
  ]);
  assert.equal(pairs(records).slice(0, 3), [[0, 1, 40_500], [4, 5, null], [3, 6, 500_000]]);
  assert.is(texts[8], "who are you?");
  assert.ok(notes.includes("left out: 1 × HTTP exchange without JSON-RPC"));
  assert.is(metadata.transport!.url, "https://notes.example/mcp", "without its query");
  assert.not.match(JSON.stringify([records, metadata]), /s3cret/);
});

test("har: WebSockets and event streams that a browser has noted", async () => {
  const { frames, records } = await converted(sample("har-streams.har"));
  assert.equal(frames.map(brief), ["→ 0", "← 250000", "← 1750000"]);
  assert.equal(pairs(records), [[0, 1, 250_000]]);
});

test("jsonrpc: nothing is timed, and directions are told by methods and answers, or are guesses", async () => {
  const { frames, records, texts, metadata } = await converted(sample("jsonrpc.log"));
  const untimed = frames.map(brief);
  assert.equal(untimed, [
    ...["→ 0 untimed", "← 0 untimed", "→ 0 untimed", "→ 0 untimed", "← 0 untimed"],
    ...["→ 0 untimed undirected", "← 0 untimed undirected", "← 0 untimed"],
  ]);
  assert.equal(pairs(records), [[0, 1, null], [5, 6, null], [3, null, null], [4, null, null]]);
  assert.is(
    texts[3],
    '{"jsonrpc":"2.0", "id":1, "method":"tools/call", "params":{"name":"add_note","arguments":{"weight":1.50}}}',
  );
  assert.equal([metadata.converted_from!.times, metadata.converted_from!.directions], ["none", "some"]);
});

test("jsonrpc: where both sides have asked under an id, its answers may go either way", async () => {
  const lines = ['{"jsonrpc":"2.0","id":1,"method":"tools/list"}', '{"jsonrpc":"2.0","id":1,"method":"roots/list"}'];
  const { frames } = await converted([...lines, '{"jsonrpc":"2.0","id":1,"result":{}}', ""].join("\n"));
  assert.equal(frames.map(brief), ["→ 0 untimed", "← 0 untimed", "← 0 untimed undirected"]);
});

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const PONG = '{"jsonrpc":"2.0","id":1,"result":{}}';

/** A HAR file of one exchange. */
function harOf(entry: Record<string, unknown>, version = '"1.2"'): string {
  const request = { method: "POST", url: "http://localhost/mcp", postData: { text: PING } };
  const response = { status: 200, content: { mimeType: "application/json", text: PONG } };
  const whole = { startedDateTime: "2026-01-01T00:00:00Z", time: 10, request, response, ...entry };
  return `{"log":{"version":${version},"entries":[${JSON.stringify(whole)}]}}`;
}

test("a version that is no text stands on the tape as it is spelled, or not at all", async () => {
  const cassette = (version: string) => `{"version":${version},"metadata":{},"interactions":[{"request":${PING}}]}`;
  const tape = (version: string) => `{"version":${version},"metadata":{},"frames":[{"message":${PING}}]}`;
  for (const file of [cassette, tape, (version: string) => harOf({}, version)]) {
    for (
      const [version, told] of [["1.20", "1.20"], ["2", "2"], ['"\\u0031"', "1"], ['{"a":1}', undefined], [
        "null",
        undefined,
      ]]
    ) {
      const { metadata } = await converted(file(version!));
      assert.is(metadata.converted_from!.version, told, file(version!));
    }
  }
});

test("har: what is no JSON-RPC in an exchange that has some is counted", async () => {
  const events = `data: ${PONG}\n\nid: 7\ndata:\n\nevent: endpoint\ndata: /messages\n\n`;
  const streamed = { response: { status: 200, content: { mimeType: "text/event-stream", text: events } } };
  const form = { request: { method: "POST", url: "http://localhost/mcp", postData: { text: "a=1" } } };
  const noted = { _eventSourceMessages: [{ time: 1, data: PONG }, { time: 1, data: "[DONE]" }] };
  const socket = [{ type: "send", data: PING }, { type: "receive", data: "hello" }, { type: "error", data: PONG }];
  const cases: readonly (readonly [entry: Record<string, unknown>, messages: number, note: RegExp])[] = [
    [streamed, 2, /^left out: 1 × event of a stream that is no JSON-RPC$/],
    [form, 1, /^left out: 1 × body of a request that is no JSON-RPC$/],
    [noted, 2, /^left out: 1 × event of a stream that is no JSON-RPC$/],
    [{ _webSocketMessages: socket }, 3, /^left out: 2 × message of a WebSocket that is no JSON-RPC$/],
  ];
  for (const [entry, messages, note] of cases) {
    const { frames, notes, isComplete } = await converted(harOf(entry));
    assert.is(frames.length, messages);
    assert.ok(notes.some((text) => note.test(text)), notes.join("; "));
    assert.ok(isComplete);
  }
});

test("har: JSON-RPC that is cut off is damage, and stays as it came", async () => {
  const cut = PONG.slice(0, -3);
  const request = (text: string) => ({ method: "POST", url: "http://localhost/mcp", postData: { text } });
  const response = (text: string, mimeType = "application/json") => ({ status: 200, content: { mimeType, text } });
  const none = response("");
  const cases: readonly (readonly [entry: Record<string, unknown>, texts: string[], what: string])[] = [
    [{ request: request(PING.slice(0, -3)) }, [PING.slice(0, -3), PONG], "body of a request"],
    [{ request: request(PING.slice(0, -3)), response: none }, [PING.slice(0, -3)], "body of a request"],
    [{ response: response(cut) }, [PING, cut], "body of an answer"],
    // An answer may be cut off before it says what it is.
    [{ response: response('{"id":1,"res') }, [PING, '{"id":1,"res'], "body of an answer"],
    [{ request: { method: "GET", url: "http://localhost/mcp" }, response: response(cut) }, [cut], "body of an answer"],
    [
      { response: response(`data: ${PONG}\n\ndata: ${cut}`, "text/event-stream") },
      [PING, PONG, cut],
      "event of a stream",
    ],
    [{ _webSocketMessages: [{ type: "send", data: cut }] }, [PING, PONG, cut], "message of a WebSocket"],
  ];
  for (const [entry, told, what] of cases) {
    const { texts, damage, notes, isComplete, verified } = await converted(harOf(entry));
    assert.equal([...texts].sort(), [...told].sort(), JSON.stringify(entry));
    assert.is(damage.length, 1, JSON.stringify(entry));
    assert.match(damage[0]!, `the ${what} is JSON-RPC that is cut off`);
    assert.not(notes.some((note) => note.startsWith("left out")), notes.join("; "));
    assert.not(isComplete);
    assert.ok(verified.isIntact);
  }
});

test("har: what only begins like JSON, in an exchange that asked for nothing, is no message", async () => {
  const request = { method: "GET", url: "http://localhost/data" };
  const response = { status: 200, content: { mimeType: "application/json", text: '{"a":' } };
  const exchanges = [harOf({ request, response }), harOf({})].map((file) => JSON.parse(file).log.entries[0]);
  const { texts, damage } = await converted(JSON.stringify({ log: { version: "1.2", entries: exchanges } }));
  assert.equal(texts, [PING, PONG]);
  assert.equal(damage, []);
});

test("a date that no calendar has is no time", async () => {
  for (
    const date of ["2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T00:00:00+24:00"]
  ) {
    const { frames } = await converted(harOf({ startedDateTime: date }));
    assert.equal(frames.map(({ flags }) => flags?.is_untimed), [true, true], date);
  }
  const { frames, metadata } = await converted(harOf({ startedDateTime: "2024-02-29T23:00:00-01:00" }));
  assert.equal(frames.map(({ flags }) => flags?.is_untimed), [undefined, undefined]);
  assert.is(metadata.created_at, "2024-03-01T00:00:00.000Z");
});

test("a time that goes back is counted from created_at where nobody knows when the session began", async () => {
  const frame = (ms: number) => `{"message":${PING},"direction":"client_to_server","timestamp_ms":${ms}}`;
  const { frames, metadata } = await converted(`{"metadata":{},"frames":[${frame(100)},${frame(50)}]}`);
  assert.equal(frames.map(({ ts }) => ts), [100, 100]);
  assert.is(Date.parse(frames[1]!.env.timestamp!) - Date.parse(metadata.created_at!), 50);
});

test("what is nested too deep to be written costs no message", async () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const start = '{"session_id":"s","seq":0,"ts":"2026-01-01T00:00:00Z","direction":"c2s","transport":"http"';
  const snooped = await converted(`${start},"mcp_param_headers":{"a":${deep}},"raw":${PING}}\n`);
  assert.equal(snooped.texts, [PING]);
  const headers = harOf({}).replace('"method":"POST"', `"method":"POST","headers":${deep}`);
  assert.equal((await converted(headers)).texts, [PING, PONG]);
});

test("of a URL the metadata have no query, whichever format it stands in", async () => {
  const url = "https://me:secret@localhost/mcp?token=secret#secret";
  const cassette = `{"version":"1.0","metadata":{"server_url":"${url}"},"interactions":[{"request":${PING}}]}`;
  const traffic = harOf({}).replace("http://localhost/mcp", url);
  for (const file of [cassette, traffic]) {
    const { metadata } = await converted(file);
    assert.is(metadata.transport!.url, "https://localhost/mcp");
  }
});

test("mcp-recorder: how a server was started stands in the metadata as in those of a recording", async () => {
  const cases: readonly (readonly [given: string, command: string, args: string[]])[] = [
    ["npx server --verbose", "npx", ["server", "--verbose"]],
    ["npx server --api-key s3cret --verbose", "npx", ["server", "--api-key", "[masked]", "--verbose"]],
    ["npx  server TOKEN=s3cret", "npx", ["server", "TOKEN=[masked]"]],
    ["npx https://me:s3cret@example.com/?token=s3cret", "npx", ["https://[masked]@example.com/?token=[masked]"]],
    ["npx remote X-Api-Key: s3cret more", "npx", ["remote", "X-Api-Key: [masked]"]],
    ["npx remote --header Authorization: Bearer s3cret -v", "npx", [
      "remote",
      "--header",
      "Authorization: Bearer [masked]",
      "-v",
    ]],
    ["server", "server", []],
  ];
  for (const [given, command, args] of cases) {
    const metadata = JSON.stringify({ transport_type: "stdio", server_url: `stdio://${given}` });
    const { metadata: { transport } } = await converted(
      `{"version":"1.0","metadata":${metadata},"interactions":[{"request":${PING}}]}`,
    );
    assert.equal(transport, { type: "stdio", command, args }, given);
  }
});

test("mcpsnoop: a message that was part of a batch says so", async () => {
  const line = (seq: number, more: string) =>
    `{"session_id":"s","seq":${seq},"ts":"2026-01-01T00:00:00Z","direction":"c2s","transport":"http","raw":${PING}${more}}\n`;
  const { frames } = await converted(line(0, ',"batch":true') + line(1, ""));
  assert.equal(frames.map(({ transport }) => transport!.http!.batch), [true, undefined]);
});

test.run();
