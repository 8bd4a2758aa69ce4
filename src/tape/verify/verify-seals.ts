import { crc32 } from "../../bytes/crc32.ts";
import { HeldBlocks } from "../../bytes/held-blocks.ts";
import type { TapeLine } from "../../lines/line.ts";
import { checksumText, sealedLength } from "../write/commit/seal.ts";

const NAME = "crc32";
const QUOTE = 0x22;
/** What a sealed checkpoint ends with, whatever its checksum is called. */
const SEAL = /"([^"]*)":"([0-9a-f]{8})"\}$/;
/** Longer than all that can stand behind the first digit of a checksum. */
const SEAL_BYTES = 64;

/** What became of the checksum of a checkpoint. */
export type Verdict = "unsealed" | "fits" | { readonly why: string };

/**
 * Checks the checksums of checkpoints while a tape is read. It sees the raw bytes, block by block, and each checkpoint
 * when the lines of its block are dealt with.
 */
export class SealCheck {
  /** Where the range of the next checkpoint starts. */
  offset = 0;
  /** Number of the first line there. */
  line = 1;
  #crc = 0;
  readonly #blocks: HeldBlocks = new HeldBlocks((bytes) => {
    this.#crc = crc32(bytes, this.#crc);
  });

  /** The next bytes of the tape. All lines that ended before them have been dealt with. */
  block(bytes: Uint8Array): void {
    this.#blocks.add(bytes);
  }

  /** Checks a valid checkpoint, behind which the next range starts. */
  checkpoint(line: TapeLine, checksum: string | null | undefined): Verdict {
    const verdict = this.#verdict(line, checksum);
    this.#crc = 0;
    this.offset = line.nextOffset;
    this.#blocks.skipTo(this.offset);
    this.line = line.number + (line.ending === "" ? 0 : 1);
    return verdict;
  }

  #verdict(line: TapeLine, checksum: string | null | undefined): Verdict {
    const seal = sealOf(line);
    if (checksum == null) {
      return seal !== undefined && isRemnant(seal.name) ? { why: "the name of its checksum is damaged" } : "unsealed";
    }
    if (seal?.name !== NAME || seal.value !== checksum) return { why: "its checksum cannot be read" };
    this.#blocks.takeTo(line.offset + sealedLength(line.length));
    return checksumText(this.#crc) === checksum ? "fits" : { why: "its checksum does not fit what stands before it" };
  }
}

/** Whether a line ends as a sealed checkpoint does. */
export function isSealed(line: TapeLine): boolean {
  return sealOf(line)?.name === NAME;
}

function sealOf(line: TapeLine): { readonly name: string; readonly value: string } | undefined {
  // Frames end with two braces: for most lines this is all there is to look at.
  const { stored } = line;
  if (stored[line.length - 2] !== QUOTE) return undefined;
  const tail = new TextDecoder().decode(stored.subarray(Math.max(0, line.length - SEAL_BYTES)));
  const [, name, value] = SEAL.exec(tail) ?? [];
  return name === undefined || value === undefined ? undefined : { name, value };
}

/** Whether `name` may be what a damaged line has made of the name of the checksum. */
function isRemnant(name: string): boolean {
  const changed = [...NAME].filter((char, at) => char !== name[at]).length;
  return name.endsWith("2") || (name.length === NAME.length && changed === 1) || NAME.startsWith(name);
}
