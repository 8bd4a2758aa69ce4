import { appendFile, copyFile, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../../src/stores/file.ts";
import { verifyTape } from "../../../src/tape/verify/verify.ts";
import { onlyTapeIn, type RecordedTape } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { type Peer, recorded, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { eventually } from "../../helpers/within.ts";

const message = (n: number) => `{"jsonrpc":"2.0","method":"note","params":${n}}\n`;

/** Sends a message, and waits until its echo is on the tape as well. */
async function say(peer: Peer, tape: string, n: number): Promise<void> {
  peer.send(message(n));
  await eventually(`message ${n} is on the tape`, async () => {
    const text = await readFile(tape, "utf8").catch(() => "");
    return text.split(`"params":${n}}`).length === 3;
  });
}

interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
  /** The folder that tapes are recorded to, and one beside it. */
  readonly folder: string;
  readonly aside: string;
}

/**
 * Records a session whose tape somebody changes after two messages.
 *
 * @param isNoticedFirst whether the session goes on only when that was noticed, or at once
 */
async function whileTampering(
  tamper: (tape: string, folder: string, aside: string) => Promise<unknown>,
  isNoticedFirst: boolean,
  check: (outcome: Outcome) => Promise<void>,
): Promise<void> {
  await inScratch(async (scratch) => {
    const [folder, aside] = [join(scratch, "tapes"), join(scratch, "aside")];
    const seen = await talkWith(recorded(["cat"], ["--dir", folder]), async (peer) => {
      const nameOf = async () => (await readdir(folder).catch(() => [])).find((name) => name.endsWith(".jsonl"));
      await eventually("there is a tape", async () => await nameOf() !== undefined);
      const tape = join(folder, (await nameOf())!);
      await say(peer, tape, 1);
      await say(peer, tape, 2);
      await tamper(tape, folder, aside);
      if (isNoticedFirst) {
        await peer.until("a warning", () => peer.stderr.includes("tapeline: "));
        await say(peer, tape, 3);
      } else peer.send(message(3));
      peer.end();
    });
    assert.is(String(seen.stdout), message(1) + message(2) + message(3));
    await check({ code: seen.code, stderr: String(seen.stderr), folder, aside });
  });
}

const gapsOf = (tape: RecordedTape) => tape.records.flatMap((record) => record.type === "gap" ? [record] : []);

/** The session went on in a tape of the same name that tells what is missing, and lacks nothing else. */
async function wentOn({ code, stderr, folder }: Outcome, why: RegExp, isNoticedFirst: boolean): Promise<RecordedTape> {
  assert.is(code, 3);
  assert.match(stderr, why);
  assert.is(stderr.split("the session goes on").length, 2, stderr);
  const tape = await onlyTapeIn(folder);
  assert.ok((await verifyTape(fileStore(folder), tape.tapeId)).isIntact, JSON.stringify(tape.records));
  assert.is(tape.metadata?.status, "finalized");
  const lost = gapsOf(tape).reduce((sum, { count }) => sum + count, 0);
  assert.is(tape.frames.length + lost, 6, JSON.stringify(tape.records));
  if (isNoticedFirst) assert.equal(tape.said("server_to_client").slice(-1), [message(3).trim()]);
  assert.is((await readFile(join(folder, `${tape.tapeId}.jsonl`))).includes(0), false, "no hole");
  assert.equal((await readdir(folder)).filter((name) => name.endsWith(".lock")), []);
  return tape;
}

const noticedHow = (isNoticedFirst: boolean) => isNoticedFirst ? "noticed in silence" : "noticed at the end";

for (const isNoticedFirst of [true, false]) {
  test(`record goes on in a new tape where its tape is deleted (${noticedHow(isNoticedFirst)})`, () =>
    whileTampering((tape) => rm(tape), isNoticedFirst, async (outcome) => {
      const tape = await wentOn(
        outcome,
        /Cannot write .*\.jsonl at byte \d+: it was deleted or moved away/,
        isNoticedFirst,
      );
      const [gap] = gapsOf(tape);
      assert.is(gap?.from_seq, 0);
      assert.match(gap?.reason ?? "", /it was deleted or moved away$/);
    }));

  test(`record makes no hole where its tape is emptied (${noticedHow(isNoticedFirst)})`, () =>
    whileTampering((tape) => truncate(tape, 0), isNoticedFirst, async (outcome) => {
      await wentOn(outcome, /somebody has cut it to \d+ bytes/, isNoticedFirst);
    }));
}

test("record goes on in a new tape where its folder is deleted", () =>
  whileTampering((_, folder) => rm(folder, { recursive: true }), false, async (outcome) => {
    await wentOn(outcome, /it was deleted or moved away/, false);
  }));

test("record goes on in a new tape where its folder is renamed, and leaves the old one as it is", () =>
  whileTampering((_, folder, aside) => rename(folder, aside), true, async (outcome) => {
    await wentOn(outcome, /it was deleted or moved away/, true);
    const old = await onlyTapeIn(outcome.aside);
    assert.is(old.frames.length, 4);
    assert.is(old.metadata?.status, "recording", "nobody has ended it");
  }));

test("record goes on in a copy that takes the place of its tape", () =>
  whileTampering(
    async (tape, _, aside) => {
      await copyFile(tape, aside);
      await rename(aside, tape);
    },
    true,
    async (outcome) => {
      const tape = await wentOn(outcome, /it was replaced by another file/, true);
      assert.is(tape.frames.length, 6);
    },
  ));

test("record goes on behind what is left where its tape is cut back", () =>
  whileTampering(async (tape) => await truncate(tape, (await readFile(tape)).length - 30), true, async (outcome) => {
    const tape = await wentOn(outcome, /somebody has cut it to \d+ bytes/, true);
    assert.ok(tape.frames.length >= 4, "what was left of it is kept");
  }));

test("record goes on behind what somebody else has written", () =>
  whileTampering((tape) => appendFile(tape, '{"type":"note"}\n'), true, async (outcome) => {
    const tape = await wentOn(outcome, /somebody else has written to it/, true);
    assert.is(tape.frames.length, 6);
    assert.ok(tape.records.some(({ type }) => type as string === "note"));
  }));

test("record leaves alone what has taken the place of its tape, and says that there is none", () =>
  whileTampering(
    async (tape, _, aside) => {
      await writeFile(aside, "my shopping list\n");
      await rename(aside, tape);
    },
    false,
    async ({ code, stderr, folder }) => {
      assert.is(code, 3);
      assert.match(stderr, /it was replaced by another file/);
      assert.match(stderr, /it lacks 6 messages/);
      const names = await readdir(folder);
      const tape = names.find((name) => name.endsWith(".jsonl"))!;
      assert.is(await readFile(join(folder, tape), "utf8"), "my shopping list\n");
      const metadata = JSON.parse(await readFile(join(folder, tape.replace(".jsonl", ".meta.json")), "utf8"));
      assert.match(metadata.status.error, /it was replaced by another file$/);
    },
  ));

test("record takes a lock that was removed again, and needs no metadata to be there", () =>
  whileTampering(
    async (tape) => {
      await rm(`${tape}.lock`);
      await rm(tape.replace(".jsonl", ".meta.json"));
      await eventually("the lock is back", () => readFile(`${tape}.lock`).then(() => true, () => false));
    },
    false,
    async ({ code, stderr, folder }) => {
      assert.equal([code, stderr], [0, ""]);
      const tape = await onlyTapeIn(folder);
      assert.equal([tape.frames.length, tape.metadata?.status], [6, "finalized"]);
    },
  ));

test("record stops writing where another process has taken its lock, and leaves it the metadata", () =>
  whileTampering(
    async (tape) => {
      const other = { pid: 1, started: null, host: "elsewhere", nonce: crypto.randomUUID() };
      await writeFile(`${tape}.lock`, JSON.stringify(other));
      await writeFile(tape.replace(".jsonl", ".meta.json"), '{"status":"recording"}');
    },
    false,
    async ({ code, stderr, folder }) => {
      assert.is(code, 3);
      assert.match(stderr, /another process has taken its lock/);
      const names = await readdir(folder);
      const metadata = await readFile(join(folder, names.find((name) => name.endsWith(".meta.json"))!), "utf8");
      assert.is(metadata, '{"status":"recording"}');
      assert.ok(names.some((name) => name.endsWith(".lock")), "the lock is the other's");
    },
  ));

test.run();
