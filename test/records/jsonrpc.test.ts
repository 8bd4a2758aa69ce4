import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { jsonText } from "../../src/json/json-text.ts";
import {
  batchHeaders,
  cancelledRequestKey,
  inputRequiredState,
  isToolError,
  type MessageHeader,
  messageHeader,
  type MessageKind,
} from "../../src/records/jsonrpc.ts";

const INVALID = headerLike("invalid");
const BATCH = headerLike("batch");

function headerLike(kind: MessageKind, idKey?: string, method?: string, isError = false): MessageHeader {
  return { kind, version: undefined, idKey, method, isError };
}

/** The same of a message that says `"jsonrpc":"2.0"`. */
function header20(...header: Parameters<typeof headerLike>): MessageHeader {
  return { ...headerLike(...header), version: "2.0" };
}

/** What must come out the same for a message as text and as the value of that text. */
function assertBoth<T>(action: (message: unknown) => T, text: string, expected: T): void {
  assert.equal(action(jsonText(text)), expected, `text ${text}`);
  assert.equal(action(JSON.parse(text)), expected, `value ${text}`);
}

test("messageHeader() tells what a message is", () => {
  const table: [text: string, header: MessageHeader][] = [
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', header20("request", "1", "tools/call")],
    ['{"method":"ping","id":"a"}', headerLike("request", '"a"', "ping")],
    ['{"method":"ping","id":null}', headerLike("request", "null", "ping")],
    ['{"method":"","id":0}', headerLike("request", "0", "")],
    ['{"method":"ping","id":1,"result":{}}', headerLike("request", "1", "ping")],
    ['{"jsonrpc":"2.0","method":"notifications/x"}', header20("notification", undefined, "notifications/x")],
    ['{"method":"é\\n🎉"}', headerLike("notification", undefined, "é\n🎉")],
    ['{"jsonrpc":"2.0","id":1,"result":{"isError":true}}', header20("response", "1")],
    ['{"id":"é","result":null}', headerLike("response", '"é"')],
    ['{"id":1,"error":{"code":1,"message":"x"}}', headerLike("response", "1", undefined, true)],
    ['{"id":null,"error":{"code":-32700}}', headerLike("response", "null", undefined, true)],
    ['{"jsonrpc":"2.0","error":{"code":-32700}}', header20("response", undefined, undefined, true)],
    ['{"id":1,"result":1,"error":null}', headerLike("response", "1")],
    ['{"id":1,"result":null,"error":"no"}', headerLike("response", "1", undefined, true)],
    ['{"id":1,"method":7,"result":1}', headerLike("response", "1")],
    ['{"jsonrpc":"1.0","id":1,"method":"x"}', { ...headerLike("request", "1", "x"), version: "other" }],
    ['{"jsonrpc":2.0,"method":"x"}', { ...headerLike("notification", undefined, "x"), version: "other" }],
    ['{"jsonrpc":null}', { ...INVALID, version: "other" }],
    ["[]", BATCH],
    ['[{"method":"x"}]', BATCH],
    ["{}", INVALID],
    ['{"id":1}', INVALID],
    ['{"result":1}', INVALID],
    ['{"error":"a line of a log"}', INVALID],
    ['{"jsonrpc":"2.0","params":{"id":1,"method":"x"}}', header20("invalid")],
    ['{"id":true,"method":"x"}', INVALID],
    ['{"id":{},"method":"x"}', INVALID],
    ['{"id":[1],"result":1}', INVALID],
    ['"method"', INVALID],
    ["1", INVALID],
    ["null", INVALID],
    ["true", INVALID],
  ];
  for (const [text, header] of table) assertBoth(messageHeader, text, header);
});

test("messageHeader() calls text that is no JSON invalid", () => {
  for (const text of ["", "ready", '{"method":"x"', '{"method":"x"}}', '{"method":"x","id":01}']) {
    assert.equal(messageHeader(jsonText(text)), INVALID, text);
  }
});

test("messageHeader() calls what JSON has no word for invalid, or absent where it is a member", () => {
  for (const value of [undefined, 1n, () => {}, Symbol("id"), new Date(0), new Map([["method", "x"]])]) {
    assert.equal(messageHeader(value), INVALID);
  }
  const absent = { id: undefined, method: "x", result: undefined };
  assert.equal(messageHeader(absent), headerLike("notification", undefined, "x"));
  assert.equal(messageHeader({ id: NaN, method: "x" }), headerLike("request", "null", "x"));
});

test("messageHeader() counts an object's own members only", () => {
  assert.equal(messageHeader(Object.create({ id: 1, method: "x" })), INVALID);
  assert.equal(messageHeader(Object.assign(Object.create({ id: 1 }), { method: "x" })).kind, "notification");
  assert.equal(messageHeader(Object.assign(Object.create(null), { method: "x" })).kind, "notification");
  assertBoth(messageHeader, '{"__proto__":{"id":1,"method":"x"}}', INVALID);
  assertBoth(
    messageHeader,
    '{"constructor":1,"hasOwnProperty":2,"method":"x"}',
    headerLike("notification", undefined, "x"),
  );
});

test("messageHeader() gives an id one key however it is spelled", () => {
  const groups = [
    ["1", "1.0", "1e0", "10e-1", "0.1E1", "100e-2", "0.01e+2"],
    ["0", "-0", "0.0", "0e9", "-0.0e-9"],
    ["-1500", "-1.5e3", "-15E+02"],
    ["12345678901234567890", "1234567890123456789e1", "1.234567890123456789e19"],
    ["123456789012345678901234567890", "12345678901234567890123456789e1", "123456789012345678901234567890.00"],
    ["1.5", "1.50", "15e-1", "0.15e1"],
    ["1e21", "1000000000000000000000"],
    ['"a/é"', '"\\u0061\\/\\u00e9"', '"a/\\u00E9"'],
    ['"1"', '"\\u0031"'],
    ['"1.0"'],
    ['"null"'],
    ["null"],
    ['""'],
    ['"\\""'],
    ['"\\\\\\""'],
    ["9007199254740992"],
    ["9007199254740993"],
    ["-9007199254740993"],
    ["9007199254740993e1"],
    ["90071992547409930000000000000"],
    ["0.1"],
    ["0.10000000000000000001"],
    ['"\\ud800"', '"\ud800"'],
    ['"\\ud801"'],
    ['"\ufffd"'],
  ];
  const keys = new Set<string>();
  for (const group of groups) {
    const ofGroup = group.map((id) => messageHeader(jsonText(`{"id":${id},"method":"é"}`)).idKey);
    assert.is(new Set(ofGroup).size, 1, `${group} have the keys ${ofGroup}`);
    assert.type(ofGroup[0], "string");
    keys.add(ofGroup[0]!);
  }
  assert.is(keys.size, groups.length, [...keys].join(" "));
});

test("messageHeader() gives integers of any size their own keys", () => {
  const someInteger = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n });
  const keyOf = (id: string) => messageHeader(jsonText(`{"id":${id},"result":1}`)).idKey;
  fc.assert(fc.property(someInteger, fc.bigInt(-3n, 3n), fc.nat(5), (id, more, zeros) => {
    assert.is(keyOf(`${id}`) === keyOf(`${id + more}`), more === 0n);
    assert.is(keyOf(`${id}`), keyOf(`${id}.${"0".repeat(zeros + 1)}`));
    assert.is(keyOf(`${id}`), keyOf(`${id * 10n ** BigInt(zeros)}e-${zeros}`));
  }));
});

test("messageHeader() takes a very long id in linear time", () => {
  const digits = "1" + "0".repeat(1_000_000) + "1";
  const start = performance.now();
  for (const id of [digits, `-${digits}.${digits}`, `"${"\\n".repeat(1_000_000)}"`]) {
    assert.is(messageHeader(jsonText(`{"id":${id},"result":1}`)).kind, "response");
  }
  assert.ok(performance.now() - start < 5000);
});

/** Objects with the members of messages, holding what they should and what they should not. */
const someMessage: fc.Arbitrary<unknown> = fc.oneof(
  fc.record(
    {
      jsonrpc: fc.oneof(fc.constant("2.0"), fc.jsonValue()),
      id: fc.oneof(fc.integer(), fc.string({ unit: "binary" }), fc.double(), fc.constant(null), fc.jsonValue()),
      method: fc.oneof(fc.string({ unit: "binary" }), fc.constant("notifications/cancelled"), fc.jsonValue()),
      params: fc.oneof(
        fc.jsonValue(),
        fc.record({ requestId: fc.jsonValue(), inputResponses: fc.jsonValue(), requestState: fc.string() }, {
          requiredKeys: [],
        }),
      ),
      result: fc.oneof(
        fc.jsonValue(),
        fc.record({ resultType: fc.constant("input_required"), requestState: fc.jsonValue() }, { requiredKeys: [] }),
      ),
      error: fc.oneof(fc.jsonValue(), fc.record({ code: fc.integer() })),
      ["__proto__"]: fc.record({ id: fc.integer(), method: fc.string() }),
    },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);

test("messageHeader() and its like agree about a value and its text", () => {
  fc.assert(
    fc.property(fc.oneof(someMessage, fc.array(someMessage)), (message) => {
      const text = jsonText(JSON.stringify(message));
      for (const action of [messageHeader, batchHeaders, cancelledRequestKey, inputRequiredState]) {
        assert.equal(action(text), action(message), action.name);
      }
    }),
    { numRuns: 2000 },
  );
});

/** The example messages of MCP 2026-07-28, as text by name. */
function mcpExamples(): Map<string, string> | undefined {
  const directory = new URL("../../../shared/data/mcp-2026-07-28/", import.meta.url);
  if (!existsSync(directory)) {
    console.log(`skip: no ${directory.pathname}`);
    return undefined;
  }
  const examples = new Map<string, string>();
  for (const type of readdirSync(directory)) {
    for (const name of readdirSync(new URL(`${type}/`, directory))) {
      examples.set(`${type}/${name}`, readFileSync(new URL(`${type}/${name}`, directory), "utf8"));
    }
  }
  return examples;
}

test("messageHeader() knows every example message of MCP 2026-07-28", () => {
  const examples = mcpExamples();
  if (examples === undefined) return;
  const counts: Partial<Record<MessageKind, number>> = {};
  for (const [name, text] of examples) {
    const value = JSON.parse(text);
    if (value.jsonrpc !== "2.0") continue;
    const type = name.split("/")[0]!;
    const kind = type.endsWith("Request") ? "request" : type.endsWith("Notification") ? "notification" : "response";
    const idKey = typeof value.id === "string" ? `"${value.id}"` : value.id === undefined ? undefined : `${value.id}`;
    assertBoth(messageHeader, text, header20(kind, idKey, value.method, "error" in value));
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  for (const kind of ["request", "notification", "response"] as const) assert.ok(counts[kind]! > 3, kind);
});

test("batchHeaders() gives the headers of the messages in a batch", () => {
  const text = '[{"id":9007199254740993,"method":"x"}, {"method":"y"} ,1,[{"method":"z"}],{"id":null,"error":{}}]';
  assert.equal(batchHeaders(jsonText(text)), [
    headerLike("request", "9007199254740993", "x"),
    headerLike("notification", undefined, "y"),
    INVALID,
    INVALID,
    headerLike("response", "null", undefined, true),
  ]);
  assertBoth(batchHeaders, '[{"id":1,"result":[2]}]', [headerLike("response", "1")]);
  assertBoth(batchHeaders, "[]", []);
  assertBoth(batchHeaders, '{"id":1,"method":"x"}', []);
  assert.equal(batchHeaders(jsonText('[{"method":"x"}')), []);
});

test("cancelledRequestKey() gives the key of the request that was cancelled", () => {
  const table: [text: string, key: string | undefined][] = [
    ['{"method":"notifications/cancelled","params":{"requestId":"123","reason":"x"}}', '"123"'],
    ['{"method":"notifications/cancelled","params":{"requestId":123}}', "123"],
    ['{"params":{"requestId":"\\u0061"},"method":"notifications\\/cancelled"}', '"a"'],
    ['{"method":"notifications/cancelled","params":{"requestId":{}}}', undefined],
    ['{"method":"notifications/cancelled","params":{"requestid":1}}', undefined],
    ['{"method":"notifications/cancelled","params":[1]}', undefined],
    ['{"method":"notifications/cancelled"}', undefined],
    ['{"method":"notifications/cancelled","id":1,"params":{"requestId":1}}', undefined],
    ['{"method":"notifications/progress","params":{"requestId":1}}', undefined],
    ["[]", undefined],
  ];
  for (const [text, key] of table) assertBoth(cancelledRequestKey, text, key);
  const long = '{"method":"notifications/cancelled","params":{"requestId":9007199254740993}}';
  assert.is(cancelledRequestKey(jsonText(long)), "9007199254740993");
  assert.is(cancelledRequestKey(jsonText("{")), undefined);
});

test("cancelledRequestKey() gives the key that the request's own header has", () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.integer()), (id) => {
    const { idKey } = messageHeader({ id, method: "x" });
    const cancelled = { method: "notifications/cancelled", params: { requestId: id } };
    assert.is(cancelledRequestKey(cancelled), idKey);
    assert.is(cancelledRequestKey(jsonText(JSON.stringify(cancelled))), idKey);
  }));
});

test("inputRequiredState() finds both ends of a link between requests", () => {
  const table: [text: string, state: { requestState?: string } | undefined][] = [
    ['{"id":1,"result":{"resultType":"input_required","requestState":"a\\nb"}}', { requestState: "a\nb" }],
    ['{"id":1,"result":{"resultType":"input_required","inputRequests":{}}}', {}],
    ['{"id":1,"result":{"\\u0072esultType":"input\\u005frequired","requestState":"s"}}', { requestState: "s" }],
    ['{"id":1,"result":{"resultType":"complete","text":"input_required"}}', undefined],
    ['{"id":1,"result":{"x":{"resultType":"input_required"}}}', undefined],
    ['{"id":1,"result":["input_required"]}', undefined],
    ['{"id":1,"result":{"resultType":"input_required","requestState":7}}', {}],
    ['{"id":1,"error":{"resultType":"input_required"}}', undefined],
    ['{"result":{"resultType":"input_required"}}', undefined],
    ['{"id":2,"method":"tools/call","params":{"inputResponses":{"a":{}},"requestState":"s"}}', { requestState: "s" }],
    ['{"id":2,"method":"tools/call","params":{"inputResponses":{}}}', {}],
    ['{"id":2,"method":"tools/call","params":{"requestState":"s"}}', { requestState: "s" }],
    ['{"id":2,"method":"tools/call","params":{"\\u0069nputResponses":{}}}', {}],
    ['{"id":2,"method":"tools/call","params":{"arguments":{"inputResponses":{},"requestState":"s"}}}', undefined],
    ['{"id":2,"method":"tools/call","params":{}}', undefined],
    ['{"method":"tools/call","params":{"inputResponses":{}}}', undefined],
    ["[]", undefined],
  ];
  for (const [text, state] of table) assertBoth(inputRequiredState, text, state);
  assert.is(inputRequiredState(jsonText('{"result":"input_required"')), undefined);
});

test("inputRequiredState() understands the examples of MCP 2026-07-28", () => {
  const examples = mcpExamples();
  if (examples === undefined) return;
  let count = 0;
  for (const [name, text] of examples) {
    const value = JSON.parse(text);
    if (name.startsWith("InputRequiredResult/")) {
      count++;
      assertBoth(inputRequiredState, `{"id":1,"result":${text}}`, { requestState: value.requestState });
    } else if (name.startsWith("InputResponses/")) {
      count++;
      assertBoth(inputRequiredState, `{"id":1,"method":"tools/call","params":{"inputResponses":${text}}}`, {});
    } else if (value.jsonrpc === "2.0") {
      assertBoth(inputRequiredState, text, undefined);
    }
  }
  assert.ok(count >= 3);
});

test("isToolError() finds isError in a result however it is spelled, and nowhere else", () => {
  const cases: [text: string, isToolError: boolean][] = [
    ['{"id":1,"result":{"isError":true}}', true],
    ['{"id":1,"result":{"is\\u0045rror" : true}}', true],
    ['{"id":1,"result":{"isError":false}}', false],
    ['{"id":1,"result":{"content":[{"isError":true}]}}', false],
    ['{"id":1,"result":{"text":"\\"isError\\":true"}}', false],
    ['{"id":1,"error":{"code":1},"result":{"isError":true}}', false],
    ['{"id":1,"method":"m","result":{"isError":true}}', false],
  ];
  for (const [text, expected] of cases) {
    assert.is(isToolError(jsonText(text)), expected, text);
    assert.is(isToolError(JSON.parse(text)), expected, `${text}, parsed`);
  }
});

test.run();
