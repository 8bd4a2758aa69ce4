import { type Program, programOf } from "./program.ts";

/** What `tapeline help query` prints. */
const HELP = `A QUERY asks for messages. All of its terms must fit; quote it in a shell.

Terms:
  method:tools/call       messages of a method, and their answers
  tool:search*            calls of a tool, and their answers
  dir:c2s  dir:s2c        what the client has sent, or the server
  kind:request            or response, notification, batch, invalid, log …
  id:7  id:"7"            the id of a message; in quotes, only a text
  request:12              the request whose frame has number 12, and its answer;
                          numbers are what cat prints, ids stand behind "#"
  status:error            answers: ok, error, rpc_error, tool_error, cancelled,
                          -32601; requests without one: pending, orphan …
  dur:>200ms              answers by how long they took (us, ms, s, m, h)
  size:>16k               messages by their bytes (k and m are 1024 and 1024²)
  seq:100..200            frames by their numbers
  at:+10s..+30s           by the time since the start of the tape; without a
                          unit milliseconds, as with dur:
  at:14:05..              by the time of day here, or a date: 2026-11-24T14:05Z
  needle  "two words"     messages and logs with that text, letter for letter
  /regex/i                the same by a regular expression, in linear time
  params.arguments.city:Paris   what stands in the message; numbers compare:
                          params.arguments.limit:>10
  has:error               messages in which something stands there

Put together:
  a b   a OR b   -a   NOT a   (a OR b) c   OR and NOT in capitals
  tool:a,b  tool:s*       one of several; * is anything, quotes take it away
  dur:>1s  dur:>=1s  dur:..1s  dur:1s..2s
  op:(tool:a status:error)   whole operations: the request with its answer,
                          progress, cancellation, and follow-up requests

Examples:
  tapeline cat --where 'method:tools/call dur:>200ms' latest
  tapeline tail --where 'status:error OR kind:log'
  tapeline grep 'op:(params.arguments.city:Paris)' latest
`;

/** What `main.ts` starts. */
export const program: Program = programOf({ name: "query", summary: "", help: HELP, run: () => Promise.resolve(0) });
