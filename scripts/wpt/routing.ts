/**
 * Puts `stage`, `compose` and `pipe` in the place of the platform's streams, as far as they claim to be the same. What a
 * test uses beyond that is noted: it asks something of the platform then, and not of this library.
 */
import { compose, pipe } from "../../src/streams/pipe.ts";
import { stage } from "../../src/streams/stage.ts";
import type { Emit, StageSpec } from "../../src/streams/stage-spec.ts";

/** `stage` and `compose` are used through their two ends; `fused` leaves stages to `pipe`. */
export type Variant = "stage" | "compose" | "fused";

type Transformer = Partial<Record<"start" | "transform" | "flush", (...args: unknown[]) => unknown>> & object;

/** What tests may use that a stage, or `pipe`, does not have. */
export type Beyond =
  | "waits in a transformer"
  | "sets a strategy"
  | "makes a subclass"
  | "has cancel()"
  | "calls the controller from outside"
  | "asks for desiredSize"
  | "passes options to pipeTo() or pipeThrough()";

/**
 * Replaces the globals until the function that it returns is called.
 *
 * @param note is told what a test uses beyond what is ours
 */
export function route(variant: Variant, note: (beyond: Beyond) => void): () => void {
  const { TransformStream: Native } = globalThis;
  const { pipeTo, pipeThrough } = ReadableStream.prototype;
  /** While one of ours runs: what it calls is the platform's own. */
  let isOurs = false;

  const ours = <R>(run: () => R): R => {
    isOurs = true;
    try {
      return run();
    } finally {
      isOurs = false;
    }
  };

  function Routed(this: unknown, transformer: unknown = {}, ...strategies: unknown[]): unknown {
    const isFit = typeof transformer === "object" && transformer !== null;
    if (isFit && "cancel" in transformer) note("has cancel()");
    else if (new.target !== Routed) note("makes a subclass");
    else if (strategies.some((strategy) => strategy !== undefined)) note("sets a strategy");
    else if (isFit && !("readableType" in transformer) && !("writableType" in transformer)) {
      return ours(() => stageOf(transformer, variant, note));
    }
    return Reflect.construct(Native, [transformer, ...strategies], new.target === Routed ? Native : new.target);
  }
  Routed.prototype = Native.prototype;

  globalThis.TransformStream = Routed as unknown as typeof TransformStream;
  ReadableStream.prototype.pipeTo = function (this: ReadableStream, ...args: unknown[]) {
    if (isOurs || !isPlain(args)) {
      if (!isOurs) note("passes options to pipeTo() or pipeThrough()");
      return Reflect.apply(pipeTo, this, args);
    }
    try {
      return ours(() => pipe(this, args[0] as WritableStream<unknown>));
    } catch (error) {
      return Promise.reject(error);
    }
  };
  ReadableStream.prototype.pipeThrough = function (this: ReadableStream, ...args: unknown[]) {
    if (isOurs || !isPlain(args)) {
      if (!isOurs) note("passes options to pipeTo() or pipeThrough()");
      return Reflect.apply(pipeThrough, this, args);
    }
    return ours(() => pipe(this, args[0] as TransformStream<unknown, unknown>)) as ReadableStream;
  } as typeof pipeThrough;

  return () => {
    globalThis.TransformStream = Native;
    Object.assign(ReadableStream.prototype, { pipeTo, pipeThrough });
  };
}

/** Whether a call of `pipeTo` or `pipeThrough` has no options, or none that means anything. */
function isPlain([, options]: readonly unknown[]): boolean {
  if (options === undefined) return true;
  return Object.entries(Object.getOwnPropertyDescriptors(Object(options))).every(([name, { get, value }]) =>
    name.startsWith("prevent") && get === undefined && !value
  );
}

function stageOf(transformer: Transformer, variant: Variant, note: (beyond: Beyond) => void): unknown {
  const made = stage(specOf(transformer, note));
  if (variant === "fused") return made;
  const identity = () => stage<unknown, unknown>({ transform: (chunk, emit) => emit(chunk) });
  const used = variant === "compose" ? compose(identity(), made, identity()) : made;
  // A plain TransformStream starts when it is made.
  void used.readable;
  return used;
}

/** A transformer as a stage: `enqueue` is `emit`, and `error` throws as soon as the call is over. */
function specOf(transformer: Transformer, note: (beyond: Beyond) => void): StageSpec<unknown, unknown> {
  let emit: Emit<unknown> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const inCall = () => {
    if (emit === undefined) note("calls the controller from outside");
    return emit;
  };
  const controller = {
    enqueue: (chunk: unknown) => inCall()?.(chunk),
    terminate: () => inCall()?.terminate(),
    error(error: unknown) {
      if (inCall() !== undefined) failure ??= { error };
    },
    get desiredSize() {
      note("asks for desiredSize");
      return null;
    },
  };
  const call = (name: "start" | "transform" | "flush", given: Emit<unknown>, ...chunk: unknown[]) => {
    emit = given;
    try {
      const result = transformer[name]!(...chunk, controller);
      if (typeof (Object(result) as Partial<PromiseLike<unknown>>).then === "function") {
        note("waits in a transformer");
        Promise.resolve(result).catch(() => {});
      }
    } finally {
      emit = undefined;
    }
    if (failure !== undefined) throw failure.error;
  };
  return {
    start: (given) => transformer.start === undefined ? undefined : call("start", given),
    transform: (chunk, given) => transformer.transform === undefined ? given(chunk) : call("transform", given, chunk),
    flush: (given) => transformer.flush === undefined ? undefined : call("flush", given),
  };
}
