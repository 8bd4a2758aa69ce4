/**
 * MCP as a source of messages: recording and replaying sessions.
 *
 * @module
 */

export { CommandError, type StartHindrance } from "./mcp/command/command-error.ts";
export { type ServerCommand } from "./mcp/command/server-command.ts";
export { type StdioStreams } from "./mcp/record/own-stdio.ts";
export { recordStdio, type RecordStdioOptions, type StdioSession } from "./mcp/record/record-stdio.ts";
export { type ProcessEnding } from "./mcp/record/server-process.ts";
export { type RecordingResult } from "./mcp/record/tape-feed.ts";
export { VERSION } from "./version.ts";
