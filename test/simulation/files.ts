import { constants } from "node:fs";
import type { Bytes } from "../../src/bytes/bytes.ts";
import type { FileSystem } from "../../src/sinks/file/file-system.ts";
import type { FileHandle, FileStat } from "../../src/sinks/file/file-handle.ts";
import { fileSourceIn } from "../../src/sources/file/file.ts";
import { fileStoreIn } from "../../src/stores/file.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import { folderOf, type Node } from "./disk.ts";
import type { FaultRates, Process, World } from "./world.ts";

/** Where the tapes are. */
export const FOLDER = "/tapes";

/** How the name of a mark ends that a failed sync leaves behind. */
export const MARK = ".unproven";

/** The file system of a world as one of its processes sees it. */
function simulatedFiles(world: World, process: Process, isFaulty: boolean): FileSystem {
  const { disk } = world;

  /** A call that may fail before it does anything. */
  const call = <T>(name: string, path: string, fault: keyof FaultRates, happen: () => T): Promise<T> =>
    world.call(process, () => {
      world.trace(() => `${process.pid} ${name} ${path}`);
      if (isFaulty && world.happens(world.faults[fault])) throw systemError("EIO", name, path);
      return happen();
    });

  const existing = (name: string, path: string): Node => {
    const node = disk.node(path);
    if (node === undefined) throw systemError("ENOENT", name, path);
    return node;
  };

  const statOf = (node: Node): FileStat => ({
    size: node.content.length,
    mtimeMs: node.mtimeMs,
    dev: 1,
    ino: node.id,
    isFile: () => !node.isFolder,
    isDirectory: () => node.isFolder,
  });

  /** Writes as much as there is room for, and fails if that is less than was asked for and it is so that it fails late. */
  const write = (path: string, node: Node, bytes: Bytes, at: number, isAllOrError: boolean): number => {
    const isFailing = isFaulty && world.happens(world.faults.write);
    const grows = Math.max(0, at + bytes.length - node.content.length);
    let count = bytes.length - Math.max(0, grows - disk.room);
    if (isFailing) count = Math.min(count, world.random(bytes.length + 1));
    if (!process.isAlive) count = Math.min(count, world.random(bytes.length + 1));
    const isShort = !isFailing && isFaulty && count > 1 && world.happens(world.faults.write);
    if (isShort) count = 1 + world.random(count - 1);
    world.trace(() =>
      `${process.pid} write ${path} ${bytes.length} bytes at ${at}: ${isFailing ? "EIO after " : ""}${count}`
    );
    if (count > 0) disk.write(path, node, at, bytes.subarray(0, count), world.now);
    if (isFailing) throw systemError("EIO", "write", path);
    if (count < bytes.length && !isShort && (count <= 0 || isAllOrError)) throw systemError("ENOSPC", "write", path);
    return count;
  };

  const handle = (path: string, node: Node): FileHandle => {
    const sync = () => {
      const [changes, namings] = [node.changeCount, disk.namingCount(path)];
      return world.call(process, () => {
        const isFailing = isFaulty && world.happens(world.faults.sync);
        world.trace(() => `${process.pid} sync ${path}${isFailing ? ": EIO" : ""}`);
        if (isFailing) {
          if (changes > 0) disk.inDoubt.add(path);
          node.forget(changes, () => world.random(2) === 0);
          throw systemError("EIO", "fsync", path);
        }
        node.persist(Math.min(changes, node.changeCount));
        if (node.isFolder) disk.persistNames(path, namings);
      });
    };
    return {
      read: (buffer, offset, length, position) =>
        call("read", path, "other", () => {
          const content = node.content.subarray(position, position + length);
          const isShort = world.isReadingShort && content.length > 1 && world.random(3) === 0;
          const part = isShort ? content.subarray(0, 1 + world.random(content.length - 1)) : content;
          buffer.set(part, offset);
          return { bytesRead: part.length, buffer };
        }),
      write: (buffer, offset, length, position) =>
        world.call(process, () => {
          const bytes = (buffer as Bytes).subarray(offset, offset + length);
          return { bytesWritten: write(path, node, bytes, position ?? node.content.length, false) };
        }),
      writeFile: (content) =>
        world.call(process, () => {
          const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content as Bytes;
          for (let at = 0; at < bytes.length;) at += write(path, node, bytes.subarray(at), at, true);
        }),
      truncate: (length) => call("truncate", path, "truncate", () => disk.truncate(path, node, length, world.now)),
      datasync: sync,
      sync,
      // What an open file is, the system knows without asking the disk.
      stat: () => world.call(process, () => statOf(node)),
      close: () => world.call(process, () => {}),
    };
  };

  const lookUp = (path: string) => call("stat", path, "other", () => statOf(existing("stat", path)));

  return {
    open: (path, flags) => {
      if (path.endsWith(MARK) && flags & constants.O_CREAT) disk.marked.add(path.slice(0, -MARK.length));
      return call("open", path, "open", () => {
        let node = disk.node(path);
        if (node !== undefined && flags & constants.O_CREAT && flags & constants.O_EXCL) {
          throw systemError("EEXIST", "open", path);
        }
        if (node === undefined) {
          if (!(flags & constants.O_CREAT)) throw systemError("ENOENT", "open", path);
          existing("open", folderOf(path));
          if (disk.room === 0) throw systemError("ENOSPC", "open", path);
          node = disk.newNode(false, world.now);
          disk.rename([{ path, node }]);
        }
        if (flags & constants.O_TRUNC) disk.truncate(path, node, 0, world.now);
        return handle(path, node);
      });
    },

    placedWriter: (path, file, isAppending) =>
      call("open", path, "open", () => {
        const node = existing("open", path);
        const place = (at: number) => isAppending ? node.content.length : at;
        return {
          writeAt: world.isFailingLate
            ? (bytes: Uint8Array, at: number) =>
              world.call(process, () => write(path, node, bytes as Bytes, place(at), true))
            : (bytes: Uint8Array, at: number) =>
              file.write(bytes, 0, bytes.length, isAppending ? null : at).then(({ bytesWritten }) => bytesWritten),
          close() {},
        };
      }),

    readFile: (path) => call("open", path, "other", () => existing("open", path).content.slice()),
    stat: lookUp,
    lstat: lookUp,

    readdir: (path) =>
      call("scandir", path, "other", () => {
        existing("scandir", path);
        return disk.namesIn(path);
      }),

    mkdir: (path) =>
      call("mkdir", path, "other", () => {
        if (disk.node(path) !== undefined) throw systemError("EEXIST", "mkdir", path);
        existing("mkdir", folderOf(path));
        if (disk.room === 0) throw systemError("ENOSPC", "mkdir", path);
        disk.rename([{ path, node: disk.newNode(true, world.now) }]);
      }),

    rename: (from, to) =>
      call("rename", from, "rename", () => {
        const node = existing("rename", from);
        disk.rename([{ path: to, node }, { path: from, node: undefined }]);
      }),

    unlink: (path) =>
      call("unlink", path, "other", () => {
        existing("unlink", path);
        if (path.endsWith(MARK)) disk.inDoubt.delete(path.slice(0, -MARK.length));
        disk.rename([{ path, node: undefined }]);
      }),

    mayRead: () => true,

    watch(path, onChange) {
      if (!world.hasWatches) throw systemError("ENOSPC", "watch", path);
      const node = existing("watch", path);
      let isStopped = false;
      const listener = () => void world.call(process, () => isStopped || onChange());
      node.listeners.add(listener);
      return () => {
        isStopped = true;
        node.listeners.delete(listener);
      };
    },

    every: (ms, onTime) => world.after(process, ms, onTime, true),
    now: () => world.now,
    randomUuid: () => "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () => world.random(16).toString(16)),
    thisProcess: () => Promise.resolve({ pid: process.pid, started: null, host: "simulated" }),
    mayLive: ({ pid }) => Promise.resolve(world.isAlive(pid)),
  };
}

/**
 * The store on a world's file system as one of its processes sees it. It reads in small blocks, so that lines span them.
 */
export function simulatedStore(world: World, process: Process, isFaulty: boolean): TapeStore {
  const files = simulatedFiles(world, process, isFaulty);
  const blockBytes = [100, 1000, 8192, 8192, 8192, 8192][world.random(6)];
  return {
    ...fileStoreIn(files, FOLDER),
    openSource: (key, options) => fileSourceIn(files, `${FOLDER}/${key}`, { ...options, blockBytes }),
  };
}

function systemError(code: string, call: string, path: string): Error {
  // What it costs to find out where in the program it is thrown, nobody needs.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${code}: simulated, ${call} '${path}'`), { code });
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}
