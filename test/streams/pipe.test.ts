// What goes into a pipeline and what comes out: sources, sinks, and the ways to read. Stages are in stage.test.ts and
// compose.test.ts, random pipelines in differential.test.ts.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Bytes } from "../../src/bytes/bytes.ts";
import type { TapeLine } from "../../src/lines/line.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { sink } from "../../src/streams/sink.ts";
import { type Source, source } from "../../src/streams/source.ts";
import { stage, type Transform } from "../../src/streams/stage.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { collect, settled } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

const error = new Error("thrown in the pipeline");
const isTypeError = (thrown: unknown): boolean => thrown instanceof TypeError;

const identity = <T>(): Transform<T, T> => stage<T, T>({ transform: (chunk, emit) => emit(chunk) });
const piped = <T>(): TransformStream<T, T> => new TransformStream<T, T>();
/** Throws, or does whatever else, at one chunk. */
const at = (chunk: number, act: (emit: { terminate(): void }) => void): Transform<number, number> =>
  stage<number, number>({
    transform(each, emit) {
      if (each === chunk) act(emit);
      emit(each);
    },
  });
const fail = (): never => {
  throw error;
};

interface Counted {
  readonly numbers: Source<number>;
  /** Calls of `pull`. */
  pulls: number;
  /** What it was cancelled with. */
  readonly reasons: unknown[];
}

/** A source of these batches, which then ends, or fails. None of them is there at once. */
function counted(batches: readonly (readonly number[])[], failure?: Error): Counted {
  const rest = [...batches];
  const log: Counted = {
    pulls: 0,
    reasons: [],
    numbers: source<number>({
      async pull() {
        log.pulls++;
        await settled();
        if (rest.length === 0 && failure !== undefined) throw failure;
        return rest.shift();
      },
      cancel(reason) {
        log.reasons.push(reason);
        return Promise.resolve();
      },
    }),
  };
  return log;
}

/** A sink that notes what happens to it. */
function recorded(failAt?: number) {
  const calls: string[] = [];
  const reasons: unknown[] = [];
  let isWriting = false;
  const end = sink<number>({
    async write(chunks) {
      assert.not(isWriting, "one write at a time");
      isWriting = true;
      await settled();
      isWriting = false;
      if (failAt !== undefined && chunks.includes(failAt)) throw error;
      calls.push(chunks.join());
    },
    async close() {
      await settled();
      calls.push("closed");
    },
    async abort(reason) {
      await settled();
      calls.push("aborted");
      reasons.push(reason);
    },
  });
  return { calls, reasons, end };
}

const written = (calls: readonly string[]): number[] =>
  calls.filter((call) => /^\d/.test(call)).flatMap((call) => call.split(",").map(Number));

// Sources

test("pipe() reads anything that can be iterated, and any stream", async () => {
  async function* slowly() {
    for (const chunk of [1, 2, 3]) {
      await settled();
      yield chunk;
    }
  }
  const native = new ReadableStream<number>({
    start(controller) {
      [1, 2, 3].forEach((chunk) => controller.enqueue(chunk));
      controller.close();
    },
  });
  const inputs = [[1, 2, 3], new Set([1, 2, 3]).values(), slowly(), native, source(numbersSpec())];
  for (const input of inputs) assert.equal(await collect(pipe(input, identity<number>())), [1, 2, 3]);
  for (const input of [[], source<number>({ pull: () => Promise.resolve(undefined) })]) {
    assert.equal(await collect(pipe<number, number>(input, identity())), []);
  }
});

function numbersSpec() {
  const batches = [[1], [], [2, 3]];
  return { pull: () => Promise.resolve(batches.shift()) };
}

test("pipe() without a transform gives a stream of the source", async () => {
  assert.equal(await collect(pipe([1, 2])), [1, 2]);
  const { end, calls } = recorded();
  await pipe([1, 2], end);
  assert.equal(written(calls), [1, 2]);
});

test("pipe() of what pipe() made is one pipeline", async () => {
  assert.equal(await collect(pipe(pipe(pipe([1, 2], identity()), piped<number>()), identity())), [1, 2]);
});

test("pipe() can go on as any stream: through, to, tee", async () => {
  const made = () => pipe(counted([[1, 2], [3]]).numbers, identity<number>());
  assert.equal(await collect(made().pipeThrough(piped<number>())), [1, 2, 3]);
  assert.equal(await Promise.all(made().tee().map(collect)), [[1, 2, 3], [1, 2, 3]]);
  const chunks: number[] = [];
  await made().pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
  assert.equal(chunks, [1, 2, 3]);
});

test("source() asks again after an empty batch", async () => {
  assert.equal(await collect(counted([[], [1], [], [], [2], []]).numbers), [1, 2]);
});

test("source() that fails rejects every read from then on with that error", async () => {
  const { numbers, pulls } = counted([[1]], error);
  const reader = numbers.getReader();
  assert.is((await reader.read()).value, 1);
  assert.is(await reasonOf(reader.read()), error);
  assert.is(await reasonOf(reader.read()), error);
  assert.is(await reasonOf(reader.closed), error);
  assert.is(pulls, 0);
});

test("source() passes on what its cancel() says", async () => {
  const numbers = source<number>({ pull: () => Promise.resolve([1]), cancel: () => Promise.reject(error) });
  assert.is(await reasonOf(numbers.cancel("reason")), error);
});

test("source() is not cancelled behind its end", async () => {
  const { numbers, reasons } = counted([[1]]);
  const reader = numbers.getReader();
  await reader.read();
  await reader.read();
  await reader.cancel("reason");
  assert.equal(reasons, []);
});

test("source() is asked for no more once it was cancelled or has ended", async () => {
  let pulls = 0;
  const empty = source<number>({
    async pull() {
      pulls++;
      await settled();
      return [];
    },
  });
  const reader = empty.getReader();
  const read = reader.read();
  await settled();
  await reader.cancel();
  assert.ok((await read).done);
  const before = pulls;
  for (let turn = 0; turn < 3; turn++) await settled();
  assert.is(pulls, before);

  const ended = counted([[1]]);
  await collect(pipe(ended.numbers, identity<number>()));
  assert.is(ended.pulls, 2);
});

test("source() is cancelled at once, though a pull is under way", async () => {
  const log = counted([[1], [2]]);
  const reader = log.numbers.getReader();
  const read = reader.read();
  await Promise.resolve();
  const cancelled = reader.cancel("reason");
  assert.equal(log.reasons, ["reason"]);
  await cancelled;
  assert.ok((await read).done);
  await settled();
  assert.is(log.pulls, 1);
});

// Demand

test("pipe() pulls nothing before somebody reads", async () => {
  for (const transforms of [[], [identity<number>()], [identity<number>(), identity<number>()]]) {
    const log = counted([[1], [2], [3]]);
    const stream = transforms.reduce((input, each) => pipe(input, each), pipe(log.numbers));
    const reader = stream.getReader();
    await settled();
    assert.is(log.pulls, 0);
    for (const chunk of [1, 2, 3]) {
      assert.is((await reader.read()).value, chunk);
      await settled();
      assert.is(log.pulls, chunk, "one pull for each read of a chunk");
    }
  }
});

/** The ways to read chunk by chunk. */
const readWays: Record<string, (stream: ReadableStream<number>) => () => Promise<number | undefined>> = {
  reader(stream) {
    const reader = stream.getReader();
    return async () => (await reader.read()).value;
  },
  iterator(stream) {
    const iterator = stream.values();
    return async () => (await iterator.next()).value;
  },
};

test("pipe() pulls the next batch only when the last one has been read", async () => {
  for (const read of Object.values(readWays)) {
    const log = counted([[1, 2, 3], [4, 5, 6]]);
    const next = read(pipe(log.numbers, identity<number>()));
    for (const chunk of [1, 2, 3]) {
      assert.is(await next(), chunk);
      await settled();
      assert.is(log.pulls, 1);
    }
    assert.is(await next(), 4);
    assert.is(log.pulls, 2);
  }
});

test("pipe() pulls nothing while a stage's chunks are still to be read", async () => {
  const thousandfold = () =>
    stage<number, number>({
      transform(chunk, emit) {
        for (let at = 0; at < 1000; at++) emit(chunk * 1000 + at);
      },
    });
  for (const read of Object.values(readWays)) {
    const log = counted([[0], [1], [2]]);
    const next = read(pipe(log.numbers, identity<number>(), thousandfold(), identity<number>()));
    for (let chunk = 0; chunk < 1000; chunk++) assert.is(await next(), chunk);
    await settled();
    assert.is(log.pulls, 1);
    assert.is(await next(), 1000);
    assert.is(log.pulls, 2);
  }
});

test("pipe() goes on pulling while stages drop what comes", async () => {
  const log = counted([[1], [2], [3], [4]]);
  const odd = stage<number, number>({
    transform(chunk, emit) {
      if (chunk === 3) emit(chunk);
    },
  });
  assert.is(await readWays.iterator!(pipe(log.numbers, odd))(), 3);
  assert.is(log.pulls, 3);
});

test("pipe() reads an endless iterable no further than somewhat ahead, and lets go of it", async () => {
  for (const transforms of [[], [identity<number>()], [identity<number>(), piped<number>(), identity<number>()]]) {
    let last = 0;
    let isReleased = false;
    const numbers = function* () {
      try {
        for (;;) yield ++last;
      } finally {
        isReleased = true;
      }
    };
    const stream = transforms.reduce((input, each) => pipe(input, each), pipe(numbers()));
    const chunks: number[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
      if (chunk === 3) break;
    }
    assert.equal(chunks, [1, 2, 3]);
    assert.ok(last < 1000, `read ${last} ahead`);
    await settled();
    assert.ok(isReleased);
  }
});

test("pipe() does not let go of an iterator that has come to its end", async () => {
  let isOver = false;
  let returns = 0;
  const rest = [1, 2, 3];
  const numbers = {
    [Symbol.iterator]: () => ({
      next(): IteratorResult<number> {
        assert.not(isOver, "asked behind its end");
        const value = rest.shift();
        isOver = value === undefined;
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return(): IteratorResult<number> {
        returns++;
        assert.not(isOver, "returned behind its end");
        return { done: true, value: undefined };
      },
    }),
  };
  for await (const _ of pipe(numbers, identity<number>())) break;
  assert.is(returns, isOver ? 0 : 1);
});

test("pipe() reads an async iterable one by one", async () => {
  let last = 0;
  const numbers = async function* () {
    for (;;) yield ++last;
  };
  for await (const chunk of pipe(numbers(), identity<number>())) {
    assert.is(last, chunk);
    if (chunk === 5) break;
  }
});

test("pipe() reads no further ahead of a transform that is piped than the chunk that it holds", async () => {
  const log = counted([[1], [2], [3], [4], [5], [6]]);
  const reader = pipe(log.numbers, identity<number>(), piped<number>(), identity<number>()).getReader();
  for (let turn = 0; turn < 5; turn++) await settled();
  assert.ok(log.pulls <= 1);
  await reader.read();
  for (let turn = 0; turn < 5; turn++) await settled();
  assert.ok(log.pulls <= 2);
});

// The ends of a pipeline

test("pipe() that ends in a sink settles when the sink has closed", async () => {
  const { end, calls } = recorded();
  assert.is(await pipe(counted([[1, 2], [3]]).numbers, identity<number>(), end), undefined);
  assert.equal(written(calls), [1, 2, 3]);
  assert.is(calls.at(-1), "closed");
  assert.not(end.locked);
});

test("pipe() hands a sink what came together together", async () => {
  const { end, calls } = recorded();
  await pipe(counted([[1, 2, 3], [4], [5, 6]]).numbers, identity<number>(), end);
  assert.equal(calls, ["1,2,3", "4", "5,6", "closed"]);
});

test("pipe() writes to any WritableStream, no faster than that takes it", async () => {
  const log = counted([[1], [2], [3]]);
  let release!: () => void;
  const chunks: number[] = [];
  const slow = new WritableStream<number>({
    write(chunk) {
      chunks.push(chunk);
      return new Promise((resolve) => release = resolve);
    },
  });
  const done = pipe(log.numbers, identity<number>(), slow);
  for (const chunk of [1, 2, 3]) {
    while (chunks.length < chunk) await settled();
    await settled();
    assert.ok(log.pulls <= chunk + 1);
    release();
  }
  await done;
  assert.equal(chunks, [1, 2, 3]);
});

test("pipe() whose source fails writes what came before, aborts the sink and rejects, all with that error", async () => {
  for (const transform of [identity<number>(), piped<number>()]) {
    const { numbers, reasons } = counted([[1, 2], [3]], error);
    const { end, calls, reasons: aborts } = recorded();
    assert.is(await reasonOf(pipe(numbers, transform, end)), error);
    assert.equal(written(calls), [1, 2, 3]);
    assert.is(calls.at(-1), "aborted");
    assert.is(aborts[0], error);
    assert.equal(reasons, []);
  }
});

test("pipe() in which a stage fails writes what came before, cancels the source, aborts the sink, and rejects", async () => {
  const made = [() => [at(3, fail)], () => [piped<number>(), at(3, fail), identity<number>()]];
  for (const transforms of made) {
    const { numbers, reasons } = counted([[1, 2, 3, 4], [5], [6], [7], [8], [9]]);
    const { end, calls, reasons: aborts } = recorded();
    const input = transforms().reduce<ReadableStream<number>>((stream, each) => pipe(stream, each), numbers);
    assert.is(await reasonOf(pipe(input, end)), error);
    assert.equal(written(calls), [1, 2]);
    assert.is(calls.at(-1), "aborted");
    assert.is(aborts[0], error);
    await settled();
    assert.is(reasons.length, 1);
    assert.is(reasons[0], error);
  }
});

test("pipe() in which a stage fails in the middle of a chunk cancels the source", async () => {
  const block = new TextEncoder().encode('{"a":1}\n{"a":22222222}\n{"a":3}\n');
  for (const more of [[], [identity<TapeLine>()], [identity<TapeLine>(), piped<TapeLine>()]]) {
    const reasons: unknown[] = [];
    const blocks = source<Bytes>({
      pull: () => Promise.resolve([block]),
      cancel: (reason) => Promise.resolve(void reasons.push(reason)),
    });
    const lines = more.reduce<ReadableStream<TapeLine>>(
      (stream, each) => pipe(stream, each),
      pipe(blocks, lineSplit({ maxLineBytes: 8 })),
    );
    const seen: string[] = [];
    const reading = async () => {
      for await (const line of lines) seen.push(line.text());
    };
    const failure = await reasonOf(reading()) as Error;
    assert.match(failure.message, /^Cannot read line 2 /);
    assert.equal(seen, ['{"a":1}']);
    await settled();
    assert.equal(reasons, [failure]);
  }
});

test("pipe() in which a stage fails in start() cancels the source before anybody reads", async () => {
  for (const wrap of [(each: Transform<number, number>) => each, forced]) {
    const { numbers, reasons } = counted([[1], [2]]);
    const stream = pipe(numbers, wrap(stage<number, number>({ start: fail, transform() {} })));
    await settled();
    assert.is(reasons[0], error);
    assert.is(await reasonOf(collect(stream)), error);
    assert.is(reasons.length, 1);
  }
});

/** A stage that nobody can fuse. */
const forced = ({ readable, writable }: Transform<number, number>): Transform<number, number> => ({
  readable,
  writable,
});

test("pipe() in which a stage terminates closes the sink, cancels the source with a TypeError, and is fulfilled", async () => {
  for (const wrap of [(each: Transform<number, number>) => each, forced]) {
    const { numbers, reasons } = counted([[1, 2, 3, 4], [5], [6], [7], [8], [9]]);
    const { end, calls } = recorded();
    await pipe(numbers, wrap(at(3, (emit) => emit.terminate())), wrap(identity<number>()), end);
    assert.equal(written(calls), [1, 2]);
    assert.is(calls.at(-1), "closed");
    await settled();
    assert.is(reasons.length, 1);
    assert.instance(reasons[0], TypeError);
  }
});

test("pipe() does not wait for a source to let go when a stage has ended", async () => {
  for (const act of [fail, (emit: { terminate(): void }) => emit.terminate()]) {
    for (const wrap of [(each: Transform<number, number>) => each, forced]) {
      const stubborn = source<number>({
        pull: () => Promise.resolve([1, 2, 3, 4, 5, 6]),
        cancel: () => new Promise(() => {}),
      });
      const reader = pipe(stubborn, wrap(at(2, act))).getReader();
      assert.is((await reader.read()).value, 1);
      if (act === fail) assert.is(await reasonOf(reader.read()), error);
      else assert.ok((await reader.read()).done);
    }
  }
});

test("pipe() tells of the error that came first, not of one in letting go", async () => {
  const second = new Error("thrown by cancel()");
  const bad = () => source<number>({ pull: () => Promise.resolve([1, 2]), cancel: () => Promise.reject(second) });
  for (const wrap of [(each: Transform<number, number>) => each, forced]) {
    assert.is(await reasonOf(collect(pipe(bad(), wrap(at(2, fail))))), error);
    assert.is(await reasonOf(pipe(bad(), wrap(identity<number>()), recorded(2).end)), error);
    assert.is(await reasonOf(pipe(bad(), recorded(2).end)), error);
    await pipe(bad(), wrap(identity<number>())).cancel("reason");
  }
});

test("pipe() whose sink fails cancels the source, aborts the sink and rejects, all with that error", async () => {
  for (const transform of [identity<number>(), piped<number>()]) {
    const { numbers, reasons } = counted([[1], [2], [3], [4], [5], [6], [7], [8]]);
    const { end, calls, reasons: aborts } = recorded(3);
    assert.is(await reasonOf(pipe(numbers, transform, end)), error);
    assert.equal(calls, ["1", "2", "aborted"]);
    assert.is(aborts[0], error);
    await settled();
    assert.is(reasons.length, 1);
    assert.is(reasons[0], error);
  }
});

test("pipe() whose sink fails to close rejects with that error", async () => {
  const end = sink<number>({ write: () => Promise.resolve(), close: () => Promise.reject(error) });
  assert.is(await reasonOf(pipe([1], end)), error);
});

test("sink() that fails is aborted with its error, whoever writes", async () => {
  const ways: ((end: WritableStream<number>) => Promise<unknown>)[] = [
    (end) => pipe([1, 2, 3], end),
    (end) => pipe([1, 2, 3], identity<number>(), end),
    (end) => pipe([1, 2, 3]).pipeTo(end),
    async (end) => {
      const writer = end.getWriter();
      writer.closed.catch(() => {});
      for (const chunk of [1, 2, 3]) await writer.write(chunk);
    },
  ];
  for (const way of ways) {
    const { end, calls, reasons } = recorded(1);
    assert.is(await reasonOf(way(end)), error);
    assert.equal(calls, ["aborted"]);
    assert.is(reasons[0], error);
  }
});

test("sink() takes single chunks from a writer, closes and aborts as any WritableStream", async () => {
  const first = recorded();
  const writer = first.end.getWriter();
  await writer.write(1);
  await writer.write(2);
  await writer.close();
  assert.equal(first.calls, ["1", "2", "closed"]);
  const second = recorded();
  await second.end.abort(error);
  assert.equal(second.calls, ["aborted"]);
  assert.is(second.reasons[0], error);
  const bare = sink<number>({ write: () => Promise.resolve() });
  await pipe([1], bare);
  await sink<number>({ write: () => Promise.resolve() }).abort(error);
});

test("pipe() into a sink that has ended rejects, writes nothing and cancels the source", async () => {
  const closed = recorded();
  await closed.end.close();
  const aborted = recorded();
  await aborted.end.abort(error);
  for (const { end, calls } of [closed, aborted]) {
    const before = [...calls];
    for (const transforms of [[], [identity<number>()]]) {
      const { numbers, reasons } = counted([[1], [2]]);
      const stream = transforms.reduce<ReadableStream<number>>((input, each) => pipe(input, each), numbers);
      const thrown = await reasonOf(pipe(stream, end));
      assert.ok(end === closed.end ? thrown instanceof TypeError : thrown === error);
      assert.is(reasons.length, 1);
    }
    assert.equal(calls, before);
  }
});

test("pipe() into a sink with writes of its own under way comes behind them", async () => {
  const { end, calls } = recorded();
  const writer = end.getWriter();
  writer.write(1);
  writer.write(2);
  writer.releaseLock();
  await pipe([3, 4], end);
  assert.equal(written(calls), [1, 2, 3, 4]);
  assert.is(calls.at(-1), "closed");
});

test("pipe() throws a TypeError for a locked source or sink, and leaves everything else as it was", async () => {
  const free = identity<number>();
  const locked = counted([[1]]).numbers;
  locked.getReader();
  assert.throws(() => pipe(locked, free), isTypeError);
  const { end } = recorded();
  end.getWriter();
  assert.throws(() => pipe([1], free, end), isTypeError);
  assert.equal(await collect(pipe([1], free)), [1]);
});

test("pipe() locks its source", () => {
  const { numbers } = counted([[1]]);
  pipe(numbers, identity<number>());
  assert.ok(numbers.locked);
  assert.throws(() => numbers.getReader(), isTypeError);
});

test("pipe() that is cancelled cancels the source with the reason, and flushes nothing", async () => {
  for (const wrap of [(each: Transform<number, number>) => each, forced]) {
    const { numbers, reasons } = counted([[1, 2], [3], [4], [5], [6]]);
    let isFlushed = false;
    const flushing = stage<number, number>({
      transform: (chunk, emit) => emit(chunk),
      flush: () => void (isFlushed = true),
    });
    const reader = pipe(numbers, wrap(identity<number>()), wrap(flushing)).getReader();
    await reader.read();
    const waiting = reader.read().then(() => reader.read());
    await reader.cancel(error);
    await waiting;
    for (let turn = 0; turn < 3; turn++) await settled();
    assert.is(reasons.length, 1);
    assert.is(reasons[0], error);
    assert.not(isFlushed);
  }
});

test("pipe() that is cancelled before anybody reads cancels the source", async () => {
  const { numbers, reasons } = counted([[1]]);
  await pipe(numbers, identity<number>()).cancel(error);
  assert.is(reasons.length, 1);
  assert.is(reasons[0], error);
});

test("pipe() that is cancelled while it waits for the source flushes nothing", async () => {
  const { numbers, reasons } = counted([[1], [2]]);
  let isFlushed = false;
  const flushing = () => stage<number, number>({ transform() {}, flush: () => void (isFlushed = true) });
  const reader = pipe(numbers, flushing(), flushing()).getReader();
  const read = reader.read();
  await Promise.resolve();
  await reader.cancel(error);
  assert.ok((await read).done);
  for (let turn = 0; turn < 3; turn++) await settled();
  assert.is(reasons[0], error);
  assert.not(isFlushed);
});

// Iterating, and reading in part

/** A pipeline with batches, and one without stages. */
const sources: Record<string, () => Counted & { readonly stream: ReadableStream<number> }> = {
  "source()": () => {
    const log = counted([[1, 2, 3], [4, 5]]);
    return Object.assign(log, { stream: log.numbers });
  },
  "pipe()": () => {
    const log = counted([[1, 2, 3], [4, 5]]);
    return Object.assign(log, { stream: pipe(log.numbers, identity<number>(), identity<number>()) });
  },
};

/** Every way to read one chunk and let go. */
const readOne: Record<string, (stream: ReadableStream<number>) => Promise<number | undefined>> = {
  async reader(stream) {
    const reader = stream.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return value;
  },
  async iterator(stream) {
    for await (const chunk of stream.values({ preventCancel: true })) return chunk;
    return undefined;
  },
};

/** Every way to read the rest. */
const readRest: Record<string, (stream: ReadableStream<number>) => Promise<number[]>> = {
  iterator: collect,
  async reader(stream) {
    const chunks: number[] = [];
    const reader = stream.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    return chunks;
  },
  tee: async (stream) => (await Promise.all(stream.tee().map(collect)))[1]!,
  "pipeThrough()": (stream) => collect(stream.pipeThrough(piped<number>())),
  "pipe()": (stream) => collect(pipe(stream, identity<number>())),
  async "pipe() to a sink"(stream) {
    const { end, calls } = recorded();
    await pipe(stream, end);
    return written(calls);
  },
};

/** Its type forbids the value that the standard hands through. */
function returned(iterator: AsyncIterator<number, unknown>, value: string): Promise<IteratorResult<number, unknown>> {
  return iterator.return!(value);
}

for (const [name, open] of Object.entries(sources)) {
  test(`${name} that was read in part can be read on in any way, without a loss`, async () => {
    for (const count of [0, 1, 2, 3, 4, 5]) {
      for (const [first, one] of Object.entries(readOne)) {
        for (const [then, rest] of Object.entries(readRest)) {
          const { stream, reasons } = open();
          const chunks: (number | undefined)[] = [];
          for (let at = 0; at < count; at++) chunks.push(await one(stream));
          assert.not(stream.locked);
          assert.equal([...chunks, ...await rest(stream)], [1, 2, 3, 4, 5], `${count} by ${first}, then by ${then}`);
          assert.equal(reasons, []);
        }
      }
    }
  });

  test(`${name} loses nothing when a reader lets go while it waits`, async () => {
    for (const [then, rest] of Object.entries(readRest)) {
      for (const wait of [() => Promise.resolve(), settled, () => settled().then(settled)]) {
        const { stream } = open();
        await settled();
        const reader = stream.getReader();
        const read = reasonOf(reader.read());
        await Promise.resolve();
        reader.releaseLock();
        assert.instance(await read, TypeError);
        await wait();
        assert.equal(await rest(stream), [1, 2, 3, 4, 5], `then by ${then}`);
      }
    }
  });

  test(`${name} is cancelled when its iteration stops, unless that is to be prevented`, async () => {
    const stop = new Error("stop");
    const ways: ((chunks: AsyncIterable<number>) => Promise<unknown>)[] = [
      async (chunks) => {
        for await (const _ of chunks) break;
      },
      async (chunks) => {
        for await (const chunk of chunks) return chunk;
        return undefined;
      },
      async (chunks) => {
        try {
          for await (const _ of chunks) throw stop;
        } catch (thrown) {
          assert.is(thrown, stop);
        }
      },
      async (chunks) => await chunks[Symbol.asyncIterator]().return?.(),
    ];
    for (const way of ways) {
      const cancelled = open();
      await way(cancelled.stream);
      assert.equal(cancelled.reasons, [undefined]);
      assert.not(cancelled.stream.locked);
      assert.equal(await collect(cancelled.stream), []);
      const kept = open();
      await way(kept.stream.values({ preventCancel: true }));
      assert.equal(kept.reasons, []);
      assert.not(kept.stream.locked);
      assert.is((await collect(kept.stream)).at(-1), 5);
    }
  });

  test(`${name} has an iterator like that of any stream`, async () => {
    const { stream, reasons } = open();
    const iterator = stream.values();
    assert.throws(() => stream.values(), isTypeError);
    assert.throws(() => stream.getReader(), isTypeError);
    assert.is(iterator[Symbol.asyncIterator](), iterator);
    const first = await iterator.next();
    assert.equal(Object.keys(first).sort(), ["done", "value"]);
    assert.is(Object.getPrototypeOf(first), Object.prototype);
    // Calls that do not wait for one another are answered in order, across the end of a batch and of the stream.
    const calls = [
      iterator.next(),
      iterator.next(),
      iterator.next(),
      iterator.next(),
      iterator.next(),
      iterator.next(),
    ];
    const answers = (await Promise.all(calls)).map(({ done, value }) => done ? "done" : value);
    assert.equal([first.value, ...answers], [1, 2, 3, 4, 5, "done", "done"]);
    assert.not(stream.locked);
    assert.equal(reasons, []);
    assert.equal(await returned(iterator, "result"), { done: true, value: "result" });
    assert.equal(await collect(stream), []);
  });

  test(`${name} is unlocked at once by its iterator's return(), which cancels with what it is given`, async () => {
    for (const preventCancel of [false, true]) {
      const { stream, reasons } = open();
      const iterator = stream.values({ preventCancel });
      await iterator.next();
      const result = returned(iterator, "result");
      assert.not(stream.locked);
      assert.equal(await result, { done: true, value: "result" });
      assert.equal(await iterator.next(), { done: true, value: undefined });
      assert.equal(await returned(iterator, "again"), { done: true, value: "again" });
      assert.equal(reasons, preventCancel ? [] : ["result"]);
      assert.equal(await collect(stream), preventCancel ? [2, 3, 4, 5] : []);
    }
  });

  test(`${name} is closed by an iteration to its end`, async () => {
    const { stream } = open();
    await collect(stream);
    await stream.getReader().closed;
  });

  test(`${name} answers next() before a return() that came after it`, async () => {
    const { stream, reasons } = open();
    const iterator = stream.values();
    const [next, end] = await Promise.all([iterator.next(), returned(iterator, "result")]);
    assert.equal(next, { done: false, value: 1 });
    assert.equal(end, { done: true, value: "result" });
    assert.equal(reasons, ["result"]);
  });
}

test("source() that has failed is iterated as any stream that has: the error, then the end", async () => {
  for (
    const make of [(numbers: Source<number>) => numbers, (numbers: Source<number>) => pipe(numbers, identity<number>())]
  ) {
    const stream = make(counted([[1]], error).numbers);
    const iterator = stream.values();
    assert.is((await iterator.next()).value, 1);
    assert.is(await reasonOf(iterator.next()), error);
    assert.equal(await iterator.next(), { done: true, value: undefined });
    assert.equal(await returned(iterator, "result"), { done: true, value: "result" });
    assert.not(stream.locked);
    assert.is(await reasonOf(collect(stream)), error);
    const reader = stream.getReader();
    assert.is(await reasonOf(reader.closed), error);
    assert.is(await reasonOf(reader.read()), error);
  }
});

test("source() that has ended, failed or was cancelled under a reader is iterated as any stream that has", async () => {
  const drained = async (stream: ReadableStream<number>) => {
    const reader = stream.getReader();
    const end = await (async () => {
      while (!(await reader.read()).done);
    })().catch((thrown) => thrown);
    reader.closed.catch(() => {});
    reader.releaseLock();
    return end;
  };
  for (
    const make of [(numbers: Source<number>) => numbers, (numbers: Source<number>) => pipe(numbers, identity<number>())]
  ) {
    const ended = make(counted([[1]]).numbers);
    await drained(ended);
    assert.equal(await collect(ended), []);
    assert.equal(await collect(pipe(ended, identity<number>())), []);

    const failed = make(counted([[1]], error).numbers);
    assert.is(await drained(failed), error);
    assert.is(await reasonOf(collect(failed)), error);
    assert.is(await reasonOf(collect(pipe(failed, identity<number>()))), error);

    const cancelled = make(counted([[1, 2]]).numbers);
    await cancelled.cancel();
    assert.equal(await collect(cancelled), []);
    assert.equal(await collect(pipe(cancelled, identity<number>())), []);
  }
});

test("source() answers calls of next() in order, whenever they come", async () => {
  for (
    const make of [(numbers: Source<number>) => numbers, (numbers: Source<number>) => pipe(numbers, identity<number>())]
  ) {
    for (let turns = 0; turns < 20; turns++) {
      let deliver!: (batch: number[]) => void;
      const iterator = make(source<number>({ pull: () => new Promise((resolve) => deliver = resolve) })).values();
      const first = iterator.next();
      await settled();
      // The batch is on its way to the call that waits for it while the other one comes.
      deliver([1, 2]);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const second = iterator.next();
      assert.equal([(await first).value, (await second).value], [1, 2], `${turns} microtasks later`);
    }
  }
});

test("source() has let go when its iterator's return() settles, which tells how that went", async () => {
  let isReleased = false;
  const slow = source<number>({
    pull: () => Promise.resolve([1, 2]),
    async cancel() {
      await settled();
      isReleased = true;
    },
  });
  for await (const _ of slow) break;
  assert.ok(isReleased);
  const iterator = source<number>({ pull: () => Promise.resolve([1]), cancel: () => Promise.reject(error) }).values();
  assert.is(await reasonOf(returned(iterator, "result")), error);
});

test("source() has an iterator that can be disposed of", async () => {
  const { numbers, reasons } = counted([[1, 2]]);
  const iterator = numbers.values();
  await iterator.next();
  assert.ok(Symbol.asyncDispose in iterator);
  await (iterator as unknown as { [Symbol.asyncDispose](): Promise<void> })[Symbol.asyncDispose]();
  assert.is(reasons.length, 1);
  assert.not(numbers.locked);
});

test.run();
