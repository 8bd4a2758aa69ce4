/** Somewhere text goes: standard output, standard error, or a test's string. */
export interface TextOutput {
  /**
   * Writes `text` as it is. Resolves when more may be written: await it between many writes. Never rejects: when the
   * reader of stdout has gone away (`| head`), {@linkcode CommandIo.signal} is aborted and later text is dropped.
   */
  write(text: string | Uint8Array): Promise<void>;
}

/** Where a command reads and writes; tests hand in their own. */
export interface CommandIo {
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  /** Whether stdout is a terminal. */
  readonly isTty: boolean;
  /** Whether stderr is one, so that a line of progress may be redrawn there. */
  readonly isStderrTty: boolean;
  /** Width of the terminal in characters; 100 where there is none. */
  readonly columns: number;
  /**
   * Asks the person at the terminal, and gives the answer; an empty one where there is none. Undefined where nobody is there
   * who could be asked.
   */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /**
   * As {@linkcode ask}, for what nobody may see: it is not shown while it is typed. Asks at the terminal also where stdin and stdout are none;
   * gives undefined where there is no terminal.
   */
  readonly askSecret?: ((question: string) => Promise<string | undefined>) | undefined;
  /** `process.env`, or a test's. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborted by Ctrl-C and SIGTERM, and when stdout's reader is gone. These signals do not end the process as long as a
   * command runs: it is expected to return soon. A command that passes signals on to a child listens itself.
   */
  readonly signal: AbortSignal;
}

/** One word of the command line: `tapeline NAME …`. */
export interface Command {
  readonly name: string;
  /** A few words for the list of commands. */
  readonly summary: string;
  /** The whole text of `tapeline NAME --help`, with examples, ending in a line feed. */
  readonly help: string;
  /** The arguments that are the command's own, where those of another program follow; by default all in front of `--`. */
  ownArguments?(args: readonly string[]): readonly string[];
  /**
   * Does the work and resolves to the exit code: 0 fine, 1 failed, 2 wrong use, 3 done but something was lost or
   * damaged. `args` is what came after the name. A {@linkcode UsageError} that it throws becomes one line on stderr and
   * exit code 2, any other error one line and exit code 1.
   */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** Wrong use of a command; the message reads `Cannot <do> <what>: <why>` or names the option that is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
