import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import {
  calls,
  correlator,
  type Direction,
  encodeRecord,
  jsonBytes,
  jsonText,
  memorySink,
  memoryStore,
  messageBytes,
  type MessageEnvelope,
  messageHeader,
  messageText,
  pipe,
  stampFrames,
  StreamingTapeWriter,
} from "../../src/mod.ts";

const utf8 = new TextEncoder();

/** Messages of two sides, of which some answer others, in many spellings; and text that is none. */
const someTexts = fc.array(
  fc.oneof(
    fc.tuple(
      fc.constantFrom('"jsonrpc":"2.0",', "", '"json\\u0072pc": "2.0",'),
      fc.constantFrom("1", "1.0", "12345678901234567890", '"a"', '"\\u0061"', '"é🎉"', "null"),
      fc.constantFrom(
        '"method":"tools/call","params":{}',
        '"method":"m\\u0065thod é"',
        '"result":{}',
        '"result":{"isError":true,"content":[]}',
        '"result":{"resultType":"input_required","requestState":"s\\n"}',
        '"method":"tools/call","params":{"requestState":"s\\n","inputResponses":{}}',
        '"error":{"code":1,"message":"日"}',
      ),
      fc.constantFrom("", " ", "\t", "\n", "\r\n"),
    ).map(([version, id, rest, space]) => `{${version}"id":${space}${id},${rest}${space}}`),
    fc.constantFrom(
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
      '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":"a","result":{}}]',
      "1",
      '"é"',
      "{",
      '{"id":1',
      "\ufeff{}",
    ),
  ),
  { maxLength: 12 },
);

type Spelling = (text: string) => unknown;
const asText: Spelling = jsonText;
const asBytes: Spelling = (text) => jsonBytes(utf8.encode(text));

function envelopes(texts: readonly string[], spelling: Spelling): MessageEnvelope[] {
  const directionOf = (at: number): Direction => at % 2 === 0 ? "client_to_server" : "server_to_client";
  return texts.map((text, at) => ({ message: spelling(text), direction: directionOf(at) }));
}

/** What becomes of them: the tape, or why there is none. */
async function tapeOf(texts: readonly string[], spelling: Spelling): Promise<string> {
  const tape = memorySink();
  let us = 0;
  const stamp = stampFrames({ elapsedUs: () => us += 1500 });
  try {
    await pipe(envelopes(texts, spelling), stamp, correlator(), encodeRecord(), tape);
  } catch (error) {
    return `${tape.text()}${String(error)}`;
  }
  return tape.text();
}

test("A message as bytes makes the tape that its text makes, and is refused where that is", async () => {
  await fc.assert(
    fc.asyncProperty(someTexts, async (texts) => assert.is(await tapeOf(texts, asBytes), await tapeOf(texts, asText))),
    { numRuns: 500 },
  );
});

/** What a writer makes of them, without what the clock says. */
async function writtenOf(texts: readonly string[], spelling: Spelling): Promise<readonly string[]> {
  const store = memoryStore();
  const tape = { tapeId: "tape", sessionId: "s", checksums: false };
  const writer = await StreamingTapeWriter.create(store, tape);
  const outcomes = await Promise.allSettled(envelopes(texts, spelling).map((envelope) => writer.writeFrame(envelope)));
  await writer.finalize();
  const bytes: Uint8Array[] = [];
  for await (const chunk of await store.openSource("tape.jsonl")) bytes.push(chunk);
  const lines = Buffer.concat(bytes).toString().split("\n").filter((line) => /^{"type":"(frame|corr)/.test(line));
  const timeless = lines.map((line) => line.replaceAll(/"(\w*ts|ts_us|rtt_\w+)":\d+/g, '"$1"'));
  return [
    ...timeless,
    ...outcomes.map((outcome) => outcome.status === "rejected" ? String(outcome.reason) : `${outcome.value}`),
  ];
}

test("A writer makes of bytes the tape that it makes of texts, and refuses where it refuses them", async () => {
  await fc.assert(
    fc.asyncProperty(someTexts, async (texts) => {
      assert.equal(await writtenOf(texts, asBytes), await writtenOf(texts, asText));
    }),
    { numRuns: 200 },
  );
});

test("calls() matches messages that are bytes as those that are texts", async () => {
  await fc.assert(
    fc.asyncProperty(someTexts, async (texts) => {
      const found = async (spelling: Spelling) => {
        const matched: unknown[] = [];
        const stages = pipe(envelopes(texts, spelling), stampFrames({ elapsedUs: () => 0 }), calls());
        for await (const { request, answer, status } of stages) matched.push([request.seq, answer?.seq, status]);
        return matched;
      };
      assert.equal(await found(asBytes), await found(asText));
    }),
    { numRuns: 200 },
  );
});

test("What looks into a message takes bytes", () => {
  const message = jsonBytes(utf8.encode('{"jsonrpc":"2.0","id":12345678901234567890,\n"method":"é"}'));
  const flat = '{"jsonrpc":"2.0","id":12345678901234567890, "method":"é"}';
  assert.equal(messageHeader(message), {
    kind: "request",
    version: "2.0",
    idKey: "12345678901234567890",
    method: "é",
    isError: false,
  });
  assert.is(messageText({ env: { message } }), flat);
  assert.equal(messageBytes({ env: { message } }), utf8.encode(flat));
});

test("A message that is no UTF-8 is refused, and nothing of it is on the tape", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { tapeId: "tape", sessionId: "s" });
  const message = jsonBytes(Uint8Array.of(0x22, 0xff, 0x22));
  const error = await writer.writeFrame({ message, direction: "client_to_server" }).catch((error) => error);
  assert.is(error.code, "serialization");
  assert.is(await writer.writeFrame({ message: 1, direction: "client_to_server" }), 0);
  await writer.finalize();
});

test("The memory of a message as bytes can be used again at once", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { tapeId: "tape", sessionId: "s" });
  const memory = utf8.encode('{"id":1,"method":"first"}');
  const written = writer.writeFrame({ message: jsonBytes(memory), direction: "client_to_server" });
  memory.fill(0x21);
  await written;
  await writer.finalize();
  const bytes: Uint8Array[] = [];
  for await (const chunk of await store.openSource("tape.jsonl")) bytes.push(chunk);
  assert.match(Buffer.concat(bytes).toString(), '"env":{"message":{"id":1,"method":"first"}}');
});

test.run();
