// Streams that were used before: where pipe() ends in a sink, the outcome must be that of the platform's pipeTo().
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileSink } from "../../src/file.ts";
import { memorySink } from "../../src/sinks/memory.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { sink } from "../../src/streams/sink.ts";
import { source } from "../../src/streams/source.ts";
import { stage, type Transform } from "../../src/streams/stage.ts";
import { inScratch } from "../helpers/scratch.ts";
import { collect, settled } from "../helpers/streams.ts";
import { reasonOf, within } from "../helpers/within.ts";

const error = new Error("thrown in the pipeline");
const letGoError = new Error("thrown while letting go");
const line = new Uint8Array([0x61, 0x0a]);

const identity = <T>(): Transform<T, T> => stage<T, T>({ transform: (chunk, emit) => emit(chunk) });
/** A stage that nobody can fuse. */
const used = <T>({ readable, writable }: Transform<T, T>): Transform<T, T> => ({ readable, writable });

/** What may have happened to a sink before something is piped into it. What is still going on is left alone. */
const sinkStates: Record<string, (end: WritableStream<Uint8Array>) => Promise<void> | void> = {
  idle() {},
  closing: (end) => void end.close().catch(() => {}),
  "closing by a writer that let go"(end) {
    const writer = end.getWriter();
    writer.close().catch(() => {});
    writer.releaseLock();
  },
  "closing for a while"(end) {
    end.close().catch(() => {});
    return settled();
  },
  "closing behind a write"(end) {
    const writer = end.getWriter();
    writer.write(line).catch(() => {});
    writer.close().catch(() => {});
    writer.releaseLock();
  },
  closed: (end) => end.close(),
  aborting: (end) => void end.abort(error).catch(() => {}),
  aborted: (end) => end.abort(error).catch(() => {}),
  "aborting behind a write"(end) {
    const writer = end.getWriter();
    writer.write(line).catch(() => {});
    writer.abort(error).catch(() => {});
    writer.releaseLock();
  },
};

const sourceStates: Record<
  string,
  (log: unknown[]) => ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>
> = {
  "has a chunk": (log) => source({ pull: once(line), cancel: noting(log) }),
  "will end": (log) => source<Uint8Array>({ pull: () => Promise.resolve(undefined), cancel: noting(log) }),
  "never gives anything": (log) => source<Uint8Array>({ pull: () => new Promise(() => {}), cancel: noting(log) }),
  "has ended": async (log) => {
    const ended = source<Uint8Array>({ pull: () => Promise.resolve(undefined), cancel: noting(log) });
    await collect(ended);
    return ended;
  },
  "has failed": async (log) => {
    const failed = source<Uint8Array>({ pull: () => Promise.reject(letGoError), cancel: noting(log) });
    await collect(failed).catch(() => {});
    return failed;
  },
  "is a stream that has ended": () => new ReadableStream({ start: (controller) => controller.close() }),
  "is a stream that has failed": () => new ReadableStream({ start: (controller) => controller.error(letGoError) }),
  "is a stream with a chunk": (log) =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(line);
        controller.close();
      },
      cancel: noting(log),
    }),
  "is a silent stream": (log) => new ReadableStream({ cancel: noting(log) }),
};

function once(chunk: Uint8Array): () => Promise<Uint8Array[] | undefined> {
  const rest = [[chunk]];
  return () => Promise.resolve(rest.shift());
}

function noting(log: unknown[]): (reason: unknown) => Promise<void> {
  return (reason) => {
    log.push(reason);
    return Promise.resolve();
  };
}

/** What can be told apart of an error: the platforms word theirs differently. */
const kindOf = (reason: unknown): unknown => reason instanceof TypeError ? "a TypeError" : reason;

/** All that can be seen of one piping from outside. */
async function outcome(
  way: (stream: ReadableStream<Uint8Array>, end: WritableStream<Uint8Array>) => Promise<void>,
  makeSource: (typeof sourceStates)[string],
  end: WritableStream<Uint8Array>,
  prepare: (typeof sinkStates)[string],
) {
  const cancels: unknown[] = [];
  const stream = await makeSource(cancels);
  await prepare(end);
  const result = await within(way(stream, end).then(() => "fulfilled", kindOf), "the end of a piping");
  const locks = [stream.locked, end.locked];
  // A file must be let go before its folder is removed.
  await end.abort().catch(() => {});
  // Whether a source that ends by itself at that very moment is still told differs between the platforms' own pipeTo().
  return { result, cancels: makeSource === sourceStates["will end"] ? [] : cancels.map(kindOf), locks };
}

/** Node 24 pipes into a stream that is closing, or closed, as if it were open, or falls over itself: nothing to compare with. */
const knowsClosing = await (async () => {
  for (const sinkState of ["closing", "closing for a while"]) {
    const { result } = await outcome(
      (stream, end) => stream.pipeTo(end),
      sourceStates["is a stream with a chunk"]!,
      new WritableStream(),
      sinkStates[sinkState]!,
    );
    if (result !== "a TypeError") return false;
  }
  return true;
})();
if (!knowsClosing) console.log("skip: pipeTo() of this runtime does not know that a stream is closing");

const sinks: Record<
  string,
  (folder: string) => Promise<WritableStream<Uint8Array>> | WritableStream<Uint8Array>
> = {
  "a sink": () => sink<Uint8Array>({ write: settled, close: settled, abort: settled }),
  "a bare sink": () => sink<Uint8Array>({ write: () => Promise.resolve() }),
  memorySink: () => memorySink(),
  "the sink of a store": () => memoryStore().openSink("demo.jsonl"),
  fileSink: (folder) => fileSink(`${folder}/${crypto.randomUUID()}.jsonl`),
  "a WritableStream": () => new WritableStream({ write: settled, close: settled, abort: settled }),
};

const ways: ((stream: ReadableStream<Uint8Array>, end: WritableStream<Uint8Array>) => Promise<void>)[] = [
  (stream, end) => stream.pipeTo(end),
  (stream, end) => pipe(stream, end),
  (stream, end) => pipe(stream, identity(), end),
];

for (const [kind, make] of Object.entries(sinks)) {
  test(`pipe() treats ${kind} in any state as pipeTo() does`, () =>
    inScratch(async (folder) => {
      for (const [sinkState, prepare] of Object.entries(sinkStates)) {
        for (const [sourceState, makeSource] of Object.entries(sourceStates)) {
          // Nothing to wait for.
          if (sinkState === "idle" && /never|silent/.test(sourceState)) continue;
          const [expected, direct, fused] = await Promise.all(
            ways.map(async (way) => await outcome(way, makeSource, await make(folder), prepare)),
          );
          if (!knowsClosing && (/^clos/.test(sinkState) || /with a chunk/.test(sourceState))) continue;
          const what = `${kind} is ${sinkState}, the source ${sourceState}`;
          assert.equal(direct, expected, what);
          // Behind a stage the end of a source is noticed when it is read.
          if (!/ended|failed/.test(sourceState)) assert.equal(fused, expected, `${what}, behind a stage`);
        }
      }
    }));
}

test("pipe() into a sink that is closing writes nothing, and does not wait for the source", async () => {
  const end = memorySink();
  const closed = end.close();
  assert.instance(await reasonOf(pipe(new ReadableStream<Uint8Array>(), end)), TypeError);
  assert.instance(await reasonOf(pipe([line], end)), TypeError);
  await closed;
  assert.is(end.text(), "");
});

test("pipe() into a sink that has failed tells of that failure", async () => {
  const end = sink<number>({ write: () => Promise.reject(error) });
  const writer = end.getWriter();
  writer.closed.catch(() => {});
  writer.write(1).catch(() => {});
  writer.releaseLock();
  assert.is(await reasonOf(pipe([2], end)), error);
  assert.is(await reasonOf(pipe([3], end)), error);
});

// Locks

const streams: Record<string, (failure?: Error) => ReadableStream<number>> = {
  "a stream"(failure) {
    let count = 0;
    return new ReadableStream({
      pull(controller) {
        if (count < 3) controller.enqueue(++count);
        else if (failure === undefined) controller.close();
        else controller.error(failure);
      },
    });
  },
  "a source"(failure) {
    const rest = [[1, 2], [3]];
    return source({
      pull: () => rest.length === 0 && failure ? Promise.reject(failure) : Promise.resolve(rest.shift()),
    });
  },
  "a stream that lets go slowly"() {
    let count = 0;
    return new ReadableStream({
      pull: (controller) => ++count > 3 ? controller.close() : controller.enqueue(count),
      cancel: settled,
    });
  },
  "what pipe() made": () => pipe([1, 2, 3], identity<number>()),
};

const throwing = (): Transform<number, number> =>
  stage<number, number>({
    transform(chunk, emit) {
      if (chunk === 2) throw error;
      emit(chunk);
    },
  });
const ending = (): Transform<number, number> =>
  stage<number, number>({
    transform(chunk, emit) {
      emit(chunk);
      emit.terminate();
    },
  });

const uses: Record<string, (stream: ReadableStream<number>) => Promise<unknown>> = {
  "a whole piping to a sink": (stream) => pipe(stream, sink<number>({ write: () => Promise.resolve() })),
  "a piping through stages to a sink": (stream) =>
    pipe(stream, identity(), identity(), sink<number>({ write: () => Promise.resolve() })),
  "a piping to a WritableStream": (stream) => pipe(stream, identity(), new WritableStream<number>()),
  "a piping to a sink that fails": (stream) =>
    pipe(stream, identity(), sink<number>({ write: () => Promise.reject(error) })),
  "a piping to a sink that fails at once": (stream) =>
    pipe(stream, sink<number>({ write: () => Promise.reject(error) })),
  "a whole loop": (stream) => collect(pipe(stream, identity(), identity())),
  "a loop without stages": (stream) => collect(pipe(stream)),
  async "a loop that stops"(stream) {
    for await (const _ of pipe(stream, identity())) break;
  },
  "a stage that fails": (stream) => collect(pipe(stream, throwing())),
  "a stage that ends": (stream) => collect(pipe(stream, ending())),
  "a stage that fails behind others": (stream) => collect(pipe(pipe(stream, identity()), throwing(), identity())),
  async "a reader to the end"(stream) {
    const reader = pipe(stream, identity()).getReader();
    while (!(await reader.read()).done);
  },
  "a reader that cancels": (stream) => pipe(stream, identity()).getReader().cancel(),
};

for (const [kind, open] of Object.entries(streams)) {
  test(`pipe() has unlocked ${kind} at the end`, async () => {
    for (const [how, use] of Object.entries(uses)) {
      for (const failure of [undefined, letGoError]) {
        const stream = open(failure);
        await use(stream).catch(() => {});
        assert.not(stream.locked, how);
        // What it has come to: closed, or failed.
        const cancelled = await stream.cancel().then(() => undefined, (reason: unknown) => reason);
        assert.ok(cancelled === undefined || cancelled === failure, `${how}: ${String(cancelled)}`);
      }
    }
  });
}

test("pipe() unlocks its sink at the end, whatever that was", async () => {
  const ways: [ReadableStream<number>, WritableStream<number>][] = [
    [streams["a stream"]!(), sink({ write: settled })],
    [streams["a stream"]!(error), sink({ write: settled, abort: settled })],
    [streams["a source"]!(), sink({ write: () => Promise.reject(error) })],
    [streams["a source"]!(), sink({ write: settled, close: () => Promise.reject(error) })],
    [streams["a source"]!(), new WritableStream()],
    [streams["a source"]!(error), new WritableStream()],
  ];
  for (const [stream, end] of ways) {
    const piping = pipe(stream, identity<number>(), end);
    assert.ok(stream.locked && end.locked);
    await piping.catch(() => {});
    assert.not(stream.locked);
    assert.not(end.locked);
  }
});

// Which error counts

test("pipe() rejects with the first error, though cancel() or abort() of any stream fails too", async () => {
  const ends: (() => WritableStream<number>)[] = [
    () => sink<number>({ write: () => Promise.reject(error), abort: () => Promise.reject(letGoError) }),
    () => new WritableStream({ write: () => Promise.reject(error) }),
  ];
  const badSources: (() => ReadableStream<number>)[] = [
    () => source<number>({ pull: () => Promise.resolve([1]), cancel: () => Promise.reject(letGoError) }),
    () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(1),
        cancel: () => Promise.reject(letGoError),
      }),
  ];
  const failing: (() => ReadableStream<number>)[] = [
    () => source<number>({ pull: () => Promise.reject(error) }),
    () => new ReadableStream({ pull: (controller) => controller.error(error) }),
  ];
  const badEnds: (() => WritableStream<number>)[] = [
    () => sink<number>({ write: settled, abort: () => Promise.reject(letGoError) }),
    () => new WritableStream({ abort: () => Promise.reject(letGoError) }),
  ];
  for (const [sources, sinks] of [[badSources, ends], [failing, badEnds]] as const) {
    for (const open of sources) {
      for (const end of sinks) {
        assert.is(await reasonOf(pipe(open(), end())), error);
        assert.is(await reasonOf(pipe(open(), identity(), end())), error);
        assert.is(await reasonOf(pipe(open(), used(identity<number>()), end())), error);
      }
    }
  }
});

test("pipe() aborts a WritableStream whose source fails, cancels a source whose WritableStream fails, and no other", async () => {
  const calls: string[] = [];
  const end = () => new WritableStream<number>({ abort: (reason) => void calls.push(`abort ${reason.message}`) });
  await reasonOf(pipe(new ReadableStream<number>({ pull: (controller) => controller.error(error) }), end()));
  assert.equal(calls, [`abort ${error.message}`]);

  calls.length = 0;
  const stream = () =>
    new ReadableStream<number>({
      pull: (controller) => controller.enqueue(1),
      cancel: (reason) => void calls.push(`cancel ${reason.message}`),
    });
  await reasonOf(pipe(stream(), new WritableStream<number>({ write: () => Promise.reject(error) })));
  assert.equal(calls, [`cancel ${error.message}`]);

  calls.length = 0;
  const closing = new WritableStream<number>({
    write: settled,
    close: () => void calls.push("close"),
    abort: () => void calls.push("abort"),
  });
  const writer = closing.getWriter();
  writer.write(1).catch(() => {});
  writer.close().catch(() => {});
  writer.releaseLock();
  await reasonOf(pipe([1], closing));
  await settled();
  await settled();
  assert.equal(calls, ["close"]);
});

test("pipe() of a stream that has failed aborts a WritableStream that is closing, before it closes", async () => {
  const calls: string[] = [];
  const end = new WritableStream<number>({
    close: () => void calls.push("close"),
    abort: () => void calls.push("abort"),
  });
  end.close().catch(() => {});
  const failed = new ReadableStream<number>({ start: (controller) => controller.error(error) });
  assert.is(await reasonOf(pipe(failed, end)), error);
  assert.equal(calls, ["abort"]);
});

// When

test("pipe() to a stage notices the end and the error of its source when they are read", async () => {
  let controller!: ReadableStreamDefaultController<number>;
  const stream = () => new ReadableStream<number>({ start: (given) => void (controller = given) });
  const flushed: string[] = [];
  const flushing = (name: string) => stage<number, number>({ transform() {}, flush: () => void flushed.push(name) });

  const failed = pipe(stream(), identity<number>()).getReader();
  let isClosed = false;
  failed.closed.catch(() => isClosed = true);
  controller.error(error);
  await settled();
  assert.not(isClosed);
  assert.is(await reasonOf(failed.read()), error);

  const ended = pipe(stream(), flushing("by pipe()")).getReader();
  controller.close();
  await settled();
  assert.equal(flushed, []);
  assert.ok((await ended.read()).done);
  assert.equal(flushed, ["by pipe()"]);
});

test.run();
