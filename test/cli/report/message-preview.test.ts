import { test } from "uvu";
import * as assert from "uvu/assert";
import { previewOf } from "../../../src/cli/report/message-preview.ts";
import { Calls } from "../../../src/cli/summary/calls.ts";
import { valueSpan } from "../../../src/json/json-span.ts";
import { linesOf } from "../lines-of.ts";
import { Session } from "../sample-tape.ts";

/** What a message says on its own. */
async function preview(message: object): Promise<string> {
  const [, { record }] = await linesOf(new Session("demo").server(1, message).plainText()) as [
    unknown,
    { record: never },
  ];
  const [seen] = new Calls().see(record).messages;
  const text = JSON.stringify(message);
  return previewOf(seen!, (path) => {
    const span = valueSpan(text, path);
    return span === undefined ? "" : text.slice(...span);
  });
}
const result = (value: object) => preview({ jsonrpc: "2.0", id: 1, result: value });
const call = (method: string, params: unknown) => preview({ jsonrpc: "2.0", id: 1, method, params });
const notice = (method: string, params: unknown) => preview({ jsonrpc: "2.0", method, params });

test("previewOf() shows the text of a tool's result, not its wrapping", async () => {
  assert.is(await result({ content: [{ type: "text", text: "Echo: hi" }] }), "Echo: hi");
  assert.is(await result({ content: [{ type: "text", text: "a\n" }, { type: "text", text: "b" }] }), "a\n b");
  assert.is(
    await result({ content: [{ type: "image", mimeType: "image/png", data: "A".repeat(4000) }] }),
    "[image/png, 2.93 KiB]",
  );
  assert.is(await result({ content: [{ type: "resource_link", uri: "file:///a" }] }), "[file:///a]");
  assert.is(await result({ content: [{ type: "resource", resource: { uri: "x:1", text: "one" } }] }), "[x:1] one");
  assert.is(await result({ content: { type: "text", text: "from a model" }, role: "assistant" }), "from a model");
  assert.is(await result({ content: [], structuredContent: { sum: 5 } }), '{"sum":5}');
});

test("previewOf() shows what other results hold", async () => {
  assert.is(await result({ tools: [{ name: "echo", inputSchema: {} }, { name: "add" }] }), "2 tools: echo, add");
  assert.is(await result({ resourceTemplates: [] }), "0 resource templates");
  assert.is(await result({ roots: [{ uri: "file:///a" }] }), "1 root: file:///a");
  assert.is(await result({ contents: [{ uri: "x:1", text: "one" }, { uri: "x:2", blob: "AAAA" }] }), "one [data, 3 B]");
  assert.is(await result({ messages: [{ role: "user", content: { type: "text", text: "do it" } }] }), "do it");
  const hello = { protocolVersion: "2025-11-25", serverInfo: { name: "everything", version: "1.0.0" } };
  assert.is(await result(hello), "everything 1.0.0, protocol 2025-11-25");
  assert.is(await result({ total: 3 }), '{"total":3}');
});

test("previewOf() shows arguments, progress, logs and what was cancelled", async () => {
  assert.is(await call("tools/call", { name: "add", arguments: { a: 1.5 } }), '{"a":1.5}');
  assert.is(await call("tools/list", { cursor: "x" }), '{"cursor":"x"}');
  assert.is(await call("resources/read", { uri: "x:1" }), "x:1");
  assert.is(await call("sampling/createMessage", { messages: [{ content: { text: "hi" } }], maxTokens: 9 }), "hi");
  assert.is(await call("elicitation/create", { message: "Which one?", requestedSchema: {} }), "Which one?");
  assert.is(
    await notice("notifications/progress", { progress: 2, total: 4, progressToken: 7, message: "half" }),
    "2 of 4, token 7: half",
  );
  assert.is(await notice("notifications/progress", { progress: 2 }), "2");
  assert.is(await notice("notifications/message", { level: "warning", data: "full" }), "warning: full");
  assert.is(await notice("notifications/message", { level: "info", data: { free: 1 } }), 'info: {"free":1}');
  assert.is(await notice("notifications/cancelled", { requestId: 5, reason: "Escape" }), "request 5: Escape");
});

test("previewOf() shows the text as it stands where a message is not what its method says", async () => {
  for (const params of [null, 5, [], { progress: "x" }, { uri: 5 }, { level: 3 }, { messages: "none" }]) {
    const text = JSON.stringify(params);
    for (
      const method of [
        "resources/read",
        "notifications/progress",
        "sampling/createMessage",
        "initialize",
        "constructor",
        "__proto__",
      ]
    ) {
      assert.is(await call(method, params), text, method);
    }
  }
  for (
    const value of [{ content: 5 }, { content: [null] }, { tools: "none" }, { messages: [] }, { serverInfo: {} }, []]
  ) {
    assert.is(await result(value), JSON.stringify(value));
  }
});

test.run();
