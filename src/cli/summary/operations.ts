import { member } from "../../json/member.ts";
import { VerbatimJson } from "../../json/verbatim-json.ts";
import { OldestFirst } from "../../oldest-first.ts";
import {
  batchMessages,
  cancelledRequestKey,
  type MessageHeader,
  messageHeader,
  originScope,
  transportScope,
} from "../../records/jsonrpc.ts";
import type { CorrelationRecord, Direction, FrameRecord, GapRecord, TapeRecord } from "../../records/record.ts";
import { exactMessage } from "../../records/recorded-text.ts";
import { specOf } from "../../streams/stage.ts";
import type { StageSpec } from "../../streams/stage-spec.ts";
import { correlator } from "../../transforms/correlator.ts";
import { standInOf } from "../../transforms/unread.ts";

/** So many requests are known by their ids and tokens, so many links from one to the next, and so many that were chosen. */
const MAX_KNOWN = 65_536;
const MAX_CHOSEN = 1_000_000;

/**
 * Knows which operation each frame of a tape belongs to: a request, its answer, what was said of its progress, that it was
 * cancelled, and the requests that went on from it. All frames and gaps must be shown, in their order.
 */
export class Operations {
  readonly #correlate: StageSpec<TapeRecord, TapeRecord> = specOf(correlator({ timeoutMs: Infinity }));
  /** Requests by who sent them and their id, or the token under which their progress is told. */
  readonly #named = new OldestFirst<string, number>();
  #answers: CorrelationRecord[] = [];
  readonly #emit = Object.assign((record: TapeRecord) => {
    if (record.type === "correlation") this.#answers.push(record);
  }, { terminate() {} });

  /** Is told of each request that goes on from an earlier one. */
  onLink: ((request: number, earlier: number) => void) | undefined;

  /**
   * The `seq` of the requests that a frame belongs to, or a message that is missing; those of a batch may be several. A request
   * that is missing has the number that its gap tells.
   */
  requestsOf(record: FrameRecord | GapRecord): readonly number[] {
    const frame = record.type === "gap" ? standInOf(record) : record;
    if (frame === undefined) return [];
    this.#answers = [];
    this.#correlate.transform(frame, this.#emit);
    const found = this.#answers.map(({ request_seq, continues }) => {
      if (continues != null) this.onLink?.(request_seq, continues);
      return request_seq;
    });
    if (frame.flags?.is_stray === true) return found;
    const message = exactMessage(frame);
    const header = messageHeader(message);
    const messages = header.kind === "batch" ? batchMessages(message) : [[message, header] as const];
    for (const [each, eachHeader] of messages) {
      const seq = this.#ownRequest(frame, each, eachHeader);
      if (seq !== undefined) found.push(seq);
    }
    return found;
  }

  #ownRequest(frame: FrameRecord, message: unknown, header: MessageHeader): number | undefined {
    const { dir, seq } = frame;
    const scope = originScope(frame.origin) + JSON.stringify([transportScope(frame.transport).connection]);
    if (header.kind === "request") {
      this.#name(`${scope}${dir} ${header.idKey}`, seq);
      const token = member(member(member(valueOf(message), "params"), "_meta"), "progressToken");
      if (token !== undefined) this.#name(`${scope}${dir} progress ${JSON.stringify(token)}`, seq);
      return seq;
    }
    if (header.kind !== "notification") return undefined;
    if (header.method === "notifications/progress") {
      const token = member(member(valueOf(message), "params"), "progressToken");
      return this.#named.get(`${scope}${other(dir)} progress ${JSON.stringify(token)}`);
    }
    const cancelled = cancelledRequestKey(message, header);
    return cancelled === undefined ? undefined : this.#named.get(`${scope}${dir} ${cancelled}`);
  }

  #name(name: string, seq: number): void {
    this.#named.set(name, seq);
    if (this.#named.size > MAX_KNOWN) this.#named.delete(this.#named.oldest()![0]);
  }
}

/** Operations that were chosen by some of their frames. */
export class ChosenOperations {
  readonly #operations = new Operations();
  readonly #chosen = new Set<number>();
  /** Which requests belong to one operation: each leads to the first. */
  readonly #first = new OldestFirst<number, number>();

  constructor() {
    this.#operations.onLink = (request, earlier) => {
      const first = this.#first.get(earlier) ?? earlier;
      this.#first.set(request, first);
      if (this.#first.size > MAX_KNOWN) this.#first.delete(this.#first.oldest()![0]);
      if (this.#chosen.has(request)) this.choose(first);
      else if (this.#chosen.has(first)) this.choose(request);
    };
  }

  /** Shows the next frame or gap of the tape, and whether its operation is chosen by it. */
  see(record: FrameRecord | GapRecord, isChosen: boolean): void {
    const requests = this.#operations.requestsOf(record);
    if (isChosen) { for (const seq of requests) this.choose(seq); }
  }

  /** Whether one of these requests belongs to an operation that was chosen. */
  has(requests: readonly number[]): boolean {
    return requests.some((seq) => this.#chosen.has(seq) || this.#chosen.has(this.#first.get(seq) ?? -1));
  }

  /** Chooses the operation of a request. */
  choose(seq: number): void {
    if (this.#chosen.size >= MAX_CHOSEN) return;
    this.#chosen.add(seq);
    const first = this.#first.get(seq);
    if (first !== undefined) this.#chosen.add(first);
  }
}

function valueOf(message: unknown): unknown {
  return message instanceof VerbatimJson ? message.value() : message;
}

function other(dir: Direction): Direction {
  return dir === "client_to_server" ? "server_to_client" : "client_to_server";
}
