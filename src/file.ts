/**
 * Tapes in files, on Node, Deno and Bun.
 *
 * @module
 */

export { fileSink, type FileSinkOptions } from "./sinks/file.ts";
export { fileSource, type FileSourceOptions } from "./sources/file.ts";
export { fileStore } from "./stores/file.ts";
