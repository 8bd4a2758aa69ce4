import { printable, TapeError } from "../../errors.ts";

/** The system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** An error of the file system as a {@linkcode TapeError}. */
export function ioError(what: string, cause: unknown): TapeError {
  if (cause instanceof TapeError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TapeError("io", `${what}: ${printable(message, 400)}`, { cause });
}
