/** W1, W2: messages onto a tape. */
import { closeSync, createWriteStream, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Durability, MessageEnvelope, StreamingTapeWriter as Writer } from "../../src/mod.ts";
import { atLeast, atMost, type Candidate, type Clock, clocks, interleaved, perSecond, rate } from "../harness.ts";
import { tapeline, tapelineFile } from "../built.ts";
import { type SonicBoom, sonicBoom } from "../rivals/peers.ts";
import type { Goal, Job, Report, Row } from "../plan.ts";
import { messagePool } from "../tape-maker.ts";
import { limitLoop } from "../rivals/write-limit.ts";

const { jsonText, pipe, StreamingTapeWriter } = tapeline;

/** Distinct messages; they come again and again. */
const POOL = 1_000;
const FRAMES = 1_000_000;
/** Of the second workload, which only tells what correlations cost. */
const NOTIFICATIONS = 200_000;
/** For others: speeds are compared, and a million would take them long. */
const PEER_FRAMES = 200_000;
const PLAIN_FRAMES = 50_000;

export function measure(job: Job): Promise<Report> {
  return job.workload === "synced" ? synced(job) : flushed(job);
}

// W1: everything is handed to the operating system, and nothing is waited for in between.

const BASELINE = "stringify + join + writeSync of 64 KB";
const PLAIN = "plain chain of Web Streams";
const LIMITS = { objects: "all in one loop, objects", text: "all in one loop, text" };

/** Writes so many frames to a new file, and gives how many a second. */
type Writing = (path: string, frames: number, clock: Clock) => Promise<number>;

async function flushed({ workload, rounds, quick, clock, folder }: Job): Promise<Report> {
  const pool = messagePool(POOL, { lineBytes: 450, notificationsOnly: workload === "notifications" });
  const texts = pool.map(({ message, direction }) => ({ text: JSON.stringify(message), direction }));
  const objects = (n: number): MessageEnvelope => pool[n % POOL]!;
  const spliced = (n: number): MessageEnvelope => {
    const { text, direction } = texts[n % POOL]!;
    return { message: jsonText(text), direction };
  };
  const own = workload === "mixed" ? FRAMES : NOTIFICATIONS;
  const candidate = (name: string, write: Writing, frames = own, isPeer = false): Candidate => ({
    name,
    isPeer,
    async run() {
      const path = join(folder, "written.jsonl");
      try {
        return await write(path, quick ? POOL : frames, clocks[clock]);
      } finally {
        rmSync(path, { force: true });
      }
    },
  });
  const peers = [
    candidate(PLAIN, plainChain(pool), PLAIN_FRAMES, true),
    // With more it gets slower: it measures what it holds at every write.
    ...[0, 4, 16].map((kb) => candidate(`sonic-boom, minLength ${kb} KB`, sonic(pool, kb * 1024), PEER_FRAMES, true)),
    candidate("fs.createWriteStream", writeStream(pool), PEER_FRAMES, true),
  ];

  const measured = await interleaved(
    [
      candidate(BASELINE, baseline(pool)),
      candidate(LIMITS.objects, limitLoop(pool, (n) => JSON.stringify(pool[n % POOL]!.message))),
      candidate(LIMITS.text, limitLoop(pool, (n) => texts[n % POOL]!.text)),
      candidate("pipe to writer.writable, objects", tape(throughPipe(objects))),
      candidate("writeFrame() unawaited, objects", tape(throughCalls(objects))),
      candidate("pipe to writer.writable, text", tape(throughPipe(spliced))),
      candidate("writeFrame() unawaited, text", tape(throughCalls(spliced))),
      ...(workload === "mixed" ? peers : []),
    ],
    rounds,
  );

  const speed = (name: string) => measured.get(name)!.median / measured.get(BASELINE)!.median;
  const slowest = Math.min(speed("pipe to writer.writable, objects"), speed("writeFrame() unawaited, objects"));
  const ofLimit = (name: string, limit: string): Goal => ({
    text: `at least 0.75 of ${limit}`,
    met: speed(name) >= 0.75 * speed(limit),
  });
  const goalOf = (name: string): Goal | undefined => {
    if (name === BASELINE || name === LIMITS.objects || name === LIMITS.text) return undefined;
    if (name.endsWith("objects")) return ofLimit(name, LIMITS.objects);
    if (name.endsWith("text")) return ofLimit(name, LIMITS.text);
    if (Number.isNaN(speed(name))) return undefined;
    if (name === PLAIN) {
      return { text: "at most a 10th of W1, objects", met: speed(name) <= slowest / 10 };
    }
    return { text: "behind W1, objects", met: speed(name) < slowest };
  };
  const rows = Array.from(measured, ([name, found]): Row => ({
    target: /writer\.writable|writeFrame/.test(name) ? "W1" : "",
    workload,
    candidate: name,
    figure: rate(found),
    ratio: speed(name),
    goal: goalOf(name),
    samples: found.samples,
  }));
  const bytes = texts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) / POOL;
  const count = quick ? POOL : own;
  const facts = [`${workload}: ${count} frames, ${POOL} distinct messages of ${Math.round(bytes)} B on average`];
  if (workload === "mixed") {
    facts.push(`peers write ${PEER_FRAMES} frames, the plain chain ${PLAIN_FRAMES}`);
    facts.push("of five messages two are answers, for which tapeline writes a correlation record too");
  }
  return { rows, facts };
}

/** The record that is written without tapeline. */
function frameOf(envelope: MessageEnvelope, seq: number, startedAt: number): object {
  const us = Math.round((performance.now() - startedAt) * 1000);
  const { direction, message } = envelope;
  return { type: "frame", seq, ts: Math.floor(us / 1000), dir: direction, ts_us: us, env: { message } };
}

function baseline(pool: readonly MessageEnvelope[]): Writing {
  return (path, frames, clock) => {
    const file = openSync(path, "w");
    const speed = perSecond(clock, frames, () => {
      const startedAt = performance.now();
      let lines: string[] = [];
      let length = 0;
      for (let seq = 0; seq < frames; seq++) {
        const line = JSON.stringify(frameOf(pool[seq % POOL]!, seq, startedAt));
        lines.push(line);
        length += line.length + 1;
        if (length < 64 * 1024 && seq < frames - 1) continue;
        lines.push("");
        writeSync(file, lines.join("\n"));
        lines = [];
        length = 0;
      }
      return Promise.resolve();
    });
    closeSync(file);
    return speed;
  };
}

/** Makes a tape; ending it, which syncs, is not measured. */
function tape(write: (writer: Writer, frames: number) => Promise<unknown>): Writing {
  return async (path, frames, clock) => {
    const store = tapelineFile.fileStore(join(path, ".."));
    const writer = await StreamingTapeWriter.create(store, { tapeId: "written", sessionId: "bench" });
    const speed = await perSecond(clock, frames, () => write(writer, frames));
    const { stats } = await writer.finalize();
    await store.delete("written.meta.json");
    if (stats?.frame_count !== frames) {
      throw new Error(`wrote ${stats?.frame_count} frames, not ${frames}`);
    }
    return speed;
  };
}

function throughPipe(envelope: (n: number) => MessageEnvelope) {
  return (writer: Writer, frames: number) =>
    pipe(
      (function* () {
        for (let n = 0; n < frames; n++) yield envelope(n);
      })(),
      writer.writable,
    );
}

function throughCalls(envelope: (n: number) => MessageEnvelope) {
  return async (writer: Writer, frames: number) => {
    let last: Promise<number> | undefined;
    for (let n = 0; n < frames; n++) {
      last = writer.writeFrame(envelope(n));
      if (n % 1_000 === 0) await writer.ready;
    }
    await last;
  };
}

/** What Web Streams give without tapeline, each step a TransformStream of its own. */
function plainChain(pool: readonly MessageEnvelope[]): Writing {
  return async (path, frames, clock) => {
    const file = await open(path, "w");
    const speed = await perSecond(clock, frames, async () => {
      const startedAt = performance.now();
      const encoder = new TextEncoder();
      let sent = 0;
      let seq = 0;
      const source = new ReadableStream<MessageEnvelope>({
        pull(controller) {
          if (sent < frames) controller.enqueue(pool[sent++ % POOL]!);
          else controller.close();
        },
      });
      const stamp = new TransformStream<MessageEnvelope, object>({
        transform: (envelope, controller) => controller.enqueue(frameOf(envelope, seq++, startedAt)),
      });
      const stringify = new TransformStream<object, string>({
        transform: (frame, controller) => controller.enqueue(`${JSON.stringify(frame)}\n`),
      });
      const encode = new TransformStream<string, Uint8Array>({
        transform: (line, controller) => controller.enqueue(encoder.encode(line)),
      });
      const sink = new WritableStream<Uint8Array>({
        async write(bytes) {
          await file.write(bytes);
        },
      });
      await source.pipeThrough(stamp).pipeThrough(stringify).pipeThrough(encode).pipeTo(sink);
    });
    await file.close();
    return speed;
  };
}

/** Settles when `event` comes, and rejects when an error does. */
function once(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(event, () => {
      emitter.off("error", reject);
      resolve();
    });
    emitter.once("error", reject);
  });
}

function sonic(pool: readonly MessageEnvelope[], minLength: number): Writing {
  return async (path, frames, clock) => {
    const Sonic = await sonicBoom();
    const boom: SonicBoom = new Sonic({
      dest: path,
      sync: false,
      minLength,
      maxWrite: Math.max(4 * minLength, 16_384),
    });
    await once(boom, "ready");
    const speed = await perSecond(clock, frames, async () => {
      const startedAt = performance.now();
      let accepted = 0;
      let written = 0;
      boom.on("write", (length: number) => (written += length));
      for (let seq = 0; seq < frames; seq++) {
        const line = `${JSON.stringify(frameOf(pool[seq % POOL]!, seq, startedAt))}\n`;
        accepted += line.length;
        if (!boom.write(line)) await once(boom, "drain");
      }
      // The messages are ASCII. Ending it would sync too, which the others need not.
      while (written < accepted) {
        const drained = once(boom, "drain");
        boom.flush();
        await drained;
      }
    });
    boom.end();
    await once(boom, "close");
    return speed;
  };
}

function writeStream(pool: readonly MessageEnvelope[]): Writing {
  return async (path, frames, clock) => {
    const stream = createWriteStream(path);
    return await perSecond(clock, frames, async () => {
      const startedAt = performance.now();
      for (let seq = 0; seq < frames; seq++) {
        const line = `${JSON.stringify(frameOf(pool[seq % POOL]!, seq, startedAt))}\n`;
        if (!stream.write(line)) await once(stream, "drain");
      }
      const finished = once(stream, "finish");
      stream.end();
      await finished;
    });
  };
}

// W2: everything survives a power loss before its caller goes on.

const CALLERS = 256;
const BARE = "bare write + fdatasync, awaited";
const SINGLE = "one caller of writeFrame()";
const MANY = `${CALLERS} callers of writeFrame()`;

async function synced({ workload, rounds, quick, folder }: Job): Promise<Report> {
  const pool = messagePool(POOL, { lineBytes: 450, notificationsOnly: true });
  const [single, many] = quick ? [10, CALLERS] : [200, 20 * CALLERS];
  const path = join(folder, "synced.jsonl");
  const line = (n: number) => `${JSON.stringify(frameOf(pool[n % POOL]!, n, 0))}\n`;
  const bare = await open(path, "w");
  const store = tapelineFile.fileStore(folder);
  const durability: Durability = "synced";
  const writer = await StreamingTapeWriter.create(store, { tapeId: "synced-tape", sessionId: "bench", durability });
  const callers = (count: number, frames: number): Candidate["run"] => () => {
    let n = 0;
    const call = async () => {
      while (n < frames) await writer.writeFrame(pool[n++ % POOL]!);
    };
    return perSecond(clocks.wall, frames, () => Promise.all(Array.from({ length: count }, call)));
  };

  const measured = await interleaved(
    [
      {
        name: BARE,
        run: () =>
          perSecond(clocks.wall, single, async () => {
            for (let n = 0; n < single; n++) {
              await bare.write(line(n));
              await bare.datasync();
            }
          }),
      },
      { name: SINGLE, run: callers(1, single) },
      {
        name: "bare write + fdatasync, synchronous",
        run: () =>
          perSecond(clocks.wall, single, () => {
            for (let n = 0; n < single; n++) {
              writeSync(bare.fd, line(n));
              fdatasyncSync(bare.fd);
            }
            return Promise.resolve();
          }),
      },
      { name: MANY, run: callers(CALLERS, many) },
    ],
    rounds,
  );
  await bare.close();
  await writer.finalize();
  for (const name of ["synced.jsonl", "synced-tape.jsonl", "synced-tape.meta.json"]) rmSync(join(folder, name));

  const speed = (name: string) => measured.get(name)!.median / measured.get(BARE)!.median;
  const goalOf = (name: string): Goal | undefined => {
    if (name === MANY) return atLeast(20, speed(name));
    // Twelve tenths of the time are ten twelfths of the speed.
    if (name === SINGLE) {
      return { ...atMost(1.2, 1 / speed(name)), text: "at least 0.83 (1.2 times as long)" };
    }
    return undefined;
  };
  const rows = Array.from(measured, ([name, found]): Row => ({
    target: name === SINGLE || name === MANY ? "W2" : "",
    workload,
    candidate: name,
    figure: rate(found),
    ratio: speed(name),
    goal: goalOf(name),
    samples: found.samples,
  }));
  return { rows, facts: [`${workload}: ${single} frames for each single caller, ${many} for ${CALLERS} of them`] };
}
