import { deferred } from "../../deferred.ts";
import { isTapeError } from "../../errors.ts";
import { JsonBytes } from "../../json/json-bytes.ts";
import type { SessionEnd, TapeMetadata } from "../../records/metadata.ts";
import type { JsonEnvelope, LostMessage, MessageEnvelope, TapeRecord } from "../../records/record.ts";
import { isTakenAway } from "../../tape/write/go-on.ts";
import type { StreamingTapeWriter } from "../../tape/write/writer.ts";
import type { CreateWriterOptions } from "../../tape/write/writer-options.ts";
import { stopwatch } from "../../transforms/stamp-frames.ts";
import { isPassing } from "./passing-error.ts";

/** Options of {@linkcode TapeFeed}. */
export interface TapeFeedOptions {
  /**
   * Makes the tape. Called again after a while if it fails for a reason that may pass.
   *
   * @param options go into the writer's options
   */
  readonly open: (options: FedOptions) => Promise<StreamingTapeWriter>;
  /** Goes on with the tape, which somebody has taken away from its writer, and tells of it in a gap. */
  readonly goOn: (
    lost: StreamingTapeWriter,
    reason: string,
    options: FedOptions,
  ) => Promise<StreamingTapeWriter>;
  /** The most that may wait to be written, in bytes; beyond that messages are left out of the tape. */
  readonly maxPendingBytes: number;
  /** Is told, once, what keeps the tape from being written. */
  readonly onTrouble: (reason: string) => void;
}

/** What a feed wants of its writer. */
export type FedOptions = Required<Pick<CreateWriterOptions, "createdAt" | "elapsedUs" | "onLoss">>;

/** What became of a recording. */
export interface RecordingResult {
  /** The final metadata of the tape; undefined where it could not be ended as it should be. */
  readonly metadata: TapeMetadata | undefined;
  /** Messages that are not on the tape. */
  readonly lostMessages: number;
  /** Lines of stderr that are not on the tape. */
  readonly lostLogs: number;
  /** Why the tape is not whole; undefined if it is. */
  readonly reason: string | undefined;
  /** Whether the disk did not answer in time, and is perhaps still being written to. */
  readonly isAbandoned: boolean;
}

/** What comes before the tape is made. */
type Early =
  | { readonly envelope: MessageEnvelope; readonly cost: number }
  | { readonly lost: LostMessage; readonly reason: string; readonly cost: number }
  | { readonly stream: string; readonly text: string; readonly cost: number };

/** What waits for the tape, and when it was heard. */
type Waiting = Early & { readonly us: number };

/** What a waiting record takes beside its text. */
const RECORD_COST = 512;
const RETRY_MS = 1_000;
/** How often to look whether the tape is still there. */
const LOOK_MS = 1_000;
/** A tape that is taken away more often than this is given up. */
const MAX_TAKEN_AWAY = 10;

/**
 * Feeds a tape from a session that must never wait for it. What the tape cannot take, because it is not there yet, too
 * slow, or its disk is full, is left out, counted, and told of by a `gap` record as soon as there is room again. The tape
 * starts with the feed: what waits for it has the time at which it was heard.
 */
export class TapeFeed {
  readonly #options: TapeFeedOptions;
  readonly #clock = stopwatch();
  readonly #fedOptions: FedOptions;
  #writer: StreamingTapeWriter | undefined;
  #waiting: Waiting[] = [];
  #waitingCost = 0;
  /** When was heard what is written next, where that had to wait. */
  #heardUs: number | undefined;
  /** Records that are no frames, and that the writer has and has not settled. */
  #inFlight = 0;
  #isDropping = false;
  /** What was left out and is not told of on the tape yet. */
  #untold = { messages: 0, logs: 0, reason: "" };
  #lostMessages = 0;
  #lostLogs = 0;
  #reason: string | undefined;
  #retry = deferred();
  #isFinishing = false;
  #takenAway = 0;
  #looking: ReturnType<typeof setInterval> | undefined;
  #opening: Promise<void> | undefined;
  /** Settles with {@linkcode start}. */
  #starting: Promise<void> | undefined;

  constructor(options: TapeFeedOptions) {
    this.#options = options;
    this.#fedOptions = {
      createdAt: new Date(),
      elapsedUs: () => this.#heardUs ?? this.#clock(),
      onLoss: this.#onLoss,
    };
  }

  /** The tape's writer, once there is one. */
  get writer(): StreamingTapeWriter | undefined {
    return this.#writer;
  }

  /** What is not on the tape so far. */
  get losses(): { readonly messages: number; readonly logs: number } {
    return { messages: this.#lostMessages, logs: this.#lostLogs };
  }

  /**
   * What those have to wait for who have said a lot before the tape is there: {@linkcode start}. Once that has settled, nobody
   * waits.
   */
  get crowded(): Promise<void> | undefined {
    return this.#waitingCost * 8 > this.#options.maxPendingBytes ? this.#starting : undefined;
  }

  /**
   * Makes the tape. Settles when it is there, or when that may take a while.
   *
   * @param patienceMs how long to wait for a disk that does not answer
   * @throws {TapeError} the tape cannot be made, and trying again would not help
   */
  async start(patienceMs: number): Promise<void> {
    const settled = deferred();
    const timer = setTimeout(settled.resolve, patienceMs);
    this.#opening = this.#open(() => this.#options.open(this.#fedOptions), () => settled.resolve());
    this.#opening.then(settled.resolve, settled.reject);
    this.#starting = settled.promise;
    try {
      await settled.promise;
    } finally {
      this.#starting = undefined;
      clearTimeout(timer);
    }
    // From here on nobody is stopped by it any more.
    this.#opening.catch((error) => this.#note(error));
    this.#looking = setInterval(() => {
      const writer = this.#writer;
      writer?.check().catch((error) => this.#onTakenAway(writer, error));
    }, LOOK_MS);
    this.#looking.unref?.();
  }

  /** Takes a message. `length` is about how many bytes it has; those of one that waits are copied. */
  message(envelope: MessageEnvelope, length: number): void {
    const cost = length + RECORD_COST;
    if (!this.#hasRoomFor(cost)) this.lose("messages", this.#pressure());
    else if (this.#writer === undefined) this.#wait({ envelope: kept(envelope), cost });
    else {
      this.#tellLosses(this.#writer);
      this.#writeMessage(this.#writer, envelope);
    }
  }

  /** Takes a line that the server said beside the protocol, or what is to be said of the session: for that there is room. */
  log(stream: "stderr" | "tapeline", text: string): void {
    const cost = text.length + RECORD_COST;
    if (stream === "stderr" && !this.#hasRoomFor(cost)) this.lose("logs", this.#pressure());
    else if (this.#writer === undefined) this.#wait({ stream, text, cost });
    else {
      this.#tellLosses(this.#writer);
      this.#writeLog(this.#writer, stream, text);
    }
  }

  /** Notes that a message of which it is known what it was is left out: it has its own `gap` record, in its place. */
  loseMessage(lost: LostMessage, reason: string): void {
    if (!this.#hasRoomFor(RECORD_COST)) return this.lose("messages", reason);
    this.#count("messages", reason, 1);
    if (this.#writer === undefined) this.#wait({ lost, reason, cost: RECORD_COST });
    else {
      this.#tellLosses(this.#writer);
      this.#writeLost(this.#writer, lost, reason);
    }
  }

  /** Notes that messages, or lines of stderr, are left out. */
  lose(what: "messages" | "logs", reason: string, count = 1): void {
    if (this.#untold.messages + this.#untold.logs === 0) this.#untold.reason = reason;
    this.#untold[what] += count;
    this.#count(what, reason, count);
  }

  /**
   * Ends the tape, or gives up on it after `timeoutMs`: then it may be whole all the same, but nobody knows.
   *
   * @param endAt how the session has ended, for the tape's clock, which counts milliseconds
   */
  async finish(timeoutMs: number, endAt?: (elapsedMs: number) => SessionEnd): Promise<RecordingResult> {
    clearInterval(this.#looking);
    let metadata: TapeMetadata | undefined;
    let isAbandoned = false;
    const over = deferred();
    const timer = setTimeout(() => {
      isAbandoned = true;
      this.#note(`the disk did not answer for ${timeoutMs} ms`);
      over.resolve();
    }, timeoutMs);
    this.#end(endAt).then((ended) => metadata = ended, (error) => this.#note(error)).finally(over.resolve);
    await over.promise;
    clearTimeout(timer);
    const lostMessages = Math.max(this.#lostMessages, metadata?.stats?.lost_frame_count ?? 0);
    if (lostMessages > 0) this.#note("the tape has gaps");
    const isWhole = metadata !== undefined && lostMessages + this.#lostLogs + this.#takenAway === 0;
    const reason = isWhole ? undefined : this.#reason;
    return { metadata, lostMessages, lostLogs: this.#lostLogs, reason, isAbandoned };
  }

  async #open(open: () => Promise<StreamingTapeWriter>, onHindrance: () => void): Promise<void> {
    for (;;) {
      try {
        this.#writer = await open();
        break;
      } catch (error) {
        if (!isPassing(error) || this.#isFinishing) throw error;
        this.#note(error);
        onHindrance();
      }
      const timer = setTimeout(this.#retry.resolve, RETRY_MS);
      await this.#retry.promise;
      clearTimeout(timer);
      this.#retry = deferred();
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingCost = 0;
    for (const each of waiting) {
      this.#heardUs = each.us;
      if ("envelope" in each) this.#writeMessage(this.#writer, each.envelope);
      else if ("lost" in each) this.#writeLost(this.#writer, each.lost, each.reason);
      else this.#writeLog(this.#writer, each.stream, each.text);
    }
    this.#heardUs = undefined;
    // There was no more room for what came behind it.
    this.#tellLosses(this.#writer);
  }

  /**
   * Somebody has taken the tape away, or changed it: goes on with what is left of it, or anew. What comes meanwhile waits.
   */
  #onTakenAway(lost: StreamingTapeWriter, error: unknown): void {
    if (lost !== this.#writer || !isTakenAway(error)) return;
    this.#writer = undefined;
    this.#note(error);
    const reason = reasonOf(error);
    const isLastTime = ++this.#takenAway > MAX_TAKEN_AWAY;
    const open = () => isLastTime ? Promise.reject(error) : this.#options.goOn(lost, reason, this.#fedOptions);
    this.#opening = this.#open(open, () => {}).catch((why) => {
      this.#count("messages", reason, lost.stats.frame_count ?? 0);
      throw why;
    });
    this.#opening.catch(() => {});
  }

  async #finalize(endAt?: (elapsedMs: number) => SessionEnd): Promise<TapeMetadata> {
    for (;;) {
      await this.#opening;
      const writer = this.#writer;
      // It was taken away just now.
      if (writer === undefined) continue;
      this.#tellLosses(writer);
      try {
        return await writer.finalize(endAt?.(writer.elapsedMs));
      } catch (error) {
        if (!isTakenAway(error)) throw error;
        this.#onTakenAway(writer, error);
      }
    }
  }

  async #end(endAt?: (elapsedMs: number) => SessionEnd): Promise<TapeMetadata> {
    this.#isFinishing = true;
    this.#retry.resolve();
    try {
      return await this.#finalize(endAt);
    } catch (error) {
      for (const each of this.#waiting) {
        if (!("lost" in each)) this.#count("envelope" in each ? "messages" : "logs", reasonOf(error), 1);
      }
      throw error;
    }
  }

  /** Once something had to be left out, half of the memory must be free before there is room again. */
  #hasRoomFor(cost: number): boolean {
    const pending = this.#waitingCost + (this.#writer?.pendingBytes ?? 0) + this.#inFlight * RECORD_COST;
    const { maxPendingBytes } = this.#options;
    this.#isDropping = pending + cost > (this.#isDropping ? maxPendingBytes / 2 : maxPendingBytes);
    return !this.#isDropping;
  }

  #pressure(): string {
    return this.#reason ?? `the tape is too slow: more than ${this.#options.maxPendingBytes} bytes wait to be written`;
  }

  #wait(record: Early): void {
    const us = this.#clock();
    // What is written before it, such as a gap, is no later.
    this.#heardUs ??= us;
    this.#waiting.push({ ...record, us });
    this.#waitingCost += record.cost;
  }

  #writeMessage(writer: StreamingTapeWriter, envelope: MessageEnvelope): void {
    try {
      writer.acceptFrame(envelope);
    } catch (error) {
      // A message that does not become a frame, because it is too long for one.
      this.lose("messages", reasonOf(error));
    }
  }

  #writeLost(writer: StreamingTapeWriter, lost: LostMessage, reason: string): void {
    this.#inFlight++;
    writer.writeGap(1, reason, lost).then(this.#onWritten, (error) => {
      this.#inFlight--;
      this.#note(error);
    });
  }

  #writeLog(writer: StreamingTapeWriter, stream: string, text: string): void {
    this.#inFlight++;
    writer.writeLog(stream, text).then(this.#onWritten, this.#onLogRefused);
  }

  #tellLosses(writer: StreamingTapeWriter): void {
    const { messages, logs, reason } = this.#untold;
    if (messages + logs === 0) return;
    this.#untold = { messages: 0, logs: 0, reason: "" };
    const note = (error: unknown) => this.#note(error);
    if (messages > 0) writer.writeGap(messages, reason).catch(note);
    if (logs > 0) writer.writeLog("tapeline", `${logs} lines of stderr are missing here: ${reason}`).catch(note);
  }

  readonly #onWritten = (): void => {
    this.#inFlight--;
  };

  readonly #onLogRefused = (error: unknown): void => {
    this.#inFlight--;
    if (!isTapeError(error, "io") && !isTakenAway(error)) this.lose("logs", reasonOf(error));
  };

  /** A record that the disk did not take. Of frames and gaps the writer tells with the next gap. */
  readonly #onLoss = (record: TapeRecord, error: unknown): void => {
    if (record.type === "frame") this.#count("messages", reasonOf(error), 1);
    else if (record.type === "log" && record.stream === "stderr") this.lose("logs", reasonOf(error));
    if (this.#writer !== undefined) this.#onTakenAway(this.#writer, error);
  };

  #count(what: "messages" | "logs", reason: string, count: number): void {
    if (what === "messages") this.#lostMessages += count;
    else this.#lostLogs += count;
    this.#note(reason);
  }

  /** The first reason is the one that people are told. */
  #note(reason: unknown): void {
    if (this.#reason !== undefined) return;
    this.#reason = reasonOf(reason);
    this.#options.onTrouble(this.#reason);
  }
}

/** A message that may wait: bytes of their own do not keep a whole chunk in memory. */
function kept(envelope: MessageEnvelope): MessageEnvelope {
  const { message } = envelope;
  return message instanceof JsonBytes ? { ...envelope as JsonEnvelope, message: message.copy() } : envelope;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
