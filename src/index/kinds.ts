// What stands in a block, a bit each.

/** Requests of the client, then its notifications, then its responses. */
export const CLIENT_KINDS: number = 1;
/** The same of the server. */
export const SERVER_KINDS: number = 1 << 3;
/** A kind of message is that of a side, shifted by this. */
export const REQUEST = 0, NOTIFICATION = 1, RESPONSE = 2;
/** A JSON-RPC error. */
export const ERROR: number = 1 << 6;
/** A tool's result that says `isError`. */
export const TOOL_ERROR: number = 1 << 7;
/** Frames that hold something else than one message: a batch, no JSON, JSON that is no message. */
export const OTHER_FRAME: number = 1 << 8;
export const LOG: number = 1 << 9;
export const GAP: number = 1 << 10;
/** A correlation whose status is not `success`. */
export const FAILED_CALL: number = 1 << 11;
/** A record of another type: `init`, `end`, or one that is not known. */
export const OTHER_RECORD: number = 1 << 12;
/** The numbers of the frames do not rise. */
export const UNORDERED: number = 1 << 13;
/** Something that is no record, or more than one record on a line. */
export const DAMAGED: number = 1 << 14;
/** Ids that are no integers from 0 to 4294967293. */
export const OTHER_ID: number = 1 << 15;
/** All of the above that a block may hold without being damaged: it is not known what stands in it. */
export const ANYTHING: number = 0xffff & ~UNORDERED & ~DAMAGED;
