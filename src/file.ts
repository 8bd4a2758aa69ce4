/**
 * Tapes in files, on Node, Deno and Bun.
 *
 * @module
 */

export { fileSink, type FileSinkOptions } from "./sinks/file/file.ts";
export { fileSource, type FileSourceOptions } from "./sources/file/file.ts";
export { fileStore } from "./stores/file.ts";
