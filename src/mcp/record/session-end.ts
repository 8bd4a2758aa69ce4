import type { SessionEnd } from "../../records/metadata.ts";
import type { ProcessEnding } from "./server-process.ts";

/** A stream between the client and the server, by the server's name for it. */
type StreamName = "stdin" | "stdout" | "stderr";

/** Notes how a session ends while it does: who closes which stream first, and what becomes of the server. */
export class SessionEnding {
  readonly #closed: { readonly stream: StreamName; readonly by: "client" | "server"; readonly at: number }[] = [];
  #exit: (ProcessEnding & { readonly at: number }) | undefined;
  #failure: { readonly exit_code: number; readonly error: string } | undefined;

  /** A stream was closed. Who closes the other end later only follows. */
  closed(stream: StreamName, by: "client" | "server"): void {
    if (this.#closed.some((other) => other.stream === stream)) return;
    this.#closed.push({ stream, by, at: performance.now() });
  }

  /** The server has ended. */
  exited(ending: ProcessEnding): void {
    this.#exit = { ...ending, at: performance.now() };
  }

  /** The server could not be started. */
  failed(exitCode: number, error: string): void {
    this.#failure = { exit_code: exitCode, error };
  }

  /**
   * All that was noted.
   *
   * @param elapsedMs what the tape's clock shows now
   */
  end(elapsedMs: number): SessionEnd {
    const now = performance.now();
    const onTape = (at: number) => Math.max(0, Math.round(elapsedMs - (now - at)));
    if (this.#failure !== undefined) return { ts: elapsedMs, ...this.#failure };
    return {
      ts: elapsedMs,
      exit_code: this.#exit?.code ?? null,
      signal: this.#exit?.signal ?? null,
      exit_ts: this.#exit === undefined ? null : onTape(this.#exit.at),
      closed: this.#closed.map(({ at, ...rest }) => ({ ...rest, ts: onTape(at) })),
    };
  }
}
