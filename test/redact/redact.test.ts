import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  encodeRecord,
  jsonBytes,
  jsonText,
  lineSplit,
  memorySink,
  memorySource,
  type MessageEnvelope,
  messageText,
  parseRecord,
  pipe,
  stampFrames,
  type TapeRecord,
  type UnknownRecordType,
} from "../../src/mod.ts";
import { redact, redaction } from "../../src/redact.ts";
import { knownSecrets } from "./secrets.ts";

const test = suite("redact");
const key = "a key that is long enough";
const direction = "client_to_server";
const clean = (text: string): string => {
  const { message } = redaction({}, { key }).envelope({ message: jsonText(text), direction });
  return (message as { text: string }).text;
};
/** Without what the tokens say. */
const shown = (text: string): string => clean(text).replace(/\[REDACTED:([\w-]+):[0-9a-f]{12}\]/g, "<$1>");

test("only the literals with a secret change, the rest stays to the letter", () => {
  const text =
    ` {"jsonrpc" : "2.0", "id":12345678901234567890,"params":{"a":1.0,"a":"\\u00e9\\/","password":"x y"} ,"z":"\\ud800"} `;
  assert.is(shown(text), text.replace("x y", "<named-secret>"));
  const bytes = redaction({}, { key }).envelope({ message: jsonBytes(new TextEncoder().encode(text)), direction });
  assert.is((bytes.message as { text: string }).text, clean(text).replace("\\ud800", "\\ud800"));
});

test("a number that has the name of a password is one, and no other number is", () => {
  const text = '{"password":123456,"user_passcode":1,"db":{"pwd":-1.5,"minLength":8},"tokens":5,"key":3,"a_token":7}';
  const masked =
    '{"password":"<named-secret>","user_passcode":"<named-secret>","db":{"pwd":"<named-secret>","minLength":8},' +
    '"tokens":5,"key":3,"a_token":7}';
  assert.is(shown(text), masked);
  assert.is(clean(clean(text)), clean(text));
  const schema = '{"properties":{"password":{"type":"string","minLength":8,"maxLength":64}}}';
  assert.is(clean(schema), schema);
});

test("what has no secret comes back itself", () => {
  const envelope = { message: jsonText('{"id":1,"_meta":{"progressToken":"abc"}}'), direction } as const;
  assert.is(redaction().envelope(envelope), envelope);
});

test("a name counts by its words, and how it is spelled does not count", () => {
  for (
    const [text, expected] of [
      ['{"pass\\u0077ord":"hunter2"}', '{"pass\\u0077ord":"<named-secret>"}'],
      [
        '{"API_KEY":"k","apiKey":"k","x-api-key":"k"}',
        '{"API_KEY":"<named-secret>","apiKey":"<named-secret>","x-api-key":"<named-secret>"}',
      ],
      [
        '{"token":"t","progressToken":"t","authorType":"t","maxTokens":"5"}',
        '{"token":"<named-secret>","progressToken":"t","authorType":"t","maxTokens":"5"}',
      ],
      ['{"token":"a1","token":"a2"}', '{"token":"<named-secret>","token":"<named-secret>"}'],
      ['{"password":null,"secret":5,"token":true,"jwt":""}', '{"password":null,"secret":5,"token":true,"jwt":""}'],
      ['{"password":"<your password>","token":"${TOKEN}"}', '{"password":"<your password>","token":"${TOKEN}"}'],
      [
        '{"credentials":{"type":"x","user":"u","more":["v"]}}',
        '{"credentials":{"type":"x","user":"<named-secret>","more":["<named-secret>"]}}',
      ],
      [
        '[{"name":"API_KEY","value":"v"},{"value":"w","name":"TOKEN"},{"value":"x","name":"y"}]',
        '[{"name":"API_KEY","value":"<named-secret>"},{"value":"<named-secret>","name":"TOKEN"},{"value":"x","name":"y"}]',
      ],
      ['["--api-key","abc","--verbose"]', '["--api-key","<named-secret>","--verbose"]'],
      ['["\\nTOKEN=abc","\\ntoken=abc123\\n"]', '["\\nTOKEN=<named-secret>","\\ntoken=<named-secret>\\n"]'],
      ['{"t":"{\\"password\\":\\"a\\"}"}', '{"t":"{\\"password\\":\\"<named-secret>\\"}"}'],
      ['{"t":"x={\\\\\\"password\\\\\\":\\\\\\"a\\\\\\\\\\\\\\"b\\\\\\"}, c"}', undefined],
    ] as const
  ) {
    if (expected === undefined) assert.not(shown(text).includes('b\\\\\\"'), shown(text));
    else assert.is(shown(text), expected);
  }
});

test("names in schemas are no data, but defaults, constants, examples and enumerations are", () => {
  const schema = (more: object) => ({
    type: "object",
    properties: { password: { type: "string", description: "The one", ...more } },
    required: ["password", "apiKey"],
  });
  const text = JSON.stringify({ result: { tools: [{ name: "login", inputSchema: schema({}) }] } });
  assert.is(clean(text), text);
  for (const more of [{ default: "x1y2z3" }, { const: "x1y2z3" }, { examples: ["x1y2z3"] }, { enum: ["x1y2z3"] }]) {
    assert.not(clean(JSON.stringify({ result: { tools: [{ inputSchema: schema(more) }] } })).includes("x1y2z3"));
  }
  assert.not(clean('{"inputSchema":{"properties":{},"password":"x1y2z3"}}').includes("x1y2z3"));
});

test("the same secret has the same token wherever it stands, and another one with another key", () => {
  const { githubClassic: secret = "" } = knownSecrets();
  const text = JSON.stringify({
    a: secret,
    token: secret,
    b: `x ${secret}`,
    c: JSON.stringify([secret]),
    authorization: `Bearer ${secret}`,
  });
  const tokens = new Set(clean(text).match(/\[REDACTED:[^\]]*\]/g));
  assert.is(tokens.size, 1, [...tokens].join());
  assert.not([...tokens].includes(redaction({}, { key: `${key}!` }).text(secret)));
  assert.not(redaction().text(secret) === redaction().text(secret));
});

test("ids and what is no secret are left alone, so that answers still match", () => {
  const text = '{"jsonrpc":"2.0","id":"req-1","result":{"nextCursor":"abc123","token":"s1"}}';
  assert.is(shown(text), text.replace('"s1"', '"<named-secret>"'));
});

test("redact() stands before stampFrames(), and tells of what it has found at once and at the end", async () => {
  const messages: MessageEnvelope[] = ["a1", "b2", "c3"].map((password) => ({
    message: { params: { password } },
    direction,
  }));
  const records: TapeRecord[] = [];
  for await (const record of pipe(messages, redact({}, { key, elapsedUs: () => 7000 }), stampFrames())) {
    records.push(record);
  }
  assert.equal(records.map(({ type }) => type), ["frame", "redacted", "frame", "frame", "redacted"]);
  const { policy } = records[1] as { policy: string };
  assert.match(policy, /^[0-9a-f]{64}$/);
  assert.equal(records[1], { type: "redacted", ts: 7, policy, rules: { "named-secret": 1 } });
  assert.equal(records[4], { type: "redacted", ts: 7, policy, rules: { "named-secret": 2 } });
});

test("redact() takes the records of a tape, and leaves those that it does not change to the letter", async () => {
  const lines = [
    '{"type":"frame","seq":0,"ts":1,"dir":"client_to_server","env":{"message":{"a" : 1.0}}}',
    '{"type":"frame","seq":1,"ts":2,"dir":"client_to_server","transport":{"http":{"headers":{"cookie":"a=b1c2d3"}}},"env":{"message":{"b" : 1.0,"pwd":"x"}}}',
    '{"type":"log","ts":3,"stream":"stderr","text":"DB_PASSWORD=hunter2"}',
    '{"type":"gap","ts":4,"count":1,"reason":"token=abc123 was too long"}',
    '{"type":"note","ts":4,"apiKey":"k"}',
    '{"type":"end","ts":5,"error":"at https://me:pw1@host/"}',
  ];
  const sink = memorySink();
  const tape = memorySource(lines.map((line) => `${line}\n`).join(""));
  await pipe(tape, lineSplit(), parseRecord(), redact({}, { key }), encodeRecord(), sink);
  const text = sink.text().replace(/\[REDACTED:([\w-]+):[0-9a-f]{12}\]/g, "<$1>");
  const policy = redaction().policyHash;
  assert.is(
    text,
    [
      lines[0],
      '{"type":"frame","seq":1,"ts":2,"dir":"client_to_server","transport":{"http":{"headers":{"cookie":"<named-secret>"}}},"env":{"message":{"b" : 1.0,"pwd":"<named-secret>"}}}',
      `{"type":"redacted","ts":2,"policy":"${policy}","rules":{"named-secret":2}}`,
      '{"type":"log","ts":3,"stream":"stderr","text":"DB_PASSWORD=<named-secret>"}',
      '{"type":"gap","ts":4,"count":1,"reason":"token=<named-secret> was too long"}',
      '{"type":"note","ts":4,"apiKey":"<named-secret>"}',
      `{"type":"redacted","ts":4,"policy":"${policy}","rules":{"named-secret":3}}`,
      '{"type":"end","ts":5,"error":"at https://<url-credentials>@host/"}',
      `{"type":"redacted","ts":5,"policy":"${policy}","rules":{"url-credentials":1}}`,
      "",
    ].join("\n"),
  );
});

test("redact() refuses lines that it cannot read", async () => {
  const sealed = { type: "sealed" as UnknownRecordType, data: "x" };
  const read = async () => {
    for await (const _record of pipe([sealed as TapeRecord], redact()));
  };
  await read().then(() => assert.unreachable(), (error) => {
    assert.is(error.code, "invalid_tape");
    assert.match(error.message, /compressed or encrypted/);
  });
});

test("redact() refuses wrong options and short keys", () => {
  assert.throws(() => redact({}, { key: "short" }), /the key has 5 bytes, and needs 16 at least/);
  assert.throws(() => redact({}, { keys: "x" } as object), /no option keys, did you mean key/);
  assert.throws(() => redact({ rules: [{ name: "x", pattern: "y" }] }), /loadPolicy/);
});

test("redaction() leaves a message that has been changed since it was read as it is now", async () => {
  const tape = memorySource('{"type":"frame","seq":0,"ts":1,"dir":"client_to_server","env":{"message":{"a":1}}}\n');
  for await (const record of pipe(tape, lineSplit(), parseRecord())) {
    if (record.type !== "frame") continue;
    (record.env.message as { password?: string }).password = "hunter2";
    const after = redaction({}, { key }).record(record) as typeof record;
    assert.not(messageText(after).includes("hunter2"));
  }
});

test.run();
