import type { SealFor } from "../../../codecs/crypto/keys/age.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { smallFile } from "../small-file.ts";
import { askPassphrase, checkNoSecret, withPath } from "./key-options.ts";

/** The option of commands that encrypt a tape. */
export const ENCRYPT_OPTIONS = { "encrypt-to": { type: "string", multiple: true } } as const;

/** A file with some thousand recipients. */
const MAX_RECIPIENT_BYTES = 1024 * 1024;

/**
 * For whom a tape is encrypted, by what `--encrypt-to` names: recipients (`age1…`), and files of such. Undefined where it was not given.
 *
 * @throws {UsageError} one is no recipient, or there is no such file; the package of age is missing
 */
export async function recipientsOption(
  given: readonly string[] | undefined,
  env: CommandIo["env"],
): Promise<SealFor | undefined> {
  if (given === undefined) return undefined;
  const { checkSealFor } = await import("../../../codecs/crypto/keys/age.ts");
  const { parseRecipients } = await import("../../../codecs/crypto/keys/key-texts.ts");
  const recipients: string[] = [];
  for (const one of given) {
    checkNoSecret("--encrypt-to", one);
    const text = one.startsWith("age1") ? one : await smallFile("the recipients", one, MAX_RECIPIENT_BYTES, env);
    await withPath(one, async () => {
      const parsed = parseRecipients(text);
      await checkSealFor({ recipients: parsed });
      recipients.push(...parsed);
    });
  }
  return { recipients };
}

/**
 * A new passphrase to encrypt a tape with: that of an environment variable, or what is typed twice.
 *
 * @param variable its name
 * @throws {UsageError} nobody can be asked, it is empty, or the two are not the same; the package of age is missing
 */
export async function newPassphrase(
  io: Pick<CommandIo, "env" | "stderr" | "askSecret">,
  variable: string = "TAPELINE_PASSPHRASE",
): Promise<SealFor> {
  const { checkSealFor } = await import("../../../codecs/crypto/keys/age.ts");
  const passphrase = await askPassphrase("New passphrase: ", "a new passphrase", io, variable);
  const again = io.env[variable] ? passphrase : await io.askSecret?.("The same again: ");
  if (passphrase !== again) throw new UsageError("Cannot use the new passphrase: what was typed is not twice the same");
  await withPath("the new passphrase", () => checkSealFor({ passphrase }));
  return { passphrase };
}
