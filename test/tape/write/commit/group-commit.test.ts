import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeSink } from "../../../../src/streams/sink.ts";
import { GroupCommit, type GroupCommitOptions } from "../../../../src/tape/write/commit/group-commit.ts";
import { LineCoding } from "../../../../src/tape/write/commit/line-coding.ts";
import { PendingLines } from "../../../../src/tape/write/commit/pending-lines.ts";
import { Gate } from "../../../helpers/strange/faulty-store.ts";
import { assertSameList } from "../../../helpers/same-list.ts";
import { settled } from "../../../helpers/streams.ts";
import { eventually, reasonOf, within } from "../../../helpers/within.ts";

/** A queue before a sink that a test has in its hand. */
class Bench {
  readonly gate: Gate = new Gate();
  /** What each write brought. */
  readonly writes: string[] = [];
  readonly lost: string[] = [];
  readonly outdated: string[] = [];
  readonly lines: PendingLines = new PendingLines();
  readonly queue: GroupCommit;
  preamble: string | undefined;
  offset = 0;
  syncs = 0;
  failure: Error | undefined;
  syncFailure: Error | undefined;

  constructor(options: Partial<GroupCommitOptions> = {}) {
    const offset = () => this.offset;
    const sink = new TapeSink({
      get offset() {
        return offset();
      },
      open: () => Promise.resolve(),
      write: async (chunks) => {
        await this.gate.pass();
        if (this.failure !== undefined) throw this.failure;
        this.writes.push(text(chunks));
      },
      sync: async () => {
        await Promise.resolve();
        this.syncs++;
        if (this.syncFailure !== undefined) throw this.syncFailure;
      },
      check: () => Promise.resolve(),
      truncate: () => Promise.resolve(),
      close: () => Promise.resolve(),
      abort: () => Promise.resolve(),
    });
    this.queue = new GroupCommit(sink, this.lines, {
      synced: false,
      highWaterMark: 100,
      preamble: () => this.preamble === undefined ? undefined : new TextEncoder().encode(this.preamble),
      onWritten: () => this.preamble = undefined,
      onLost: (pieces) => {
        this.lost.push(text(pieces));
        this.preamble = "gap\n";
      },
      outdated: (pieces) => {
        this.outdated.push(text(pieces));
        return pieces;
      },
      ...options,
    });
  }

  add(...lines: string[]): Promise<string> {
    for (const line of lines) this.lines.append(`${line}\n`);
    this.queue.commit();
    const done = this.queue.settled(lines.join());
    done.catch(() => {});
    return done;
  }
}

function text(chunks: readonly Uint8Array[]): string {
  return chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
}

test("GroupCommit writes all that was added at once together, and all that waits behind a write", async () => {
  const bench = new Bench();
  bench.gate.shut();
  const first = [bench.add("a"), bench.add("b", "c")];
  await eventually("a write", () => bench.gate.waiting === 1);
  const second = [bench.add("d"), bench.add("e")];
  await settled();
  assert.equal(bench.writes, []);
  bench.gate.open();
  assert.equal(await Promise.all([...first, ...second]), ["a", "b,c", "d", "e"]);
  assert.equal(bench.writes, ["a\nb\nc\n", "d\ne\n"]);
  assert.is(bench.syncs, 0);
});

test("GroupCommit settles each waiter when its own lines are written, no earlier", async () => {
  const bench = new Bench();
  bench.gate.shut();
  const settledOnes: string[] = [];
  for (const line of ["a", "b"]) {
    void bench.add(line).then((done) => settledOnes.push(done));
    await eventually("a write", () => bench.gate.waiting === 1);
  }
  const empty = bench.queue.settled("nothing to wait for but what is under way");
  assert.equal(settledOnes, []);
  bench.gate.open();
  await within(empty, "all waiters");
  assert.equal(settledOnes, ["a", "b"]);
});

test("GroupCommit syncs once for all who wait, and not for nobody", async () => {
  const bench = new Bench({ synced: true });
  await Promise.all([bench.add("a"), bench.add("b")]);
  assert.is(bench.syncs, 1);
  bench.lines.append("c\n");
  bench.queue.commit();
  await bench.queue.drained();
  assert.equal([bench.writes.length, bench.syncs], [2, 1]);
  bench.syncFailure = new Error("EIO");
  const both = [bench.add("d"), bench.add("e")];
  for (const one of both) assert.is(await reasonOf(one), bench.syncFailure);
  assert.equal(bench.lost, [], "what cannot be synced is written all the same");
});

test("GroupCommit puts no more than about a megabyte into one write, and reports each line when it is written", async () => {
  const bench = new Bench();
  const line = "x".repeat(99_999);
  const lines = Array.from({ length: 35 }, async (_, n) => {
    await bench.add(line);
    const written = bench.writes.join("").length;
    assert.ok(written >= 100_000 * (n + 1), `line ${n} was reported when ${written} bytes were written`);
  });
  await Promise.all(lines);
  assert.is(bench.writes.join("").length, 3_500_000);
  assert.ok(bench.writes.length >= 3);
  assert.ok(bench.writes.every((write) => write.length <= 1024 * 1024 + 300_000 && write.endsWith("\n")));
  await bench.add("y".repeat(5_000_000));
  assert.is(bench.writes.at(-1)!.length, 5_000_001, "but a line is never cut");
});

test("GroupCommit keeps what was committed together in one write", async () => {
  const bench = new Bench();
  const group = Array.from({ length: 30 }, (_, n) => String(n % 10).repeat(60_000));
  await bench.add("a");
  await bench.add(...group);
  assert.equal(bench.writes.map((write) => write.length), [2, 30 * 60_001]);
});

test("ready settles when less waits than the mark", async () => {
  const bench = new Bench({ highWaterMark: 10 });
  await bench.queue.ready;
  bench.gate.shut();
  void bench.add("123456789");
  assert.is(bench.queue.pendingBytes, 10);
  let isReady = 0;
  const ready = [0, 1].map(() => bench.queue.ready.then(() => isReady++));
  await eventually("a write", () => bench.gate.waiting === 1);
  void bench.add("a");
  assert.is(bench.queue.pendingBytes, 12, "what is being written counts");
  await settled();
  assert.is(isReady, 0);
  bench.gate.open();
  await within(Promise.all(ready), "room");
  await bench.queue.drained();
  assert.is(bench.queue.pendingBytes, 0);
});

test("ready does not settle before enough is written", async () => {
  const bench = new Bench({ highWaterMark: 10 });
  bench.gate.shut();
  void bench.add("12345");
  await eventually("the first write", () => bench.gate.waiting === 1);
  void bench.add("123456789");
  let isReady = false;
  const ready = bench.queue.ready.then(() => isReady = true);
  bench.gate.open();
  bench.gate.shut();
  await eventually("the second write", () => bench.writes.length === 1 && bench.gate.waiting === 1);
  await settled();
  assert.is(isReady, false);
  bench.gate.open();
  await within(ready, "room");
});

test("ready settles where the lines were lost, too", async () => {
  const bench = new Bench({ highWaterMark: 1 });
  bench.failure = new Error("ENOSPC");
  const lost = bench.add("a");
  await within(bench.queue.ready, "room");
  assert.is(await reasonOf(lost), bench.failure);
  assert.is(bench.queue.pendingBytes, 0);
});

test("GroupCommit says which lines are lost, and puts the preamble before the next", async () => {
  const bench = new Bench();
  bench.failure = new Error("ENOSPC");
  const lost = [bench.add("a"), bench.add("b")];
  for (const one of lost) assert.is(await reasonOf(one), bench.failure);
  assert.is(await reasonOf(bench.add("c")), bench.failure);
  assert.equal(bench.lost, ["a\nb\n", "c\n"]);
  bench.failure = undefined;
  await bench.add("d");
  await bench.add("e");
  assert.equal(bench.writes, ["gap\nd\n", "e\n"]);
});

test("GroupCommit loses only what stands behind the whole lines that a failed write left", async () => {
  const failure = new Error("ENOSPC");
  const bench = new Bench();
  bench.preamble = "gap\n";
  bench.failure = failure;
  bench.offset = 100;
  bench.gate.shut();
  const [a, b, c] = [bench.add("aa"), bench.add("bb", "bbb"), bench.add("cc")];
  await eventually("the write", () => bench.gate.waiting === 1);
  bench.offset = 100 + "gap\naa\nbb\n".length;
  bench.gate.open();
  assert.is(await a, "aa");
  assert.is(await reasonOf(b), failure);
  assert.is(await reasonOf(c), failure);
  assert.equal(bench.lost, ["bbb\ncc\n"]);
  bench.failure = undefined;
  await bench.add("d");
  assert.equal(bench.writes, ["gap\nd\n"]);
});

test("GroupCommit serves whoever waits for a line that arrived, though what came along with it is lost", async () => {
  const bench = new Bench();
  bench.failure = new Error("ENOSPC");
  bench.gate.shut();
  bench.lines.append("frame\n");
  const ownLine = bench.lines.count;
  bench.lines.append("checkpoint\n");
  bench.queue.commit();
  const frame = bench.queue.settled("frame", ownLine);
  await eventually("the write", () => bench.gate.waiting === 1);
  bench.offset = "frame\n".length;
  bench.gate.open();
  assert.is(await frame, "frame");
  assert.equal(bench.lost, ["checkpoint\n"]);
});

test("GroupCommit seals a line that has arrived before those that need it, though none of these has", async () => {
  const sealed: string[] = [];
  const bench = new Bench({
    coding: new LineCoding({ encode: (plain) => new TextEncoder().encode(`needed\n${text([plain])}\n`) }),
    sealer: { fill: (pieces) => () => sealed.push(text(pieces)) },
  });
  bench.failure = new Error("ENOSPC");
  bench.gate.shut();
  const line = bench.add('{"type":"log"}');
  await eventually("the write", () => bench.gate.waiting === 1);
  bench.offset = "needed\n".length;
  bench.gate.open();
  assert.is(await reasonOf(line), bench.failure);
  assert.equal(sealed, ["needed\n"]);
  assert.equal(bench.lost, ['{"type":"log"}\n']);
});

test("commit() without lines writes the preamble, or nothing", async () => {
  const bench = new Bench();
  bench.queue.commit();
  await bench.queue.settled(undefined);
  assert.equal(bench.writes, []);
  bench.preamble = "gap\n";
  bench.queue.commit();
  await bench.queue.settled(undefined);
  assert.equal(bench.writes, ["gap\n"]);
});

test("GroupCommit asks again about lines that were encoded before it was known that others are lost", async () => {
  const bench = new Bench({
    onLost() {
      bench.failure = undefined;
      bench.preamble = "gap\n";
    },
    outdated(pieces) {
      bench.outdated.push(text(pieces));
      return [new TextEncoder().encode("corrected\n")];
    },
  });
  await bench.add("before");
  bench.gate.shut();
  bench.failure = new Error("ENOSPC");
  const lost = bench.add("lost");
  await eventually("the write", () => bench.gate.waiting === 1);
  const waiting = bench.add("encoded before");
  bench.gate.open();
  await reasonOf(lost);
  await waiting;
  await bench.add("encoded after");
  assert.equal(bench.outdated, ["encoded before\n"]);
  assert.equal(bench.writes, ["before\n", "gap\ncorrected\n", "encoded after\n"]);
});

test("drained() waits for lines that come while it waits", async () => {
  const bench = new Bench();
  bench.gate.shut();
  void bench.add("a");
  let isDrained = false;
  const drained = bench.queue.drained().then(() => isDrained = true);
  await eventually("a write", () => bench.gate.waiting === 1);
  void bench.add("b");
  await settled();
  assert.is(isDrained, false);
  bench.gate.open();
  await within(drained, "the end of the queue");
  assert.equal(bench.writes, ["a\n", "b\n"]);
});

test("GroupCommit serves many thousand waiters in order", async () => {
  const bench = new Bench();
  const order: number[] = [];
  for (let round = 0; round < 5; round++) {
    const waiters = Array.from({ length: 3000 }, (_, n) => bench.add(`${round} ${n}`).then(() => order.push(n)));
    if (round % 2) await Promise.all(waiters);
  }
  await bench.queue.drained();
  await settled();
  assertSameList(order, Array.from({ length: 5 }, () => Array.from({ length: 3000 }, (_, n) => n)).flat());
});

const AN_HOUR = 3_600_000;

/** A queue that has just lost a line, and in which others wait that nobody asks for. */
async function resting(options: Partial<GroupCommitOptions> = {}): Promise<Bench> {
  const bench = new Bench({ restMs: AN_HOUR, ...options });
  const accept = (line: string) => {
    bench.lines.append(`${line}\n`);
    bench.queue.commit();
  };
  bench.failure = new Error("ENOSPC");
  accept("a");
  await eventually("a failed write", () => bench.lost.length === 1);
  bench.failure = undefined;
  for (const line of ["b", "c"]) {
    accept(line);
    await settled();
  }
  assert.equal(bench.writes, []);
  return bench;
}

test("GroupCommit lets lines gather behind a write that failed, until somebody waits for one", async () => {
  const bench = await resting();
  await within(bench.add("d"), "its line");
  assert.equal(bench.writes, ["gap\nb\nc\nd\n"]);
  bench.lines.append("e\n");
  bench.queue.commit();
  await within(bench.queue.drained(), "the end of the queue");
  assert.equal(bench.writes.slice(1), ["e\n"]);
});

test("GroupCommit lets no line gather for those who wait already", async () => {
  const bench = new Bench({ restMs: AN_HOUR });
  bench.failure = new Error("ENOSPC");
  for (const line of ["a", "b"]) assert.is(await within(reasonOf(bench.add(line)), "its failure"), bench.failure);
  assert.equal(bench.lost, ["a\n", "b\n"]);
});

test("drained() does not wait for lines that gather", async () => {
  const bench = await resting();
  await within(bench.queue.drained(), "the end of the queue");
  assert.equal(bench.writes, ["gap\nb\nc\n"]);
});

test("ready does not wait for lines that gather", async () => {
  const bench = await resting({ highWaterMark: 4 });
  await within(bench.queue.ready, "room");
  assert.equal(bench.writes, ["gap\nb\nc\n"]);
});

test("GroupCommit writes what has gathered after a while, though nobody waits", async () => {
  const bench = new Bench();
  bench.failure = new Error("ENOSPC");
  bench.lines.append("a\n");
  bench.queue.commit();
  await eventually("a failed write", () => bench.lost.length === 1);
  bench.failure = undefined;
  bench.lines.append("b\n");
  bench.queue.commit();
  await eventually("a write", () => bench.writes.length > 0);
  assert.equal(bench.writes, ["gap\nb\n"]);
});

test.run();
