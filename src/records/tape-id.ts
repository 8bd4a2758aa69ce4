import { monotonicFactory, type ULIDFactory } from "ulid";
import { printable, TapeError } from "../errors.ts";

const TAPE_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The names under which a store keeps what belongs to one tape. */
export interface TapeKeys {
  /** The tape itself: JSON Lines, appended to by one writer. */
  readonly tape: string;
  /** Metadata: a small JSON object, replaced as a whole. */
  readonly meta: string;
  /** The seek index: a hint that can be rebuilt. */
  readonly index: string;
  /** What was cut from the end of the tape when a writer resumed it. */
  readonly torn: string;
  /** What `repairTape` left out. */
  readonly dropped: string;
  /** The repaired tape, until it takes the place of the damaged one. */
  readonly draft: string;
  /** The damaged tape, once a repaired one has taken its place. */
  readonly backup: string;
  /** What the writer holds while it writes. */
  readonly lock: string;
}

/**
 * Returns the id if it may name a tape. Keys and paths are built from ids, so nothing else gets through: no
 * separator, no dot, no empty name.
 *
 * @param id 1 to 128 of the characters `A-Z a-z 0-9 _ -`
 * @throws {TapeError} code `invalid_argument` for any other
 */
export function checkTapeId(id: string): string {
  if (typeof id === "string" && TAPE_ID.test(id)) return id;
  const what = typeof id === "string" ? `"${printable(id, 40)}"` : `a value of type ${typeof id}`;
  throw new TapeError(
    "invalid_argument",
    `Cannot use ${what} as a tape id: it must be 1 to 128 of the characters A-Z a-z 0-9 _ -`,
  );
}

// Our own source of randomness: what ulid looks for differs between its Node build and its browser build, and
// Web Crypto is there on every runtime. It must return a fraction below 1; ulid takes 5 bits of it.
function random(): number {
  return crypto.getRandomValues(new Uint8Array(1))[0]! / 256;
}

// One factory for the process, because only a factory that remembers its last id keeps ids of one millisecond, and
// of a clock that was set back, in order.
const nextUlid: ULIDFactory = monotonicFactory(random);

/**
 * Makes an id for a new tape: a ULID, 26 characters. Ids made by one process sort in the order they were made; ids of
 * different processes sort by their millisecond.
 */
export function newTapeId(): string {
  return nextUlid();
}

/**
 * The keys of everything that belongs to one tape.
 *
 * @param id id of the tape
 * @throws {TapeError} code `invalid_argument` if the id is none ({@linkcode checkTapeId})
 *
 * @example
 * ```ts
 * tapeKeys("demo").meta; // "demo.meta.json"
 * ```
 */
export function tapeKeys(id: string): TapeKeys {
  checkTapeId(id);
  return {
    tape: `${id}.jsonl`,
    meta: `${id}.meta.json`,
    index: `${id}.index`,
    torn: `${id}.torn`,
    dropped: `${id}.dropped`,
    draft: `${id}.jsonl.draft`,
    backup: `${id}.jsonl.bak`,
    lock: `${id}.lock`,
  };
}
