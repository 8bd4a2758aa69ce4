import { isTapeError } from "../../../errors.ts";
import { signerOf, verifierOf } from "../../../signing/keys.ts";
import type { Signer, Verifier } from "../../../signing/signer.ts";
import { UsageError } from "../../command.ts";
import { escapeControls } from "../../terminal/text.ts";
import { smallFile } from "../small-file.ts";

/** No file with keys is longer: whatever is, is something else. */
const MAX_FILE_BYTES = 64 * 1024;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Who signs a tape, by the path of a private key; undefined where none was given.
 *
 * @throws {UsageError} there is no such file, or no such key in it. Nothing of it is told
 */
export async function signerOption(path: string | undefined, env: Env): Promise<Signer | undefined> {
  if (path === undefined) return undefined;
  const text = await smallFile("the key", path, MAX_FILE_BYTES, env);
  return await withPath(path, () => signerOf(text));
}

/**
 * Who is to have signed a tape, by public keys and paths of files with such; undefined where none were given.
 *
 * @throws {UsageError} there is no such file, or something else in it
 */
export async function signerOptions(keys: readonly string[] | undefined, env: Env): Promise<Verifier[] | undefined> {
  if (keys === undefined) return undefined;
  const verifiers: Verifier[] = [];
  for (const key of keys) {
    const texts = key.startsWith("ed25519:") ? [key] : keysIn(await smallFile("the key", key, MAX_FILE_BYTES, env));
    if (texts.length === 0) throw new UsageError(`Cannot use ${escapeControls(key)}: there is no key in it`);
    for (const text of texts) verifiers.push(await withPath(key, () => verifierOf(text)));
  }
  return verifiers;
}

/** The keys of a file: one in PEM, or one a line, with comments behind # and behind the keys. */
function keysIn(text: string): string[] {
  if (text.includes("-----BEGIN")) return [text];
  return text.split("\n").map((line) => line.trim().split(/\s/)[0]!).filter((key) =>
    key !== "" && !key.startsWith("#")
  );
}

/** Names the file that an error is about. */
async function withPath<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (!isTapeError(cause)) throw cause;
    const [, why = cause.message] = /: (.*)$/s.exec(cause.message) ?? [];
    throw new UsageError(`Cannot use the key ${escapeControls(path)}: ${why}`, { cause });
  }
}
