import type { ForeignFormat } from "./format.ts";
import { har } from "./formats/har/har.ts";
import { jsonrpc } from "./formats/jsonrpc.ts";
import { mcpRecorder } from "./formats/mcp-recorder.ts";
import { mcporter } from "./formats/mcporter.ts";
import { mcpsnoop } from "./formats/mcpsnoop.ts";
import { monolithic } from "./formats/monolithic.ts";

/** All formats that become tapes. */
export const FORMATS: readonly ForeignFormat[] = [monolithic, mcpsnoop, mcporter, mcpRecorder, har, jsonrpc];
