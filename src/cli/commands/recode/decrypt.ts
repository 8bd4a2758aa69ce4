import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { signerOption } from "../../arguments/keys/signing-keys.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
import { openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { escapeControls } from "../../terminal/text.ts";
import { checkPlace, RECODE_EXIT_HELP, RECODE_HELP, RECODE_OPTIONS, recodeFile } from "./recode-file.ts";

const HELP = `Makes a plain tape of an encrypted one: the same tape, which everybody can read.

Usage:
  tapeline decrypt (-o OUT | --in-place) [--identity FILE | --passphrase]
                   [--compress] [--force] [--rm] [--sign FILE] [--json]
                   [--dir DIR] [TAPE]

Its records are to the letter, with their numbers and times. A tape that is
damaged, or lacks lines, is refused: repair it first. Every command that reads a
tape reads an encrypted one as it is; for that it need not be decrypted.

Options:
  --compress        compresses every line; otherwise the new tape is plain
${RECODE_HELP}
${KEY_HELP}
${RECODE_EXIT_HELP}
Examples:
  tapeline decrypt --identity me.key -o plain.jsonl sealed.jsonl
  tapeline decrypt --identity me.key -o - sealed.jsonl | wc -l
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("decrypt", args, {
    compress: { type: "boolean" },
    ...RECODE_OPTIONS,
    ...KEY_OPTIONS,
  });
  checkPlace("decrypt", values);
  const signer = await signerOption(values.sign, io.env);
  const keys = await keysOf(values, io);
  const tape = await openTape(optionalArgument("decrypt", positionals), tapeFolder(values.dir, io.env), keys);
  if (tape.init.encryption == null) {
    throw new UsageError(`Cannot decrypt ${escapeControls(tape.path)}: it is not encrypted`);
  }
  const coding = { encryptTo: false, compress: values.compress === true, signer } as const;
  return await recodeFile({ name: "decrypt", done: "decrypted", coding }, tape, values, io);
}

/** `tapeline decrypt` */
export const decrypt: Command = { name: "decrypt", summary: "make a plain tape of an encrypted one", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(decrypt);
