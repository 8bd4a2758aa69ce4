import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ioError } from "../../sinks/file/file-error.ts";
import type { CommandIo } from "../command.ts";
import { stdinBytes } from "../terminal/stdin.ts";
import type { TapeKeys } from "./keys/tape-keys.ts";
import { type OpenedTape, openTape } from "./tape-argument.ts";

/** A tape that came on stdin, and how to let go of it. */
export interface StdinTape {
  readonly tape: OpenedTape;
  close(): Promise<void>;
}

/**
 * Takes a tape from stdin up to its end. It is kept in a temporary file, as a tape is read more than once.
 *
 * @throws {TapeError} code `invalid_tape`: it does not start as a tape does; `io`
 */
export async function stdinTape({ signal }: Pick<CommandIo, "signal">, keys: TapeKeys): Promise<StdinTape> {
  const folder = await fs.mkdtemp(join(tmpdir(), "tapeline-stdin-")).catch((error) => {
    throw ioError("Cannot keep what comes on stdin", error);
  });
  const close = () => fs.rm(folder, { recursive: true, force: true });
  const path = join(folder, "stdin.jsonl");
  try {
    await keep(path, signal);
    return { tape: { ...await openTape(path, folder, keys), path: "stdin" }, close };
  } catch (error) {
    await close();
    if (error instanceof Error) error.message = error.message.replaceAll(path, "stdin");
    throw error;
  }
}

async function keep(path: string, signal: AbortSignal): Promise<void> {
  const file = await fs.open(path, "wx", 0o600);
  try {
    await stdinBytes().pipeTo(new WritableStream({ write: (chunk) => file.writeFile(chunk) }), { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw ioError("Cannot keep what comes on stdin", error);
  } finally {
    await file.close();
  }
}
