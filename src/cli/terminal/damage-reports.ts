import type { TapeError } from "../../errors.ts";
import type { CommandIo } from "../command.ts";
import { escapeControls } from "./text.ts";

/** So many of what is damaged are told one by one; of more there is a count. */
const MAX_REPORTS = 20;

/** Says on stderr what is damaged, at once, as reading may take long; and counts it. */
export class DamageReports {
  readonly #io: Pick<CommandIo, "stderr">;
  #count = 0;

  constructor(io: Pick<CommandIo, "stderr">) {
    this.#io = io;
  }

  /** How much is damaged. */
  get count(): number {
    return this.#count;
  }

  /** @param path where there are several tapes, of which it is */
  report(error: TapeError, path?: string): void {
    if (++this.#count > MAX_REPORTS) return;
    const where = path === undefined ? "" : `${escapeControls(path)}: `;
    void this.#io.stderr.write(`tapeline: ${where}${escapeControls(error.message)}\n`);
  }
}
