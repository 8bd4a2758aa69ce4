/** What was found in a recording, and what could not be told. */
export class Counts {
  messages = 0;
  logs = 0;
  /** Messages without a time. */
  untimed = 0;
  /** Messages of which the direction is a guess. */
  undirected = 0;
  /** Messages that are dated before the one in front of them. */
  backwards = 0;
  /** Messages that are missing, as the recording says. */
  missing = 0;
  /** Messages that had no room on a line of the tape. */
  tooLong = 0;
  /** Parts of the file that could not be read. */
  damaged = 0;
  readonly #leftOut = new Map<string, number>();
  readonly #notes = new Set<string>();

  leaveOut(what: string): void {
    this.#leftOut.set(what, (this.#leftOut.get(what) ?? 0) + 1);
  }

  note(text: string): void {
    this.#notes.add(text);
  }

  /** How many of the messages something is known of: `all`, `some`, `none`. */
  #known(unknown: number): "all" | "some" | "none" {
    return unknown === 0 ? "all" : unknown < this.messages ? "some" : "none";
  }

  /** Whether all of the recording is on the tape, and nothing was missing in it. */
  isComplete(why: string | undefined): boolean {
    return why === undefined && this.damaged + this.missing + this.tooLong === 0;
  }

  /** For the metadata of the tape. */
  summary(why: string | undefined): Record<string, unknown> {
    const counts: Record<string, number> = {
      untimed_count: this.untimed,
      undirected_count: this.undirected,
      backwards_count: this.backwards,
      missing_count: this.missing,
      too_long_count: this.tooLong,
      damaged_count: this.damaged,
    };
    return {
      messages: this.messages,
      times: this.#known(this.untimed),
      directions: this.#known(this.undirected),
      ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
      is_complete: this.isComplete(why),
      notes: this.notes(why),
    };
  }

  /** What is not as it was, in sentences without a period. */
  notes(why: string | undefined): string[] {
    const { messages, untimed, undirected, backwards, missing, tooLong, damaged } = this;
    const of = (count: number) => count === messages ? "no message" : `${count} of ${messages} messages`;
    const notes = [
      ...this.#notes,
      ...(untimed === 0 ? [] : [
        untimed === messages
          ? "the recording has no times: what came when is not known, only the order"
          : `${of(untimed)} have no time: theirs is that of the message before`,
      ]),
      ...(undirected === 0 ? [] : [
        `nobody can tell which side sent ${undirected} of ${messages} messages: their direction is a guess`,
      ]),
      ...(backwards === 0 ? [] : [
        `${backwards} of ${messages} messages are dated before the one in front of them: env.timestamp has their date`,
      ]),
      ...(missing === 0
        ? []
        : [`${missing} ${missing === 1 ? "message is" : "messages are"} missing, as the recording itself says`]),
      ...(tooLong === 0 ? [] : [
        tooLong === 1
          ? "1 message is too long for a line of the tape: a gap record stands for it"
          : `${tooLong} messages are too long for a line of the tape: gap records stand for them`,
      ]),
      ...Array.from(this.#leftOut, ([what, count]) => `left out: ${count} × ${what}`),
      ...(damaged === 0 ? [] : [`${damaged} ${damaged === 1 ? "part" : "parts"} of the file could not be read`]),
      ...(why === undefined ? [] : [`this is not all of it: ${why}`]),
    ];
    return notes;
  }
}
