import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Call, calls, pipe, type TapeRecord } from "../../src/mod.ts";
import { collect } from "../helpers/streams.ts";
import { Session } from "../cli/sample-tape.ts";

const request = (id: unknown, method = "ping") => ({ jsonrpc: "2.0", id, method });
const answer = (id: unknown, more: object = { result: {} }) => ({ jsonrpc: "2.0", id, ...more });
const start = () => new Session("demo");

/** The calls of a session, in short. */
async function callsOf(session: Session, maxPending?: number): Promise<string[]> {
  const found = await collect(pipe(session.records as TapeRecord[], calls({ maxPending })));
  return found.map(({ request, answer, status, rttMs }: Call) =>
    `${request.seq}-${answer?.seq ?? "none"} ${status} ${rttMs ?? "?"}`
  );
}

test("calls() joins requests with their answers, as these come", async () => {
  const session = start().client(1, request(1)).client(2, request(2)).server(3, request(1)).server(5, answer(2))
    .server(9, answer(1, { error: { code: 1, message: "no" } })).client(10, answer(1)).server(11, answer(7));
  assert.equal(await callsOf(session), ["1-3 success 3", "0-4 error 8", "2-5 success 7"]);
});

test("calls() hands out what was not answered at the end, with what the tape says of it", async () => {
  const told = { type: "correlation", id: "corr-0-none", request_seq: 0, response_seq: null, status: "timeout" };
  assert.equal(await callsOf(start().client(1, request(1))), ["0-none orphan ?"]);
  assert.equal(await callsOf(start().client(1, request(1)).record(told)), ["0-none timeout ?"]);
  assert.equal(await callsOf(start().client(1, request(1)).record(told).server(4, answer(1))), ["0-1 success 3"]);
  const lost = { ...told, response_seq: 1, rtt_ms: 5, status: "success" };
  assert.equal(await callsOf(start().client(1, request(1)).gap(6, 1, "full").record(lost)), ["0-none success 5"]);
});

test("calls() takes the requests of a batch one by one", async () => {
  const session = start().client(1, [request(1), request(2), { jsonrpc: "2.0", method: "n" }, request(3)])
    .server(3, answer(2)).server(4, [answer(1), answer(9)]);
  assert.equal(await callsOf(session), ["0-1 success 2", "0-2 success 3", "0-none orphan ?"]);
});

test("calls() remembers no more requests than it may", async () => {
  const session = start();
  for (let id = 0; id < 5; id++) session.client(id, request(id));
  const late = await callsOf(session.server(9, answer(0)).server(9, answer(4)), 2);
  assert.equal(late, ["0-none orphan ?", "1-none orphan ?", "2-none orphan ?", "4-6 success 5", "3-none orphan ?"]);
});

test("calls() keeps nothing in the place of a request that waits", async () => {
  const session = start().client(0, request(0));
  for (let id = 1; id < 10; id++) session.client(1, request(id)).server(1, answer(id));
  for (let at = 0; at < 10; at++) {
    session.client(2, at % 2 === 0 ? { id: 1, method: "stray" } : { jsonrpc: "2.0", method: "n" });
    Object.assign(session.records.at(-1)!, { flags: { requires_response: true } });
  }
  const found = await callsOf(session.server(4, answer(0)), 2);
  assert.equal([found.length, found.at(-1)], [10, "0-29 success 4"]);
});

test.run();
