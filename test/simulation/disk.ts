import type { Bytes } from "../../src/bytes/bytes.ts";

/** A change of a file's content that the disk itself may not have yet. */
type Change = { readonly at: number; readonly bytes: Bytes } | { readonly length: number };

/** A change of names in a folder that the disk itself may not have yet. */
type Naming = readonly { readonly path: string; readonly node: Node | undefined }[];

/** A file or a folder. */
export class Node {
  readonly id: number;
  readonly isFolder: boolean;
  /** As processes see it. */
  content: Bytes = new Uint8Array(0);
  mtimeMs: number;
  /** As it would be found after a power loss. */
  #durable: Bytes = new Uint8Array(0);
  #changes: Change[] = [];
  readonly listeners: Set<() => void> = new Set();

  constructor(id: number, isFolder: boolean, mtimeMs: number) {
    this.id = id;
    this.isFolder = isFolder;
    this.mtimeMs = mtimeMs;
  }

  /** How many changes there are that the disk may not have. */
  get changeCount(): number {
    return this.#changes.length;
  }

  change(change: Change, mtimeMs: number): void {
    this.content = changed(this.content, change);
    this.mtimeMs = mtimeMs;
    this.#changes.push(change);
  }

  /** The first `count` changes are on the disk. */
  persist(count: number): void {
    for (const change of this.#changes.splice(0, count)) this.#durable = changed(this.#durable, change);
  }

  /**
   * The system could not write the first `count` changes, says so once, and forgets that they are not on the disk. Some
   * of them may be.
   */
  forget(count: number, isKept: () => boolean): void {
    for (const change of this.#changes.splice(0, count)) {
      if (isKept()) this.#durable = changed(this.#durable, change);
    }
  }

  /** The power is gone: of the changes a part is kept, the last one of them torn. */
  losePower(random: (below: number) => number): void {
    const kept = random(this.#changes.length + 1);
    const torn = this.#changes[kept];
    this.persist(kept);
    if (torn !== undefined && "bytes" in torn && random(2) === 0) {
      const sector = [1, 16, 512][random(3)]!;
      const length = Math.floor(random(torn.bytes.length + 1) / sector) * sector;
      const bytes = torn.bytes.slice(0, length);
      this.#durable = changed(this.#durable, { at: torn.at, bytes });
      // The size has arrived, what should stand there has not.
      const nul = random(2) === 0 ? random(torn.bytes.length - length + 1) : 0;
      if (nul > 0) this.#durable = changed(this.#durable, { at: torn.at + length, bytes: new Uint8Array(nul) });
    }
    this.#changes = [];
    this.content = this.#durable;
    this.listeners.clear();
  }
}

function changed(content: Bytes, change: Change): Bytes {
  // Never in place: whoever holds the content as it was may compare.
  if ("length" in change) {
    const cut = new Uint8Array(change.length);
    cut.set(content.subarray(0, change.length));
    return cut;
  }
  const end = change.at + change.bytes.length;
  const grown = new Uint8Array(Math.max(end, content.length));
  grown.set(content);
  grown.set(change.bytes, change.at);
  return grown;
}

/**
 * A disk, and the memory of the system before it. What was not synced a power loss takes: content as well as names. What
 * a process has written outlives the process.
 */
export class Disk {
  /** How many bytes all files together may have. */
  capacity: number = Infinity;
  /** Is told of every change of a file: its path, and what stood there before. */
  onChange: (path: string, before: Bytes, after: Bytes) => void = () => {};
  /** Files that the system could not write, and does not remember so. */
  readonly inDoubt: Set<string> = new Set();
  /** Files for which somebody has tried to leave a mark that says so. */
  readonly marked: Set<string> = new Set();
  #nodeCount = 0;
  #names = new Map<string, Node>();
  #durableNames = new Map<string, Node>();
  #namings = new Map<string, Naming[]>();

  constructor() {
    const root = this.newNode(true, 0);
    this.#names.set("/", root);
    this.#durableNames.set("/", root);
  }

  newNode(isFolder: boolean, now: number): Node {
    return new Node(this.#nodeCount++, isFolder, now);
  }

  node(path: string): Node | undefined {
    return this.#names.get(path);
  }

  namesIn(folder: string): string[] {
    return [...this.#names.keys()].filter((path) => path !== "/" && folderOf(path) === folder)
      .map((path) => path.slice(path.lastIndexOf("/") + 1));
  }

  /** Bytes that can still be written. */
  get room(): number {
    let used = 0;
    for (const node of this.#names.values()) used += node.content.length;
    return Math.max(0, this.capacity - used);
  }

  /** Changes names in one folder, all of them or none. */
  rename(changes: Naming): void {
    const folder = folderOf(changes[0]!.path);
    const waiting = this.#namings.get(folder);
    if (waiting === undefined) this.#namings.set(folder, [changes]);
    else waiting.push(changes);
    apply(this.#names, changes);
  }

  /** How many changes of names in a folder the disk may not have. */
  namingCount(folder: string): number {
    return this.#namings.get(folder)?.length ?? 0;
  }

  /** The first `count` of them are on the disk. */
  persistNames(folder: string, count: number): void {
    for (const naming of this.#namings.get(folder)?.splice(0, count) ?? []) apply(this.#durableNames, naming);
  }

  write(path: string, node: Node, at: number, bytes: Bytes, now: number): void {
    this.#change(path, node, { at, bytes: bytes.slice() }, now);
  }

  truncate(path: string, node: Node, length: number, now: number): void {
    this.#change(path, node, { length }, now);
  }

  losePower(random: (below: number) => number): void {
    this.inDoubt.clear();
    for (const folder of this.#namings.keys()) this.persistNames(folder, random(this.namingCount(folder) + 1));
    this.#namings.clear();
    for (const path of this.#durableNames.keys()) {
      if (path !== "/" && !this.#durableNames.has(folderOf(path))) this.#durableNames.delete(path);
    }
    this.#names = new Map(this.#durableNames);
    for (const node of new Set(this.#names.values())) node.losePower(random);
  }

  #change(path: string, node: Node, change: Change, now: number): void {
    const before = node.content;
    node.change(change, now);
    this.onChange(path, before, node.content);
    for (const listener of node.listeners) listener();
  }
}

function apply(names: Map<string, Node>, naming: Naming): void {
  for (const { path, node } of naming) {
    if (node === undefined) names.delete(path);
    else names.set(path, node);
  }
}

export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
