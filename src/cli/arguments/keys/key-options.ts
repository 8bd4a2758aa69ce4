import { delimiter } from "node:path";
import type { OpenWith } from "../../../codecs/crypto/keys/age.ts";
import { isTapeError } from "../../../errors.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { escapeControls } from "../../terminal/text.ts";
import { smallFile } from "../small-file.ts";
import { type Locked, TapeKeys } from "./tape-keys.ts";

/** The options of every command that reads tapes: what opens those that are encrypted. */
export const KEY_OPTIONS = {
  identity: { type: "string", multiple: true },
  passphrase: { type: "boolean" },
} as const;

/** Their values. */
export interface KeyValues {
  readonly identity?: readonly string[] | undefined;
  readonly passphrase?: boolean | undefined;
}

/** How the help explains them, as a section of its own. */
export const KEY_HELP = `Encrypted tapes:
  --identity FILE  opens them with the age identities in FILE, as age-keygen
                   writes it; may be given several times. By default those of
                   $TAPELINE_IDENTITY
  --passphrase     opens them with a passphrase: asks for it, or takes that of
                   $TAPELINE_PASSPHRASE
`;

/** A longer file is none of identities. */
const MAX_IDENTITY_BYTES = 64 * 1024;
const ARMOR = "-----BEGIN AGE";

type KeyIo = Pick<CommandIo, "env" | "stderr" | "askSecret">;

/**
 * The keys that the options name. Files of `--identity` are read at once; nobody is asked for anything, and nothing is loaded, before there
 * is a tape that needs it.
 *
 * @param locked what becomes of a tape that is encrypted where no key was given
 * @throws {UsageError} a file of `--identity` cannot be read, or holds something else. Nothing of it is told
 */
export async function keysOf(values: KeyValues, io: KeyIo, locked: Locked = "refuse"): Promise<TapeKeys> {
  const { identity, passphrase = false } = values;
  const named = identity === undefined ? undefined : await readIdentities(identity, io);
  const paths = named === undefined && !passphrase ? (io.env.TAPELINE_IDENTITY ?? "").split(delimiter) : [];
  const preset = paths.filter((path) => path !== "");
  if (named === undefined && !passphrase && preset.length === 0) return new TapeKeys(undefined, io, locked);
  const load = async (): Promise<OpenWith> => {
    const identities: string[] = [];
    for (const read of named ?? await readIdentities(preset, io)) identities.push(...await read());
    return {
      identities: identities.length === 0 ? undefined : identities,
      passphrase: passphrase ? await askPassphrase("Passphrase: ", "the passphrase", io) : undefined,
    };
  };
  return new TapeKeys(load, io, locked);
}

/** Reads files of identities. What is encrypted in there is opened when it is needed. */
async function readIdentities(paths: readonly string[], io: KeyIo): Promise<(() => Promise<string[]>)[]> {
  const readers: (() => Promise<string[]>)[] = [];
  for (const path of paths) {
    checkNoSecret("--identity", path);
    const text = await smallFile("the identity", path, MAX_IDENTITY_BYTES, io.env);
    const parse = await import("../../../codecs/crypto/keys/key-texts.ts");
    if (text.trimStart().startsWith(ARMOR)) {
      const name = escapeControls(path);
      readers.push(async () => {
        const passphrase = await askPassphrase(`Passphrase of ${name}: `, `the passphrase of ${name}`, io);
        return await withPath(path, () => parse.parseIdentities(text, passphrase));
      });
    } else {
      const identities = await withPath(path, () => parse.parseIdentities(text));
      readers.push(() => Promise.resolve(identities));
    }
  }
  return readers;
}

/**
 * A passphrase: that of an environment variable, or what somebody types who does not see it.
 *
 * @param what it is, as in "Cannot ask for <what>"
 * @param variable its name
 * @throws {UsageError} there is neither, or it is empty
 */
export async function askPassphrase(
  question: string,
  what: string,
  io: KeyIo,
  variable: string = "TAPELINE_PASSPHRASE",
): Promise<string> {
  const given = io.env[variable] || await io.askSecret?.(question);
  if (given === undefined) {
    throw new UsageError(`Cannot ask for ${what}: there is no terminal; $${variable} may hold it`);
  }
  if (given === "") throw new UsageError(`Cannot use ${what}: it is empty`);
  return given;
}

/**
 * Refuses a secret key in the place of a file, and does not show it.
 *
 * @throws {UsageError}
 */
export function checkNoSecret(option: string, argument: string): void {
  if (!/AGE-SECRET-KEY-/i.test(argument)) return;
  throw new UsageError(
    `${option} takes no secret key: others may see what stands among arguments; name a file with it`,
  );
}

/** Names the file that an error is about. */
export async function withPath<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!isTapeError(error)) throw error;
    const [, why = error.message] = /: (.*)$/s.exec(error.message) ?? [];
    // Without its cause, which may show what stands in the file.
    throw new UsageError(`Cannot use ${escapeControls(path)}: ${why}`);
  }
}
