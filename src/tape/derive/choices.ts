import { batchMessages, isSetupMethod, type MessageHeader, messageHeader, originScope } from "../../records/jsonrpc.ts";
import type { FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import { exactMessage } from "../../records/recorded-text.ts";
import { gapRange } from "../verify/verify-order.ts";
import type { Candidate, Choice } from "./choice.ts";

/**
 * The frames for which `accepts` says so, and how the session has ended. Gaps are taken too: what is missing may have been
 * wanted. Other records are taken where they are accepted.
 */
export function framesWhere(accepts: (record: TapeRecord) => boolean): Choice {
  return {
    takes(candidate) {
      return candidate.type === "gap" || candidate.type === "end" || accepts(candidate.record());
    },
  };
}

/** The first frames, and what stands between them and before the next one. */
export function firstFrames(count: number): Choice {
  let frames = 0;
  let isOver = count <= 0;
  return {
    takes({ type }) {
      if (type === "frame") isOver ||= ++frames > count;
      return !isOver;
    },
    get isOver() {
      return isOver;
    },
  };
}

/** A range of numbers, of times, or of both; each end counts. */
export interface Range {
  readonly fromSeq?: number | undefined;
  readonly toSeq?: number | undefined;
  /** In milliseconds since the start of the tape. */
  readonly fromMs?: number | undefined;
  /** In milliseconds since the start of the tape. */
  readonly toMs?: number | undefined;
}

/** What lies in a range: the frames, and what stands between the first of them and the first one behind. */
export function inRange({ fromSeq = 0, toSeq = Infinity, fromMs = 0, toMs = Infinity }: Range): Choice {
  const isTimed = fromMs > 0 || toMs < Infinity;
  let isInside = fromSeq === 0 && fromMs === 0;
  return {
    takes(candidate) {
      const { type, seq, ts } = candidate;
      if (type === "frame") {
        return isInside = seq! >= fromSeq && seq! <= toSeq && ts! >= fromMs && ts! <= toMs;
      }
      if (type === "gap" && !isTimed) {
        const range = gapRange(candidate.record() as GapRecord);
        if (range !== undefined) return range.to >= fromSeq && (range.from ?? range.to) <= toSeq;
      }
      return isTimed && ts !== undefined ? ts >= fromMs && ts <= toMs : isInside;
    },
  };
}

/**
 * What stands between two frames, both of them included: the first that `starts` accepts, and the first behind it, or it
 * itself, that `ends` accepts. Without the one it begins with the tape, without the other it goes on to its end.
 */
export function between(
  starts: ((record: TapeRecord) => boolean) | undefined,
  ends: ((record: TapeRecord) => boolean) | undefined,
): Choice {
  let state: "before" | "inside" | "last" | "over" = starts === undefined ? "inside" : "before";
  return {
    takes(candidate) {
      if (candidate.type === "frame") {
        if (state === "last") state = "over";
        if (state === "before" && starts!(candidate.record())) state = "inside";
        if (state === "inside" && ends?.(candidate.record()) === true) state = "last";
      }
      return state === "inside" || state === "last";
    },
    get isOver() {
      return state === "over";
    },
  };
}

/** What all of these take. */
export function allOf(choices: readonly Choice[]): Choice {
  return {
    // Each of them is asked: what it has seen may decide what it says next.
    takes: (candidate) => choices.map((choice) => choice.takes(candidate)).every(Boolean),
    get isOver() {
      return choices.some(({ isOver }) => isOver === true);
    },
  };
}

/** So many requests that set a session up may wait for their answers. */
const MAX_WAITING = 1024;

/** A choice, and what sets the session up: the handshake and the list of tools, of MCP. */
export function withSetup(choice: Choice): Choice {
  const setup = new SetupFrames();
  return {
    takes(candidate) {
      const isChosen = choice.takes(candidate);
      return candidate.type === "frame" && setup.has(candidate) || isChosen;
    },
    // What is listed later is context of what comes later.
    get isOver() {
      return choice.isOver === true;
    },
  };
}

/** Knows the frames that set a session up, and their answers. */
class SetupFrames {
  /** The requests that wait for their answers. */
  readonly #waiting = new Set<string>();

  has(candidate: Candidate): boolean {
    // Clients ask; what servers say is looked at only as long as one waits.
    const isAsked = candidate.dir === "client_to_server";
    if (!isAsked && this.#waiting.size === 0) return false;
    const frame = candidate.record() as FrameRecord;
    const message = exactMessage(frame);
    const header = messageHeader(message);
    const headers = header.kind === "batch" ? batchMessages(message).map(([, each]) => each) : [header];
    return headers.map((each) => isAsked ? this.#asks(frame, each) : this.#answers(frame, each)).some(Boolean);
  }

  #asks(frame: FrameRecord, { kind, method, idKey }: MessageHeader): boolean {
    if (!isSetupMethod(method)) return false;
    if (kind === "request" && this.#waiting.size < MAX_WAITING) this.#waiting.add(keyOf(frame, idKey));
    return true;
  }

  #answers(frame: FrameRecord, { kind, idKey }: MessageHeader): boolean {
    return kind === "response" && this.#waiting.delete(keyOf(frame, idKey));
  }
}

function keyOf({ transport, origin }: FrameRecord, idKey: string | undefined): string {
  const { connection, exchange } = transport?.http ?? {};
  return `${originScope(origin)} ${JSON.stringify([connection, exchange])} ${idKey}`;
}
