import { test } from "uvu";
import * as assert from "uvu/assert";
import { failureOf, jsonText } from "../../src/mod.ts";

test("failureOf() tells JSON-RPC errors and results that say isError apart", () => {
  const error = { id: 1, error: { code: -32601, message: "no such method", data: [1] } };
  const tool = { id: 1, result: { isError: true, content: [{ type: "image" }, { type: "text", text: "disk full" }] } };
  assert.equal(failureOf(error), { kind: "error", code: -32601, message: "no such method" });
  assert.equal(failureOf(tool), { kind: "tool_error", code: undefined, message: "disk full" });
  assert.is(failureOf({ ...tool, ...error })?.kind, "error");
  for (const message of [error, tool]) {
    assert.equal(failureOf(jsonText(JSON.stringify(message))), failureOf(message));
  }
  assert.is(failureOf(jsonText('{"id":1,"result":{"is\\u0045rror":true}}'))?.kind, "tool_error");
});

test("failureOf() finds no failure in what reports none", () => {
  const messages = [
    ...[{ id: 1, result: {} }, { id: 1, result: { isError: false } }, { id: 1, result: { isError: "true" } }],
    ...[{ id: 1, result: { content: [{ isError: true }] } }, { id: 1, error: null, result: 1 }],
    ...[{ id: 1, method: "m", error: { code: 1 } }, { method: "n", result: { isError: true } }, [], null, "isError"],
  ];
  for (const message of messages) {
    assert.is(failureOf(message), undefined, JSON.stringify(message));
    assert.is(failureOf(jsonText(JSON.stringify(message))), undefined, JSON.stringify(message));
  }
});

test("failureOf() takes errors as peers send them", () => {
  assert.equal(failureOf({ id: 1, error: "down" }), { kind: "error", code: "?", message: "down" });
  assert.equal(failureOf({ id: 1, error: { code: "E1" } }), { kind: "error", code: "E1", message: "" });
  assert.equal(failureOf({ error: { code: {}, message: 5 } }), { kind: "error", code: "?", message: "" });
  assert.equal(failureOf({ id: 1, result: { isError: true } }), { kind: "tool_error", code: undefined, message: "" });
});

test.run();
