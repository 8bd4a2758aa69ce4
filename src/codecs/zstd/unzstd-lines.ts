import { wrongChunk } from "../../arguments.ts";
import { codeLine, TapeLine } from "../../lines/line.ts";
import { loadLineDecoder, type ZstdLineDecoder } from "./line-decoder.ts";

/**
 * Decompresses lines that {@linkcode zstdLines} or a writer has compressed; other lines pass through, but for dictionaries. It stands
 * behind {@linkcode lineSplit}. A line is decompressed when somebody looks into it: one that is damaged is told of where it is parsed.
 *
 * Where a line stands, and how long it is, is told of what is on the tape.
 *
 * @throws {TapeError} in the stream, code `invalid_argument`: there is no zstd; a chunk is no line
 *
 * @example
 * ```ts
 * import { encodeRecord, lineSplit, parseRecord, pipe, type TapeRecord } from "tapeline";
 * import { unzstdLines, zstdLines } from "tapeline/zstd";
 *
 * const log: TapeRecord = { type: "log", ts: 0, stream: "stderr", text: "the same again and again ".repeat(20) };
 * const compressed = pipe([log], encodeRecord(), zstdLines());
 * for await (const record of pipe(compressed, lineSplit(), unzstdLines(), parseRecord())) console.log(record);
 * ```
 */
export function unzstdLines(): TransformStream<TapeLine, TapeLine> {
  let decoder: ZstdLineDecoder;
  return new TransformStream({
    async start() {
      decoder = await loadLineDecoder();
    },
    transform(line, controller) {
      if (!(line instanceof TapeLine)) throw wrongChunk("decompress lines", "the lines of lineSplit()", line);
      if (line.type === "dictionary") return decoder.learn(line.stored);
      const own = line.withNumber(line.number);
      codeLine(own, decoder);
      controller.enqueue(own);
    },
  });
}
