// A stage by itself, as the TransformStream it claims to be. Most of these ask what the Web Platform Tests ask of transform
// streams; where a stage differs on purpose, the name of the test says so.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compose } from "../../src/streams/pipe.ts";
import { stage } from "../../src/streams/stage.ts";
import type { Emit, StageSpec } from "../../src/streams/stage-spec.ts";
import { collect, settled } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

const error = new Error("thrown by a stage");

/** A stage that notes its calls, with both of its ends in use. */
function use<I, O>(spec: StageSpec<I, O>) {
  const calls: string[] = [];
  const made = stage<I, O>({
    start(emit) {
      calls.push("start");
      spec.start?.(emit);
    },
    transform(chunk, emit) {
      calls.push(`transform ${chunk}`);
      spec.transform(chunk, emit);
    },
    flush(emit) {
      calls.push("flush");
      spec.flush?.(emit);
    },
  });
  const writer = made.writable.getWriter();
  const reader = made.readable.getReader();
  // What is not awaited in a test must not end the process.
  for (const promise of [writer.closed, writer.ready, reader.closed]) promise.catch(() => {});
  return { calls, writer, reader };
}

const identity = <T>(): StageSpec<T, T> => ({ transform: (chunk, emit) => emit(chunk) });
const repeated = (times: number): StageSpec<string, string> => ({
  transform(chunk, emit) {
    for (let at = 0; at < times; at++) emit(chunk + at);
  },
});

test("stage() is a TransformStream", () => {
  const made = stage(identity());
  assert.ok(made instanceof TransformStream);
  assert.ok(made.readable instanceof ReadableStream);
  assert.ok(made.writable instanceof WritableStream);
  assert.is(made.readable, made.readable);
  assert.is(made.writable, made.writable);
  assert.not(made.readable.locked);
  assert.not(made.writable.locked);
});

test("stage() can be piped through, teed and iterated like any stream", async () => {
  const through = () =>
    new Blob(["abc"]).stream().pipeThrough(stage<Uint8Array, number>({
      transform(chunk, emit) {
        for (const byte of chunk) emit(byte);
      },
    }));
  assert.equal(await collect(through()), [97, 98, 99]);
  assert.equal(await Promise.all(through().tee().map(collect)), [[97, 98, 99], [97, 98, 99]]);
  const written: number[] = [];
  await through().pipeTo(new WritableStream({ write: (chunk) => void written.push(chunk) }));
  assert.equal(written, [97, 98, 99]);
});

test("stage() starts when its ends are first used, once, and before the first chunk", async () => {
  const calls: string[] = [];
  const made = stage<string, string>({
    start: () => void calls.push("start"),
    transform: (chunk) => void calls.push(chunk),
  });
  await settled();
  assert.equal(calls, []);
  const writer = made.writable.getWriter();
  assert.equal(calls, ["start"]);
  const read = made.readable.getReader().read();
  await writer.write("a");
  await writer.close();
  assert.equal(calls, ["start", "a"]);
  assert.ok((await read).done);
});

test("stage() calls the functions of its spec as methods", async () => {
  class Counter implements StageSpec<string, string> {
    #count = 0;
    start(emit: Emit<string>): void {
      emit(`start ${this.#count++}`);
    }
    transform(chunk: string, emit: Emit<string>): void {
      emit(`${chunk} ${this.#count++}`);
    }
    flush(emit: Emit<string>): void {
      emit(`flush ${this.#count++}`);
    }
  }
  const out = new Blob(["a"]).stream().pipeThrough(new TextDecoderStream()).pipeThrough(stage(new Counter()));
  assert.equal(await collect(out), ["start 0", "a 1", "flush 2"]);
});

test("stage() passes on any value, undefined included", async () => {
  const { writer, reader } = use(identity<unknown>());
  for (const value of [undefined, null, 0, "", Number.NaN]) {
    const read = reader.read();
    await writer.write(value);
    assert.equal(await read, { done: false, value });
  }
});

test("stage() transforms nothing before somebody reads", async () => {
  const { calls, writer, reader } = use(identity<string>());
  const write = writer.write("a");
  await settled();
  assert.equal(calls, ["start"]);
  assert.equal(await reader.read(), { done: false, value: "a" });
  await write;
});

test("stage() answers a read that came before the write", async () => {
  const { writer, reader } = use(identity<string>());
  const read = reader.read();
  await settled();
  await writer.write("a");
  assert.equal(await read, { done: false, value: "a" });
});

test("stage() has its writer wait while a chunk waits to be transformed", async () => {
  const { writer, reader } = use(identity<string>());
  await writer.ready;
  assert.is(writer.desiredSize, 1);
  const write = writer.write("a");
  assert.is(writer.desiredSize, 0);
  let isReady = false;
  writer.ready.then(() => isReady = true);
  await settled();
  assert.not(isReady);
  await reader.read();
  await write;
  await writer.ready;
  assert.is(writer.desiredSize, 1);
});

test("stage() settles a write as soon as its chunk is transformed, and transforms the next when all has been read", async () => {
  const { calls, writer, reader } = use(repeated(3));
  const first = writer.write("a");
  writer.write("b");
  assert.equal((await reader.read()).value, "a0");
  await first;
  await reader.read();
  await settled();
  assert.equal(calls, ["start", "transform a"]);
  assert.equal((await reader.read()).value, "a2");
  assert.equal((await reader.read()).value, "b0");
  assert.equal(calls, ["start", "transform a", "transform b"]);
});

test("stage() goes on until it has something for a read", async () => {
  const { calls, writer, reader } = use<number, number>({
    transform(chunk, emit) {
      if (chunk === 3) emit(chunk);
    },
  });
  const read = reader.read();
  for (let chunk = 0; chunk < 5; chunk++) writer.write(chunk).catch(() => {});
  assert.equal((await read).value, 3);
  await settled();
  assert.is(calls.at(-1), "transform 3");
});

test("stage() flushes when the writer closes, though nobody reads", async () => {
  const { calls, writer, reader } = use<string, string>({
    transform() {},
    flush(emit) {
      emit("x");
      emit("y");
    },
  });
  await writer.close();
  await writer.closed;
  assert.equal(calls, ["start", "flush"]);
  assert.equal((await reader.read()).value, "x");
  assert.equal((await reader.read()).value, "y");
  await reader.closed;
  assert.ok((await reader.read()).done);
});

test("stage() flushes only behind the writes that wait", async () => {
  const { calls, writer, reader } = use(identity<string>());
  writer.write("a");
  const close = writer.close();
  await settled();
  assert.equal(calls, ["start"]);
  await reader.read();
  await close;
  assert.equal(calls, ["start", "transform a", "flush"]);
});

test("stage() ends with its input, though nobody reads", async () => {
  const { writer, reader } = use(identity<string>());
  await writer.close();
  await reader.closed;
});

test("stage() that throws in transform() fails with that error at both ends", async () => {
  const { writer, reader } = use<string, string>({
    transform() {
      throw error;
    },
  });
  const outcomes = [writer.write("a"), reader.read(), writer.closed, reader.closed].map(reasonOf);
  for (const outcome of await Promise.all(outcomes)) assert.is(outcome, error);
});

test("stage() that throws in flush() fails with that error at both ends", async () => {
  const { writer, reader } = use<string, string>({
    transform() {},
    flush() {
      throw error;
    },
  });
  const outcomes = [writer.close(), reader.read(), writer.closed, reader.closed].map(reasonOf);
  for (const outcome of await Promise.all(outcomes)) assert.is(outcome, error);
});

test("stage() that throws in start() fails with that error at both ends, where a TransformStream cannot be made", async () => {
  const { calls, writer, reader } = use<string, string>({
    start() {
      throw error;
    },
    transform() {},
  });
  const outcomes = [writer.write("a"), reader.read(), writer.closed, reader.closed].map(reasonOf);
  for (const outcome of await Promise.all(outcomes)) assert.is(outcome, error);
  assert.equal(calls, ["start"]);
});

test("stage() that throws in start() has failed before anybody reads", async () => {
  const { reader } = use<string, string>({
    start() {
      throw error;
    },
    transform() {},
  });
  assert.is(await reasonOf(reader.closed), error);
});

test("stage() has failed as soon as the last chunk before the error is read", async () => {
  const { writer, reader } = use<string, string>({
    transform(chunk, emit) {
      emit(chunk);
      throw error;
    },
  });
  const write = reasonOf(writer.write("a"));
  assert.equal((await reader.read()).value, "a");
  assert.is(await reasonOf(reader.closed), error);
  assert.is(await write, error);
});

test("stage() delivers what it emitted before it threw, which a TransformStream drops", async () => {
  const emitTwoAndThrow = (emit: Emit<string>) => {
    emit("x");
    emit("y");
    throw error;
  };
  const specs: StageSpec<string, string>[] = [
    { start: emitTwoAndThrow, transform() {} },
    { transform: (_, emit) => emitTwoAndThrow(emit) },
    { transform() {}, flush: emitTwoAndThrow },
  ];
  for (const spec of specs) {
    const { writer, reader } = use(spec);
    const outcome = Promise.allSettled([writer.write("a"), writer.close()]);
    assert.equal((await reader.read()).value, "x");
    assert.equal((await reader.read()).value, "y");
    assert.is(await reasonOf(reader.read()), error);
    assert.is(await reasonOf(writer.closed), error);
    assert.ok((await outcome).some((each) => each.status === "rejected" && each.reason === error));
  }
});

test("stage() keeps an error to those who ask: nothing is thrown where nobody listens", async () => {
  const { writable, readable } = stage<string, string>({
    transform() {
      throw error;
    },
  });
  const writer = writable.getWriter();
  writer.write("a").catch(() => {});
  assert.is(await reasonOf(readable.getReader().read()), error);
  // Were a promise of its own rejected unhandled, the process would end here.
  await settled();
});

test("stage() cancelled by its reader fails for its writer, with that reason and without a flush", async () => {
  const { calls, writer, reader } = use(identity<string>());
  await settled();
  await reader.cancel(error);
  assert.is(await reasonOf(writer.closed), error);
  assert.is(await reasonOf(writer.write("a")), error);
  await reasonOf(writer.close());
  assert.equal(calls, ["start"]);
});

test("stage() cancelled by its reader rejects a write that waits to be transformed", async () => {
  const { calls, writer, reader } = use(identity<string>());
  await settled();
  const writes = [writer.write("a"), writer.write("b")].map(reasonOf);
  await settled();
  await reader.cancel(error);
  for (const outcome of await Promise.all(writes)) assert.is(outcome, error);
  assert.equal(calls, ["start"]);
});

test("stage() cancelled by its reader drops what it has emitted", async () => {
  const { writer, reader } = use(repeated(3));
  writer.write("a");
  await reader.read();
  await reader.cancel(error);
  assert.ok((await reader.read()).done);
  assert.is(await reasonOf(writer.closed), error);
});

test("stage() cancelled by its reader cancels a pipe into it, empty or full, and the pipe's source", async () => {
  for (const chunks of [[], ["a"], ["a", "b", "c"]]) {
    for (const wait of [() => {}, settled]) {
      let reason: unknown;
      const source = new ReadableStream<string>({
        start: (controller) => chunks.forEach((chunk) => controller.enqueue(chunk)),
        cancel: (given) => void (reason = given),
      });
      const { readable, writable } = stage(identity<string>());
      const piped = reasonOf(source.pipeTo(writable));
      await wait();
      await readable.cancel(error);
      assert.is(await piped, error);
      assert.is(reason, error);
    }
  }
});

test("stage() aborted by its writer fails for its reader, with that reason and without a flush", async () => {
  const { calls, writer, reader } = use(identity<string>());
  await settled();
  await writer.abort(error);
  assert.is(await reasonOf(reader.read()), error);
  assert.is(await reasonOf(reader.closed), error);
  assert.is(await reasonOf(writer.closed), error);
  assert.equal(calls, ["start"]);
});

test("stage() aborted by its writer rejects a write that waits to be transformed", async () => {
  const { calls, writer, reader } = use(identity<string>());
  await settled();
  const writes = [writer.write("a"), writer.write("b")].map(reasonOf);
  await settled();
  const abort = writer.abort(error);
  const read = reasonOf(reader.read());
  for (const outcome of await Promise.all(writes)) assert.is(outcome, error);
  await abort;
  assert.is(await read, error);
  assert.equal(calls, ["start"]);
});

test("stage() aborted by its writer delivers what it has emitted first, which a TransformStream drops", async () => {
  const { writer, reader } = use(repeated(3));
  writer.write("a");
  assert.equal((await reader.read()).value, "a0");
  await writer.abort(error);
  assert.equal((await reader.read()).value, "a1");
  assert.equal((await reader.read()).value, "a2");
  assert.is(await reasonOf(reader.read()), error);
});

test("stage() that was aborted and then cancelled keeps the first reason for its writer", async () => {
  const { writer, reader } = use(identity<string>());
  const abort = writer.abort(error);
  await Promise.allSettled([abort, reader.cancel(new Error("second"))]);
  assert.is(await reasonOf(writer.closed), error);
});

test("emit.terminate() ends the readable behind what was emitted and fails the writable", async () => {
  const { calls, writer, reader } = use<string, string>({
    transform(chunk, emit) {
      emit(chunk);
      emit.terminate();
      emit("ignored");
      emit.terminate();
    },
  });
  const first = writer.write("a");
  const second = reasonOf(writer.write("b"));
  assert.equal(await reader.read(), { done: false, value: "a" });
  assert.ok((await reader.read()).done);
  await reader.closed;
  await first;
  assert.instance(await second, TypeError);
  assert.instance(await reasonOf(writer.closed), TypeError);
  assert.equal(calls, ["start", "transform a"]);
});

test("emit.terminate() cancels what is piped into the stage", async () => {
  let reason: unknown;
  const source = new ReadableStream<string>({
    pull: (controller) => controller.enqueue("a"),
    cancel: (given) => void (reason = given),
  });
  const made = stage<string, string>({ transform: (_, emit) => emit.terminate() });
  const piped = reasonOf(source.pipeTo(made.writable));
  assert.equal(await collect(made.readable), []);
  assert.instance(await piped, TypeError);
  assert.instance(reason, TypeError);
});

test("emit.terminate() in start() ends the stage before its first chunk", async () => {
  const { calls, writer, reader } = use<string, string>({
    start(emit) {
      emit("x");
      emit.terminate();
    },
    transform() {},
  });
  assert.equal((await reader.read()).value, "x");
  assert.ok((await reader.read()).done);
  assert.instance(await reasonOf(writer.write("a")), TypeError);
  assert.equal(calls, ["start"]);
});

test("emit.terminate() in flush() does not keep close() from succeeding", async () => {
  const { writer, reader } = use<string, string>({ transform() {}, flush: (emit) => emit.terminate() });
  await Promise.all([writer.close(), writer.closed, reader.closed]);
});

test("stage() that throws behind its terminate() tells its writer; for its reader it has ended", async () => {
  const { writer, reader } = use<string, string>({
    transform(chunk, emit) {
      emit(chunk);
      emit.terminate();
      throw error;
    },
  });
  const write = reasonOf(writer.write("a"));
  assert.equal((await reader.read()).value, "a");
  assert.ok((await reader.read()).done);
  assert.is(await write, error);
  assert.is(await reasonOf(writer.closed), error);
});

test("stage() that has terminated is not turned into a failure by an abort", async () => {
  const abortNow = (writer: WritableStreamDefaultWriter<string>) => void writer.abort(error).catch(() => {});
  // While the chunk is still being written, and when that is over.
  for (const when of [queueMicrotask, (abort: () => void) => void settled().then(abort)]) {
    const { writer, reader } = use<string, string>({
      transform(_, emit) {
        emit("x");
        emit("y");
        emit.terminate();
        when(() => abortNow(writer));
      },
    });
    const write = writer.write("a");
    assert.equal((await reader.read()).value, "x");
    await write;
    await settled();
    await settled();
    assert.equal((await reader.read()).value, "y");
    assert.ok((await reader.read()).done);
  }
});

test("stage() refuses a second reader, a second writer, and to be piped through while it is locked", () => {
  const made = stage(identity<Uint8Array>());
  made.readable.getReader();
  made.writable.getWriter();
  assert.throws(() => made.readable.getReader(), isTypeError);
  assert.throws(() => made.writable.getWriter(), isTypeError);
  assert.throws(() => new Blob([]).stream().pipeThrough(made), isTypeError);
});

test("stage() that became part of a pipeline cannot be used again", () => {
  const made = stage(identity());
  compose(made);
  assert.throws(() => made.readable, isTypeError);
  assert.throws(() => made.writable, isTypeError);
  assert.throws(() => compose(made), isTypeError);
});

function isTypeError(thrown: unknown): boolean {
  return thrown instanceof TypeError;
}

test.run();
