import { type Bytes, concat } from "../../../bytes/bytes.ts";
import type { CodedHead, LineEncoder } from "../../../lines/coded-line.ts";
import { canonicalHeader, headerOf } from "../../../lines/line-header.ts";
import { decodeUtf8 } from "../../../utf8.ts";

/** Lines as they are written to a tape, and which plain lines they are. */
export interface CodedLines {
  /** Whole lines. A checkpoint ends its piece. */
  readonly pieces: readonly Bytes[];
  /** How many bytes of the plain lines the first so many bytes of the pieces stand for. */
  plainLength(length: number): number;
}

const LF = 0x0a;

/** Compresses or encrypts lines on their way to the tape, when they go out: what is lost before was never coded. */
export class LineCoding {
  readonly #encoder: LineEncoder;

  constructor(encoder: LineEncoder) {
    this.#encoder = encoder;
  }

  /** The lines that stand on the tape for these, which are next on it. */
  code(plain: readonly Bytes[]): CodedLines {
    const pieces: Bytes[] = [];
    /** Where each line ends, plain and coded. */
    const ends: [plain: number, coded: number][] = [];
    let [plainEnd, codedEnd] = [0, 0];
    let open: Bytes[] = [];
    for (const piece of plain) {
      for (let start = 0, end; start < piece.length; start = end) {
        end = piece.indexOf(LF, start) + 1;
        const line = piece.subarray(start, end - 1);
        const { type = "", seq, ts } = canonicalHeader(line, 0, line.length) ?? headerOf(JSON.parse(decodeUtf8(line)));
        const coded = codedLines(this.#encoder, line, { kind: type, seq, ts });
        open.push(coded);
        plainEnd += end - start;
        codedEnd += coded.length;
        ends.push([plainEnd, codedEnd]);
        if (type !== "checkpoint") continue;
        pieces.push(concat(open));
        open = [];
      }
    }
    if (open.length > 0) pieces.push(concat(open));
    return { pieces, plainLength: (length) => ends.findLast(([, coded]) => coded <= length)?.[0] ?? 0 };
  }

  /** What was coded last has arrived. */
  written(): void {
    this.#encoder.written?.();
  }

  /** Of what was coded last only these whole lines have arrived, or none. */
  failed(arrived: readonly Bytes[]): void {
    const last = arrived.at(-1);
    const start = last === undefined ? 0 : last.lastIndexOf(LF, last.length - 2) + 1;
    this.#encoder.failed?.(last?.subarray(start, -1));
  }
}

/**
 * The lines that stand on a coded tape for one: most often one.
 *
 * @param line without its line ending
 * @returns each line with its line ending
 */
export function codedLines(encoder: LineEncoder, line: Uint8Array, head: CodedHead): Bytes {
  // For everybody to read.
  if (head.kind === "init") return withNewline(line);
  if (head.kind === "checkpoint" && encoder.checkpointLines !== undefined) {
    return encoder.checkpointLines(JSON.parse(decodeUtf8(line)));
  }
  return encoder.encode(line, head);
}

function withNewline(line: Uint8Array): Bytes {
  const whole = new Uint8Array(line.length + 1);
  whole.set(line);
  whole[line.length] = LF;
  return whole;
}
