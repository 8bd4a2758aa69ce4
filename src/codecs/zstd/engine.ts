import type { Bytes } from "../../bytes/bytes.ts";
import { TapeError } from "../../errors.ts";
import { withChecksum } from "./frame-checksum.ts";
import { contentSizeOf } from "./frame-header.ts";

/** Compresses and decompresses whole zstd frames, synchronously. */
export interface ZstdEngine {
  /**
   * One frame, which tells the size of its content.
   *
   * @param level 1 (fast) to 19 (small)
   * @param dictionary raw content that is as good as read before
   */
  compress(bytes: Uint8Array, level: number, dictionary?: Uint8Array): Bytes;
  /**
   * The content of one frame.
   *
   * @param maxBytes the most that it may have; it is looked at before memory is taken
   * @throws {TapeError} code `corrupted_record`: it is no frame, does not tell its size, or is larger
   */
  decompress(frame: Uint8Array, maxBytes: number, dictionary?: Uint8Array): Bytes;
}

/** What we use of the package `@bokuweb/zstd-wasm`. */
type ZstdWasm = Pick<
  typeof import("@bokuweb/zstd-wasm"),
  "compressUsingDict" | "createCCtx" | "createDCtx" | "decompressUsingDict"
>;

/** What we use of `node:zlib`, where it has zstd. */
interface NativeZstd {
  readonly constants: Readonly<Record<string, number>>;
  zstdCompressSync?(bytes: Uint8Array, options: object): Uint8Array<ArrayBuffer>;
  zstdDecompressSync?(bytes: Uint8Array, options: object): Uint8Array<ArrayBuffer>;
}

let loaded: Promise<ZstdEngine> | undefined;

/**
 * The zstd of this process: that of the package `@bokuweb/zstd-wasm`, or else the runtime's own. Line by line the package is the quicker one by far,
 * on every runtime: it keeps its memory between calls, and the runtime's own makes it anew for each.
 *
 * @throws {TapeError} code `invalid_argument`: there is neither; it says which package to install
 */
export function loadZstd(): Promise<ZstdEngine> {
  return loaded ??= load();
}

async function load(): Promise<ZstdEngine> {
  try {
    return await wasmEngine();
  } catch (cause) {
    const native = nativeEngine();
    if (native !== undefined) return native;
    loaded = undefined;
    const why = "this runtime has no zstd of its own; install the package @bokuweb/zstd-wasm";
    throw new TapeError("invalid_argument", `Cannot compress or decompress: ${why}`, { cause });
  }
}

let loadedForBlocks: Promise<ZstdEngine> | undefined;

/**
 * The zstd of this process for blocks of many lines, without dictionaries: the runtime's own, or else that of the package. Its
 * frames have a checksum.
 *
 * @throws {TapeError} as {@linkcode loadZstd}
 */
export function loadBlockZstd(): Promise<ZstdEngine> {
  return loadedForBlocks ??= (async () => runtimeEngine(true) ?? withChecksums(await loadZstd()))().catch((error) => {
    loadedForBlocks = undefined;
    throw error;
  });
}

/** An engine whose frames have a checksum, made of one whose frames have none. */
export function withChecksums(zstd: ZstdEngine): ZstdEngine {
  return {
    compress: (bytes, level, dictionary) => withChecksum(zstd.compress(bytes, level, dictionary), bytes),
    decompress: (frame, maxBytes, dictionary) => zstd.decompress(frame, maxBytes, dictionary),
  };
}

/** The engine of the package. */
export async function wasmEngine(): Promise<ZstdEngine> {
  const wasm = await import("@bokuweb/zstd-wasm");
  await wasm.init();
  return new WasmEngine(wasm);
}

/** The engine of the runtime; undefined where it has none (Node before 22.15, browsers), or one that takes no dictionaries (Deno 2). */
export function nativeEngine(): ZstdEngine | undefined {
  const engine = runtimeEngine();
  return engine !== undefined && takesDictionaries(engine) ? engine : undefined;
}

/** The engine of the runtime, whether it takes dictionaries or not. */
function runtimeEngine(hasChecksums: boolean = false): ZstdEngine | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const zlib = process?.getBuiltinModule?.("node:zlib") as NativeZstd | undefined;
  if (zlib?.zstdCompressSync === undefined || zlib.zstdDecompressSync === undefined) return undefined;
  return new NativeEngine(zlib, hasChecksums);
}

/** Whether a dictionary makes a difference: options that a runtime does not know are ignored. */
function takesDictionaries(engine: ZstdEngine): boolean {
  const dictionary = Uint8Array.from({ length: 64 }, (_, at) => at * 37);
  return engine.compress(dictionary, 3, dictionary).length < engine.compress(dictionary, 3).length;
}

const NO_DICTIONARY = new Uint8Array(0);

class WasmEngine implements ZstdEngine {
  readonly #wasm: ZstdWasm;
  readonly #compressor: number;
  readonly #decompressor: number;

  constructor(wasm: ZstdWasm) {
    this.#wasm = wasm;
    this.#compressor = wasm.createCCtx();
    this.#decompressor = wasm.createDCtx();
  }

  compress(bytes: Uint8Array, level: number, dictionary: Uint8Array = NO_DICTIONARY): Bytes {
    return this.#wasm.compressUsingDict(this.#compressor, bytes, dictionary, level) as Bytes;
  }

  decompress(frame: Uint8Array, maxBytes: number, dictionary: Uint8Array = NO_DICTIONARY): Bytes {
    const size = contentSizeOf(frame, maxBytes);
    let content: Bytes;
    try {
      content = this.#wasm.decompressUsingDict(this.#decompressor, frame, dictionary) as Bytes;
    } catch {
      throw damaged();
    }
    if (content.length !== size) throw damaged();
    return content;
  }
}

class NativeEngine implements ZstdEngine {
  readonly #zlib: NativeZstd;
  readonly #hasChecksums: boolean;

  constructor(zlib: NativeZstd, hasChecksums: boolean) {
    this.#zlib = zlib;
    this.#hasChecksums = hasChecksums;
  }

  compress(bytes: Uint8Array, level: number, dictionary?: Uint8Array): Bytes {
    const { ZSTD_c_compressionLevel: levelOf, ZSTD_c_contentSizeFlag: tellsSize, ZSTD_c_checksumFlag: isChecked } =
      this.#zlib.constants;
    const params = { [levelOf!]: level, [tellsSize!]: 1, [isChecked!]: this.#hasChecksums ? 1 : 0 };
    const frame = this.#zlib.zstdCompressSync!(bytes, {
      params,
      pledgedSrcSize: bytes.length,
      ...(dictionary === undefined ? {} : { dictionary }),
    });
    return plainBytes(frame);
  }

  decompress(frame: Uint8Array, maxBytes: number, dictionary?: Uint8Array): Bytes {
    const size = contentSizeOf(frame, maxBytes);
    let content: Bytes;
    try {
      content = this.#zlib.zstdDecompressSync!(frame, {
        maxOutputLength: Math.max(size, 1),
        ...(dictionary === undefined ? {} : { dictionary }),
      });
    } catch {
      throw damaged();
    }
    if (content.length !== size) throw damaged();
    return plainBytes(content);
  }
}

/** The runtime gives a Buffer, whose slices are no copies. */
function plainBytes({ buffer, byteOffset, byteLength }: Bytes): Bytes {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function damaged(): TapeError {
  return new TapeError("corrupted_record", "Cannot decompress: it is damaged, or its dictionary is another");
}
