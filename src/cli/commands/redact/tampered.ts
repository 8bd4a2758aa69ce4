import { verifyTape } from "../../../tape/verify/verify.ts";
import { naming, type OpenedTape } from "../../arguments/tape-argument.ts";

/**
 * Whether lines of an encrypted tape are missing, or were changed: only the tape itself tells that, and what is made of it would look whole. Of
 * other tapes it is not asked.
 */
export async function isTampered(tape: OpenedTape, signal: AbortSignal): Promise<boolean> {
  if (tape.init.encryption == null) return false;
  const { isIntact } = await naming(tape, () => verifyTape(tape.store, tape.tapeId, { signal }));
  return !isIntact;
}
