import { test } from "uvu";
import * as assert from "uvu/assert";
import { jsonBytes } from "../../src/json/json-bytes.ts";
import { JsonText, jsonText } from "../../src/json/json-text.ts";
import { SessionOutline } from "../../src/records/messages/session-outline.ts";
import type { FrameFlags } from "../../src/records/record.ts";

/** A message in every form in which frames carry one. */
const forms: Readonly<Record<string, (message: object) => unknown>> = {
  value: (message) => message,
  text: (message) => jsonText(JSON.stringify(message)),
  bytes: (message) => jsonBytes(new TextEncoder().encode(JSON.stringify(message))),
  "text of a value": (message) => new JsonText(JSON.stringify(message), message),
};

function outlineOf(messages: readonly unknown[], flags: FrameFlags = {}) {
  const outline = new SessionOutline();
  for (const message of messages) outline.see({ flags, env: { message } });
  return outline.fields();
}

const call = (name: unknown) => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { arguments: {}, name } });
const hello = [
  { jsonrpc: "2.0", id: 0, method: "initialize", params: { clientInfo: { name: "ide", version: "2.1" } } },
  { jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-06-18", serverInfo: { name: "everything" } } },
];

for (const [name, form] of Object.entries(forms)) {
  test(`SessionOutline learns who talks, and about what, from messages given as ${name}`, () => {
    const messages = [...hello, call("search"), call("search"), call("add"), call(7), { method: "notifications/x" }];
    assert.equal(outlineOf(messages.map(form)), {
      client_info: { name: "ide", version: "2.1" },
      server_info: { name: "everything" },
      protocol_version: "2025-06-18",
      methods: { initialize: 1, "tools/call": 4, "notifications/x": 1 },
      tools: { search: 2, add: 1, "*": 1 },
    });
    assert.equal(outlineOf([form([hello[0]!, call("a"), 3, "x"])]), {
      client_info: { name: "ide", version: "2.1" },
      methods: { initialize: 1, "tools/call": 1 },
      tools: { a: 1 },
    });
  });
}

test("SessionOutline learns from the _meta of MCP 2026-07-28 too", () => {
  const meta = (name: string, value: unknown) => ({ _meta: { [`io.modelcontextprotocol/${name}`]: value } });
  assert.equal(
    outlineOf([
      { id: 1, method: "tools/list", params: meta("clientInfo", { name: "new", version: "3" }) },
      { id: 1, result: { tools: [], ...meta("serverInfo", { name: "srv", version: "1" }) } },
    ]),
    {
      client_info: { name: "new", version: "3" },
      server_info: { name: "srv", version: "1" },
      methods: { "tools/list": 1 },
    },
  );
});

test("SessionOutline knows nothing of what is no message", () => {
  assert.equal(
    outlineOf([undefined, null, 7, "initialize", {}, { method: 3 }, jsonText("{"), { id: 1, result: 1 }]),
    {},
  );
  assert.equal(outlineOf(hello, { is_stray: true }), {});
});

test("SessionOutline keeps little, whatever peers say", () => {
  const long = "x".repeat(100_000);
  const names = Array.from({ length: 1000 }, (_, at) => ({ method: `m${at}` }));
  const { methods, tools, server_info } = outlineOf([
    ...names,
    { method: "m3" },
    { method: long },
    { method: "tools/call", params: { name: long } },
    jsonText(`{"method":"tools/call","params":{"name":"a","arguments":"${long}"}}`),
    jsonText(`{"id":1,"result":{"serverInfo":{"name":"late","version":"1"}}}`),
  ]);
  assert.is(Object.keys(methods!).length, 65);
  assert.equal([methods!.m3, methods!["*"]], [2, 1000 - 64 + 3]);
  assert.equal(tools, { "*": 2 });
  assert.is(server_info, undefined);
  const { server_info: cut } = outlineOf([{ id: 1, result: { serverInfo: { name: long, version: long } } }]);
  assert.equal([cut!.name.length, cut!.version!.length], [200, 200]);
});

test("SessionOutline counts names that objects have of themselves", () => {
  const { methods } = outlineOf(["__proto__", "constructor", "__proto__", "toString"].map((method) => ({ method })));
  assert.is(JSON.stringify(methods), '{"__proto__":2,"constructor":1,"toString":1}');
});

test.run();
