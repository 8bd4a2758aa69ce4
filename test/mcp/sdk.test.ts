import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Client as Client2026 } from "@modelcontextprotocol/client";
import { StdioClientTransport as Transport2026 } from "@modelcontextprotocol/client/stdio";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { messageHeader } from "../../src/records/jsonrpc.ts";
import { thisRuntime } from "../helpers/child.ts";
import { type RecordedTape, tapesIn } from "../helpers/mcp/recorded-server.ts";
import { inScratch } from "../helpers/scratch.ts";
import { type CommandLine, recorded } from "../helpers/mcp/stdio-client.ts";
import { within } from "../helpers/within.ts";

const everything = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");

/** A script on this runtime. */
function script(path: string, ...args: string[]): CommandLine {
  const [program, ...before] = thisRuntime().command;
  return [program, ...before, path, ...args];
}

/** What the SDK's transports want, with all of the environment: coverage is counted in the recorder too. */
function serverParameters([command, ...args]: CommandLine): {
  command: string;
  args: string[];
  env: Record<string, string>;
  stderr: "ignore";
} {
  return { command, args, env: process.env as Record<string, string>, stderr: "ignore" };
}

/** Method of each request and notification of one side, in order. */
function methodsOf(tape: RecordedTape, dir: "client_to_server" | "server_to_client"): string[] {
  return tape.frames.flatMap((frame) => {
    const method = frame.dir === dir ? messageHeader(frame.env.message).method : undefined;
    return method === undefined ? [] : [method];
  });
}

/** How the requests of one method ended. */
function endingsOf(tape: RecordedTape, method: string): (string | null | undefined)[] {
  return tape.records.flatMap((record) => {
    if (record.type !== "correlation") return [];
    const request = tape.frames.find(({ seq }) => seq === record.request_seq)!;
    return messageHeader(request.env.message).method === method ? [record.status] : [];
  });
}

test("record stands between the SDK's client and server-everything, up to 2025-11-25", async () => {
  await inScratch(async (folder) => {
    const command = recorded(script(everything, "stdio"), ["--dir", folder, "--name", "everything", "--tag", "test"]);
    const client = new Client({ name: "test", version: "1" }, { capabilities: {} });
    try {
      await client.connect(new StdioClientTransport(serverParameters(command)));
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === "echo"));
      const echo = await client.callTool({ name: "echo", arguments: { message: "hällo" } });
      assert.equal(echo.content, [{ type: "text", text: "Echo: hällo" }]);
      const failed = await client.callTool({ name: "echo", arguments: { message: 1 } });
      assert.is(failed.isError, true);
      await client.readResource({ uri: "demo://nowhere" }).then(() => assert.unreachable(), () => {});
      await client.callTool(
        { name: "trigger-long-running-operation", arguments: { duration: 0.2, steps: 2 } },
        undefined,
        { onprogress: () => {} },
      );
    } finally {
      await within(client.close(), "the end of the client");
    }

    const [tape, ...more] = await tapesIn(folder);
    assert.is(more.length, 0);
    assert.is(tape!.metadata?.status, "finalized");
    assert.is(tape!.metadata?.name, "everything");
    assert.equal(tape!.metadata?.tags, ["test"]);
    assert.equal(tape!.metadata?.client_info, { name: "test", version: "1" });
    assert.match(tape!.metadata?.server_info?.name ?? "", /everything/);
    assert.equal(tape!.metadata?.tools, { echo: 2, "trigger-long-running-operation": 1 });
    assert.is(tape!.metadata?.methods?.["tools/call"], 3);
    assert.equal(methodsOf(tape!, "client_to_server"), [
      "initialize",
      "notifications/initialized",
      "tools/list",
      "tools/call",
      "tools/call",
      "resources/read",
      "tools/call",
    ]);
    assert.equal(endingsOf(tape!, "tools/call"), ["success", "success", "success"]);
    assert.equal(endingsOf(tape!, "resources/read"), ["error"]);
    const updates = methodsOf(tape!, "server_to_client").filter((method) => method === "notifications/progress");
    assert.is(updates.length, 2);
    assert.match(tape!.log.join("\n"), /Starting default \(STDIO\) server/);
    assert.is(tape!.records.some(({ type }) => type === "gap"), false);
  });
});

test("record stands between a client and a server that speak 2026-07-28, and keeps a tape of the probe too", async () => {
  await inScratch(async (folder) => {
    const server = fileURLToPath(new URL("../helpers/programs/mcp-2026-server.ts", import.meta.url));
    const command = recorded(script(server), ["--dir", folder]);
    const client = new Client2026({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
    try {
      await client.connect(new Transport2026(serverParameters(command)));
      assert.equal((await client.listTools()).tools.map(({ name }) => name).sort(), ["count", "fail", "shout"]);
      const shout = await client.callTool({ name: "shout", arguments: { text: "quiet" } });
      assert.equal(shout.content, [{ type: "text", text: "QUIET" }]);
      assert.is((await client.callTool({ name: "fail" })).isError, true);
      await client.callTool({ name: "count" }, { onprogress: () => {} });
    } finally {
      await within(client.close(), "the end of the client");
    }

    const [probe, session, ...more] = await tapesIn(folder);
    assert.is(more.length, 0);
    assert.equal(methodsOf(probe!, "client_to_server"), ["server/discover"]);
    assert.equal(endingsOf(probe!, "server/discover"), ["success"]);
    const methods = methodsOf(session!, "client_to_server");
    assert.is(methods.includes("initialize"), false);
    assert.equal(methods.filter((method) => method !== "server/discover"), [
      "tools/list",
      "tools/call",
      "tools/call",
      "tools/call",
    ]);
    assert.equal(endingsOf(session!, "tools/call"), ["success", "success", "success"]);
    // The client forgets about the progress of a call as soon as it sees the answer.
    assert.equal(methodsOf(session!, "server_to_client"), Array(3).fill("notifications/progress"));
    for (const { frames, metadata } of [probe!, session!]) {
      assert.is(metadata?.status, "finalized");
      const first = frames[0]!.env.message as { params: { _meta: Record<string, unknown> } };
      assert.is(first.params._meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    }
  });
});

test.run();
