import * as fs from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "../../../bytes/crc32.ts";
import { failureOf } from "../../../records/failure.ts";
import { StreamingTapeReader } from "../../../tape/read/reader.ts";
import { VERSION } from "../../../version.ts";
import type { OpenedTape } from "../../arguments/tape-argument.ts";
import { makeCacheFolder } from "../../cache-folder.ts";
import { rawFailure } from "../calls.ts";
import type { TapeFacts } from "../tape-facts.ts";
import { type ErrorSummary, MAX_MESSAGE, OTHERS } from "../tape-summary.ts";
import { copyOf } from "../../terminal/text.ts";

/** Grows with every change of what is kept. */
const FORMAT = 2;
/** Shorter tapes are read again in no time. */
const MIN_TAPE_BYTES = 4 * 1024 * 1024;
const MAX_ENTRY_BYTES = 1024 * 1024;
/** So many tapes are known; beyond that those go that were kept longest ago. */
const MAX_ENTRIES = 200;
const TAPE_ID = /^[A-Za-z0-9_-]{1,128}$/;
const encoder = new TextEncoder();

/**
 * What was found out about a tape, kept in a file of the user's cache, so that the next one who asks need not read the tape
 * again. It counts as long as the tape is the same file with the same size, times of change, and final checkpoint; the time of
 * its last change of any kind is one that nobody can set. What messages say is not kept: the texts of errors are looked up
 * on the tape.
 *
 * Nothing depends on it: an entry that cannot be read, or is not what was written, is none; where none can be written,
 * none is.
 */
export class KeptFacts {
  readonly #tape: OpenedTape;
  readonly #folder: string;
  readonly #path: string;
  /** What the tape is that the entry is about. */
  readonly #key: string;

  private constructor(tape: OpenedTape, folder: string, name: string, key: string) {
    this.#tape = tape;
    this.#folder = folder;
    this.#path = join(folder, name);
    this.#key = key;
  }

  /**
   * The place where the facts of a tape are kept; undefined for a tape of which none are.
   *
   * @param folder where the user's programs keep what they can do without
   * @param seal the final checkpoint, as it stands on the tape
   */
  static async of(tape: OpenedTape, folder: string, seal: string): Promise<KeptFacts | undefined> {
    const { tape_id } = tape.init;
    const stat = await fs.stat(tape.path, { bigint: true }).catch(() => undefined);
    if (stat === undefined || stat.size < MIN_TAPE_BYTES || !TAPE_ID.test(tape_id)) return undefined;
    const { dev, ino, size, mtimeNs, ctimeNs } = stat;
    const key = [FORMAT, VERSION, tape_id, `${dev}`, `${ino}`, `${size}`, `${mtimeNs}`, `${ctimeNs}`, seal];
    return new KeptFacts(tape, folder, `${tape_id}-${ino}.json`, JSON.stringify(key));
  }

  /** What is known of the tape, with at least so many of its slowest calls, or all. */
  async read(top: number): Promise<TapeFacts | undefined> {
    try {
      const [key, kept, checksum, facts] = JSON.parse(await this.#text()) as [string, number, number, string];
      if (key !== this.#key || kept < top || checksum !== crc32(encoder.encode(facts), 0)) return undefined;
      return await this.#withMessages(JSON.parse(facts) as TapeFacts, top);
    } catch {
      return undefined;
    }
  }

  /** Keeps what is known of the tape, with so many of its slowest calls. */
  async keep(facts: TapeFacts, top: number): Promise<void> {
    const text = JSON.stringify({ ...facts, errors: facts.errors.map((error) => ({ ...error, message: "" })) });
    const entry = JSON.stringify([this.#key, top, crc32(encoder.encode(text), 0), text]);
    if (entry.length > MAX_ENTRY_BYTES) return;
    const draft = `${this.#path}.${crypto.randomUUID()}.tmp`;
    try {
      makeCacheFolder(this.#folder);
      await fs.writeFile(draft, entry, { flag: "wx", mode: 0o600 });
      await fs.rename(draft, this.#path);
      await this.#forgetOldest();
    } catch {
      // A full disk, or a folder that is not ours: then the tape is read again.
      await fs.rm(draft, { force: true }).catch(() => {});
    }
  }

  async #text(): Promise<string> {
    const stat = await fs.stat(this.#path);
    // Reading from a pipe might never end.
    const isEntry = stat.isFile() && stat.size <= MAX_ENTRY_BYTES * 2;
    return isEntry ? await fs.readFile(this.#path, "utf8") : "";
  }

  /** Puts in what the errors say. */
  async #withMessages(facts: TapeFacts, top: number): Promise<TapeFacts | undefined> {
    const slowest = facts.slowest.slice(0, top);
    if (facts.errors.length === 0) return { ...facts, slowest };
    await using reader = await StreamingTapeReader.open(this.#tape.store, this.#tape.tapeId);
    const errors: ErrorSummary[] = [];
    for (const error of facts.errors) {
      const message = error.label === OTHERS ? "" : await messageOf(reader, error);
      if (message === undefined) return undefined;
      errors.push({ ...error, message });
    }
    return { ...facts, slowest, errors };
  }

  async #forgetOldest(): Promise<void> {
    const names = (await fs.readdir(this.#folder)).filter((name) => /\.(json|tmp)$/.test(name));
    if (names.length <= MAX_ENTRIES) return;
    const dated = await Promise.all(names.map(async (name) => {
      const path = join(this.#folder, name);
      return { path, mtimeMs: (await fs.stat(path)).mtimeMs };
    }));
    dated.sort((a, b) => b.mtimeMs - a.mtimeMs);
    for (const { path } of dated.slice(MAX_ENTRIES)) await fs.rm(path, { force: true });
  }
}

/** What the error in the frame says in which it was seen first; undefined if none does there. */
async function messageOf(reader: StreamingTapeReader, { firstSeq }: ErrorSummary): Promise<string | undefined> {
  if (!await reader.seekToFrame(firstSeq)) return undefined;
  const record = await reader.nextRecord();
  if (record?.type !== "frame" || record.seq !== firstSeq) return undefined;
  const failure = failureOf(record.env.message) ?? rawFailure(record);
  return failure && copyOf(failure.message, MAX_MESSAGE);
}
