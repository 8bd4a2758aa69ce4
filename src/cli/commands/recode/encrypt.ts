import { ENCRYPT_OPTIONS, newPassphrase, recipientsOption } from "../../arguments/keys/encrypt-options.ts";
import { keysOf } from "../../arguments/keys/key-options.ts";
import { signerOption } from "../../arguments/keys/signing-keys.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
import { openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { checkPlace, RECODE_EXIT_HELP, RECODE_HELP, RECODE_OPTIONS, recodeFile } from "./recode-file.ts";

const HELP = `Makes an encrypted tape of another one: the same tape, for those who have a key.

Usage:
  tapeline encrypt (--encrypt-to RECIPIENT… | --passphrase)
                   (-o OUT | --in-place) [--compress] [--force] [--rm]
                   [--sign FILE] [--json] [--dir DIR] [TAPE]

Its records are to the letter, with their numbers and times; these, and about
how long each of them is, are all that is told without the key. What is deleted
may still be found on a disk. A damaged tape is refused: repair it first.

Options:
  --encrypt-to RECIPIENT
                    encrypts for an age recipient (age1…), or those in a file;
                    may be given several times
  --passphrase      encrypts with a passphrase: asks for it, or takes that of
                    $TAPELINE_PASSPHRASE
  --compress        compresses every line before
  --identity FILE   opens TAPE where it is encrypted already; it gets a new key.
                    By default those of $TAPELINE_IDENTITY
${RECODE_HELP}
${RECODE_EXIT_HELP}
Examples:
  tapeline encrypt --encrypt-to team.txt --in-place latest
  tapeline encrypt --encrypt-to team.txt --compress -o new.jsonl session.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("encrypt", args, {
    compress: { type: "boolean" },
    passphrase: { type: "boolean" },
    identity: { type: "string", multiple: true },
    ...ENCRYPT_OPTIONS,
    ...RECODE_OPTIONS,
  });
  const hasPassphrase = values.passphrase === true;
  if (hasPassphrase === (values["encrypt-to"] !== undefined)) {
    throw new UsageError('encrypt needs either --encrypt-to or --passphrase; see "tapeline encrypt --help"');
  }
  checkPlace("encrypt", values);
  const signer = await signerOption(values.sign, io.env);
  const keys = await keysOf({ identity: values.identity }, io);
  const tape = await openTape(optionalArgument("encrypt", positionals), tapeFolder(values.dir, io.env), keys);
  const encryptTo = hasPassphrase ? await newPassphrase(io) : await recipientsOption(values["encrypt-to"], io.env);
  const coding = { encryptTo, compress: values.compress === true ? true : undefined, signer };
  return await recodeFile({ name: "encrypt", done: "encrypted", coding }, tape, values, io);
}

/** `tapeline encrypt` */
export const encrypt: Command = {
  name: "encrypt",
  summary: "make an encrypted tape of another one",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(encrypt);
