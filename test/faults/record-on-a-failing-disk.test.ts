import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onlyTapeIn, type RecordedTape } from "../helpers/mcp/recorded-server.ts";
import { inScratch } from "../helpers/scratch.ts";
import { type Peer, recorded, shell, talkWith } from "../helpers/mcp/stdio-client.ts";
import { eventually } from "../helpers/within.ts";
import { onDisk, onStoppableDisk } from "./disks.ts";
import { CALLS, whileFailing, whyNoTracing } from "./tracing.ts";

// Notifications, so that the end of the tape has no open requests to report.
const message = (n: number, length = 100) =>
  `{"jsonrpc":"2.0","method":"note","params":{"n":${n},"pad":"${"x".repeat(length)}"}}\n`;

/** Sends messages and waits for the echo of each before the next. */
async function pingPong(peer: Peer, from: number, to: number, length?: number): Promise<void> {
  let have = peer.stdout.length;
  for (let n = from; n < to; n++) {
    const text = message(n, length);
    peer.send(text);
    await peer.bytes(have += text.length);
  }
}

const traffic = (from: number, to: number, length?: number) =>
  Array.from({ length: to - from }, (_, at) => message(from + at, length)).join("");

/**
 * The tape, which is made while the server already talks. It has its first line: one that cannot be opened is opened again,
 * and nothing is lost.
 */
async function tapeIn(folder: string): Promise<string> {
  let path: string | undefined;
  await eventually(`there is a tape in ${folder}`, async () => {
    const name = (await readdir(folder)).find((name) => name.endsWith(".jsonl"));
    if (name === undefined) return false;
    path = join(folder, name);
    return (await stat(path)).size > 0;
  });
  return path!;
}

/** Checks that each message is on the tape, or in a gap; gives how many are in gaps. */
function lostOn(tape: RecordedTape, messages: number): number {
  const gaps = tape.records.flatMap((record) => record.type === "gap" ? [record] : []);
  const missing = gaps.flatMap(({ from_seq, count }) => Array.from({ length: count }, (_, at) => from_seq! + at));
  const all = [...tape.frames.map(({ seq }) => seq), ...missing].sort((a, b) => a - b);
  assert.equal(all, Array.from({ length: messages }, (_, seq) => seq));
  assert.is(tape.metadata?.stats?.lost_frame_count ?? 0, missing.length);
  assert.is(tape.metadata?.status, "finalized");
  return missing.length;
}

for (const error of ["EIO", "EROFS", "ENOSPC"]) {
  test(`record goes on while every write fails with ${error}, and tells of the gap when writing works again`, async () => {
    const reason = whyNoTracing();
    if (reason !== undefined) return console.log(`skip: ${reason}`);
    await inScratch(async (folder) => {
      const seen = await talkWith(recorded(["cat"], ["--dir", folder]), async (peer) => {
        await pingPong(peer, 0, 10);
        const tape = await tapeIn(folder);
        const { injected } = await whileFailing(peer.pid, [tape], [`${CALLS.write}:error=${error}`], async () => {
          await pingPong(peer, 10, 60);
          await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
        });
        assert.ok(injected > 0, "writes failed");
        await pingPong(peer, 60, 70);
        peer.end();
      });
      assert.is(String(seen.stdout), traffic(0, 70));
      assert.is(seen.code, 3);
      assert.match(
        String(seen.stderr),
        /^tapeline: Cannot write .*; the session goes on, .*\ntapeline: .* it lacks \d+ /,
      );
      const lost = lostOn(await onlyTapeIn(folder), 140);
      // What was said before writing failed may still have been waiting then; what was said afterwards is there.
      assert.ok(lost > 0 && lost <= 120, `${lost} are lost`);
    });
  });
}

test("record ends with the code of a server that failed, also where the tape did", async () => {
  const reason = whyNoTracing();
  if (reason !== undefined) return console.log(`skip: ${reason}`);
  await inScratch(async (folder) => {
    const seen = await talkWith(recorded(shell("cat; exit 7"), ["--dir", folder]), async (peer) => {
      await pingPong(peer, 0, 10);
      const faults = [`${CALLS.write}:error=EIO`, `${CALLS.sync}:error=EIO`];
      await whileFailing(peer.pid, [await tapeIn(folder)], faults, async () => {
        await pingPong(peer, 10, 20);
        await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
      });
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 20));
    assert.is(seen.code, 7);
  });
});

test("record at `synced` waits for no sync that takes half a second", async () => {
  const reason = whyNoTracing();
  if (reason !== undefined) return console.log(`skip: ${reason}`);
  await inScratch(async (folder) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", folder, "--durability", "synced"]), async (peer) => {
      await pingPong(peer, 0, 1);
      const slow = [`${CALLS.sync}:delay_enter=500000`];
      const tape = await tapeIn(folder);
      const isThere = (n: number) => async () => (await readFile(tape, "utf8")).split(`"n":${n},`).length === 3;
      // What waits for the tape to be made goes out together, and needs one sync.
      await eventually("the first message is on the tape, twice", isThere(0));
      const { injected } = await whileFailing(peer.pid, [tape], slow, async () => {
        await pingPong(peer, 1, 200);
        await eventually("the last message is on the tape, twice", isThere(199));
      });
      // Had each message waited, there would have been one for each, at least.
      assert.ok(injected >= 1 && injected < 100, `${injected} slow syncs while 199 messages passed`);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 200));
    assert.is(seen.code, 0);
    assert.is(lostOn(await onlyTapeIn(folder), 400), 0);
  });
});

test("record goes on when the disk is gone for good", async () => {
  await onDisk("ext4", async (disk) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", disk.folder, "--durability", "synced"]), async (peer) => {
      await pingPong(peer, 0, 10);
      disk.cutPower();
      await pingPong(peer, 10, 60);
      await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 60));
    assert.is(seen.code, 3);
    assert.match(String(seen.stderr), /\ntapeline: .* is not whole: it lacks \d+ messages/);
  });
});

test("record goes on while the disk does not answer, and nothing is missing when it does again", async () => {
  await onStoppableDisk(async (disk) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", disk.folder]), async (peer) => {
      await pingPong(peer, 0, 10);
      await eventually(
        "there is a tape",
        async () => (await readdir(disk.folder)).some((name) => name.endsWith(".meta.json")),
      );
      disk.stop();
      await pingPong(peer, 10, 300);
      disk.goOn();
      await pingPong(peer, 300, 310);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 310));
    assert.is(String(seen.stderr), "");
    assert.is(seen.code, 0);
    assert.is(lostOn(await onlyTapeIn(disk.folder), 620), 0);
  });
});

test("record keeps within its memory while the disk does not answer, and tells of the gap when it does again", async () => {
  const [count, length] = [450, 100_000];
  await onStoppableDisk(async (disk) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", disk.folder]), async (peer) => {
      await pingPong(peer, 0, 10, length);
      disk.stop();
      const rest = Array.from({ length: count - 10 }, (_, at) => message(10 + at, length));
      for (const text of rest) peer.send(text);
      await peer.bytes(traffic(0, count, length).length);
      await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
      disk.goOn();
      await eventually("half of what was kept is written", async () => {
        const { size } = await stat(await tapeIn(disk.folder));
        return size > 40_000_000;
      }, 60_000);
      await pingPong(peer, count, count + 10, length);
      peer.end();
    });
    assert.ok(String(seen.stdout) === traffic(0, count + 10, length), "the bytes are the same");
    assert.is(seen.code, 3);
    assert.match(String(seen.stderr), /the tape is too slow: more than 67108864 bytes wait to be written/);
    const lost = lostOn(await onlyTapeIn(disk.folder), 2 * count + 20);
    assert.ok(lost > 0 && lost < 2 * count, `${lost} are lost`);
  });
});

test("record ends although the disk never answers again", async () => {
  await onStoppableDisk(async (disk) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", disk.folder]), async (peer) => {
      await pingPong(peer, 0, 10);
      // A call that the daemon is just working on could not even be killed.
      await eventually(
        "all is on the tape",
        async () => (await readFile(await tapeIn(disk.folder), "utf8")).split('"n":9,').length === 3,
      );
      disk.stop();
      await pingPong(peer, 10, 30);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 30));
    // A Node that cannot become another program can only end itself with a signal.
    if (seen.signal !== "SIGKILL") assert.is(seen.code, 3);
    assert.match(String(seen.stderr), /the disk did not answer for 5000 ms/);
  });
});

test.run();
