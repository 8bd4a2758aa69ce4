import type { CodingOptions } from "../../../tape/derive/output/derived-coding.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { recipientsOption } from "./encrypt-options.ts";
import { signerOption } from "./signing-keys.ts";

/** The options of every command that makes a tape: how its lines are coded, and who signs it. */
export const CODING_OPTIONS = {
  compress: { type: "boolean" },
  "encrypt-to": { type: "string", multiple: true },
  plain: { type: "boolean" },
  sign: { type: "string" },
} as const;

/** Their values. */
export interface CodingValues {
  readonly compress?: boolean | undefined;
  readonly "encrypt-to"?: readonly string[] | undefined;
  readonly plain?: boolean | undefined;
  readonly sign?: string | undefined;
}

/** How the help explains them, as a section of its own. */
export const CODING_HELP = `How the new tape is coded; by default as those are that it is made of:
  --compress        compresses every line, as "record --compress" does
  --encrypt-to RECIPIENT
                    encrypts every line, under a new key, for an age recipient
                    (age1…) or those in a file; may be given several times
  --plain           does neither
  --sign FILE       signs the tape with the private key in FILE
`;

/**
 * How the lines of a new tape are to be coded.
 *
 * @throws {UsageError} options exclude each other; there is no such file, or no such key in it
 */
export async function codingOf(values: CodingValues, { env }: Pick<CommandIo, "env">): Promise<CodingOptions> {
  const { compress, plain = false, sign, "encrypt-to": to } = values;
  if (plain && (compress === true || to !== undefined)) {
    throw new UsageError(`--plain and ${to === undefined ? "--compress" : "--encrypt-to"} exclude each other`);
  }
  const signer = await signerOption(sign, env);
  if (plain) return { compress: false, encryptTo: false, signer };
  return { compress: compress === true ? true : undefined, encryptTo: await recipientsOption(to, env), signer };
}
