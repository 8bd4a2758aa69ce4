/**
 * Compressed tapes: line by line, so that they are followed, searched and gone on with as any other, or packed into one file for good.
 *
 * @module
 */

export { type ZstdLineOptions } from "./codecs/zstd/line-encoder.ts";
export { unzstdLines } from "./codecs/zstd/unzstd-lines.ts";
export { zstdLines } from "./codecs/zstd/zstd-lines.ts";
export { type PackedSizes, type PackOptions, packTape } from "./stores/packed/pack-tape.ts";
export { type UnpackOptions, unpackTape } from "./stores/packed/unpack-tape.ts";
export { withPacked } from "./stores/packed/with-packed.ts";
