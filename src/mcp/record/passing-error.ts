import { isTapeError } from "../../errors.ts";
import { codeOf } from "../../sinks/file/file-error.ts";

/** What a disk, or a system, says when it is full, busy or failing. Nobody chose it, and it may pass. */
const PASSING = new Set([
  ...["EAGAIN", "EBUSY", "EDQUOT", "EINTR", "EIO", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC", "ETIMEDOUT"],
]);

/** Whether an error may pass by itself, so that trying again makes sense. A folder that is not ours stays so. */
export function isPassing(error: unknown): boolean {
  if (!isTapeError(error, "io")) return false;
  const code = codeOf(error.cause);
  return code !== undefined && PASSING.has(code);
}
