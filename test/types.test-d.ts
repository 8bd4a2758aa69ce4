// Checked by the compiler, never run: what goes into a pipeline must fit, and what comes out has the type that it has.
import { compose, pipe, type PipeSource } from "../src/streams/pipe.ts";
import type { FrameRecord, MessageEnvelope, TapeRecord } from "../src/records/record.ts";
import { type Source, source } from "../src/streams/source.ts";
import { type Sink, sink } from "../src/streams/sink.ts";
import { type Stage, stage, type Transform } from "../src/streams/stage.ts";
import type { Emit, StageSpec } from "../src/streams/stage-spec.ts";
import { checkpointInjector } from "../src/transforms/checkpoint-injector.ts";
import { correlator } from "../src/transforms/correlator.ts";
import { encodeRecord } from "../src/transforms/encode-record.ts";
import { filter } from "../src/transforms/filter.ts";
import { isNotification, isRequest, isResponse } from "../src/records/messages/is-message.ts";
import type { JsonObject, JsonValue } from "../src/records/messages/methods.ts";
import { type Call, calls } from "../src/transforms/calls.ts";
import { frames } from "../src/transforms/frames.ts";
import { lineSplit } from "../src/transforms/line-split.ts";
import { pace } from "../src/transforms/pace.ts";
import { parseRecord } from "../src/transforms/parse-record.ts";
import { stampFrames } from "../src/transforms/stamp-frames.ts";
import type { TapeLine } from "../src/lines/line.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
/** Fails to compile unless the type of `value` is exactly `T`. */
function is<T>() {
  return <U>(_value: U, ..._: Equal<T, U> extends true ? [] : [expected: T]): void => {};
}

declare const bytes: Uint8Array;
declare const numberToText: Stage<number, string>;
declare const textToBytes: Transform<string, Uint8Array>;
declare const bytesToDate: TransformStream<Uint8Array, Date>;
declare const number: Stage<number, number>;
declare const numbers: ReadableStream<number>;
declare const dates: WritableStream<Date>;

// stage(): from the spec, or as it is told.
is<Stage<string, number>>()(stage({ transform: (chunk: string, emit: Emit<number>) => emit(chunk.length) }));
is<Stage<string, number>>()(stage<string, number>({ transform: (chunk, emit) => emit(chunk.length) }));
// @ts-expect-error a stage emits what it says it emits
stage<string, number>({ transform: (chunk, emit) => emit(chunk) });
// @ts-expect-error in start() too
stage<string, number>({ start: (emit) => emit("text"), transform() {} });
// @ts-expect-error a stage has a transform()
stage<string, number>({ flush() {} });
export const isTransformStream: TransformStream<string, number> = stage<string, number>({ transform() {} });
export class OwnSpec implements StageSpec<string, number> {
  transform(chunk: string, emit: Emit<number>): void {
    emit(chunk.length);
    emit.terminate();
  }
}
is<Stage<string, number>>()(stage(new OwnSpec()));

// compose(): from the first transform's input to the last one's output.
is<Stage<number, string>>()(compose(numberToText));
is<Stage<number, Uint8Array>>()(compose(numberToText, textToBytes));
is<Stage<number, Date>>()(compose(numberToText, textToBytes, bytesToDate));
is<Stage<number, Date>>()(compose(number, numberToText, textToBytes, bytesToDate));
is<Stage<number, Date>>()(compose(number, number, numberToText, textToBytes, bytesToDate));
is<Stage<number, Date>>()(compose(number, number, number, numberToText, textToBytes, bytesToDate));
is<Stage<number, Date>>()(compose(compose(number, numberToText), compose(textToBytes, bytesToDate)));
// @ts-expect-error the second one takes no text
compose(numberToText, numberToText);
// @ts-expect-error the third one takes no bytes
compose(numberToText, textToBytes, numberToText);
// @ts-expect-error there is nothing to compose
compose();
// @ts-expect-error a source is no transform
compose(numberToText, numbers);

// pipe(): a stream, or a promise when it ends in a sink.
is<ReadableStream<number>>()(pipe([1, 2]));
is<ReadableStream<number>>()(pipe(numbers));
is<ReadableStream<string>>()(pipe(new Set([1]), numberToText));
is<ReadableStream<Uint8Array>>()(pipe(
  (async function* () {
    yield 1;
  })(),
  numberToText,
  textToBytes,
));
is<ReadableStream<Date>>()(pipe(numbers, number, number, numberToText, textToBytes, bytesToDate));
is<Promise<void>>()(pipe([new Date()], dates));
is<Promise<void>>()(pipe(numbers, numberToText, textToBytes, bytesToDate, dates));
is<Promise<void>>()(pipe(numbers, number, number, numberToText, textToBytes, bytesToDate, dates));
// @ts-expect-error the transform takes no text
pipe(["text"], numberToText);
// @ts-expect-error the sink takes no text
pipe(numbers, numberToText, dates);
// @ts-expect-error the sink stands in the middle
pipe(numbers, dates, numberToText);
// @ts-expect-error a promise is no source
pipe(Promise.resolve([1]), numberToText);
export const anySource = <T>(input: PipeSource<T>): ReadableStream<T> => pipe(input);

// filter(): a type guard narrows, any other test does not.
is<Stage<number | string, string>>()(filter((chunk: number | string): chunk is string => typeof chunk === "string"));
is<Stage<number | string, number | string>>()(filter((chunk: number | string) => Boolean(chunk)));
is<Stage<TapeLine, TapeLine>>()(filter((line: TapeLine) => line.dir === "client_to_server"));
is<ReadableStream<FrameRecord>>()(
  pipe([] as TapeRecord[], filter((record: TapeRecord): record is FrameRecord => record.type === "frame")),
);
// Inside a pipeline the type of the chunks is known from what comes before.
is<ReadableStream<number>>()(pipe(numbers, filter((chunk) => chunk > 1)));
// @ts-expect-error a test takes what comes
pipe(numbers, filter((chunk: string) => chunk !== ""));

// source() and sink()
is<Source<number>>()(source({ pull: () => Promise.resolve([1]) }));
is<Sink<number>>()(sink<number>({ write: (_chunks: readonly number[]) => Promise.resolve() }));
// @ts-expect-error what it pulls are batches
source<number>({ pull: () => Promise.resolve(1) });
// @ts-expect-error a sink says when it is done
sink<number>({ write: () => {} });

// The way of a tape, there and back.
is<ReadableStream<FrameRecord>>()(pipe([bytes], lineSplit(), parseRecord(), frames(), pace<FrameRecord>()));
export const tape: ReadableStream<Uint8Array> = pipe(
  [] as MessageEnvelope[],
  stampFrames(),
  correlator(),
  checkpointInjector(),
  encodeRecord(),
);
// @ts-expect-error lines are no bytes
pipe([bytes], lineSplit(), encodeRecord());
// @ts-expect-error lines are split from bytes
pipe(["text"], lineSplit());
// @ts-expect-error frames are taken out of records, not of lines
pipe([bytes], lineSplit(), frames());

// isRequest(), isNotification(), isResponse(): what they narrow to.
declare const frame: FrameRecord;
if (isRequest(frame, "tools/call")) {
  is<string>()(frame.env.message.params.name);
  is<JsonObject | undefined>()(frame.env.message.params.arguments);
  is<"tools/call">()(frame.env.message.method);
  // @ts-expect-error what a tool takes is any JSON value
  void (frame.env.message.params.arguments!.text satisfies string);
}
declare module "../src/mod.ts" {
  interface RequestMethods {
    "acme/find": { params: { query: string }; result: { hits: string[] } };
  }
}
if (isRequest(frame, "acme/find")) is<string>()(frame.env.message.params.query);
if (isRequest(frame, "acme/search")) is<JsonObject | readonly JsonValue[] | undefined>()(frame.env.message.params);
if (isRequest(frame)) is<string>()(frame.env.message.method);
if (isNotification(frame, "notifications/progress")) is<number>()(frame.env.message.params.progress);
if (isResponse(frame, "tools/call")) is<string | undefined>()(frame.env.message.result?.content?.[0]?.text);
if (isResponse(frame)) is<JsonValue | undefined>()(frame.env.message.result);
is<ReadableStream<Call>>()(pipe([] as TapeRecord[], calls()));
