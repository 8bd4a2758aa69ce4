import { TapeError } from "../../errors.ts";
import type { SessionEnd, TapeMetadata, TapeStats } from "../../records/metadata.ts";
import type { CorrelationRecord, LostMessage, TransportMetadata } from "../../records/record.ts";
import type { EndRecord, MessageEnvelope, TapeRecord } from "../../records/record.ts";
import type { Redaction } from "../../redact/redaction.ts";
import { Sink, type TapeSink } from "../../streams/sink.ts";
import type { TapeStore } from "../../stores/store.ts";
import { frameOf, stopwatch } from "../../transforms/stamp-frames.ts";
import { keepEncoder } from "./coding.ts";
import { EnvelopeCheck } from "./envelope-check.ts";
import type { Durability, GroupCommit } from "./commit/group-commit.ts";
import { PendingLines } from "./commit/pending-lines.ts";
import { type Ledger, reasonOf } from "./commit/ledger.ts";
import { LiveMetadata } from "./live-metadata.ts";
import { MetadataFile } from "./metadata-file.ts";
import { openAgain, type OpenedTape, openNew } from "./open-writer.ts";
import type { RecordPath } from "./record-path.ts";
import type { CreateWriterOptions, TapeDescription, WriterOptions } from "./writer-options.ts";
import { writerParts } from "./writer-parts.ts";

/**
 * Writes one tape: `stampFrames`, `correlator`, `checkpointInjector` and `encodeRecord` in one, and behind them a queue
 * that writes all that waits at once.
 *
 * A frame that cannot be written (the disk is full) rejects its promise and is lost, but nothing else is: no half line stays,
 * writing is tried again with the next frame (unless somebody waits, every 20 ms), and a `gap` record says what is missing.
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
  readonly #lines = new PendingLines();
  readonly #path: RecordPath;
  readonly #commit: GroupCommit;
  readonly #metadataFile: MetadataFile;
  readonly #metadata: LiveMetadata;
  readonly #isCoded: boolean;
  readonly #redaction: Redaction | undefined;
  #nextSeq: number;
  #isStreaming = false;
  #sessionEnd: TapeRecord | undefined;
  #ending: Promise<TapeMetadata> | undefined;

  private constructor(opened: OpenedTape, options: WriterOptions) {
    const { durability = "flushed" } = options;
    this.tapeId = opened.tapeId;
    this.#sink = opened.sink;
    this.#durability = durability;
    this.#isCoded = opened.encoder !== undefined;
    keepEncoder(this, opened.encoder);
    this.#redaction = options.redaction;
    this.#check = new EnvelopeCheck(opened.maxLineBytes);
    this.#nextSeq = opened.nextSeq;
    this.#elapsedUs = options.elapsedUs ?? stopwatch(opened.startUs);
    const { ledger, path, commit } = writerParts(opened, options, this.#lines, () => this.elapsedMs);
    this.#ledger = ledger;
    this.#path = path;
    this.#commit = commit;
    this.#metadata = new LiveMetadata(opened.metadata, opened.outline);
    this.#metadataFile = new MetadataFile(
      opened.store,
      opened.tapeId,
      options.metadataEveryMs ?? 10_000,
      () => opened.encoder?.sealMetadata?.(this.metadata()) ?? this.metadata(),
      () => opened.sink.check(),
    );
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
    return await StreamingTapeWriter.#starting(await openNew(store, options), options);
  }

  /**
   * Goes on with a tape, after a crash or after {@linkcode close}: with the next sequence number, and with the requests
   * that are still open. A torn last line is moved to `{tape_id}.torn`.
   *
   * @throws {TapeError} code `tape_not_found`, `invalid_tape`, `locked`, `io`
   */
  static async resume(store: TapeStore, tapeId: string, options: WriterOptions = {}): Promise<StreamingTapeWriter> {
    return await StreamingTapeWriter.#starting(await openAgain(store, tapeId, options), options);
  }

  static async #starting(opened: OpenedTape, options: WriterOptions): Promise<StreamingTapeWriter> {
    try {
      const writer = new StreamingTapeWriter(opened, options);
      for (const record of opened.first) writer.#pushRecord(record);
      // Also where frames need not wait: without its first line there is no tape.
      await writer.#committed();
      await writer.#metadataFile.put();
      return writer;
    } catch (error) {
      await opened.giveUp(error);
      throw error;
    }
  }

  /** The sequence number that the next frame gets. */
  get nextSeq(): number {
    return this.#nextSeq;
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
    const { stats, size } = this.#ledger;
    return stats.snapshot(this.#isCoded ? this.#sink.offset : size);
  }

  /** Milliseconds since the tape started, by the clock of its records. */
  get elapsedMs(): number {
    return Math.floor(this.#elapsedUs() / 1000);
  }

  /** The metadata as they stand now. */
  metadata(): TapeMetadata {
    const { syncFailure, signFailure } = this.#commit;
    const failed = syncFailure ?? signFailure;
    const failure = this.#ledger.lossReason ?? (failed && reasonOf(failed.error));
    // While lines are missing that the tape does not tell of, or are not as safe as was promised, that is what there is
    // to know of it.
    return this.#metadata.now(failure, { stats: this.stats, performance: this.#ledger.stats.performance() });
  }

  /**
   * Looks whether the tape is still there, and as this writer has left it. Writing and finalizing find out too, but only
   * when they are called.
   *
   * @throws {TapeError} code `tape_not_found`: it was deleted, or moved away; `invalid_tape`: it was replaced or changed;
   * `locked`: another writer has taken it over; `closed`
   */
  async check(): Promise<void> {
    this.#checkOpen();
    await this.#sink.check();
  }

  /** Adds to what lists and people should know of the tape. It is put with the metadata's next change. */
  describe(more: TapeDescription): void {
    this.#metadata.describe(this.#redaction?.value(more) ?? more);
    this.#metadataFile.touch();
  }

  /**
   * Writes one message and gives its sequence number. It settles when the message is as safe as
   * {@linkcode WriterOptions.durability} says; calls that do not wait for each other share a write. They are written in
   * the order of the calls.
   *
   * @param envelope the message, as a value, as `jsonText` or as `jsonBytes`, and its direction
   * @param transport how it travelled; overrides the envelope's own
   * @throws {TapeError} code `invalid_argument`, `serialization`, `line_too_long`: nothing was written; `io`: the frame is
   * lost; `internal`: so it is, or what should follow from it; `tape_not_found`, `invalid_tape`, `locked`: so is every
   * further one, see {@linkcode check}; `closed`
   */
  writeFrame(envelope: MessageEnvelope, transport?: TransportMetadata): Promise<number> {
    try {
      return this.#settle(this.acceptFrame(envelope, transport));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * As {@linkcode writeFrame}, for callers that do not look at what becomes of each message: it costs no promise.
   * {@linkcode WriterOptions.onLoss} tells of those that are lost, and {@linkcode ready} when there is room again.
   *
   * @throws {TapeError} as {@linkcode writeFrame}, but for what the disk does
   */
  acceptFrame(envelope: MessageEnvelope, transport?: TransportMetadata): number {
    const seq = this.#pushMessage(envelope, transport ?? envelope?.transport);
    this.#metadataFile.touch();
    // What nobody waits for would not be synced.
    if (this.#durability === "synced") void this.#lines.settled();
    return seq;
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
    for (const seq of [requestSeq, responseSeq]) this.#check.frame(seq, this.#nextSeq);
    this.#pushRecord({
      status: "success",
      ...details,
      type: "correlation",
      id: `corr-${requestSeq}-${responseSeq}`,
      request_seq: requestSeq,
      response_seq: responseSeq,
    });
    await this.#settle(undefined, this.#lines.count);
  }

  /**
   * Writes what the recorded program said beside the protocol.
   *
   * @param stream where it said so, `stderr`
   * @throws {TapeError} code `invalid_argument`, `line_too_long`, `io`, `closed`
   */
  async writeLog(stream: string, text: string): Promise<void> {
    this.#pushRecord({ type: "log", ts: this.elapsedMs, stream, text });
    await this.#settle(undefined);
  }

  /**
   * Leaves out sequence numbers and says so, for a caller that had to drop messages before it could write them. A single
   * one of which it is known what it was is matched with its request or its answer as if it were there.
   *
   * @param count how many messages were dropped, 1 or more
   * @param message what is known of it, where it was one
   * @throws {TapeError} code `invalid_argument`, `line_too_long`, `io`, `closed`
   */
  async writeGap(count: number, reason: string, message: LostMessage = {}): Promise<void> {
    this.#check.gap(count);
    const from_seq = this.#nextSeq;
    const to_seq = from_seq + count - 1;
    this.#pushRecord({ type: "gap", ts: this.elapsedMs, from_seq, to_seq, count, reason, ...message });
    this.#nextSeq += count;
    await this.#settle(undefined);
  }

  /**
   * Ends the tape: reports the requests that stay open, writes how the session has ended and the final checkpoint, syncs,
   * closes, and puts the final metadata. Followers end. A second call gives the same answer.
   *
   * @param end how the session has ended, for a caller that knows: it becomes the `end` record, and stands in the metadata
   * @throws {TapeError} code `invalid_argument`, `line_too_long`: `end` cannot be written, and the tape stays open; `io`: the
   * end of the tape could not be written, synced, or put; else as {@linkcode check}
   */
  async finalize(end?: SessionEnd): Promise<TapeMetadata> {
    if (end !== undefined && this.#ending === undefined) {
      const ended = { ...end, ts: end.ts ?? this.elapsedMs };
      const record: EndRecord = { type: "end", ...ended };
      const { type: _type, ...clean } = this.#redaction?.record(record) as EndRecord | undefined ?? record;
      this.#sessionEnd = this.#check.record({ ...clean, type: "end" });
      this.#metadata.sessionEnd = clean;
    }
    return await (this.#ending ??= this.#end("finalized"));
  }

  /**
   * Lets go of the tape without ending it: writes and syncs what waits. {@linkcode resume} goes on with it.
   *
   * @throws {TapeError} code `io`; else as {@linkcode check}
   */
  async close(): Promise<void> {
    await (this.#ending ??= this.#end("paused"));
  }

  /** Closes the writer at the end of an `await using` block; a finalized one is left as it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(status: "finalized" | "paused"): Promise<TapeMetadata> {
    await this.#commit.drained();
    let failure: { readonly error: unknown } | undefined;
    let notClosed: unknown;
    try {
      // Where frames were lost last, this is the last chance to say so; the final checkpoint counts that in.
      if (this.#ledger.lossReason !== undefined) await this.#committed();
      this.#tellRedacted(true);
      if (status === "finalized") this.#path.end(this.#sessionEnd);
      await this.#committed();
    } catch (error) {
      failure = { error };
    }
    try {
      await this.#sink.close();
    } catch (error) {
      notClosed = error;
      failure ??= { error };
    }
    this.#metadata.close(failure === undefined ? status : { error: reasonOf(failure.error) });
    try {
      await this.#metadataFile.close(notClosed);
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

  /** Accepts a message, and gives its number. */
  #pushMessage(envelope: MessageEnvelope, transport: TransportMetadata | null | undefined): number {
    this.#checkOpen();
    if (this.#redaction !== undefined && typeof envelope === "object" && envelope !== null) {
      envelope = this.#redaction.envelope(transport === envelope.transport ? envelope : { ...envelope, transport });
      transport = envelope.transport;
    }
    const seq = this.#nextSeq;
    const frame = frameOf(envelope, this.#check.message(envelope, transport), transport, seq, this.#elapsedUs());
    this.#nextSeq++;
    this.#push(frame);
    this.#metadata.see(frame);
    this.#tellRedacted(false);
    return seq;
  }

  #pushRecord(record: TapeRecord): void {
    this.#checkOpen();
    this.#push(this.#check.record(this.#redaction?.record(record) ?? record));
    this.#tellRedacted(false);
  }

  /** Tells of what was taken out since the last time, where that has to be now. */
  #tellRedacted(isEnd: boolean): void {
    const news = this.#redaction?.news(isEnd);
    if (news !== undefined) this.#push({ type: "redacted", ts: this.elapsedMs, ...news });
  }

  #push(record: TapeRecord): void {
    try {
      this.#path.push(record);
    } catch (cause) {
      throw new TapeError("internal", `Cannot write to tape ${this.tapeId}: ${reasonOf(cause)}`, { cause });
    } finally {
      this.#commit.commit();
    }
  }

  /** Gives `value` when what was pushed is as safe as it should be. */
  #settle<T>(value: T, ownLine: number = this.#path.ownLine): Promise<T> {
    this.#metadataFile.touch();
    if (this.#durability !== "buffered") return this.#commit.settled(value, ownLine);
    return this.#commit.ready.then(() => value);
  }

  async #writeBatch(envelopes: readonly MessageEnvelope[]): Promise<void> {
    // What was lost before the first of them, their sender did not send.
    if (!this.#isStreaming) this.#ledger.forgetFailure();
    this.#isStreaming = true;
    this.#ledger.throwFailure();
    for (const envelope of envelopes) this.#pushMessage(envelope, envelope.transport);
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
