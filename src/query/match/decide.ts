import type { IndexEntry } from "../../index/index-entry.ts";
import * as kinds from "../../index/kinds.ts";
import { methodHash, nameHash } from "../../index/names.ts";
import { CANCELLED, type MessageKind } from "../../records/jsonrpc.ts";
import type { Expression, NamedTerm, Term } from "../syntax/expression.ts";
import { idKeysOf } from "../terms/value-tests.ts";
import { type Bounds, countBounds, timeBounds } from "./bounds.ts";

/** What is known of the tape beside a block of it. */
export interface BlockContext {
  /** When the tape began, in milliseconds since 1970. */
  readonly startedAt: number | undefined;
  /** Whether an answer in the block may be to a request that is known. */
  readonly hasKnownAnswer: boolean;
}

/** Whether a block, of which only its entry in an index is looked at, may have what is asked for. */
export type MayHold = (entry: IndexEntry, context: BlockContext) => boolean;

/**
 * Whether a record in a block can fit.
 *
 * @param types the types of records that are asked for by name: others than frames, logs and unknown ones fit only then
 */
export function blockTest(expression: Expression, types: ReadonlySet<string>): MayHold {
  const mayCorrelate = types.has("correlation") ? mayHoldCorrelation : () => false;
  return testOf(expression, (term) => termTest(term, mayCorrelate));
}

/** Whether a request in a block can be one of which the answer fits. */
export function askingBlockTest(expression: Expression): MayHold {
  const test = testOf(expression, (term) => {
    if (term.is !== "term") return always;
    return term.name === "method" || term.name === "tool" ? namesTest(term, false) : always;
  });
  return (entry, context) => entry.mayHold("request") && test(entry, context);
}

/** Whether a block may hold the word of a peer that it wants no answer any more. */
export function mayHoldCancelled(entry: IndexEntry): boolean {
  return entry.mayHave(methodHash(CANCELLED));
}

const always: MayHold = () => true;

function testOf(expression: Expression, test: (term: Term) => MayHold): MayHold {
  switch (expression.is) {
    case "all": {
      const parts = expression.of.map((part) => testOf(part, test));
      return (entry, context) => parts.every((mayHold) => mayHold(entry, context));
    }
    case "any": {
      const parts = expression.of.map((part) => testOf(part, test));
      return (entry, context) => parts.some((mayHold) => mayHold(entry, context));
    }
    // That something fits everywhere in a block, no entry tells.
    case "not":
    case "op":
      return always;
    default:
      return test(expression);
  }
}

const hasFrames: MayHold = ({ frames }) => frames > 0;

function termTest(term: Term, mayCorrelate: (entry: IndexEntry) => boolean): MayHold {
  if (term.is !== "term") return hasFrames;
  const words = term.values.flatMap((value) => value.is === "text" ? [value.text] : []);
  switch (term.name) {
    case "method":
    case "tool":
      return namesTest(term, true);
    case "dir":
      return (entry) =>
        words.some((word) => entry.mayHold(undefined, word === "c2s" ? "client_to_server" : "server_to_client"));
    case "kind":
      return (entry) => words.some((word) => mayHoldKind(entry, word));
    case "request":
    case "dur":
      return (entry, { hasKnownAnswer }) =>
        hasKnownAnswer || term.name === "request" && entry.mayHold("request") || mayCorrelate(entry);
    case "id":
      return idTest(term);
    case "status": {
      const isFailure = words.every((word) => /error$/.test(word));
      return (entry) =>
        isFailure
          ? entry.mayHoldError() || mayCorrelate(entry)
          : entry.mayHold("response") || entry.mayHold("request") || mayCorrelate(entry);
    }
    case "seq": {
      const bounds = countBounds(term.values);
      return ({ frames, minSeq, maxSeq }) => frames > 0 && overlaps(bounds, minSeq, maxSeq);
    }
    case "at":
      return ({ minTs, maxTs }, { startedAt }) => {
        const bounds = timeBounds(term.values, startedAt);
        return bounds === undefined || overlaps(bounds, minTs, maxTs);
      };
    case "size":
    case "text":
      return (entry) => entry.frames > 0 || entry.hasKind(kinds.LOG);
  }
}

/** Requests and notifications by their names, and answers by the requests that are known. */
function namesTest({ name, values }: NamedTerm, countsAnswers: boolean): MayHold {
  const hashOf = name === "method" ? methodHash : nameHash;
  const hashes = values.map((value) => value.is === "text" ? hashOf(value.text) : undefined);
  return (entry, { hasKnownAnswer }) =>
    countsAnswers && hasKnownAnswer ||
    entry.frames > 0 && hashes.some((hash) => hash === undefined || entry.mayHave(hash));
}

function idTest({ values }: NamedTerm): MayHold {
  const ids = values.map((value) => value.is === "text" ? idKeysOf(value).map(idOfKey) : undefined);
  return (entry) => ids.some((all) => all === undefined || all.some((id) => entry.mayHaveId(id)));
}

/** An index knows small whole numbers, and whether there is any other id. */
function idOfKey(key: string): string | number {
  return /^\d{1,10}$/.test(key) ? Number(key) : key;
}

const MESSAGE_KINDS: ReadonlySet<string> = new Set(["request", "response", "notification"]);

function mayHoldKind(entry: IndexEntry, word: string): boolean {
  if (MESSAGE_KINDS.has(word)) return entry.mayHold(word as MessageKind);
  switch (word) {
    case "frame":
      return entry.frames > 0;
    case "batch":
    case "invalid":
      return entry.hasKind(kinds.OTHER_FRAME);
    case "log":
      return entry.hasKind(kinds.LOG);
    case "gap":
      return entry.hasKind(kinds.GAP);
    case "init":
    case "end":
      return entry.hasKind(kinds.OTHER_RECORD);
    default:
      return mayHoldCorrelation(entry);
  }
}

/** Correlations and checkpoints are not counted apart. */
function mayHoldCorrelation({ lines, frames }: IndexEntry): boolean {
  return lines > frames;
}

function overlaps(bounds: readonly Bounds[], least: number, most: number): boolean {
  return bounds.some(({ from, to }) => from <= most && to >= least);
}
