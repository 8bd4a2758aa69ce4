import { printable } from "../../errors.ts";
import { maskSecrets } from "../../records/secrets/mask-secrets.ts";
import { codeOf } from "../../sinks/file/file-error.ts";

/** Why a command could not be started. */
export interface StartHindrance {
  /** What is wrong, for people. */
  readonly why: string;
  /** Whether what is to be run is there at all. */
  readonly isThere: boolean;
}

/** A command that could not be started. */
export class CommandError extends Error {
  /** Always `CommandError`. */
  override readonly name = "CommandError";
  /** What a shell would end with: 127 if there is no such command, 126 if it is there and cannot be run. */
  readonly exitCode: 126 | 127;

  /**
   * Says why a command could not be started.
   *
   * @param command what could not be started, without its arguments
   * @param hindrance what is wrong
   * @param cause what the system said
   */
  constructor(command: string, { why, isThere }: StartHindrance, cause?: unknown) {
    super(`Cannot start ${printable(maskSecrets(command), 200)}: ${why}`, { cause: withoutArguments(cause) });
    this.exitCode = isThere ? 126 : 127;
  }
}

/** What the system said, without the arguments that each runtime adds in a way of its own: they may be secret. */
function withoutArguments(cause: unknown): Error | undefined {
  const code = codeOf(cause);
  return code === undefined ? undefined : Object.assign(new Error(`the system said ${code}`), { code });
}
