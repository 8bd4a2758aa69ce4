import { portableEnvironment } from "../environment.ts";
import { crc32 } from "../crc32.ts";
import { TapeError } from "../errors.ts";
import { Fused } from "../fuse.ts";
import { LineEncoder } from "../line-encoder.ts";
import { parseMetadata, type TapeMetadata, type TapeStats } from "../metadata.ts";
import { RunningStats } from "../running-stats.ts";
import type { CorrelationRecord, InitRecord, MessageEnvelope, TapeRecord, TransportMetadata } from "../record.ts";
import { Sink, type TapeSink } from "../sinks/sink.ts";
import { specOf, type StageSpec } from "../stage.ts";
import type { TapeStore } from "../stores/store.ts";
import { checkTapeId, newTapeId, tapeKeys } from "../tape-id.ts";
import { checkpointInjector } from "../transforms/checkpoint-injector.ts";
import { correlator } from "../transforms/correlator.ts";
import { recordLine } from "../transforms/encode-record.ts";
import { DEFAULT_MAX_LINE_BYTES } from "../transforms/line-split.ts";
import { stampFrames, stopwatch } from "../transforms/stamp-frames.ts";
import { type Durability, GroupCommit } from "./group-commit.ts";
import { EnvelopeCheck } from "./envelope-check.ts";
import { Ledger, reasonOf } from "./ledger.ts";
import { MetadataFile } from "./metadata-file.ts";
import { readState, recoverTail } from "./recover.ts";
import { Sealer, UNSEALED } from "./seal.ts";
import type { CreateWriterOptions, TapeDescription, WriterOptions } from "./writer-options.ts";

interface Opened {
  readonly store: TapeStore;
  readonly tapeId: string;
  readonly sink: TapeSink;
  readonly correlate: StageSpec<TapeRecord, TapeRecord>;
  readonly stats: RunningStats;
  readonly nextSeq: number;
  readonly startUs: number;
  readonly metadata: TapeMetadata;
  /** CRC-32 of what stands on the tape behind its last checkpoint. */
  readonly unsealedCrc: number;
}

/**
 * Writes one tape: `stampFrames`, `correlator`, `checkpointInjector` and `encodeRecord` fused into one, and behind them
 * a queue that writes all that waits at once.
 *
 * A frame that cannot be written (the disk is full) rejects its promise and is lost, but nothing else is: the tape keeps
 * no half line, writing is tried again with the next frame, and a `gap` record says what is missing.
 *
 * @example
 * ```ts
 * import { memoryStore, StreamingTapeWriter } from "tapeline";
 *
 * const writer = await StreamingTapeWriter.create(memoryStore(), { sessionId: "demo" });
 * await writer.writeFrame({ message: { jsonrpc: "2.0", id: 1, method: "ping" }, direction: "client_to_server" });
 * await writer.writeFrame({ message: { jsonrpc: "2.0", id: 1, result: {} }, direction: "server_to_client" });
 * const metadata = await writer.finalize();
 * console.log(metadata.stats?.frame_count); // 2
 * ```
 */
export class StreamingTapeWriter {
  /** The id of the tape. */
  readonly tapeId: string;
  /**
   * The writer as the end of a pipeline. It takes messages as fast as they can be written and pushes back beyond that;
   * a message that is invalid or cannot be written fails it. Closing it waits for all to be written; the tape then
   * stays open until {@linkcode finalize} or {@linkcode close}.
   */
  readonly writable: WritableStream<MessageEnvelope>;
  readonly #sink: TapeSink;
  readonly #durability: Durability;
  readonly #check: EnvelopeCheck;
  readonly #ledger: Ledger;
  readonly #elapsedUs: () => number;
  readonly #records: Fused<MessageEnvelope | TapeRecord, never>;
  readonly #lines = new LineEncoder();
  readonly #isSealing: boolean;
  readonly #commit: GroupCommit;
  readonly #metadataFile: MetadataFile;
  #metadata: TapeMetadata;
  #nextSeq: number;
  #isStreaming = false;
  #ending: Promise<TapeMetadata> | undefined;

  private constructor(opened: Opened, options: WriterOptions) {
    const { durability = "flushed", maxPendingBytes = 4 * 1024 * 1024, maxLineBytes = DEFAULT_MAX_LINE_BYTES } =
      options;
    this.tapeId = opened.tapeId;
    this.#sink = opened.sink;
    this.#durability = durability;
    this.#check = new EnvelopeCheck(maxLineBytes);
    this.#nextSeq = opened.nextSeq;
    this.#elapsedUs = stopwatch(opened.startUs);
    const ledger = this.#ledger = new Ledger(
      opened.stats,
      opened.sink.offset,
      () => this.#elapsedMs(),
      options.onLoss,
    );
    this.#metadata = opened.metadata;
    this.#metadataFile = new MetadataFile(
      opened.store,
      tapeKeys(opened.tapeId).meta,
      options.metadataEveryMs ?? 10_000,
      () => this.metadata(),
    );
    this.#records = new Fused([
      specOf(stampFrames({ nextSeq: () => this.#nextSeq++, elapsedUs: this.#elapsedUs })),
      opened.correlate,
      specOf(checkpointInjector({
        everyFrames: options.checkpointEveryFrames,
        everyMs: options.checkpointEveryMs,
        stats: ledger.stats,
        fileSizeBytes: () => ledger.size,
      })),
      // As encodeRecord, but its lines stay together in the encoder's blocks until they are written.
      { transform: (record: TapeRecord) => ledger.size += this.#append(record) },
    ]);
    this.#isSealing = options.checksums ?? true;
    this.#commit = new GroupCommit(opened.sink, this.#lines, {
      synced: durability === "synced",
      sealer: this.#isSealing ? new Sealer(opened.unsealedCrc) : undefined,
      highWaterMark: maxPendingBytes,
      preamble: () => ledger.announceLoss(),
      outdated: (pieces) => ledger.withoutCheckpoints(pieces),
      onWritten: () => ledger.onWritten(),
      onLost: (pieces, error) => ledger.onLost(pieces, error),
    });
    this.writable = new Sink<MessageEnvelope>({
      write: (envelopes) => this.#writeBatch(envelopes),
      close: () => this.#flush(),
    });
  }

  /**
   * Makes a new tape.
   *
   * @throws {TapeError} code `invalid_argument` (the id, or a tape of that id exists), `locked`, `io`
   */
  static async create(store: TapeStore, options: CreateWriterOptions): Promise<StreamingTapeWriter> {
    const { sessionId, metadata = {}, protocolVersion = "unknown", tapeId = newTapeId() } = options;
    const keys = tapeKeys(checkTapeId(tapeId));
    const created_at = new Date().toISOString();
    const init: InitRecord = {
      type: "init",
      version: "2.0",
      tape_id: tapeId,
      session_id: sessionId,
      created_at,
      protocol_version: protocolVersion,
    };
    const sink = await store.openSink(keys.tape, { mode: "create" });
    try {
      const writer = new StreamingTapeWriter({
        store,
        tapeId,
        sink,
        correlate: specOf(correlator(options.correlation)),
        stats: new RunningStats(),
        nextSeq: 0,
        startUs: 0,
        unsealedCrc: 0,
        metadata: {
          ...metadata,
          tape_id: tapeId,
          created_at,
          status: "recording",
          environment: { ...portableEnvironment(), ...metadata.environment },
        },
      }, options);
      await writer.#start([init]);
      return writer;
    } catch (error) {
      // An empty file would be taken for a damaged tape.
      await store.delete(keys.tape).catch(() => {});
      await sink.abort(error);
      throw error;
    }
  }

  /**
   * Goes on with a tape, after a crash or after {@linkcode close}: with the next sequence number, and with the requests
   * that are still open. A torn last line is moved to `{tape_id}.torn`.
   *
   * @throws {TapeError} code `tape_not_found`, `invalid_tape`, `locked`, `io`
   */
  static async resume(store: TapeStore, tapeId: string, options: WriterOptions = {}): Promise<StreamingTapeWriter> {
    const keys = tapeKeys(checkTapeId(tapeId));
    const { maxLineBytes = DEFAULT_MAX_LINE_BYTES } = options;
    const correlate = specOf(correlator(options.correlation));
    const sink = await store.openSink(keys.tape, { mode: "append" });
    try {
      // First, so that a file that is no tape is left as it is.
      const state = await readState(store, tapeId, maxLineBytes, correlate);
      await recoverTail(store, tapeId, sink, maxLineBytes);
      const sinceCreation = (Date.now() - Date.parse(state.init.created_at)) * 1000;
      const writer = new StreamingTapeWriter({
        store,
        tapeId,
        sink,
        correlate,
        stats: state.stats,
        nextSeq: state.nextSeq,
        unsealedCrc: await crcOf(store, keys.tape, state.unsealedFrom, sink.offset),
        startUs: Math.max(0, ...[state.lastUs, sinceCreation].filter((us) => us < MAX_ELAPSED_US)),
        metadata: {
          ...await storedMetadata(store, keys.meta),
          tape_id: tapeId,
          created_at: state.init.created_at,
          finalized_at: null,
          status: "recording",
        },
      }, options);
      await writer.#start(state.missing);
      return writer;
    } catch (error) {
      await sink.abort(error);
      throw error;
    }
  }

  /** Settles at once, or, when too much waits to be written, when there is room again. */
  get ready(): Promise<void> {
    return this.#commit.ready;
  }

  /** Bytes that were accepted and not written yet. */
  get pendingBytes(): number {
    return this.#commit.pendingBytes;
  }

  /** The statistics so far. */
  get stats(): TapeStats {
    return this.#ledger.stats.snapshot(this.#ledger.size);
  }

  /** The metadata as they stand now. */
  metadata(): TapeMetadata {
    const { lossReason } = this.#ledger;
    return {
      ...this.#metadata,
      // While lines are missing that the tape does not tell of, that is what there is to know of it.
      ...(lossReason === undefined ? {} : { status: { error: lossReason } }),
      updated_at: new Date().toISOString(),
      stats: this.stats,
      performance: this.#ledger.stats.performance(),
    };
  }

  /** Adds to what lists and people should know of the tape. It is put with the metadata's next change. */
  describe(more: TapeDescription): void {
    const { tape_id, created_at, finalized_at, status, environment } = this.#metadata;
    const kept = { tape_id, created_at, finalized_at, status, environment: { ...environment, ...more.environment } };
    this.#metadata = { ...this.#metadata, ...more, ...kept };
    this.#metadataFile.touch();
  }

  /**
   * Writes one message and gives its sequence number. It settles when the message is as safe as
   * {@linkcode WriterOptions.durability} says; calls that do not wait for each other share a write. They are written in
   * the order of the calls.
   *
   * @param envelope the message, as a value or as `jsonText`, and its direction
   * @param transport how it travelled; overrides the envelope's own
   * @throws {TapeError} code `invalid_argument`, `serialization`, `line_too_long`: nothing was written; `io`: the frame is
   * lost; `closed`
   */
  writeFrame(envelope: MessageEnvelope, transport?: TransportMetadata): Promise<number> {
    try {
      this.#checkOpen();
      const checked = this.#check.envelope(envelope, transport ?? envelope?.transport);
      const seq = this.#nextSeq;
      this.#push(checked);
      return this.#settle(seq);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Writes that one frame answers another, for callers that know better than the ids tell. Answers that carry the id of
   * their request are matched without this.
   *
   * @param details what is known beyond the two frames: status, times
   * @throws {TapeError} code `invalid_argument`, `serialization`, `line_too_long`, `io`, `closed`
   */
  async writeCorrelation(
    requestSeq: number,
    responseSeq: number,
    details: Partial<Omit<CorrelationRecord, "type" | "id" | "request_seq" | "response_seq">> = {},
  ): Promise<void> {
    for (const seq of [requestSeq, responseSeq]) {
      if (!Number.isSafeInteger(seq) || seq < 0 || seq >= this.#nextSeq) {
        throw new TapeError("invalid_argument", `Cannot correlate frame ${seq}: the tape has no such frame yet`);
      }
    }
    this.#pushRecord({
      status: "success",
      ...details,
      type: "correlation",
      id: `corr-${requestSeq}-${responseSeq}`,
      request_seq: requestSeq,
      response_seq: responseSeq,
    });
    await this.#settle(undefined);
  }

  /**
   * Writes what the recorded program said beside the protocol.
   *
   * @param stream where it said so, `stderr`
   * @throws {TapeError} code `invalid_argument`, `line_too_long`, `io`, `closed`
   */
  async writeLog(stream: string, text: string): Promise<void> {
    this.#pushRecord({ type: "log", ts: this.#elapsedMs(), stream, text });
    await this.#settle(undefined);
  }

  /**
   * Leaves out sequence numbers and says so, for a caller that had to drop messages before it could write them.
   *
   * @param count how many messages were dropped, 1 or more
   * @throws {TapeError} code `invalid_argument`, `line_too_long`, `io`, `closed`
   */
  async writeGap(count: number, reason: string): Promise<void> {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new TapeError("invalid_argument", `Cannot write a gap of ${count} frames: it must be 1 or more`);
    }
    const from_seq = this.#nextSeq;
    const to_seq = from_seq + count - 1;
    this.#pushRecord({ type: "gap", ts: this.#elapsedMs(), from_seq, to_seq, count, reason });
    this.#nextSeq += count;
    await this.#settle(undefined);
  }

  /**
   * Ends the tape: reports the requests that stay open, writes the final checkpoint, syncs, closes, and puts the final
   * metadata. Followers end. A second call gives the same answer.
   *
   * @throws {TapeError} code `io`: the end of the tape could not be written, synced, or put
   */
  finalize(): Promise<TapeMetadata> {
    return this.#ending ??= this.#end("finalized");
  }

  /**
   * Lets go of the tape without ending it: writes and syncs what waits. {@linkcode resume} goes on with it.
   *
   * @throws {TapeError} code `io`
   */
  async close(): Promise<void> {
    await (this.#ending ??= this.#end("paused"));
  }

  /** Closes the writer at the end of an `await using` block; a finalized one is left as it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(records: readonly TapeRecord[]): Promise<void> {
    for (const record of records) this.#pushRecord(record);
    // Also where frames need not wait: without its first line there is no tape.
    await this.#committed();
    await this.#metadataFile.put();
  }

  async #end(status: "finalized" | "paused"): Promise<TapeMetadata> {
    await this.#commit.drained();
    let failure: { readonly error: unknown } | undefined;
    try {
      // Where frames were lost last, this is the last chance to say so; the final checkpoint counts that in.
      if (this.#ledger.lossReason !== undefined) await this.#committed();
      if (status === "finalized") this.#records.end();
      await this.#committed();
    } catch (error) {
      failure = { error };
    }
    try {
      await this.#sink.close();
    } catch (error) {
      failure ??= { error };
    }
    if (failure === undefined) {
      this.#metadata.status = status;
      if (status === "finalized") this.#metadata.finalized_at = new Date().toISOString();
    } else this.#metadata.status = { error: reasonOf(failure.error) };
    try {
      await this.#metadataFile.close();
    } catch (error) {
      failure ??= { error };
    }
    if (failure !== undefined) throw failure.error;
    return this.metadata();
  }

  async #committed(): Promise<void> {
    this.#commit.commit();
    await this.#commit.settled(undefined);
  }

  #checkOpen(): void {
    if (this.#ending !== undefined) {
      throw new TapeError("closed", `Cannot write to tape ${this.tapeId}: the writer is closed`);
    }
  }

  #elapsedMs(): number {
    return Math.floor(this.#elapsedUs() / 1000);
  }

  #push(chunk: MessageEnvelope | TapeRecord): void {
    this.#records.push(chunk);
    this.#commit.commit();
    if (this.#records.failure === undefined) return;
    const { error } = this.#records.failure;
    throw new TapeError("internal", `Cannot write to tape ${this.tapeId}: ${String(error)}`, { cause: error });
  }

  #append(record: TapeRecord): number {
    if (record.type !== "checkpoint" || !this.#isSealing) return this.#lines.append(recordLine(record));
    return this.#lines.appendLast(recordLine({ ...record, crc32: UNSEALED }));
  }

  #pushRecord(record: TapeRecord): void {
    this.#checkOpen();
    this.#push(this.#check.record(record));
  }

  /** Gives `value` when what was pushed is as safe as it should be. */
  #settle<T>(value: T): Promise<T> {
    this.#metadataFile.touch();
    return this.#durability === "buffered" ? this.#commit.ready.then(() => value) : this.#commit.settled(value);
  }

  async #writeBatch(envelopes: readonly MessageEnvelope[]): Promise<void> {
    // What was lost before the first of them, their sender did not send.
    if (!this.#isStreaming) this.#ledger.forgetFailure();
    this.#isStreaming = true;
    this.#ledger.throwFailure();
    for (const envelope of envelopes) {
      this.#checkOpen();
      this.#push(this.#check.envelope(envelope, envelope.transport));
    }
    this.#metadataFile.touch();
    await this.#commit.ready;
    this.#ledger.throwFailure();
  }

  async #flush(): Promise<void> {
    await this.#commit.drained();
    this.#ledger.throwFailure();
    if (this.#durability === "synced") await this.#sink.sync();
  }
}

/** 142 years. A tape that claims to be older was dated wrongly, and its frames would get times that are no integers. */
const MAX_ELAPSED_US = Number.MAX_SAFE_INTEGER / 2;

/** The CRC-32 of what stands on a tape from `start` to `end`. */
async function crcOf(store: TapeStore, key: string, start: number, end: number): Promise<number> {
  let crc = 0;
  for await (const block of store.openSource(key, { start: Math.min(start, end), end })) crc = crc32(block, crc);
  return crc;
}

async function storedMetadata(store: TapeStore, key: string): Promise<Partial<TapeMetadata>> {
  try {
    const bytes = await store.get(key);
    return bytes === undefined ? {} : parseMetadata(new TextDecoder().decode(bytes), key);
  } catch {
    // A hint that cannot be read is one that is missing.
    return {};
  }
}
