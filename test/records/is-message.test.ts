import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FrameRecord, isNotification, isRequest, isResponse, jsonText } from "../../src/mod.ts";

const frame = (message: unknown, more: Partial<FrameRecord> = {}): FrameRecord => ({
  ...{ type: "frame", seq: 0, ts: 0, dir: "client_to_server", env: { message } },
  ...more,
});
const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo" } };

test("isRequest(), isNotification() and isResponse() tell what a frame holds", () => {
  const messages = [
    call,
    { method: "notifications/initialized" },
    { id: 1, result: {} },
    { id: 1, error: {} },
    [call],
    5,
  ];
  const kinds = messages.map((message) => frame(message)).map((
    each,
  ) => [isRequest(each), isNotification(each), isResponse(each)]);
  const [yes, no] = [true, false];
  assert.equal(kinds, [[yes, no, no], [no, yes, no], [no, no, yes], [no, no, yes], [no, no, no], [no, no, no]]);
  assert.is(isRequest(frame(call, { flags: { is_stray: true } })), false);
  assert.is(isRequest(frame(undefined, { env: { raw: "hello" } })), false);
  assert.is(isRequest(frame(jsonText(JSON.stringify(call)))), false);
});

test("isRequest() and isNotification() ask for the method, and for the parameters it cannot do without", () => {
  assert.is(isRequest(frame(call), "tools/call"), true);
  assert.is(isRequest(frame(call), "tools/list"), false);
  for (const params of [undefined, null, [], {}, { name: 5 }]) {
    assert.is(isRequest(frame({ ...call, params }), "tools/call"), false, JSON.stringify(params));
    assert.is(isRequest(frame({ ...call, params })), true);
  }
  assert.is(isRequest(frame({ id: 1, method: "tools/list" }), "tools/list"), true);
  assert.is(isRequest(frame({ id: 1, method: "acme/search" }), "acme/search"), true);
  const progress = (params: unknown) =>
    isNotification(frame({ method: "notifications/progress", params }), "notifications/progress");
  assert.equal([progress({ progress: 1 }), progress({ progress: "1" })], [true, false]);
});

test.run();
