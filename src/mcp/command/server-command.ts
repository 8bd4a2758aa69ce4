/** What to start. */
export interface ServerCommand {
  /** The program, looked up as a shell does. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The folder to start it in; by default that of this process. */
  readonly cwd?: string | undefined;
  /** Its environment; by default that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}
