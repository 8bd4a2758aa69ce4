/**
 * Record, follow, seek and replay JSON-RPC and MCP sessions as append-only tapes, by composing Web Streams.
 *
 * Everything here runs on Node, Deno, Bun and in browsers; files are in `tapeline/file`, MCP in `tapeline/mcp`.
 *
 * @module
 */

export type { Bytes } from "./bytes/bytes.ts";
export { isTapeError, TapeError, type TapeErrorCode, type TapeErrorOptions } from "./errors.ts";
export { JsonBytes, jsonBytes } from "./json/json-bytes.ts";
export { JsonText, jsonText } from "./json/json-text.ts";
export type { JsonShape, JsonType } from "./json/json-shape.ts";
export type { VerbatimJson } from "./json/verbatim-json.ts";
export { type Failure, failureOf } from "./records/failure.ts";
export { batchHeaders, type MessageHeader, messageHeader, type MessageKind } from "./records/jsonrpc.ts";
export {
  type FrameWith,
  isNotification,
  isRequest,
  isResponse,
  type NoticeParamsOf,
  type NotificationMessage,
  type ParamsOf,
  type RequestMessage,
  type ResponseMessage,
  type ResultOf,
} from "./records/messages/is-message.ts";
export * from "./records/messages/methods.ts";
export { messageBytes, messageText, wireBytes } from "./records/recorded-text.ts";
export type { CodedHead, LineDecoder, LineEncoder, OrderCheck, OrderFinding, SealedLines } from "./lines/coded-line.ts";
export type { LineHeader } from "./lines/line-header.ts";
export { type LinePosition, TapeLine } from "./lines/line.ts";
export { positionOf, type RecordPosition } from "./lines/record-position.ts";
export * from "./records/record.ts";
export * from "./records/record-schema.ts";
export { explainRecord, isMessageEnvelope, isTapeRecord } from "./records/record-guard.ts";
export {
  type CompleteTapeStats,
  type ConvertedFrom,
  type MessageCounts,
  parseMetadata,
  type SessionEnd,
  SessionEndSchema,
  type StreamClosed,
  type TapeEnvironment,
  type TapeMetadata,
  TapeMetadataSchema,
  type TapePeer,
  type TapePerformance,
  TapePerformanceSchema,
  type TapeStats,
  TapeStatsSchema,
  type TapeStatus,
  TapeStatusSchema,
  type TapeTransport,
} from "./records/metadata.ts";
export { type CountedRecord, emptyStats, RunningStats } from "./records/running-stats.ts";
export type { Signer, Verifier } from "./signing/signer.ts";
export { checkTapeId, newTapeId, type TapeKeys, tapeKeys } from "./records/tape-id.ts";
export { type Stage, stage, type Transform } from "./streams/stage.ts";
export type { Emit, StageSpec } from "./streams/stage-spec.ts";
export { compose, pipe, type PipeSource } from "./streams/pipe.ts";
export { type Source, source } from "./streams/source.ts";
export type { SourceSpec } from "./streams/source-spec.ts";
export { type Sink, sink, type SinkSpec, TapeSink, type TapeSinkSpec, type WriterState } from "./streams/sink.ts";
export { memorySource, type MemorySourceOptions } from "./sources/memory.ts";
export { type TapeBytes, tapeSource } from "./sources/tape-source.ts";
export { type MemorySink, memorySink } from "./sinks/memory.ts";
export { memoryStore } from "./stores/memory.ts";
export type { StoreEntry, TapeStore } from "./stores/store.ts";
export type { OpenSourceOptions } from "./streams/source.ts";
export type { OpenSinkOptions } from "./streams/sink.ts";
export { type Call, calls, type CallsOptions } from "./transforms/calls.ts";
export { checkpointInjector, type CheckpointInjectorOptions } from "./transforms/checkpoint-injector.ts";
export { correlator, type CorrelatorOptions } from "./transforms/correlator.ts";
export { encodeRecord, type EncodeRecordOptions } from "./transforms/encode-record.ts";
export { filter } from "./transforms/filter.ts";
export { frames } from "./transforms/frames.ts";
export { DEFAULT_MAX_LINE_BYTES, lineSplit, type LineSplitOptions } from "./transforms/line-split.ts";
export { pace, type PaceOptions, type Timed } from "./transforms/pace.ts";
export { parseRecord, type ParseRecordOptions } from "./transforms/parse-record.ts";
export { stampFrames, type StampFramesOptions } from "./transforms/stamp-frames.ts";
export { parseQuery, type Query } from "./query/query.ts";
export { select } from "./query/select.ts";
export type { SelectOptions } from "./query/match/plan.ts";
export type { Survey } from "./query/operations/survey.ts";
export { indexer, type IndexerOptions } from "./index/indexer.ts";
export type { IndexEntry } from "./index/index-entry.ts";
export { methodHash, nameHash } from "./index/names.ts";
export { buildIndex, type BuildIndexOptions, type BuiltIndex } from "./tape/index/build-index.ts";
export { type EntriesOptions, TapeIndex } from "./tape/index/tape-index.ts";
export type { Durability } from "./tape/write/commit/group-commit.ts";
export { type FollowTapeOptions, TapeManager } from "./tape/manager.ts";
export type { FollowOptions } from "./tape/read/following.ts";
export type { RangeOptions } from "./tape/range/range.ts";
export { type ReaderOptions, StreamingTapeReader } from "./tape/read/reader.ts";
export type { CodingOptions } from "./tape/derive/output/derived-coding.ts";
export { recodeTape, type RecodeTapeOptions, type RecodeTapeResult } from "./tape/recode/recode-tape.ts";
export { deriveTape, type DeriveTapeOptions, type DeriveTapeResult } from "./tape/derive/derive-tape.ts";
export { renumber, type RenumberOptions } from "./tape/derive/renumber.ts";
export type { CopyResult } from "./tape/repair/repair-report.ts";
export { type RepairOptions, type RepairResult, repairTape } from "./tape/repair/repair.ts";
export { type RecordCounts, type VerifyOptions, type VerifyResult, verifyTape } from "./tape/verify/verify.ts";
export type { Finding, FindingCode } from "./tape/verify/verify-finding.ts";
export { StreamingTapeWriter } from "./tape/write/writer.ts";
export type { CreateWriterOptions, TapeDescription, WriterOptions } from "./tape/write/writer-options.ts";
export { type Conversion, type ConvertOptions, convertTape } from "./foreign/convert.ts";
export { VERSION } from "./version.ts";
