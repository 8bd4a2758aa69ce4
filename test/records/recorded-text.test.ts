import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import { jsonText } from "../../src/json/json-text.ts";
import { pipe } from "../../src/streams/pipe.ts";
import type { FrameRecord } from "../../src/records/record.ts";
import { messageBytes, messageText, wireBytes } from "../../src/records/recorded-text.ts";
import { frames } from "../../src/transforms/frames.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { latin1Text, utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";

/** A frame as it is read from a tape. */
async function recorded(message: string, around = (message: string) => `"env":{"message":${message}}`) {
  const line = `{"type":"frame","seq":0,"ts":0,"dir":"client_to_server",${around(message)}}\n`;
  const [frame] = await collect(pipe([utf8(line)], lineSplit(), parseRecord(), frames()));
  return frame as FrameRecord & { env: { message: Record<string, unknown> } };
}

/** Texts that `JSON.stringify(JSON.parse(text))` would change. */
const delicate = [
  '{"id":12345678901234567890}',
  '{"id":1.0,"n":[1e2,1E+2,-0,0.10]}',
  '{"a":1,"a":2}',
  '{"2":0,"1":0}',
  '{"text":"\\u0041\\/\\ud83d\\ude00"}',
  '{"text":"\\ud800 alone"}',
  '{"__proto__":{"polluted":true}}',
  '{ "spaced" : [ 1 ,\t2 ] }',
  '{"text":"\u2028\u2029\u007f"}',
  "1.0",
  '"\\u0041"',
  "[1.0]",
];

test("messageText() is the very text that was recorded", async () => {
  for (const text of delicate) assert.is(messageText(await recorded(text)), text);
});

test("messageText() finds the message wherever it stands on the line", async () => {
  const ways: ((message: string) => string)[] = [
    (message) => `"env":{"timestamp":"x","message":${message},"session_id":"s"},"action":{"message":0}`,
    (message) => `"transport":{"env":{"message":0}},"env":{"message":${message}}`,
    (message) => `"\\u0065nv":{"m\\u0065ssage":${message}}`,
    // Of duplicate keys the last one counts, as in JSON.parse.
    (message) => `"env":{"message":0,"message":${message}}`,
    (message) => `"env":{"message":0},"env":{"message":${message}}`,
  ];
  for (const way of ways) assert.is(messageText(await recorded('{"id":1.0}', way)), '{"id":1.0}');
});

test("messageText() keeps spaces that came over the wire with a message, and not those of a foreign line", async () => {
  const canonical = await recorded(' {"id":1.0}\t\r ');
  assert.is(messageText(canonical), ' {"id":1.0}\t\r ');
  const line = '{ "type": "frame", "seq": 0, "ts": 0, "dir": "client_to_server", "env": { "message": {"id":1.0} } }';
  const [foreign] = await collect(pipe([utf8(line)], lineSplit(), parseRecord(), frames()));
  assert.is(messageText(foreign!), '{"id":1.0}');
});

test("messageText() is the recorded text as long as the message is equal to it", async () => {
  const frame = await recorded('{"id":1.0,"params":{"list":[1,{"deep":1}]}}');
  const { message } = frame.env;
  (message.params as { list: unknown[] }).list.push(2);
  assert.is(messageText(frame), '{"id":1,"params":{"list":[1,{"deep":1},2]}}');
  (message.params as { list: unknown[] }).list.pop();
  assert.is(messageText(frame), '{"id":1.0,"params":{"list":[1,{"deep":1}]}}');
  frame.env.message = JSON.parse('{"id":1,"params":{"list":[1,{"deep":1}]}}');
  assert.is(messageText(frame), '{"id":1.0,"params":{"list":[1,{"deep":1}]}}');
});

test("messageText() is that of the message once it was changed, however deep", async () => {
  const changes: ((message: Record<string, unknown>) => void)[] = [
    (message) => void (message.id = 2),
    (message) => void (message.id = "1"),
    (message) => void (message.more = true),
    (message) => void delete message.id,
    (message) => void ((message.params as { list: { deep: unknown }[] }).list[1]!.deep = null),
    (message) => void ((message.params as { list: unknown[] }).list.length = 1),
    (message) => void (message.params = [message.params]),
    (message) => void Object.setPrototypeOf(message, { toJSON: () => "own" }),
  ];
  for (const change of changes) {
    const frame = await recorded('{"id":1.0,"params":{"list":[1,{"deep":1}]}}');
    change(frame.env.message);
    assert.is(messageText(frame), JSON.stringify(frame.env.message));
  }
});

test("messageText() stays with the env that was read, and not with a copy", async () => {
  const frame = await recorded('{"id":1.0}');
  assert.is(messageText({ ...frame, seq: 5 } as FrameRecord), '{"id":1.0}');
  assert.is(messageText({ env: { ...frame.env } }), '{"id":1}');
  const other = await recorded('{"id":2.0}');
  other.env = frame.env;
  assert.is(messageText(other), '{"id":1.0}');
});

test("messageText() keeps what it needs where nobody sees it", async () => {
  const { env } = await recorded('{"id":1.0}');
  assert.equal(Reflect.ownKeys(env), ["message"]);
  assert.equal({ ...env }, { message: { id: 1 } });
  assert.is(JSON.stringify(env), '{"message":{"id":1}}');
  assert.equal(structuredClone(env), { message: { id: 1 } });
});

test("messageText() of a new message is its JSON text, and of a jsonText that text on one line", () => {
  assert.is(messageText({ env: { message: { id: 1, params: ["a"] } } }), '{"id":1,"params":["a"]}');
  assert.is(messageText({ env: { message: null } }), "null");
  assert.is(messageText({ env: { message: jsonText('{"id":1.0}') } }), '{"id":1.0}');
  assert.is(messageText({ env: { message: jsonText('{\r\n"id":\n1.0}') } }), '{  "id": 1.0}');
});

test("messageText() throws serialization for a message without a JSON text", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const message of [undefined, () => {}, Symbol("x"), 1n, circle, jsonText("{"), jsonText(""), jsonText("1 2")]) {
    assert.throws(() => messageText({ env: { message } }), isSerialization);
    assert.throws(() => messageBytes({ env: { message } }), isSerialization);
  }
});

const isSerialization = (error: unknown) =>
  isTapeError(error, "serialization") && error.message.startsWith("Cannot encode a message: ");

test("messageText() of bytes that were no JSON is what stood on the wire", () => {
  assert.is(messageText({ env: { raw: "Listening…\t" } }), "Listening…\t");
  assert.is(messageText({ env: { raw: "" } }), "");
  assert.is(messageText({ env: { raw: btoa("a\xffb"), encoding: "base64" } }), "a\uFFFDb");
  assert.is(messageText({ env: { message: null, raw: "text" } }), "null");
});

test("messageBytes() are the bytes on the wire", async () => {
  assert.is(latin1Text(messageBytes(await recorded('{"n":1.0,"t":"é"}'))), '{"n":1.0,"t":"\xc3\xa9"}');
  assert.is(latin1Text(messageBytes({ env: { message: { id: 1 } } })), '{"id":1}');
  assert.is(latin1Text(messageBytes({ env: { raw: "é" } })), "\xc3\xa9");
  assert.is(latin1Text(messageBytes({ env: { raw: btoa("a\xffb\x00"), encoding: "base64" } })), "a\xffb\x00");
});

test("wireBytes() are the bytes of the line, with what ended it", async () => {
  const ends: [line_end: string | null | undefined, end: string][] = [
    [undefined, "\n"],
    [null, "\n"],
    ["\r\n", "\r\n"],
    ["\r\r\n", "\r\r\n"],
    ["", ""],
  ];
  for (const [line_end, end] of ends) {
    assert.is(latin1Text(wireBytes({ env: { message: { id: 1 }, line_end } })), `{"id":1}${end}`);
    assert.is(latin1Text(wireBytes({ env: { raw: btoa("\xff"), encoding: "base64", line_end } })), `\xff${end}`);
    const env = (message: string) => `"env":{"line_end":${JSON.stringify(end)},"message":${message}}`;
    assert.is(latin1Text(wireBytes(await recorded(' {"n":1.0}\t', env))), ` {"n":1.0}\t${end}`);
  }
});

test("messageBytes() throws serialization where raw is not the base64 it says it is", () => {
  for (const read of [messageBytes, messageText]) {
    assert.throws(
      () => read({ env: { raw: "not base64!", encoding: "base64" } }),
      (error: unknown) =>
        isTapeError(error, "serialization") && error.message === "Cannot decode a frame: its raw text is not base64" &&
        error.cause !== undefined,
    );
  }
});

test.run();
