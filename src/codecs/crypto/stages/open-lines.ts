import { checkOptions, type OptionNames, wrongChunk } from "../../../arguments.ts";
import type { Bytes } from "../../../bytes/bytes.ts";
import { TapeError } from "../../../errors.ts";
import { TapeLine } from "../../../lines/line.ts";
import { isTapeRecord } from "../../../records/record-guard.ts";
import type { CheckpointRecord, InitRecord } from "../../../records/record.ts";
import { recordLine } from "../../../transforms/encode-record.ts";
import { loadLineDecoder } from "../../zstd/line-decoder.ts";
import type { OpenWith } from "../keys/age.ts";
import { openEncryption } from "../keys/encryption.ts";
import { LineOpener } from "../line-opener.ts";
import { type SealedFinding, SealedOrder } from "../sealed-order.ts";

/** Options of {@linkcode openLines}. */
export interface OpenLinesOptions extends OpenWith {
  /**
   * Is told of every line that is damaged, missing, or not where it was written, and of a tape that has no end. Reading goes on; lines that are not
   * authentic are left out. Without it the first finding ends the stream with an error.
   */
  readonly onFinding?: ((finding: SealedFinding) => void) | undefined;
}

const OPTIONS: OptionNames<OpenLinesOptions> = { identities: true, passphrase: true, onFinding: true };
const encoder = new TextEncoder();
/** Lines that only sealing needs. */
const OWN: ReadonlySet<string | undefined> = new Set(["epoch", "dictionary"]);

/**
 * Decrypts the lines of a tape that was encrypted, from its `init` record on: lines of {@linkcode lineSplit} become lines of the plain tape, each with
 * the place of the line that it was sealed in. Checkpoints lose their checksums, which are about the sealed tape.
 *
 * @throws {TapeError} code `invalid_argument`: wrong options; in the stream, `invalid_argument`: nothing of what was given opens the tape;
 *   `invalid_tape`: it is no sealed tape; `corrupted_record`, without `onFinding`: lines are damaged, missing, or not where they were written
 *
 * @example
 * ```ts
 * import { lineSplit, memorySource, pipe } from "tapeline";
 * import { openLines } from "tapeline/crypto";
 *
 * async function print(tape: string, identity: string): Promise<void> {
 *   const lines = pipe(memorySource(tape), lineSplit(), openLines({ identities: [identity] }));
 *   for await (const line of lines) console.log(line.text());
 * }
 * ```
 */
export function openLines(options: OpenLinesOptions): TransformStream<TapeLine, TapeLine> {
  checkOptions("open lines", options, OPTIONS);
  const { onFinding = refuse, ...keys } = options;
  let opener: LineOpener | undefined;
  let order: SealedOrder | undefined;
  return new TransformStream({
    async transform(line, controller) {
      if (!(line instanceof TapeLine)) throw wrongChunk("open lines", "the lines of lineSplit()", line);
      if (opener === undefined || order === undefined) {
        const init = initOf(line);
        const key = await openEncryption(init, keys);
        opener = new LineOpener(key, init.compression == null ? undefined : await loadLineDecoder());
        order = new SealedOrder({ opener, onFinding });
        order.next(line.stored, line);
        const { encryption: _encryption, compression: _compression, ...plain } = init;
        controller.enqueue(lineOf(encoder.encode(recordLine(plain)), line));
        return;
      }
      const { stored } = line;
      const content = order.next(stored, line);
      if (content !== undefined) {
        const opened = lineOf(withEnd(content), line);
        if (!OWN.has(opened.type)) controller.enqueue(opened);
        return;
      }
      const record = line.type === "checkpoint" ? checkpointOf(opener, line) : undefined;
      if (record !== undefined) controller.enqueue(lineOf(encoder.encode(recordLine(record)), line));
    },
    flush: () => order?.end(),
  });
}

function refuse({ message, line, offset }: SealedFinding): never {
  const where = line === undefined ? "" : ` at line ${line}`;
  throw new TapeError("corrupted_record", `Cannot open a sealed tape: ${message}${where}`, { line, offset });
}

function lineOf(bytes: Bytes, { offset, number }: TapeLine): TapeLine {
  return new TapeLine(bytes, 0, bytes.length - 1, offset, number, true);
}

function withEnd(content: Bytes): Bytes {
  const line = new Uint8Array(content.length + 1);
  line.set(content);
  line[content.length] = 0x0a;
  return line;
}

/** What a checkpoint says; the order has told of one that is not authentic. */
function checkpointOf(opener: LineOpener, line: TapeLine): CheckpointRecord | undefined {
  try {
    return opener.checkpoint(line.parse() as CheckpointRecord).record;
  } catch {
    return undefined;
  }
}

function initOf(line: TapeLine): InitRecord {
  let record: unknown;
  try {
    record = line.parse();
  } catch {
    record = undefined;
  }
  if (isTapeRecord(record) && record.type === "init") return record as InitRecord;
  throw new TapeError("invalid_tape", "Cannot open lines: a tape begins with its init record");
}
