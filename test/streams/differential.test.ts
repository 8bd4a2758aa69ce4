// Random pipelines, run fused and piped in every way there is, against an oracle that knows neither streams nor
// fusing: it hands whole lists from stage to stage. What the reader gets must be the same to the last chunk and error.
//
// What happens behind a stage that has ended the pipeline depends on timing, as pipes read ahead: an upstream stage may
// or may not have seen more chunks, thrown an error of its own, or been flushed. There the tests ask only that nothing
// happens that could not have happened.
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { compose, pipe, type PipeSource } from "../../src/streams/pipe.ts";
import { sink } from "../../src/streams/sink.ts";
import { source } from "../../src/streams/source.ts";
import { stage, type Transform } from "../../src/streams/stage.ts";
import type { Emit, StageSpec } from "../../src/streams/stage-spec.ts";
import { settled } from "../helpers/streams.ts";
import { within } from "../helpers/within.ts";

/** A stage that ends the pipeline: in `start`, in `flush`, or with its n-th chunk. */
interface End {
  readonly at: "start" | "flush" | number;
  readonly how: "throw" | "terminate";
  /** Whether it emits its chunks of that call first. */
  readonly emitsFirst: boolean;
}

interface StageModel {
  /** Chunks it emits in `start`. */
  readonly start: number;
  /** Chunks it takes in before it emits something; the rest in `flush`. */
  readonly gather: number;
  /** Chunks it emits for what it took in. */
  readonly copies: number;
  /** Chunks it emits in `flush`. */
  readonly flush: number;
  readonly end: End | null;
}

const sourceKinds = ["iterable", "async iterable", "stream", "source"] as const;

interface SourceModel {
  readonly kind: (typeof sourceKinds)[number];
  /** How many chunks travel in each batch, 0 too; of a `source` only. */
  readonly batches: readonly number[];
  /** Fails in place of its end. */
  readonly fails: boolean;
}

interface Consumer {
  readonly how: "read" | "iterate" | "pipe to a WritableStream" | "pipe to a sink" | "pipe until aborted";
  /** The chunk with which it stops: cancels, breaks off, fails or aborts. */
  readonly stopsAt: number;
  /** Whether writing takes time. */
  readonly slow: boolean;
}

interface Model {
  readonly stages: readonly StageModel[];
  readonly source: SourceModel;
  readonly consumer: Consumer;
  /** How transforms are grouped, where they are. */
  readonly groups: readonly number[];
}

/** Chunks, and what stands behind the last one: "end", or the message of an error. */
interface Result {
  readonly chunks: readonly string[];
  readonly end: string;
}

const TERMINATED = "Cannot write to the pipeline: a stage has terminated it";
const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** Makes the stage of a model. It notes its flush in `calls`, and any error that it should not have seen. */
function specOf(model: StageModel, name: string, calls: string[]): StageSpec<string, string> {
  const { end } = model;
  let held: string[] = [];
  let count = 0;

  const run = (at: End["at"], chunks: readonly string[], emit: Emit<string>) => {
    const emitAll = () => {
      for (const chunk of chunks) {
        try {
          emit(chunk);
        } catch (error) {
          calls.push(`${name} caught ${error}`);
        }
      }
    };
    if (end?.at !== at) return emitAll();
    if (end.emitsFirst) emitAll();
    if (end.how === "throw") throw new Error(`${name} at ${at}`);
    emit.terminate();
    emit.terminate();
    emit(`${name} emits after its end`);
  };
  const copies = (count: number, text: string) => Array.from({ length: count }, (_, at) => `${name}${at}(${text})`);
  const release = () => {
    const text = held.join("+");
    held = [];
    return text === "" ? [] : copies(model.copies, text);
  };

  return {
    start: (emit) => run("start", copies(model.start, "start"), emit),
    transform(chunk, emit) {
      held.push(chunk);
      run(count++, held.length < model.gather ? [] : release(), emit);
    },
    flush(emit) {
      calls.push(name);
      run("flush", [...release(), ...copies(model.flush, "flush")], emit);
    },
  };
}

interface Expected extends Result {
  /** Stages that are flushed, unless something behind them ends the pipeline first. */
  readonly flushed: readonly string[];
  /** How many of the first stages are followed by one that ends the pipeline by itself. */
  readonly cutOff: number;
  /** Why stages end the pipeline before its source. */
  readonly reasons: readonly string[];
}

/** What a chain of stages does: each takes the whole output of the one before it. */
function oracle(models: readonly StageModel[], input: Result): Expected {
  let { chunks, end } = input;
  const flushed: string[] = [];
  const reasons: string[] = [];
  let cutOff = 0;
  for (const [at, model] of models.entries()) {
    const spec = specOf(model, stageName(at), flushed);
    const out: string[] = [];
    let ended: string | undefined;
    const stop = (how: string, reason: string) => {
      if (ended !== undefined) return;
      ended = how;
      reasons.push(reason);
      cutOff = at + 1;
    };
    const emit: Emit<string> = Object.assign((chunk: string) => {
      if (ended === undefined) out.push(chunk);
    }, { terminate: () => stop("end", TERMINATED) });
    const attempt = (call: () => void) => {
      try {
        call();
      } catch (error) {
        stop(messageOf(error), messageOf(error));
      }
    };
    attempt(() => spec.start?.(emit));
    for (const chunk of chunks) if (ended === undefined) attempt(() => spec.transform(chunk, emit));
    if (ended === undefined && end === "end") attempt(() => spec.flush?.(emit));
    chunks = out;
    end = ended ?? end;
  }
  return { chunks, end, flushed, cutOff, reasons };
}

const stageName = (at: number): string => "abcdef"[at]!;

/** What became of a source. */
interface SourceLog {
  /** Settles when it has come to its end, or was told to stop. */
  readonly released: Promise<void>;
  cancelled: string | undefined;
  cancels: number;
}

const SOURCE_CHUNKS = ["0", "1", "2", "3", "4", "5", "6", "7"];

function open(model: SourceModel): { input: PipeSource<string>; log: SourceLog } {
  let release!: () => void;
  const released = new Promise<void>((resolve) => release = resolve);
  const log: SourceLog = { released, cancelled: undefined, cancels: 0 };
  const batches = inBatches(SOURCE_CHUNKS, model.kind === "source" ? model.batches : []);
  const next = (): readonly string[] | undefined => {
    const batch = batches.shift();
    if (batch !== undefined) return batch;
    release();
    if (model.fails) throw new Error("source");
    return undefined;
  };
  const cancel = (reason: unknown): void => {
    log.cancelled = messageOf(reason);
    log.cancels++;
    release();
  };
  const iterator = {
    next(): IteratorResult<string, undefined> {
      const batch = next();
      return batch === undefined ? { done: true, value: undefined } : { done: false, value: batch[0]! };
    },
    return(reason: unknown): IteratorResult<string, undefined> {
      cancel(reason);
      return { done: true, value: undefined };
    },
  };
  switch (model.kind) {
    case "iterable":
      return { input: { [Symbol.iterator]: () => iterator }, log };
    case "async iterable":
      return {
        input: {
          [Symbol.asyncIterator]: () => ({
            next: () => Promise.resolve().then(iterator.next),
            return: (reason: unknown) => Promise.resolve(iterator.return(reason)),
          }),
        },
        log,
      };
    case "stream":
      return {
        input: new ReadableStream<string>({
          pull(controller) {
            const batch = next();
            if (batch === undefined) controller.close();
            else controller.enqueue(batch[0]!);
          },
          cancel,
        }),
        log,
      };
    case "source":
      return {
        input: source<string>({
          pull: () => Promise.resolve().then(next),
          cancel: (reason) => Promise.resolve(cancel(reason)),
        }),
        log,
      };
  }
}

function inBatches(chunks: readonly string[], sizes: readonly number[]): (readonly string[])[] {
  const batches: (readonly string[])[] = [];
  let at = 0;
  for (const size of sizes) {
    batches.push(chunks.slice(at, at + size));
    at += size;
  }
  return [...batches, ...chunks.slice(at).map((chunk) => [chunk])];
}

type Connect = (
  input: PipeSource<string>,
  stages: Transform<string, string>[],
  groups: readonly number[],
) => ReadableStream<string>;

// `pipe` takes any number of transforms; its type knows six.
const pipeAll = pipe as (input: PipeSource<string>, ...stages: Transform<string, string>[]) => ReadableStream<string>;
const composeAll = compose as (...stages: Transform<string, string>[]) => Transform<string, string>;

const pipeThroughAll: Connect = (input, stages) =>
  stages.reduce((stream, next) => stream.pipeThrough(next), pipe(input));

/** Composes neighbours at random, also of what was composed before. */
function nested(stages: readonly Transform<string, string>[], groups: readonly number[]): Transform<string, string>[] {
  const parts = [...stages];
  for (const group of groups) {
    const at = group % parts.length;
    parts.splice(at, 2, composeAll(...parts.slice(at, at + 2)));
  }
  return parts;
}

const foreign = ({ readable, writable }: Transform<string, string>): Transform<string, string> => ({
  readable,
  writable,
});

const withForeign = "pipe() with async transforms between";

/** Every way to make a pipeline of stages. */
const ways: Record<string, Connect> = {
  "pipe()": (input, stages) => pipeAll(input, ...stages),
  "pipeThrough()": pipeThroughAll,
  "pipe() of compose()": (input, stages, groups) => pipeAll(input, ...nested(stages, groups)),
  "pipeThrough() of compose()": (input, stages, groups) => pipeThroughAll(input, nested(stages, groups), groups),
  "one compose()": (input, stages, groups) => pipeThroughAll(input, [composeAll(...stages)], groups),
  "pipe() of foreign transforms": (input, stages) => pipeAll(input, ...stages.map(foreign)),
  "pipe() of some that are foreign": (input, stages, groups) =>
    pipeAll(input, ...stages.map((each, at) => groups.includes(at) ? foreign(each) : each)),
  [withForeign]: (input, stages, groups) =>
    pipeAll(
      input,
      ...stages.flatMap((each, at) => groups.includes(at) ? [new TransformStream<string, string>(), each] : [each]),
    ),
};

/** What a consumer has seen. */
interface Seen {
  readonly chunks: string[];
  /** How it went: "end", the message of an error, or "stopped" where it stopped by itself. */
  end: string;
  /** What a sink was aborted with; "closed" if it was closed. */
  sink: string | undefined;
}

const STOP = "the consumer stops";

async function consume(stream: ReadableStream<string>, consumer: Consumer): Promise<Seen> {
  const seen: Seen = { chunks: [], end: "", sink: undefined };
  try {
    seen.end = await consumeInto(seen, stream, consumer);
  } catch (error) {
    seen.end = messageOf(error);
  }
  return seen;
}

async function consumeInto(seen: Seen, stream: ReadableStream<string>, consumer: Consumer): Promise<string> {
  const take = async (chunk: string) => {
    if (consumer.slow) await settled();
    seen.chunks.push(chunk);
    return seen.chunks.length === consumer.stopsAt;
  };
  const close = () => Promise.resolve(void (seen.sink = "closed"));
  const abort = (reason: unknown) => Promise.resolve(void (seen.sink = messageOf(reason)));
  switch (consumer.how) {
    case "read": {
      const reader = stream.getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (!await take(next.value)) continue;
        await reader.cancel(new Error(STOP));
        return STOP;
      }
      return "end";
    }
    case "iterate":
      for await (const chunk of stream) if (await take(chunk)) return STOP;
      return "end";
    case "pipe to a WritableStream": {
      const write = async (chunk: string) => {
        if (await take(chunk)) throw new Error(STOP);
      };
      await pipe(stream, new WritableStream({ write, close, abort }));
      return "end";
    }
    case "pipe to a sink": {
      const write = async (chunks: readonly string[]) => {
        for (const chunk of chunks) if (await take(chunk)) throw new Error(STOP);
      };
      await pipe(stream, sink({ write, close, abort }));
      return "end";
    }
    case "pipe until aborted": {
      const controller = new AbortController();
      const write = async (chunk: string) => {
        if (await take(chunk)) controller.abort(new Error(STOP));
      };
      await stream.pipeTo(new WritableStream({ write, close, abort }), { signal: controller.signal });
      return "end";
    }
  }
}

/** Equal as JSON; a failure says what was there instead, which fast-check would leave out. */
function same(actual: unknown, expected: unknown, what: string): void {
  const [is, shouldBe] = [actual, expected].map((value) => JSON.stringify(value) ?? "undefined");
  assert.ok(is === shouldBe, `${what}: ${is} instead of ${shouldBe}`);
}

function checkSeen(seen: Seen, { how, stopsAt }: Consumer, expected: Expected): void {
  const all = expected.chunks.length;
  // An aborted pipe still writes what it has read by then.
  const count = how === "pipe until aborted" && seen.chunks.length > stopsAt ? seen.chunks.length : stopsAt;
  same(seen.chunks, expected.chunks.slice(0, count), "chunks");

  // Where the last chunk is the one to stop at, the end or the error behind it may be there first.
  const ends = stopsAt < all ? [STOP] : stopsAt === all ? [STOP, expected.end] : [expected.end];
  if (seen.chunks.length === all) ends.push(expected.end);
  assert.ok(ends.includes(seen.end), `end: ${seen.end} instead of ${ends}`);

  if (!how.startsWith("pipe")) return;
  // A WritableStream that has failed is not aborted; a sink is.
  const isLeftAlone = how === "pipe to a WritableStream" && stopsAt <= all;
  same(seen.sink, isLeftAlone ? undefined : seen.end === "end" ? "closed" : seen.end, "sink");
}

async function check(way: string, model: Model): Promise<void> {
  const { input, log } = open(model.source);
  const expected = oracle(model.stages, { chunks: SOURCE_CHUNKS, end: model.source.fails ? "source" : "end" });
  const calls: string[] = [];
  const stages = model.stages.map((each, at) => stage(specOf(each, stageName(at), calls)));
  const seen = await within(consume(ways[way]!(input, stages, model.groups), model.consumer), "the consumer");
  checkSeen(seen, model.consumer, expected);
  await within(log.released, "the source is let go");

  const early = model.consumer.stopsAt <= expected.chunks.length;
  const isSound = (name: string) => expected.flushed.includes(name);
  assert.ok(calls.every(isSound), `only these are flushed, and no stage sees another's error: ${calls}`);
  same(new Set(calls).size, calls.length, `flushes of ${calls}`);
  if (!early) {
    const isBehind = (name: string) => stageName(expected.cutOff) <= name;
    same(calls.filter(isBehind), expected.flushed.filter(isBehind), "the stages behind the end are flushed");
  }

  assert.ok(log.cancels <= 1, "the source is cancelled once");
  if (log.cancelled !== undefined) {
    const reasons = [...expected.reasons, ...early ? [model.consumer.how === "iterate" ? "undefined" : STOP] : []];
    // The TransformStream of Node 20, cancelled while it transforms, fails with a TypeError of its own.
    const isOurs = reasons.includes(log.cancelled) ||
      way === withForeign && log.cancelled.includes("is not a function");
    assert.ok(isOurs, `cancelled with ${log.cancelled}, not one of: ${reasons}`);
  }
}

const small = fc.nat({ max: 2 });
const stageModel: fc.Arbitrary<StageModel> = fc.record({
  start: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, small),
  gather: fc.integer({ min: 1, max: 3 }),
  copies: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, fc.nat({ max: 3 })),
  flush: small,
  end: fc.option(
    fc.record({
      at: fc.oneof(fc.constantFrom<End["at"]>("start", "flush"), { weight: 3, arbitrary: fc.nat({ max: 8 }) }),
      how: fc.constantFrom<End["how"]>("throw", "terminate"),
      emitsFirst: fc.boolean(),
    }),
    { freq: 2 },
  ),
});
const consumer: fc.Arbitrary<Consumer> = fc.record({
  how: fc.constantFrom(
    "read" as const,
    "iterate" as const,
    "pipe to a WritableStream" as const,
    "pipe to a sink" as const,
    "pipe until aborted" as const,
  ),
  stopsAt: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 10 })),
  slow: fc.boolean(),
});
const model: fc.Arbitrary<Model> = fc.record({
  stages: fc.array(stageModel, { minLength: 1, maxLength: 4 }),
  source: fc.record({
    kind: fc.constantFrom(...sourceKinds),
    batches: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    fails: fc.boolean(),
  }),
  consumer,
  groups: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }),
});

for (const way of Object.keys(ways)) {
  test(`${way} does what its stages do one after the other`, async () => {
    await fc.assert(fc.asyncProperty(model, (each) => check(way, each)), { numRuns: 300, includeErrorInReport: true });
  });
}

test.run();
