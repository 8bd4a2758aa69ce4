import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { linesOf, onlyTapeIn, type RecordedTape } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { type Peer, recorded, type Seen, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { within } from "../../helpers/within.ts";

/** Records a server that leaves a process behind, whose number it writes into `$LEFT`; that process is killed. */
async function leaving(
  server: string,
  talk: (peer: Peer) => void | Promise<void> = () => {},
): Promise<{ readonly seen: Seen; readonly tape: RecordedTape; readonly notes: readonly string[] }> {
  return await inScratch(async (folder) => {
    const left = join(folder, "left");
    try {
      const line = recorded(shell(`LEFT='${left}'; ${server}`), ["--dir", join(folder, "tapes")]);
      const seen = await talkWith(line, talk);
      const tape = await onlyTapeIn(join(folder, "tapes"));
      const notes = tape.records.flatMap((record) =>
        record.type === "log" && record.stream === "tapeline" ? [record.text] : []
      );
      assert.is(tape.metadata?.status, "finalized");
      return { seen, tape, notes };
    } finally {
      const pid = Number(await readFile(left, "utf8"));
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  });
}

/** Long lines: the tape should be no bottleneck. */
const FLOOD = `yes ${"x".repeat(10_000)} 2>/dev/null`;

for (
  const [what, server, held] of [
    ["writes to stderr without end", "(while :; do echo beat; sleep 0.2; done) >&2 2>/dev/null", "stderr"],
    ["writes to stdout without end", "(while :; do echo beat; sleep 0.2; done) 2>/dev/null", "stdout"],
    ["writes to both without end", "(while :; do echo beat; echo beat >&2; sleep 0.2; done)", "stdout and stderr"],
    ["holds both and says nothing", "sleep 60", "stdout and stderr"],
  ] as const
) {
  test(`record ends with a server that leaves something behind which ${what}`, async () => {
    const { seen, tape, notes } = await leaving(`${server} & echo $! >"$LEFT"; exit 5`);
    assert.is(seen.code, 5);
    // A line may be cut where the session is.
    assert.equal(tape.said("server_to_client"), linesOf(seen.stdout));
    assert.equal(tape.log, linesOf(seen.stderr));
    assert.equal(notes, [
      `the server has ended, and something that it left behind holds its ${held} open: the session ends here`,
    ]);
  });
}

test("record ends with a server that leaves something behind which writes all it can", async () => {
  const { seen, notes } = await leaving(`${FLOOD} & echo $! >"$LEFT"; exit 5`);
  assert.is(seen.code, 5);
  assert.match(notes.at(-1)!, /holds its stdout open/);
});

test("record takes the last line of something that was left behind", async () => {
  const { seen, tape, notes } = await leaving('(sleep 0.2; echo late) & echo $! >"$LEFT"; exit 5');
  assert.is(seen.code, 5);
  assert.is(String(seen.stdout), "late\n");
  assert.equal(tape.said("server_to_client"), ["late"]);
  assert.equal(notes, []);
});

test("record ends with a server that leaves something behind which holds its input", async () => {
  const server = 'exec 3<&0; sleep 60 <&3 >/dev/null 2>&1 & echo $! >"$LEFT"; exit 5';
  const { seen, notes } = await leaving(server, (peer) => peer.send("x".repeat(1_000_000)));
  assert.is(seen.code, 5);
  assert.equal(notes, []);
});

test("record ends as a server that is killed and leaves something behind", async () => {
  const { seen, notes } = await leaving('(while :; do echo beat; sleep 0.2; done) & echo $! >"$LEFT"; kill -TERM $$');
  assert.is(seen.signal, "SIGTERM");
  assert.is(notes.length, 1);
});

test("record ends where a client does not read, and something was left behind that writes", async () => {
  const { seen, tape, notes } = await leaving(`${FLOOD} & echo $! >"$LEFT"; exit 5`, async (peer) => {
    const exited = new Promise((resolve) => peer.child.once("exit", resolve));
    peer.child.stdout!.pause();
    await within(exited, "the end of the recorder", 60_000);
    peer.child.stdout!.resume();
  });
  assert.is(seen.code, 5);
  assert.ok(tape.said("server_to_client").length >= linesOf(seen.stdout).length);
  assert.match(notes.at(-1)!, /^the client has not read the end of stdout, which stands on this tape$/);
});

test.run();
