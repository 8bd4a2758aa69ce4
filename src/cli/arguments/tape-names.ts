import { join } from "node:path";
import type { TapeMetadata } from "../../records/metadata.ts";
import { fileStore } from "../../stores/file.ts";
import type { TapeStore } from "../../stores/store.ts";
import { storedMetadata } from "../../stores/stored-metadata.ts";
import { withEach } from "../../tape/listed-tape.ts";
import { UsageError } from "../command.ts";
import { escapeControls } from "../terminal/text.ts";
import { formatCount, plural } from "../terminal/units.ts";
import type { TapeKeys } from "./keys/tape-keys.ts";
import { nearest } from "../../nearest.ts";

/** A tape of a folder, by what can be told without opening it. */
export interface FolderTape {
  readonly id: string;
  /** When it was last written, in milliseconds since 1970. */
  readonly modifiedMs: number;
}

const ID = /^[A-Za-z0-9_-]{1,128}$/;
const MAX_ID = 128;
const LIKE_A_QUERY = /^-?[\w$][\w$.-]+:[^/\\]/;
const LATEST = /^latest(?:-(\d{1,9}))?$/;
const MIN_BRIEF = 6;
/** So much metadata is read together. */
const AT_ONCE = 32;
/** So many candidates are listed by an error. */
const MAX_CANDIDATES = 8;

/**
 * The tapes of a folder, the one that was written last first; none if there is no such folder.
 *
 * @throws {TapeError} code `io`
 */
export async function tapesIn(folder: string): Promise<FolderTape[]> {
  const tapes: FolderTape[] = [];
  for await (const { key, modifiedMs } of fileStore(folder).list((key) => key.endsWith(".jsonl"))) {
    const id = key.replace(/\.jsonl$/, "");
    if (ID.test(id)) tapes.push({ id, modifiedMs });
  }
  return tapes.sort((a, b) => b.modifiedMs - a.modifiedMs || (a.id < b.id ? 1 : -1));
}

/** What stands beside a tape, if anything does that can be read. */
export async function readMetadata(store: TapeStore, key: string): Promise<TapeMetadata | undefined> {
  try {
    return await storedMetadata(store, key);
  } catch {
    // A hint that cannot be read is one that is missing.
    return undefined;
  }
}

/** One sentence about a folder without tapes, and what to do. */
export function noTapes(folder: string): string {
  return `there are no tapes in ${escapeControls(folder)} yet; "tapeline record -- COMMAND" makes one`;
}

/** There is no tape of that name: there may be one later. */
export class NoSuchTapeError extends UsageError {}

/**
 * The id of the tape that a word means, which is no id itself: `latest`, `latest-1` for the one before, a name (of several
 * tapes with it the one that was written last), or how the id of only one tape begins, in capitals or not.
 *
 * @throws {NoSuchTapeError} it means none
 * @throws {UsageError} it means several
 */
export async function idMeant(word: string, folder: string, keys: TapeKeys): Promise<string> {
  const back = LATEST.exec(word);
  const what = word === "latest" ? "the latest tape" : `tape "${escapeControls(word)}"`;
  const tapes = await tapesIn(folder);
  if (tapes.length === 0 && ID.test(word)) throw new NoSuchTapeError(`Cannot find ${what}: ${noTapes(folder)}`);
  if (back !== null) {
    const tape = tapes[Number(back[1] ?? 0)];
    if (tape !== undefined) return tape.id;
    const count = tapes.length === 1 ? "is only 1 tape" : `are only ${plural(tapes.length, "tape")}`;
    throw new NoSuchTapeError(`Cannot find ${what}: there ${count} in ${escapeControls(folder)}`);
  }

  const names = await namesOf(tapes, keys.unlockAll(fileStore(folder)));
  await keys.check();
  const named = names.get(word);
  if (named !== undefined) return named;
  const begun = startingWith(word, tapes);
  if (begun.length === 1) return begun[0]!;
  if (begun.length > 1) {
    const shown = begun.slice(0, MAX_CANDIDATES).join(", ");
    const more = begun.length > MAX_CANDIDATES ? ` and ${formatCount(begun.length - MAX_CANDIDATES)} more` : "";
    throw new UsageError(`Cannot tell which tape "${word}" is: so begin ${shown}${more}`);
  }
  throw new NoSuchTapeError(notFound(word, folder, tapes, names));
}

/**
 * Ids in as few letters as {@linkcode idMeant} needs to tell them apart, and no fewer than 6. What is also the beginning
 * of another id stays whole.
 */
export function briefIds(ids: Iterable<string>): Map<string, string> {
  const sorted = [...ids].map((id) => ({ id, folded: id.toLowerCase() }))
    .sort((a, b) => a.folded < b.folded ? -1 : a.folded > b.folded ? 1 : 0);
  const brief = sorted.map(({ id, folded }, at) => {
    const shared = [sorted[at - 1], sorted[at + 1]].map((other) => sharedLength(folded, other?.folded ?? ""));
    return [id, id.slice(0, Math.max(MIN_BRIEF, 1 + Math.max(...shared)))] as const;
  });
  return new Map(brief);
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** The ids that begin with a word, in capitals or not. */
function startingWith(word: string, tapes: readonly FolderTape[]): string[] {
  const start = word.toLowerCase();
  return start === "" ? [] : tapes.map(({ id }) => id).filter((id) => id.toLowerCase().startsWith(start));
}

/** The id of the tape that was written last, of each name. */
async function namesOf(tapes: readonly FolderTape[], store: TapeStore): Promise<Map<string, string>> {
  const all = await withEach(tapes, AT_ONCE, async ({ id }) => (await readMetadata(store, `${id}.meta.json`))?.name);
  const names = new Map<string, string>();
  for (const [at, name] of all.entries()) if (name && !names.has(name)) names.set(name, tapes[at]!.id);
  return names;
}

function notFound(
  word: string,
  folder: string,
  tapes: readonly FolderTape[],
  names: ReadonlyMap<string, string>,
): string {
  const quoted = `"${escapeControls(word)}"`;
  const where = escapeControls(folder);
  const meant = nearest(word, ["latest", ...names.keys()]) ?? nearestId(word, tapes);
  const hint = meant === undefined ? '"tapeline list" shows what there is' : `did you mean ${escapeControls(meant)}?`;
  if (!ID.test(word)) {
    if (meant === undefined && LIKE_A_QUERY.test(word)) {
      return `Cannot use ${quoted} as a tape: a query is one argument, in quotes, in front of the tape or behind --where`;
    }
    return `Cannot use ${quoted} as a tape: it is neither a file nor an id or a name of a tape in ${where}; ${hint}`;
  }
  const path = escapeControls(join(folder, `${word}.jsonl`));
  return `Cannot find tape ${quoted}: there is no ${path}, nor a tape in ${where} with this name or beginning; ${hint}`;
}

/** The id that was probably meant by an id, or by the beginning of one, with few letters of it wrong. */
function nearestId(word: string, tapes: readonly FolderTape[]): string | undefined {
  if (word === "" || word.length > MAX_ID) return undefined;
  const beginnings = new Map<string, string>();
  for (const { id } of tapes) {
    const start = id.slice(0, word.length).toLowerCase();
    if (!beginnings.has(start)) beginnings.set(start, id);
  }
  const start = nearest(word.toLowerCase(), beginnings.keys(), Math.max(1, Math.floor(word.length / 6)));
  return start === undefined ? undefined : beginnings.get(start);
}
