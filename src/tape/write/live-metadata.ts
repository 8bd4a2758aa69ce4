import type { SessionEnd, TapeMetadata, TapeStatus } from "../../records/metadata.ts";
import type { SessionOutline } from "../../records/messages/session-outline.ts";
import type { FrameRecord } from "../../records/record.ts";
import type { TapeDescription } from "./writer-options.ts";

/** The metadata of a tape while it is written: what is known of it so far. */
export class LiveMetadata {
  readonly #outline: SessionOutline;
  #known: TapeMetadata;

  constructor(known: TapeMetadata, outline: SessionOutline) {
    this.#known = known;
    this.#outline = outline;
  }

  /** A frame was accepted. */
  see(frame: FrameRecord): void {
    this.#outline.see(frame);
  }

  /** Adds what a caller may say. What the writer knows better stays. */
  describe(more: TapeDescription): void {
    const { tape_id, created_at, finalized_at, status, end, environment } = this.#known;
    const kept = {
      tape_id,
      created_at,
      finalized_at,
      status,
      end,
      environment: { ...environment, ...more.environment },
    };
    this.#known = { ...this.#known, ...more, ...kept };
  }

  /** The session has ended. */
  set sessionEnd(end: SessionEnd) {
    this.#known.end = end;
  }

  /** The writer has let go of the tape. */
  close(status: TapeStatus): void {
    this.#known.status = status;
    if (status === "finalized") this.#known.finalized_at = new Date().toISOString();
  }

  /** All that is known now. `failure` says what is wrong with the tape while it is wrong. */
  now(failure: string | undefined, counted: Pick<TapeMetadata, "stats" | "performance">): TapeMetadata {
    return {
      ...this.#known,
      ...(failure === undefined ? {} : { status: { error: failure } }),
      updated_at: new Date().toISOString(),
      ...this.#outline.fields(),
      ...counted,
    };
  }
}
