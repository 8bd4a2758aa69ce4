import type { TapeLine } from "../../lines/line.ts";
import { parseLine } from "../../lines/parse-line.ts";
import type { CheckpointRecord } from "../../records/record.ts";
import { base64Url, fromBase64Url } from "../../signing/base64-url.ts";
import { publicKeyText } from "../../signing/keys.ts";
import type { NewSha256 } from "../../signing/sha256.ts";
import { SignatureChain, type SignedCheckpoint } from "../../signing/signature-chain.ts";
import type { Verifier } from "../../signing/signer.ts";
import { type FindingCode, linesText, placeOfLine, type Report } from "./verify-finding.ts";

/** How far somebody vouches for a tape. */
export interface SignedTo {
  /** Number of the last checkpoint up to which all is as a known signer has signed it; 0 if there is none. */
  readonly signedToLine: number;
  /** Where the line behind it starts. */
  readonly signedToOffset: number;
}

/** Checks the signatures of a tape, line by line, against those who are known. */
export class SignatureCheck {
  readonly #verifiers: ReadonlyMap<string, Verifier>;
  readonly #chain: SignatureChain;
  readonly #report: Report;
  readonly #unknown = new Set<string>();
  #signedTo: SignedTo = { signedToLine: 0, signedToOffset: 0 };
  /** Whether all signatures so far fit, and follow each other. */
  #isWhole = true;
  /** Whether the last signature did. Where it did not, what follows need not fit what it has said. */
  #isLastFit = true;
  #isSigned = false;
  /** The last checkpoint that a known signer has signed: whether it ends the tape, and whether others stand behind it. */
  #last: { readonly line: TapeLine; readonly isFinal: boolean } | undefined;
  #isSealedBehind = false;
  #lines = 0;

  constructor(verifiers: readonly Verifier[], newHash: NewSha256, tapeId: string, report: Report) {
    this.#verifiers = new Map(verifiers.map((verifier) => [base64Url(verifier.publicKey), verifier]));
    this.#chain = new SignatureChain(newHash, tapeId);
    this.#report = report;
  }

  /** The next bytes of the tape. All lines that ended before them have been dealt with. */
  block(bytes: Uint8Array): void {
    this.#chain.block(bytes);
  }

  /** The next line. A promise where it is signed. */
  line(line: TapeLine): Promise<void> | undefined {
    this.#lines = line.number;
    if (line.type !== "checkpoint") return undefined;
    const found = this.#chain.line(line);
    if (found !== undefined) return this.#signed(line, found);
    this.#isSealedBehind = true;
    const key = checkpointOf(line)?.signature?.key;
    if (key === undefined) return undefined;
    this.#isWhole = this.#isLastFit = false;
    this.#find("signature_wrong", "its signature cannot be read", placeOfLine(line));
    return undefined;
  }

  async #signed(line: TapeLine, found: SignedCheckpoint): Promise<void> {
    this.#isSigned = true;
    const { key, text, sig, isLinked, firstLine, offset } = found;
    const place = { line: firstLine, offset, length: line.nextOffset - offset };
    if (!isLinked) {
      this.#isWhole = false;
      // What a signature that does not fit has said is no measure.
      if (this.#isLastFit) {
        const why = "the signer found something else before them: lines are missing there, or come from elsewhere";
        this.#find("chain_broken", `of ${linesText(firstLine, line.number)}: ${why}`, place);
      }
    }
    this.#isLastFit = true;
    const verifier = this.#verifiers.get(key);
    if (verifier === undefined) {
      this.#isSealedBehind = true;
      if (this.#unknown.has(key)) return;
      this.#unknown.add(key);
      const name = publicKeyText(fromBase64Url(key, 32)!);
      this.#find("signer_unknown", `signed by ${name}, who is none of the signers that were named`, placeOfLine(line));
      return;
    }
    if (!await verifier.verify(text, sig)) {
      this.#isWhole = this.#isLastFit = false;
      const message = `${linesText(firstLine, line.number)} are not as ${
        publicKeyText(verifier.publicKey)
      } has signed them`;
      this.#find("signature_wrong", message, place);
      return;
    }
    this.#isSealedBehind = false;
    this.#last = { line, isFinal: checkpointOf(line)?.final === true };
    if (this.#isWhole) this.#signedTo = { signedToLine: line.number, signedToOffset: line.nextOffset };
  }

  /** @param size where the tape ends */
  end(size: number): SignedTo {
    const { line, isFinal = false } = this.#last ?? {};
    if (line === undefined) {
      if (!this.#isSigned) this.#find("not_signed", "no checkpoint on the tape is signed");
    } else if (line.nextOffset < size) {
      const { nextOffset: offset, number } = line;
      const what = linesText(number + 1, Math.max(number + 1, this.#lines));
      const place = { line: number + 1, offset, length: size - offset };
      if (isFinal || this.#isSealedBehind) {
        this.#find("not_signed", `${what}: somebody without the key has gone on with the tape`, place);
      } else this.#find("not_signed", `${what}: they stand behind the last signature`, place, "notice");
    } else if (!isFinal) {
      const message = "the signer has not ended the tape: what stood behind its last line may be missing";
      this.#find("not_signed", message, undefined, "notice");
    }
    return this.#signedTo;
  }

  #find(
    code: FindingCode,
    message: string,
    place: ReturnType<typeof placeOfLine> = {},
    severity: "damage" | "notice" = "damage",
  ): void {
    this.#report({ code, severity, message, ...place });
  }
}

function checkpointOf(line: TapeLine): CheckpointRecord | undefined {
  try {
    const record = parseLine(line);
    return record.type === "checkpoint" ? record : undefined;
  } catch {
    return undefined;
  }
}
