import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TapeRecord } from "../../../src/mod.ts";
import { TapeSummary } from "../../../src/cli/summary/tape-summary.ts";
import { linesOf } from "../lines-of.ts";
import { sampleSession, Session } from "../sample-tape.ts";

async function summaryOf(tape: string, top: number = 5): Promise<TapeSummary> {
  const summary = new TapeSummary(top);
  for (const { record } of await linesOf(tape)) summary.add(record);
  summary.end();
  return summary;
}

/** What a summary says of calls, in plain values. */
function essence(summary: TapeSummary): object {
  return {
    methods: summary.methods().map(({ label, dir, count, errors, latencies }) => ({
      ...{ label, dir, count, errors },
      ...{ answers: latencies.count, max: latencies.max },
    })),
    errors: summary.errors(),
    slowest: summary.slowest,
    performance: summary.stats.performance(),
    errorCount: summary.stats.snapshot().error_count,
    answered: summary.stats.snapshot().correlation_count,
    peers: { ...summary.peers },
  };
}

test("TapeSummary counts methods, errors, latencies and who talks", async () => {
  const summary = await summaryOf(await sampleSession().text());
  const echo = summary.methods()[0]!;
  assert.equal([echo.label, echo.dir, echo.count, echo.errors], ["tools/call echo", "client_to_server", 13, 0]);
  assert.equal([echo.latencies.count, echo.latencies.min, echo.latencies.max], [12, 3000, 7000]);
  assert.equal(summary.errors(), [
    {
      ...{ label: "tools/call add", code: -32602, count: 1, firstSeq: 31 },
      message: "Invalid arguments for tool add: b is required",
    },
    {
      label: "tools/call getTinyImage",
      code: "tool",
      message: "The disk is \u001b[31mfull\u001b[0m",
      count: 1,
      firstSeq: 36,
    },
  ]);
  assert.equal(summary.slowest.map(({ label, us }) => [label, us]), [
    ["tools/call longRunningOperation", 2_050_000],
    ["sampling/createMessage", 400_000],
    ["initialize", 45_000],
    ["tools/call getTinyImage", 11_000],
    ["tools/call echo", 7000],
  ]);
  assert.equal(summary.openCalls(), [{ label: "tools/call echo", seq: 46, ts: 3600, status: "orphan" }]);
  assert.equal([summary.stats.snapshot().tool_error_count, summary.invalid, summary.logs], [1, 1, 1]);
  assert.equal(summary.gaps.map(({ count }) => count), [7]);
  const { client, server, protocolVersion } = summary.peers;
  assert.equal([client, server, protocolVersion], [
    { name: "sample-client", version: "1.2.0" },
    { name: "everything", version: "1.0.0" },
    "2025-06-18",
  ]);
});

test("TapeSummary agrees with the statistics that the writer put on the tape", async () => {
  const lines = await linesOf(await sampleSession().text());
  const last = lines.at(-1)!.record;
  assert.is(last.type, "checkpoint");
  const { checkpoint_count: _, ...counted } = (await summaryOf(await sampleSession().text())).stats.snapshot();
  const { checkpoint_count: __, file_size_bytes, ...written } = (last as TapeRecord & { stats: object })
    .stats as Record<string, unknown>;
  assert.equal({ ...counted, file_size_bytes }, { ...written, file_size_bytes });
});

test("TapeSummary finds out by itself what a simple recorder did not write", async () => {
  const ours = await summaryOf(await sampleSession().text());
  const plain = await summaryOf(sampleSession().plainText());
  assert.equal(essence(plain), essence(ours));
  assert.equal(plain.openCalls().map(({ status }) => status), ["open"]);
});

test("TapeSummary knows who talks without a handshake (MCP 2026-07-28)", async () => {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "c", version: "3" },
  };
  const session = new Session("new")
    .client(1, { id: 1, method: "server/discover", params: { _meta: meta } })
    .server(2, { id: 1, result: { _meta: { "io.modelcontextprotocol/serverInfo": { name: "s" } } } });
  assert.equal({ ...(await summaryOf(session.plainText())).peers }, {
    client: { name: "c", version: "3" },
    server: { name: "s" },
    protocolVersion: "2026-07-28",
  });
});

test("TapeSummary takes the tape's word for what became of a request", async () => {
  const lost = {
    type: "correlation",
    id: "corr-0-none",
    request_seq: 0,
    response_seq: null,
    response_ts: null,
    rtt_ms: null,
  };
  const start = () => new Session("demo").client(1, { id: 1, method: "m" });
  const open = async (session: Session) => (await summaryOf(session.plainText())).openCalls();
  const call = { label: "m", seq: 0, ts: 1 };
  assert.equal(await open(start()), [{ ...call, status: "open" }]);
  assert.equal(await open(start().record({ ...lost, status: "timeout" })), [{ ...call, status: "timeout" }]);
  const late = start().record({ ...lost, status: "timeout" }).server(9, { id: 1, result: {} });
  assert.equal(await open(late), []);
  const confirmed = { ...lost, id: "corr-0-1", response_seq: 1, rtt_ms: 8, status: "success", late: true };
  assert.equal(await open(late.record(confirmed)), []);
  const muchLater = start().client(3_600_000, { method: "n" });
  assert.equal(await open(muchLater), [{ ...call, status: "open" }]);
  const unknown = new Session("demo").record({ ...lost, request_seq: 99 });
  assert.equal(await open(unknown), [{ label: "(unknown request)", seq: 99, ts: undefined, status: "open" }]);
});

test("TapeSummary knows a request whose answer was too long for the tape as answered", () => {
  const summary = new TapeSummary(5);
  const frame = { type: "frame" as const, dir: "client_to_server" as const, ts: 1 };
  summary.add({ ...frame, seq: 0, env: { message: { jsonrpc: "2.0", id: 1, method: "ping" } } });
  const answer = { dir: "server_to_client" as const, id: 1, length: 20_000_000 };
  const gap: TapeRecord = { type: "gap", ts: 9, from_seq: 1, to_seq: 1, count: 1, ...answer };
  summary.add(gap);
  const lost = { dir: "server_to_client" as const, id: "a", method: "sampling/createMessage", length: 20_000_000 };
  summary.add({ type: "gap", ts: 10, from_seq: 2, to_seq: 2, count: 1, ...lost });
  summary.end();
  assert.equal(summary.slowest.map(({ label, us }) => [label, us]), [["ping", 8000]]);
  assert.equal(summary.openCalls().map(({ label, seq }) => [label, seq]), [["sampling/createMessage", 2]]);
});

test("TapeSummary counts an error that is not UTF-8, or no JSON, where the statistics count it", async () => {
  const raw = (id: number, message: string) => `{"jsonrpc":"2.0","id":${id},"error":{"code":${message}}}`;
  const ask = (id: number) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "x" } });
  const session = new Session("demo").client(1, ask(1)).client(2, ask(2))
    .raw(3, raw(1, '-32000,"message":"\ufffd"')).raw(4, raw(2, "NaN"));
  for (const tape of [await session.text(), session.plainText()]) {
    const summary = await summaryOf(tape);
    assert.is(summary.stats.snapshot().error_count, 2);
    assert.is(summary.methods()[0]?.errors, 2);
    assert.equal(summary.errors().map(({ label, code, message }) => [label, code, message]), [
      ["tools/call x", -32000, "\ufffd"],
      ["tools/call x", "?", ""],
    ]);
  }
});

test("TapeSummary is bounded, whatever the tape", async () => {
  const session = new Session("wild");
  for (let at = 0; at < 1200; at++) {
    session.client(at, { id: at, method: `method ${at} ${"x".repeat(5000)}` });
    session.server(at, { id: at, error: { code: at, message: "y".repeat(5000) } });
  }
  const summary = await summaryOf(session.plainText(), 3);
  assert.is(summary.slowest.length, 3);
  assert.is(summary.methods().length, 501);
  assert.is(summary.errors().length, 501);
  for (const { count } of [summary.methods()[0]!, summary.errors()[0]!]) assert.is(count, 700);
  assert.ok(summary.methods().every(({ label }) => label.length <= 200));
  assert.ok(summary.errors().every(({ message }) => message.length <= 500));
  assert.is(summary.stats.snapshot().error_count, 1200);
});

test("TapeSummary counts the members of a batch", async () => {
  const session = new Session("batch")
    .client(1, [{ id: 1, method: "a" }, { id: 2, method: "b" }, { method: "n" }])
    .server(5, [{ id: 2, result: 1 }, { id: 1, error: { code: 1, message: "x" } }]);
  const summary = await summaryOf(session.plainText());
  const counts = summary.methods().filter(({ count }) => count > 0).map(({ label, count }) => [label, count]);
  assert.equal(counts, [["a", 1], ["b", 1], ["n", 1]]);
  assert.is(summary.stats.snapshot().correlation_count, 2);
  assert.is(summary.errors().length, 1);
});

test.run();
