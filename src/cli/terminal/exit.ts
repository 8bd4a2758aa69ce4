import process from "node:process";

/** Those that end a process without leaving a dump of its memory behind. */
const QUIET_DEATHS: ReadonlySet<string> = new Set(["SIGALRM", "SIGHUP", "SIGINT", "SIGKILL", "SIGTERM", "SIGUSR2"]);

/**
 * Ends this process by the signal that ended the server, so that whoever started us sees what it would have seen. Settles
 * where that cannot be, or would leave a memory dump of ours that says nothing of the server.
 */
export async function dieBy(signal: NodeJS.Signals): Promise<void> {
  if (!QUIET_DEATHS.has(signal)) return;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // On Deno it takes a moment.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

/**
 * Ends this process without waiting for anything: Node would wait for a disk that does not answer, and that may be for
 * ever. Returns on runtimes that do not wait. On a Node that cannot become another program (before 22.15) the process
 * kills itself, and the exit code is lost.
 */
export function exitAtOnce(code: number): void {
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return;
  const { execve } = process as { execve?: (file: string, args: readonly string[]) => never };
  execve?.call(process, "/bin/sh", ["sh", "-c", `exit ${code}`]);
  process.kill(process.pid, "SIGKILL");
}
