import {
  batchMessages,
  isSetupMethod,
  type MessageHeader,
  messageHeader,
  originScope,
  transportScope,
} from "../../../records/jsonrpc.ts";
import type { FrameRecord, GapRecord } from "../../../records/record.ts";
import { exactMessage } from "../../../records/recorded-text.ts";
import { gapRange } from "../../verify/verify-order.ts";
import type { Candidate, Choice, LineChoice } from "./choice.ts";
import type { LineTest } from "./line-test.ts";

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

/** Which numbers and times of frames are inside; without a test all are. */
export interface Inside {
  readonly seq?: ((seq: number) => boolean) | undefined;
  /** In milliseconds since the start of the tape. */
  readonly ts?: ((ts: number) => boolean) | undefined;
}

/** The frames inside, and what has its place there: by its own time where times are asked for, else behind such a frame. */
export function framesInside({ seq: isSeqInside = () => true, ts: isTsInside }: Inside): Choice {
  let isInside = false;
  return {
    takes(candidate) {
      const { type, seq, ts = 0 } = candidate;
      if (type === "frame") return isInside = isSeqInside(seq!) && isTsInside?.(ts) !== false;
      if (isTsInside !== undefined && candidate.ts !== undefined) return isTsInside(ts);
      const range = type === "gap" ? gapRange(candidate.record() as GapRecord) : undefined;
      return range === undefined ? isInside : isSeqInside(range.from ?? range.to) || isSeqInside(range.to);
    },
  };
}

/**
 * What stands between two frames, both of them included: the first that fits `starts`, and the first behind it, or it itself,
 * that fits `ends`. Without the one it begins with the tape, without the other it goes on to its end.
 */
export function linesBetween(starts: LineTest | undefined, ends: LineTest | undefined): LineChoice {
  let state: "before" | "inside" | "last" | "over" = starts === undefined ? "inside" : "before";
  return {
    accepts(line) {
      // Both see every line, so that they know what answers belong to.
      const [isStart, isEnd] = [starts?.(line) === true, ends?.(line) === true];
      if (line.type === "frame") {
        if (state === "last") state = "over";
        if (state === "before" && isStart) state = "inside";
        if (state === "inside" && isEnd) state = "last";
      }
      return state === "inside" || state === "last";
    },
    get isOver() {
      return state === "over";
    },
  };
}

/** So many requests that set a session up may wait for their answers. */
const MAX_WAITING = 1024;

/** The frames that set a session up, the handshake and the list of tools of MCP: to be asked for each frame of a tape. */
export function setupFrames(): (candidate: Candidate) => boolean {
  const setup = new SetupFrames();
  return (candidate) => setup.has(candidate);
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
  const { connection, exchange } = transportScope(transport);
  return `${originScope(origin)} ${JSON.stringify([connection, exchange])} ${idKey}`;
}
