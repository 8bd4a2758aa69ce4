import { readFileSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";

/** The signals by which people, clients and supervisors talk to a server. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;

/**
 * Passes on the signals that reach this process, until the returned function is called.
 *
 * Ctrl-C in a terminal goes to the whole process group, the server included: it is not passed on, because to many
 * programs a second one means "at once, without tidying up".
 */
export function onSignals(pass: (signal: NodeJS.Signals) => void): () => void {
  const listeners = SIGNALS.map((signal) => {
    const isFromKeyboard = signal === "SIGINT" || signal === "SIGQUIT";
    const listener = () => {
      if (!(isFromKeyboard && isInForeground())) pass(signal);
    };
    return [signal, listener] as const;
  });
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/** Whether what is typed in a terminal goes to our process group. */
function isInForeground(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    // Behind the name in parentheses, which may hold anything: state, parent, group, session, terminal, its foreground.
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return terminal !== "0" && group === foreground;
  } catch {
    return [0, 1, 2].some((descriptor) => isatty(descriptor));
  }
}
