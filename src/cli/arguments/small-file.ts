import { open } from "node:fs/promises";
import { UsageError } from "../command.ts";
import { escapeControls } from "../terminal/text.ts";
import { homePath } from "./home-path.ts";

/**
 * The text of a small file that an option names, such as one of keys. It may be a pipe.
 *
 * @param what it is to hold, as in "Cannot read <what> FILE"
 * @param maxBytes whatever is longer is something else
 * @throws {UsageError} there is no such file, or it is too long. Nothing of it is told
 */
export async function smallFile(
  what: string,
  given: string,
  maxBytes: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const path = homePath(given, env.HOME);
  try {
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(maxBytes + 1);
      let length = 0;
      for (let read = 1; read > 0 && length < bytes.length; length += read) {
        read = (await file.read(bytes, length, bytes.length - length, null)).bytesRead;
      }
      if (length > maxBytes) throw new Error("it is too long to be one");
      const text = new TextDecoder().decode(bytes.subarray(0, length));
      bytes.fill(0);
      return text;
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code, message } = cause as { readonly code?: string; readonly message: string };
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new UsageError(`Cannot read ${what} ${escapeControls(given)}: ${escapeControls(why)}`, { cause });
  }
}
