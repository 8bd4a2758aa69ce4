import { test } from "uvu";
import * as assert from "uvu/assert";
import { compose, pipe } from "../../src/streams/pipe.ts";
import { stage, type Transform } from "../../src/streams/stage.ts";
import type { Emit, StageSpec } from "../../src/streams/stage-spec.ts";
import { collect, settled } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

type Text = Transform<string, string>;

/** Appends a letter to each chunk, and notes what is called when. */
function letter(name: string, calls: string[] = [], spec: Partial<StageSpec<string, string>> = {}): Text {
  return stage<string, string>({
    start(emit) {
      calls.push(`start ${name}`);
      spec.start?.(emit);
    },
    transform(chunk, emit) {
      calls.push(`${name} ${chunk}`);
      if (spec.transform) spec.transform(chunk, emit);
      else emit(chunk + name);
    },
    flush(emit) {
      calls.push(`flush ${name}`);
      spec.flush?.(emit);
    },
  });
}

const used = (made: Text): Text => {
  assert.ok(made.readable instanceof ReadableStream);
  return made;
};
const isTypeError = (thrown: unknown): boolean => thrown instanceof TypeError;

test("compose() makes one TransformStream", async () => {
  const composed = compose(letter("a"), letter("b"), letter("c"));
  assert.ok(composed instanceof TransformStream);
  const writer = composed.writable.getWriter();
  const reader = composed.readable.getReader();
  writer.write("1");
  assert.equal(await reader.read(), { done: false, value: "1abc" });
  writer.close();
  assert.ok((await reader.read()).done);
});

test("compose() of one transform does what that does", async () => {
  assert.equal(await collect(pipe(["1"], compose(letter("a")))), ["1a"]);
  assert.equal(await collect(pipe(["1"], compose(used(letter("a"))))), ["1a"]);
});

test("compose() of compositions is the same pipeline, however long", async () => {
  const [a, b, c, d, e, f, g, h] = [..."abcdefgh"].map((name) => letter(name)) as [
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
  ];
  const composed = compose(a, compose(compose(b, c), d), compose(e), compose(f, compose(g, h)));
  assert.equal(await collect(pipe(["1", "2"], composed)), ["1abcdefgh", "2abcdefgh"]);
});

test("compose() hands a chunk through stages by function calls: nothing is waited for in between", async () => {
  for (const way of ["fused", "piped"] as const) {
    const calls: string[] = [];
    const first = letter("a", calls, {
      transform(chunk, emit) {
        queueMicrotask(() => calls.push("microtask"));
        emit(chunk + "a");
      },
    });
    const second = letter("b", calls);
    const composed = compose(first, way === "fused" ? second : used(second), letter("c", calls));
    const writer = composed.writable.getWriter();
    writer.write("1");
    assert.equal((await composed.readable.getReader().read()).value, "1abc");
    const between = calls.slice(calls.indexOf("a 1") + 1, calls.indexOf("b 1a"));
    assert.equal(between, way === "fused" ? [] : ["microtask"]);
  }
});

test("compose() pipes through a stage that is in use already", async () => {
  const [a, b, c] = [letter("a"), used(letter("b")), letter("c")];
  assert.equal(await collect(pipe(["1", "2"], compose(a, b, c))), ["1abc", "2abc"]);
});

test("compose() pipes through async transforms and platform transforms", async () => {
  const slow = new TransformStream<string, string>({
    async transform(chunk, controller) {
      await settled();
      controller.enqueue(chunk + "~");
    },
  });
  const composed = compose(letter("a"), compose(letter("b"), slow), letter("c"));
  assert.equal(await collect(pipe(["1", "2"], composed)), ["1ab~c", "2ab~c"]);

  const upper = stage<string, string>({ transform: (chunk, emit) => emit(chunk.toUpperCase()) });
  const zipped = compose(upper, new TextEncoderStream() as Transform<string, Uint8Array>, gzip());
  const texts = await collect(
    pipe(["one ", "two"], zipped, gunzip(), new TextDecoderStream() as Transform<Uint8Array, string>),
  );
  assert.is(texts.join(""), "ONE TWO");
});

// Their types disagree from one library version to the next about which kind of Uint8Array.
const gzip = () => new CompressionStream("gzip") as unknown as Transform<Uint8Array, Uint8Array>;
const gunzip = () => new DecompressionStream("gzip") as unknown as Transform<Uint8Array, Uint8Array>;

test("compose() starts all stages, first to last, before the first chunk", async () => {
  const calls: string[] = [];
  await collect(pipe(["1"], compose(letter("a", calls), letter("b", calls))));
  assert.equal(calls.slice(0, 3), ["start a", "start b", "a 1"]);
});

test("compose() sends what stages emit in start() through the stages behind them, the last stage's first", async () => {
  const starting = (name: string) => letter(name, [], { start: (emit) => emit(`from ${name} `) });
  const fused = compose(starting("a"), starting("b"), starting("c"));
  const piped = compose(used(starting("a")), used(starting("b")), used(starting("c")));
  const expected = ["from c ", "from b c", "from a bc", "1abc"];
  assert.equal(await collect(pipe(["1"], fused)), expected);
  assert.equal(await collect(pipe(["1"], piped)), expected);
});

test("compose() flushes first to last, and sends on what each emits", async () => {
  const calls: string[] = [];
  const flushing = (name: string) => letter(name, calls, { flush: (emit) => emit(`from ${name} `) });
  const out = await collect(pipe(["1"], compose(flushing("a"), flushing("b"), flushing("c"))));
  assert.equal(out, ["1abc", "from a bc", "from b c", "from c "]);
  assert.equal(calls.filter((call) => call.startsWith("flush")), ["flush a", "flush b", "flush c"]);
});

test("compose() keeps the error of a stage out of the code of the stage that emits", async () => {
  const error = new Error("thrown by b");
  const seen: unknown[] = [];
  const calls: string[] = [];
  const careful = letter("a", calls, {
    transform(_, emit) {
      try {
        for (const chunk of ["x", "y", "z"]) emit(chunk);
      } catch (error) {
        seen.push(error);
      } finally {
        calls.push("a is done");
      }
    },
  });
  const failing = letter("b", calls, {
    transform(chunk, emit) {
      emit(chunk);
      if (chunk === "y") throw error;
    },
  });
  const reader = pipe(["1", "2"], compose(careful, failing, letter("c", calls))).getReader();
  assert.equal((await reader.read()).value, "xc");
  assert.equal((await reader.read()).value, "yc");
  assert.is(await reasonOf(reader.read()), error);
  assert.equal(seen, []);
  assert.equal(calls.filter((call) => /^[abc] /.test(call)).sort(), ["a 1", "a is done", "b x", "b y", "c x", "c y"]);
});

test("compose() keeps errors of start() and flush() out of other stages' code, too", async () => {
  const error = new Error("thrown by b");
  const fail = () => {
    throw error;
  };
  for (const spec of [{ start: fail }, { transform: fail }, { flush: fail }]) {
    const seen: unknown[] = [];
    const guarded = (emit: Emit<string>) => {
      try {
        emit("x");
      } catch (error) {
        seen.push(error);
      }
    };
    const careful = () =>
      letter("a", [], { start: guarded, transform: (_, emit) => guarded(emit), flush: (emit) => guarded(emit) });
    assert.is(await reasonOf(collect(pipe(["1"], compose(careful(), letter("b", [], spec), careful())))), error);
    assert.equal(seen, []);
  }
});

// Where two stages end the pipeline in one go, each of its ends learns of the one that is nearer to it, as in a pipe.
const errors = { a: new Error("thrown by a"), b: new Error("thrown by b") };
const throwA = () => {
  throw errors.a;
};
const throwB = () => {
  throw errors.b;
};
const bothEnd: Record<
  string,
  { a: Partial<StageSpec<string, string>>; b: Partial<StageSpec<string, string>>; first: "a" | "terminated" }
> = {
  "fail in transform()": {
    a: {
      transform(chunk, emit) {
        emit(chunk);
        throwA();
      },
    },
    b: { transform: throwB },
    first: "a",
  },
  "fail in start()": { a: { start: throwA }, b: { start: throwB }, first: "a" },
  "end, the last by an error, in transform()": {
    a: {
      transform(chunk, emit) {
        emit(chunk);
        emit.terminate();
      },
    },
    b: { transform: throwB },
    first: "terminated",
  },
  "end, the last by an error, in flush()": {
    a: { transform: (_, emit) => emit.terminate() },
    b: { flush: throwB },
    first: "terminated",
  },
};

for (const [how, { a, b, first }] of Object.entries(bothEnd)) {
  test(`compose() whose stages both ${how} tells the reader of the last and the source of the first`, async () => {
    const ways: ((input: ReadableStream<string>) => ReadableStream<string>)[] = [
      (input) => pipe(input, letter("-"), compose(letter("a", [], a), letter("b", [], b))),
      (input) => pipe(input, compose(letter("a", [], a), letter("b", [], b))),
      (input) => pipe(input, used(letter("a", [], a)), used(letter("b", [], b))),
      (input) => input.pipeThrough(compose(letter("a", [], a), letter("b", [], b))),
      (input) => input.pipeThrough(letter("a", [], a)).pipeThrough(letter("b", [], b)),
    ];
    for (const [at, way] of ways.entries()) {
      let reason: unknown;
      const input = new ReadableStream<string>({
        pull: (controller) => controller.enqueue("1"),
        cancel: (given) => void (reason = given),
      });
      assert.is(await reasonOf(collect(way(input))), errors.b, `way ${at}`);
      await settled();
      if (first === "a") assert.is(reason, errors.a, `way ${at}`);
      else assert.instance(reason, TypeError, `way ${at}`);
    }
  });
}

test("compose() lets a stage in the middle terminate: what is behind it is flushed, what is before it is not", async () => {
  const calls: string[] = [];
  const ending = letter("b", calls, {
    transform(chunk, emit) {
      emit(chunk + "b");
      if (chunk === "2a") {
        emit.terminate();
        emit("ignored");
      }
    },
  });
  const flushing = (name: string) => letter(name, calls, { flush: (emit) => emit(`from ${name} `) });
  const out = pipe(["1", "2", "3"], compose(flushing("a"), ending, flushing("c"), flushing("d")));
  assert.equal(await collect(out), ["1abcd", "2abcd", "from c d", "from d "]);
  assert.equal(calls.filter((call) => call.startsWith("flush")), ["flush c", "flush d"]);
  assert.not(calls.includes("a 3"));
});

test("compose() lets a stage terminate while it is flushed", async () => {
  const calls: string[] = [];
  const ending = letter("b", calls, {
    flush(emit) {
      emit("last ");
      emit.terminate();
      emit("ignored");
    },
  });
  const out = pipe(["1"], compose(letter("a", calls), ending, letter("c", calls, { flush: (emit) => emit("end") })));
  assert.equal(await collect(out), ["1abc", "last c", "end"]);
  assert.equal(calls.filter((call) => call.startsWith("flush")), ["flush a", "flush b", "flush c"]);
});

test("compose() in which two stages terminate ends at the later one", async () => {
  const calls: string[] = [];
  const endingAt = (name: string, last: string) =>
    letter(name, calls, {
      transform(chunk, emit) {
        emit(chunk + name);
        if (chunk.startsWith(last)) emit.terminate();
      },
      flush: (emit) => emit(`from ${name} `),
    });
  const out = pipe(["1", "2", "3"], compose(endingAt("a", "2"), endingAt("b", "1"), endingAt("c", "3")));
  assert.equal(await collect(out), ["1abc", "from c "]);
  assert.equal(calls.filter((call) => call.startsWith("flush")), ["flush c"]);
});

test("compose() throws a TypeError for no transform, a locked one, and one that is part of a pipeline", () => {
  const nothing: [] = [];
  assert.throws(() => (compose as (...none: []) => unknown)(...nothing), isTypeError);

  const read = letter("a");
  read.readable.getReader();
  assert.throws(() => compose(read), isTypeError);
  const written = letter("a");
  written.writable.getWriter();
  assert.throws(() => compose(letter("b"), written), isTypeError);
  const native = new TransformStream<string, string>();
  native.readable.getReader();
  assert.throws(() => compose(letter("a"), native), isTypeError);

  const taken = letter("a");
  compose(taken);
  assert.throws(() => compose(taken), isTypeError);
  assert.throws(() => pipe(["1"], taken), isTypeError);
  assert.throws(() => new ReadableStream<string>().pipeThrough(taken), isTypeError);
  const twice = letter("a");
  assert.throws(() => compose(twice, twice), isTypeError);
});

test.run();
