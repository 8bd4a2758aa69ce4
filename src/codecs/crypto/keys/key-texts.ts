import { TapeError } from "../../../errors.ts";
import { loadAge } from "./age.ts";

const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";
const BINARY = "age-encryption.org/";
const RECIPIENT = /^age1[02-9ac-hj-np-z]{40,}$/;
const IDENTITY = /^AGE-SECRET-KEY-(PQ-)?1[02-9AC-HJ-NP-Z]{40,}$/;

/**
 * The recipients in a text: `age1…`, one a line; lines that start with `#` are comments. A text of one recipient is one, too.
 *
 * @throws {TapeError} code `invalid_argument`: a line is no recipient, or there is none
 *
 * @example
 * ```ts
 * import { parseRecipients } from "tapeline/crypto";
 *
 * const text = "# Ada\nage1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n";
 * console.log(parseRecipients(text).length); // 1
 * ```
 */
export function parseRecipients(text: string): string[] {
  return keysIn(text, "recipients", (line) => {
    if (RECIPIENT.test(line)) return undefined;
    if (line.startsWith("ssh-")) return "is an SSH key, which is not taken here; make a key with age-keygen";
    if (/^AGE-SECRET-KEY-/i.test(line)) return "is a secret key; its recipient is what age-keygen -y prints";
    return "is no recipient of age (age1…)";
  });
}

/**
 * The identities in a text, such as a file of `age-keygen`: `AGE-SECRET-KEY-1…`, one a line; lines that start with `#` are comments. The
 * text may also be an age file, armored, that was encrypted with a passphrase and holds such a text.
 *
 * @param passphrase of a text that is encrypted
 * @throws {TapeError} code `invalid_argument`: a line is no identity, or there is none; the text is encrypted, and no passphrase was given, or a wrong
 *   one. No error shows any of the text
 */
export async function parseIdentities(text: string, passphrase?: string): Promise<string[]> {
  if (!text.trimStart().startsWith(ARMOR)) return identitiesIn(text);
  if (passphrase === undefined) {
    throw new TapeError("invalid_argument", "Cannot read identities: they are encrypted, and need their passphrase");
  }
  const { armor, Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  let opened: string;
  try {
    opened = await decrypter.decrypt(armor.decode(text), "text");
  } catch {
    // The error underneath may tell of what it has read.
    throw new TapeError("invalid_argument", "Cannot read identities: the passphrase is wrong, or the file is damaged");
  }
  return identitiesIn(opened);
}

function identitiesIn(text: string): string[] {
  return keysIn(text, "identities", (line) => {
    if (IDENTITY.test(line)) return undefined;
    if (line.startsWith(BINARY)) return "is the start of a binary age file; it is read where it is armored (age -a)";
    if (line.includes("PRIVATE KEY")) {
      return "is of a key to sign with, or of SSH; make one of age with tapeline keygen --age";
    }
    if (line.startsWith("AGE-PLUGIN-")) return "needs a plugin of age, which cannot be started here";
    if (RECIPIENT.test(line)) return "is a recipient; its identity is the secret key that age-keygen has made with it";
    return "is no identity of age (AGE-SECRET-KEY-1…)";
  });
}

/** The lines of a text, each of which `wrong` may say something against. */
function keysIn(text: string, what: string, wrong: (line: string) => string | undefined): string[] {
  if (typeof text !== "string") throw new TapeError("invalid_argument", `Cannot read ${what}: they must be a text`);
  const keys: string[] = [];
  for (const [at, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const why = wrong(line);
    // The line itself may be secret.
    if (why !== undefined) throw new TapeError("invalid_argument", `Cannot read ${what}: line ${at + 1} ${why}`);
    keys.push(line);
  }
  if (keys.length === 0) throw new TapeError("invalid_argument", `Cannot read ${what}: there are none`);
  return keys;
}
