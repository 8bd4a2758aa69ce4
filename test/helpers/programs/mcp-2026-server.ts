// A small MCP server of the 2.x SDK, which speaks 2026-07-28: a tool that works, one that fails, one that takes a while
// and tells of its progress.
import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

console.error("ready to serve");
serveStdio(() => {
  const server = new McpServer({ name: "tapeline-test", version: "1.0.0" }, { capabilities: { tools: {} } });
  const text = (content: string) => ({ content: [{ type: "text" as const, text: content }] });
  const inputSchema = fromJsonSchema<{ text: string }>({
    type: "object",
    properties: { text: { type: "string" } },
    required: ["text"],
  });
  server.registerTool("shout", { inputSchema }, ({ text: said }) => text(said.toUpperCase()));
  server.registerTool("fail", {}, () => {
    throw new Error("as it should");
  });
  server.registerTool("count", {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (let progress = 1; progress <= 3 && progressToken !== undefined; progress++) {
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 3 } });
    }
    return text("3");
  });
  return server;
});
