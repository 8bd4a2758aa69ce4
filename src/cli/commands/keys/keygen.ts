import { open, rm } from "node:fs/promises";
import { generateSigningKey } from "../../../signing/keys.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { homePath } from "../../arguments/home-path.ts";
import { noArguments, parseOptions } from "../../arguments/options.ts";
import { escapeControls } from "../../terminal/text.ts";

const HELP = `Makes a key to sign tapes with, or one to encrypt them for.

Usage:
  tapeline keygen [--age] [-o FILE]

The private key is written to FILE, which only you can read. The public one is
printed, for others:
  to sign     "tapeline record --sign FILE" signs, and whoever has the public
              key checks that with "tapeline verify --signer KEY"
  to encrypt  with --age: "tapeline record --encrypt-to KEY" makes tapes that
              nobody can read but you, with --identity FILE

Keys to sign with are Ed25519; the private one is PKCS#8 in PEM, as OpenSSL
makes it: one of "openssl genpkey -algorithm ed25519" does as well. Keys to
encrypt for are those of age (X25519), as age-keygen makes them. Who loses the
identity loses the tapes.

Options:
  -o, --output FILE  where the private key is put; a file that is there is left
                     as it is. By default it is printed, and the public key
                     goes to stderr
  --age              makes an identity of age, and prints its recipient

Exit codes:
  0  done
  1  failed
  2  wrong use, or FILE is there already or cannot be written

Examples:
  tapeline keygen -o my-key.pem
  tapeline keygen -o my-key.pem > my-key.pub
  tapeline keygen --age -o new-identity.txt > new-recipient.txt
  openssl pkey -in signing.pem -pubout
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("keygen", args, {
    output: { type: "string", short: "o" },
    age: { type: "boolean" },
  });
  noArguments("keygen", positionals);
  const { output } = values;
  const { privateKey, publicKey } = values.age === true ? await ageKey() : await generateSigningKey();
  if (output === undefined) {
    await io.stderr.write(`public key: ${publicKey}\n`);
    await io.stdout.write(privateKey);
    return 0;
  }
  await writeKey(homePath(output, io.env.HOME), output, privateKey);
  await io.stdout.write(`${publicKey}\n`);
  return 0;
}

async function ageKey(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const { newIdentity } = await import("../../../codecs/crypto/keys/age.ts");
  const { text, recipient } = await newIdentity();
  return { privateKey: text, publicKey: recipient };
}

/** Writes a file that was not there, and that only its owner can read. */
async function writeKey(path: string, given: string, privateKey: string): Promise<void> {
  const refuse = (cause: unknown) => {
    const { code, message } = cause as { readonly code?: string; readonly message: string };
    const known = { EEXIST: "there is a file of that name, which is left as it is", ENOENT: "there is no such folder" };
    const why = known[code as keyof typeof known] ?? escapeControls(message);
    return new UsageError(`Cannot write the key to ${escapeControls(given)}: ${why}`, { cause });
  };
  const file = await open(path, "wx", 0o600).catch((cause) => {
    throw refuse(cause);
  });
  try {
    await file.writeFile(privateKey);
    await file.sync();
    await file.close();
  } catch (cause) {
    await file.close().catch(() => {});
    // Half of a key is of no use to anybody.
    await rm(path, { force: true });
    throw refuse(cause);
  }
}

/** `tapeline keygen` */
export const keygen: Command = {
  name: "keygen",
  summary: "make a key to sign tapes with, or to encrypt for",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(keygen);
