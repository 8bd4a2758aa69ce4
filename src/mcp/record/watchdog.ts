import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { deferred } from "../../deferred.ts";

/**
 * Waits for a line that says that the process has ended. When the input ends without one, we have died, and the process
 * dies too, unless its number is another's by then, which has started at another time. Without a `/proc` to see that in,
 * it is enough that numbers are not given again so soon.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
started() { read -r stat </proc/$1/stat && set -- \${stat##*) } && echo \${20}; }
was=$(started $1)
read -r ended && exit
[ "$(started $1)" = "$was" ] && kill -KILL $1
`;

/** How long its own end is waited for. */
const PATIENCE_MS = 1_000;

/**
 * Kills a process when this one dies, however it dies: who gives up on a server kills what it has started, and that is us.
 * Nobody can act after a SIGKILL, so another process has to. It notices by the end of a pipe, which the system closes.
 *
 * A shell, because it is small, starts in a millisecond and is there on every system but Windows. Linux could do without
 * (`PR_SET_PDEATHSIG`), but no runtime can ask for it, and `setpriv` is not everywhere, and would stand in the way of the
 * server's start and of its errors. It runs in a session of its own, so that neither Ctrl-C nor what is sent to our process
 * group ends it, and holds no stream of the client.
 */
export class Watchdog {
  readonly #shell: ChildProcess | undefined;
  readonly #gone = deferred();

  /**
   * Watches over a process from here on. To be called in the turn in which it was started: a pipe would tell the number
   * of the process later, on some runtimes after its first words.
   */
  constructor(pid: number) {
    // It has no such shell.
    if (process.platform === "win32") return;
    try {
      this.#shell = spawn("/bin/sh", ["-c", SCRIPT, "tapeline", String(pid)], {
        cwd: "/",
        env: {},
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
      });
      this.#shell.once("exit", this.#gone.resolve).once("error", this.#gone.resolve);
      this.#shell.stdin?.on("error", () => {});
    } catch {
      // A server that nobody watches over is better than none.
    }
  }

  /** The process has ended. Settles when the watchdog has, too. */
  async dismiss(): Promise<void> {
    if (this.#shell?.pid === undefined) return;
    this.#shell.stdin?.end("ended\n");
    const timer = setTimeout(this.#gone.resolve, PATIENCE_MS);
    await this.#gone.promise;
    clearTimeout(timer);
  }
}
