import { fileStore } from "../../../stores/file.ts";
import type { TapeKeys } from "../../arguments/keys/tape-keys.ts";
import { type OpenedTape, openTape } from "../../arguments/tape-argument.ts";
import { briefIds, readMetadata, tapesIn } from "../../arguments/tape-names.ts";
import type { CommandIo } from "../../command.ts";
import { tapeState } from "../../../tape/read/tape-state.ts";
import { cut, escapeControls, pad, widthOf } from "../../terminal/text.ts";
import { followTape, type TailOptions } from "./follow-tape.ts";
import { newTapes, openNewTape, sayWaiting } from "./new-tapes.ts";

/** A longer label is cut. */
const MAX_LABEL = 24;

/**
 * Follows the tapes of a folder that are being written, or else the latest one, and every tape that is put there later,
 * until somebody stops it; gives the exit code. Each line says which tape it is from.
 */
export async function tailAll(
  folder: string,
  keys: TapeKeys,
  options: TailOptions,
  io: CommandIo,
): Promise<number> {
  return await new TailAll(folder, keys, options, io).run();
}

class TailAll {
  readonly #folder: string;
  readonly #keys: TapeKeys;
  readonly #options: TailOptions;
  readonly #io: CommandIo;
  /** The labels of the tapes that are followed right now. */
  readonly #labels = new Set<string>();
  /** The widest label so far: lines stay aligned. */
  #labelWidth = 0;
  #code = 0;

  constructor(folder: string, keys: TapeKeys, options: TailOptions, io: CommandIo) {
    this.#folder = folder;
    this.#keys = keys;
    this.#options = options;
    this.#io = io;
  }

  async run(): Promise<number> {
    const { signal } = this.#io;
    const all = await tapesIn(this.#folder);
    const written = [];
    for (const { id } of all) if (await this.#isWritten(id)) written.push(id);
    const first = written.length > 0 ? written.reverse() : all.slice(0, 1).map(({ id }) => id);
    if (first.length === 0) await sayWaiting("a first tape", this.#folder, this.#io);

    const running = first.map((id) => this.#follow(() => openTape(id, this.#folder, this.#keys), this.#options.count));
    for await (const id of newTapes(this.#folder, all.map(({ id }) => id), signal)) {
      running.push(this.#follow(() => openNewTape(id, this.#folder, this.#keys, signal), Infinity));
    }
    await Promise.all(running);
    return this.#code;
  }

  async #isWritten(id: string): Promise<boolean> {
    const store = fileStore(this.#folder);
    const metadata = await readMetadata(store, `${id}.meta.json`);
    return (await tapeState(store, id, metadata)).startsWith("recording");
  }

  /** Follows one tape to its end. What goes wrong with it does not end the others. */
  async #follow(open: () => Promise<OpenedTape | undefined>, count: number): Promise<void> {
    try {
      const tape = await open();
      if (tape !== undefined) this.#code = Math.max(this.#code, await this.#print(tape, count));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await this.#io.stderr.write(`tapeline: ${escapeControls(message)}\n`);
      this.#code = Math.max(this.#code, 1);
    }
  }

  async #print(tape: OpenedTape, count: number): Promise<number> {
    const { isJson, style, width } = this.#options;
    if (isJson) {
      const start = `{"tape_id":${JSON.stringify(tape.tapeId)},"record":`;
      const dress = (line: string) => `${start}${line}}`;
      return await followTape(tape, { ...this.#options, count, dress }, this.#saying(tape.tapeId));
    }
    const ids = (await tapesIn(this.#folder)).map(({ id }) => id);
    const label = this.#labelOf(tape, briefIds(ids).get(tape.tapeId) ?? tape.tapeId);
    this.#labels.add(label);
    this.#labelWidth = Math.max(this.#labelWidth, widthOf(label));
    try {
      return await followTape(tape, {
        ...this.#options,
        count,
        width: () => width() - this.#labelWidth - 1,
        dress: (line) => `${style.bold(pad(label, this.#labelWidth))} ${line}`,
      }, this.#saying(label));
    } finally {
      this.#labels.delete(label);
    }
  }

  /** Says on stderr which tape it is that something is wrong with. */
  #saying(label: string): CommandIo {
    const { stderr } = this.#io;
    const write = (text: string | Uint8Array) =>
      stderr.write(typeof text === "string" ? text.replace(/^tapeline: /, (start) => `${start}${label}: `) : text);
    return { ...this.#io, stderr: { write } };
  }

  /** The name of a tape, or the beginning of its id; both where another tape of that name is followed. */
  #labelOf({ metadata }: OpenedTape, brief: string): string {
    const name = cut(escapeControls(metadata?.name ?? ""), MAX_LABEL);
    return name === "" ? brief : this.#labels.has(name) ? `${name} ${brief}` : name;
  }
}
