import { isTapeError, TapeError } from "../errors.ts";
import { JsonBytes } from "../json/json-bytes.ts";
import type { VerbatimJson } from "../json/verbatim-json.ts";
import { messageHeader } from "../records/jsonrpc.ts";
import type { TapeMetadata } from "../records/metadata.ts";
import type { Direction, FrameFlags, MessageEnvelope } from "../records/record.ts";
import type { TapeStore } from "../stores/store.ts";
import type { CreateWriterOptions } from "../tape/write/writer-options.ts";
import { StreamingTapeWriter } from "../tape/write/writer.ts";
import { lostMessage } from "../transforms/unread.ts";
import { VERSION } from "../version.ts";
import { Counts } from "./counts.ts";
import { Directions } from "./directions.ts";
import type { ForeignFacts, ForeignFormat, ForeignMessage, ForeignOutput, ForeignTime, Piece } from "./format.ts";
import { isoOf } from "./instant.ts";

const UNTIMED: FrameFlags = Object.freeze({ is_untimed: true });
const UNDIRECTED: FrameFlags = Object.freeze({ is_undirected: true });
const UNTOLD: FrameFlags = Object.freeze({ is_untimed: true, is_undirected: true });

/** What a tape is made of. */
export interface ForeignTapeOptions {
  readonly store: TapeStore;
  readonly tapeId: string | undefined;
  readonly format: ForeignFormat;
  /** Names the file, for people. */
  readonly name: string;
  readonly maxLineBytes: number | undefined;
  readonly onDamage: ((error: TapeError) => void) | undefined;
  /** How its lines are coded, and who signs it. */
  readonly coding: Pick<CreateWriterOptions, "compress" | "encryptTo" | "signer">;
}

/** Makes a tape of what the reader of a format tells. The tape is begun with the first message, when {@linkcode start} is called. */
export class ForeignTape implements ForeignOutput {
  readonly #options: ForeignTapeOptions;
  readonly #directions = new Directions();
  readonly counts: Counts = new Counts();
  #facts: ForeignFacts = {};
  /** What is to be done as soon as there is a tape. */
  #early: (() => void)[] | undefined = [];
  #firstUs: number | undefined;
  #writer: StreamingTapeWriter | undefined;
  /** The start of the tape since 1970; undefined where nobody knows. */
  #startUs: number | undefined;
  /** What the tape says of it in any case. */
  #createdAt = new Date();
  /** The clock of the tape. */
  #nowUs = 0;
  /** Why it cannot be written on. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ForeignTapeOptions) {
    this.#options = options;
  }

  /** The id of the tape; undefined where there is none. */
  get tapeId(): string | undefined {
    return this.#writer?.tapeId;
  }

  /**
   * Begins the tape, if there is anything to put on it. Every piece so far may have told something of all of it.
   *
   * @throws {TapeError} as `StreamingTapeWriter.create`
   */
  async start(): Promise<void> {
    const early = this.#early;
    if (early === undefined || early.length === 0) return;
    const { store, tapeId, name, format, maxLineBytes, coding } = this.#options;
    const { startedUs, sessionId, protocolVersion, transport, platform } = this.#facts;
    this.#startUs = startedUs === undefined ? this.#firstUs : Math.min(startedUs, this.#firstUs ?? Infinity);
    if (this.#startUs !== undefined) this.#createdAt = new Date(Math.floor(this.#startUs / 1000));
    this.#writer = await StreamingTapeWriter.create(store, {
      sessionId: sessionId ?? name,
      tapeId,
      protocolVersion,
      createdAt: this.#createdAt,
      maxLineBytes,
      ...coding,
      durability: "buffered",
      // Frames without a time are none that an index reads by their first bytes: it is made faster afterwards.
      index: false,
      elapsedUs: () => this.#nowUs,
      onLoss: (_, error) => this.#failure ??= { error },
      metadata: {
        transport,
        // Where this runs is not where it was recorded.
        environment: { platform: platform ?? null, runtime: null, runtime_version: null },
        ...this.#description(),
      },
    });
    // The digits that a Date does not have.
    if (this.#startUs !== undefined) this.#startUs = Math.floor(this.#startUs / 1000) * 1000;
    void this.#writer.writeLog("tapeline", `converted from ${name}, ${format.title}`).catch(() => {});
    this.#early = undefined;
    for (const act of early) act();
  }

  /**
   * Settles when there is room for more.
   *
   * @throws {TapeError} code `io` …: the tape cannot be written
   */
  async ready(): Promise<void> {
    await this.#writer?.ready;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Ends the tape.
   *
   * @param why it is not all of the recording, if it is not
   * @throws {TapeError} as `StreamingTapeWriter.finalize`
   */
  async finish(why: string | undefined): Promise<TapeMetadata | undefined> {
    const writer = this.#writer;
    if (writer === undefined) return undefined;
    for (const note of this.counts.notes(why)) void writer.writeLog("tapeline", note).catch(() => {});
    const { transport } = this.#facts;
    writer.describe({ ...this.#description(why), ...(transport === undefined ? {} : { transport }) });
    const metadata = await writer.finalize();
    if (this.#failure !== undefined) throw this.#failure.error;
    return metadata;
  }

  facts(facts: ForeignFacts): void {
    const known = Object.entries(this.#facts).filter(([, value]) => value !== undefined);
    this.#facts = { ...facts, ...Object.fromEntries(known) };
  }

  message(message: ForeignMessage): void {
    if (this.#early !== undefined) {
      const kept = message.message instanceof JsonBytes ? { ...message, message: message.message.copy() } : message;
      return this.#putOff(message, () => this.message(kept));
    }
    const { direction, isCertain } = this.#direct(message);
    const { isTimed, isBack } = this.#goTo(message);
    const flags = isCertain ? isTimed ? undefined : UNTIMED : isTimed ? UNDIRECTED : UNTOLD;
    const { raw, transport, action } = message;
    const timestamp = isBack ? this.#dateOf(message) : undefined;
    const session_id = message.sessionId === this.#facts.sessionId ? undefined : message.sessionId;
    // Objects of one shape each: half of the time would go into any that is put together.
    const envelope: MessageEnvelope = message.message === undefined
      ? { raw: raw ?? "", direction, timestamp, session_id, transport, action, flags }
      : { message: message.message, direction, timestamp, session_id, transport, action, flags };
    try {
      this.#accept(envelope);
    } catch (error) {
      if (!isTapeError(error, "line_too_long")) throw error;
      this.counts.tooLong++;
      const length = message.message === undefined ? raw!.length : byteLength(message.message);
      const lost = lostMessage(direction, length, messageHeader(message.message));
      void this.#writer!.writeGap(1, `too_long: ${error.message}`, lost).catch(() => {});
    }
    this.counts.messages++;
    if (!isTimed) this.counts.untimed++;
    if (!isCertain) this.counts.undirected++;
    if (isBack) this.counts.backwards++;
  }

  #accept(envelope: MessageEnvelope): void {
    try {
      this.#writer!.acceptFrame(envelope);
    } catch (error) {
      if (!isTapeError(error, "serialization")) throw error;
      // Nested too deep to be spelled. The message itself is copied, whatever its depth.
      this.counts.note("how some messages travelled is nested too deep to be written: it is left out");
      this.#writer!.acceptFrame({ ...envelope, transport: undefined, action: undefined });
    }
  }

  log(stream: string, text: string, time: ForeignTime = {}): void {
    if (this.#early !== undefined) {
      return this.#putOff(time, () => this.log(stream, text, time));
    }
    this.#goTo(time);
    this.counts.logs++;
    void this.#writer!.writeLog(stream, text).catch((error) => this.#failure ??= { error });
  }

  gap(count: number, reason: string): void {
    if (this.#early !== undefined) {
      return this.#putOff({}, () => this.gap(count, reason));
    }
    this.counts.missing += count;
    void this.#writer!.writeGap(count, reason).catch((error) => this.#failure ??= { error });
  }

  damage({ offset, line }: Pick<Piece, "offset" | "line">, why: string, length?: number): void {
    this.counts.damaged++;
    const place = `line ${line} at byte ${offset}`;
    const error = new TapeError("corrupted_record", `Cannot read ${place} of ${this.#options.name}: ${why}`, {
      line,
      offset,
      length,
    });
    this.#options.onDamage?.(error);
  }

  leaveOut(what: string): void {
    this.counts.leaveOut(what);
  }

  note(text: string): void {
    this.counts.note(text);
  }

  /** Does this as soon as there is a tape. */
  #putOff({ epochUs }: ForeignTime, act: () => void): void {
    this.#firstUs ??= epochUs;
    this.#early!.push(act);
  }

  /** What people should know of the tape, as far as it is known. */
  #description(why?: string): Record<string, unknown> {
    const { name, format } = this.#options;
    const { version, tool, tapeId, description, tags } = this.#facts;
    const { counts } = this;
    const isOver = this.#early === undefined;
    return {
      name: this.#facts.name ?? name,
      ...(description === undefined ? {} : { description }),
      ...(tags === undefined ? {} : { tags: [...tags] }),
      converted_from: {
        name,
        format: format.name,
        ...(version === undefined ? {} : { version }),
        ...(tool === undefined ? {} : { tool }),
        ...(tapeId === undefined ? {} : { tape_id: tapeId }),
        converted_at: new Date().toISOString(),
        tapeline_version: VERSION,
        ...(isOver ? counts.summary(why) : {}),
      },
    };
  }

  #direct({ message, direction }: ForeignMessage): { readonly direction: Direction; readonly isCertain: boolean } {
    if (direction !== undefined) return { direction, isCertain: true };
    if (message === undefined) return { direction: "client_to_server", isCertain: false };
    return this.#directions.tell(message);
  }

  /** The date of a message that has a time. */
  #dateOf({ epochUs, elapsedUs = 0 }: ForeignMessage): string {
    return isoOf(epochUs ?? (this.#startUs ?? this.#createdAt.getTime() * 1000) + elapsedUs);
  }

  /** Sets the clock, which never goes back. */
  #goTo({ epochUs, elapsedUs }: ForeignTime): { readonly isTimed: boolean; readonly isBack: boolean } {
    if (elapsedUs === undefined && epochUs === undefined) return UNKNOWN_TIME;
    // A tape that was begun before anything had a time.
    this.#startUs ??= epochUs === undefined ? undefined : epochUs - this.#nowUs;
    const us = elapsedUs ?? epochUs! - this.#startUs!;
    if (us < this.#nowUs) return GONE_BACK;
    this.#nowUs = Math.min(us, MAX_ELAPSED_US);
    return GOES_ON;
  }
}

/** 142 years: a tape that is longer is dated wrongly, and no writer would go on with it. */
const MAX_ELAPSED_US = Math.floor(Number.MAX_SAFE_INTEGER / 2) - 1;
const UNKNOWN_TIME = { isTimed: false, isBack: false };
const GONE_BACK = { isTimed: true, isBack: true };
const GOES_ON = { isTimed: true, isBack: false };

function byteLength(message: VerbatimJson): number {
  return message instanceof JsonBytes ? message.length : new TextEncoder().encode(message.text).length;
}
