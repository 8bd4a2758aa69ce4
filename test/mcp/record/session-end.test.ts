import { PassThrough } from "node:stream";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SessionEnding } from "../../../src/mcp/record/session-end.ts";
import { recordStdio } from "../../../src/mcp.ts";
import { memoryStore } from "../../../src/mod.ts";
import type { EndRecord, TapeRecord } from "../../../src/records/record.ts";
import { onlyTapeIn, type RecordedTape } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { type CommandLine, type Peer, recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { within } from "../../helpers/within.ts";

/** How a recorded session has ended, according to its tape. */
async function endOf(server: CommandLine, talk?: (peer: Peer) => void | Promise<void>): Promise<EndRecord> {
  return await inScratch(async (folder) => {
    await talkWith(recorded(server, ["--dir", folder]), talk);
    const tape = await onlyTapeIn(folder);
    const end = checkedEnd(tape);
    assert.is(end.ts >= (end.exit_ts ?? 0), true);
    return end;
  });
}

/** The end record, which stands right before the final checkpoint and in the metadata. */
function checkedEnd({ records, metadata }: RecordedTape): EndRecord {
  const [end, checkpoint] = records.slice(-2) as [TapeRecord, TapeRecord];
  assert.ok(end.type === "end" && checkpoint.type === "checkpoint" && checkpoint.final, JSON.stringify(end));
  const { type: _, ...known } = end;
  assert.equal(metadata?.end, known);
  return end;
}

test("SessionEnding.end() tells who closed what first, by the tape's clock", () => {
  const ending = new SessionEnding();
  ending.closed("stdin", "client");
  ending.closed("stdin", "server");
  ending.closed("stdout", "server");
  ending.exited({ code: 3, signal: null });
  const { closed, exit_ts, ...rest } = ending.end(100_000);
  assert.equal(rest, { ts: 100_000, exit_code: 3, signal: null });
  assert.equal(closed?.map(({ stream, by }) => [stream, by]), [["stdin", "client"], ["stdout", "server"]]);
  const times = [...closed!.map(({ ts }) => ts!), exit_ts!, 100_000];
  assert.equal(times, times.toSorted((a, b) => a - b));
  assert.ok(times[0]! > 0);
});

test("SessionEnding.end() gives no time before the tape started", () => {
  const ending = new SessionEnding();
  ending.closed("stdout", "server");
  assert.is(ending.end(0).closed?.[0]?.ts, 0);
});

test("SessionEnding.end() claims nothing that was not seen", () => {
  assert.equal(new SessionEnding().end(5), { ts: 5, exit_code: null, signal: null, exit_ts: null, closed: [] });
  const failed = new SessionEnding();
  failed.failed(127, "Cannot start x: there is no such command");
  assert.equal(failed.end(5), { ts: 5, exit_code: 127, error: "Cannot start x: there is no such command" });
});

test("record tells on the tape that the server crashed", async () => {
  // The client says nothing, and closes nothing.
  const end = await endOf(shell("kill -SEGV $$"), () => {});
  assert.equal([end.exit_code, end.signal], [null, "SIGSEGV"]);
  assert.equal(end.closed?.filter(({ by }) => by !== "server"), []);
  assert.is(end.closed?.some(({ stream }) => stream === "stdout"), true);
});

test("record tells on the tape that the server failed after the client had gone", async () => {
  const end = await endOf(shell("cat >/dev/null; exit 3"), (peer) => peer.end());
  assert.equal([end.exit_code, end.signal], [3, null]);
  assert.equal([end.closed?.[0]?.stream, end.closed?.[0]?.by], ["stdin", "client"]);
  assert.ok(end.closed![0]!.ts! <= end.exit_ts!);
});

test("record tells on the tape by which signal the server ended that was told to", async () => {
  const end = await endOf(shell("echo ready; exec sleep 60"), async (peer) => {
    await peer.text("ready\n");
    process.kill(peer.pid, "SIGTERM");
  });
  assert.equal([end.exit_code, end.signal], [null, "SIGTERM"]);
});

test("record tells on the tape that the client stopped reading", async () => {
  const end = await endOf(shell("while echo x; do :; done; exit 4"), async (peer) => {
    await peer.text("x\n");
    peer.child.stdout!.destroy();
  });
  assert.equal(end.closed?.find(({ stream }) => stream === "stdout")?.by, "client");
});

test("record tells on the tape that the server could not be started", async () => {
  const { ts: _, ...end } = await endOf(["./no-such-command"]);
  assert.equal(end, { type: "end", exit_code: 127, error: "Cannot start ./no-such-command: there is no such command" });
});

test("recordStdio() gives how the session has ended with the metadata", async () => {
  const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const { metadata } = await within(
    recordStdio({ store: memoryStore(), client, command: "sh", args: ["-c", "exit 9"] }),
    "the end of the session",
  );
  assert.is(metadata?.end?.exit_code, 9);
});

test.run();
