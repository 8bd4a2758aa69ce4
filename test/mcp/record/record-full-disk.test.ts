import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { linesOf, onlyTapeIn, type RecordedTape } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { type Peer, recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { mountSmallDisk, type SmallDisk } from "../../helpers/machine/tmpfs.ts";
import { eventually } from "../../helpers/within.ts";

const DISK_BYTES = 64 * 1024;
/** Room for all that is said: what is written runs behind what is passed on, on a busy machine by hundreds of messages. */
const MORE_BYTES = 1024 * 1024;

/** Runs `body` with a folder on a disk of its own, and does not where none can be made. */
async function onSmallDisk(body: (folder: string, disk: SmallDisk) => Promise<void>): Promise<void> {
  await inScratch(async (folder) => {
    const disk = await mountSmallDisk(folder, DISK_BYTES, MORE_BYTES);
    if (typeof disk === "string") return console.log(`skip: ${disk}`);
    try {
      await body(folder, disk);
    } finally {
      disk.unmount();
    }
  });
}

/** Takes all the room that there is. */
async function fill(folder: string): Promise<string> {
  const path = join(folder, "filler");
  await writeFile(path, new Uint8Array(DISK_BYTES + MORE_BYTES)).catch(() => {});
  return path;
}

// Notifications, so that the end of the tape has no open requests to report.
const message = (n: number) => `{"jsonrpc":"2.0","method":"note","params":{"n":${n},"pad":"${"x".repeat(500)}"}}\n`;

/** Sends messages and waits for the echo of each before the next. */
async function pingPong(peer: Peer, from: number, to: number): Promise<void> {
  let length = peer.stdout.length;
  for (let id = from; id < to; id++) {
    peer.send(message(id));
    await peer.bytes(length += message(id).length);
  }
}

const traffic = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => message(from + at)).join("");

const gapsOf = (tape: RecordedTape) => tape.records.flatMap((record) => record.type === "gap" ? [record] : []);

test("record goes on when the disk is full, and tells of the gap when there is room again", async () => {
  await onSmallDisk(async (folder, disk) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", folder]), async (peer) => {
      await pingPong(peer, 0, 300);
      await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
      await disk.free();
      await pingPong(peer, 300, 320);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 320));
    assert.is(seen.code, 3);
    assert.match(
      String(seen.stderr),
      /^tapeline: Cannot write .*; the session goes on, but .*\ntapeline: .* it lacks \d+ messages \(.*\)\n$/,
    );

    const tape = await onlyTapeIn(folder);
    const gaps = gapsOf(tape);
    const lost = gaps.reduce((sum, { count }) => sum + count, 0);
    assert.ok(gaps.length >= 1 && lost > 0, "the tape has a gap");
    assert.is(tape.frames.length + lost, 640);
    assert.is(tape.metadata?.stats?.lost_frame_count, lost);
    assert.is(tape.metadata?.status, "finalized");
    // What could be recorded is what was said, up to the gap and after it.
    const said = tape.said("server_to_client");
    assert.equal(said.slice(0, 10), linesOf(new TextEncoder().encode(traffic(0, 10))));
    assert.equal(said.slice(-20), linesOf(new TextEncoder().encode(traffic(300, 320))));
    const seqs = tape.frames.map(({ seq }) => seq);
    const missing = gaps.flatMap(({ from_seq, count }) => Array.from({ length: count }, (_, at) => from_seq! + at));
    assert.equal([...seqs, ...missing].sort((a, b) => a - b), Array.from({ length: 640 }, (_, seq) => seq));
  });
});

test("record goes on when the disk stays full, and ends with the code of a server that failed", async () => {
  await onSmallDisk(async (folder) => {
    const server = shell("cat; exit 7");
    const seen = await talkWith(recorded(server, ["--dir", folder]), async (peer) => {
      await pingPong(peer, 0, 300);
      await fill(folder);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 300));
    assert.is(seen.code, 7);
    // Nothing that was begun before is damaged.
    const tape = await onlyTapeIn(folder);
    assert.ok(tape.frames.length > 10);
  });
});

test("record runs a session without a tape where the disk is full from the start", async () => {
  await onSmallDisk(async (folder) => {
    await fill(folder);
    const seen = await talkWith(recorded(["cat"], ["--dir", folder]), async (peer) => {
      await pingPong(peer, 0, 20);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 20));
    assert.is(seen.code, 3);
    assert.match(String(seen.stderr), /it lacks 40 messages/);
    assert.equal((await readdir(folder)).filter((name) => name.includes(".jsonl")), []);
  });
});

test("record makes the tape as soon as the disk has room, and nothing is missing", async () => {
  await onSmallDisk(async (folder) => {
    const filler = await fill(folder);
    const seen = await talkWith(recorded(["cat"], ["--dir", folder]), async (peer) => {
      await pingPong(peer, 0, 20);
      await rm(filler);
      await eventually(
        "there is a tape",
        async () => (await readdir(folder)).some((name) => name.endsWith(".meta.json")),
      );
      await pingPong(peer, 20, 25);
      peer.end();
    });
    assert.is(String(seen.stdout), traffic(0, 25));
    assert.is(seen.code, 0);
    const tape = await onlyTapeIn(folder);
    assert.is(tape.frames.length, 50);
    assert.equal(gapsOf(tape), []);
  });
});

test.run();
