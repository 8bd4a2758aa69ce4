import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FileSystem, systemFiles } from "../../../src/sinks/file/file-system.ts";
import type { FileHandle } from "../../../src/sinks/file/file-handle.ts";
import { fileSinkIn } from "../../../src/sinks/file/file.ts";
import { fileStoreIn } from "../../../src/stores/file.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { metadataOf, request } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The files of this machine, with a tape that cannot be synced while it `isFailing`, and what was written of it where. */
class FailingDisk {
  isFailing = false;
  isFull = false;
  /** Calls that fail once, in the order in which they come. */
  readonly failures: string[] = [];
  readonly synced: string[] = [];
  readonly writes: string[] = [];
  readonly files: FileSystem = {
    ...systemFiles,
    open: async (path, flags, mode) => {
      if (path === this.failures[0]) {
        throw Object.assign(new Error("EIO: simulated, open"), { code: this.failures.shift() && "EIO" });
      }
      if (this.isFull && !path.endsWith(".jsonl")) throw new Error("ENOSPC: simulated, open");
      return this.#wrap(await systemFiles.open(path, flags, mode), path);
    },
    placedWriter: async (path, file, isAppending) => {
      const writer = await systemFiles.placedWriter(path, file, isAppending);
      return {
        writeAt: (chunk, at) => {
          this.writes.push(`${at}: ${new TextDecoder().decode(chunk)}`);
          return writer.writeAt(chunk, at);
        },
        close: () => writer.close(),
      };
    },
  };

  #wrap(file: FileHandle, path: string): FileHandle {
    const sync = (call: "sync" | "datasync") => async () => {
      if (this.isFailing && path.endsWith(".jsonl")) throw new Error("EIO: simulated, fsync");
      this.synced.push(path);
      await file[call]();
    };
    return {
      read: file.read.bind(file),
      write: file.write.bind(file),
      writeFile: file.writeFile.bind(file),
      truncate: file.truncate.bind(file),
      stat: file.stat.bind(file),
      close: file.close.bind(file),
      sync: sync("sync"),
      datasync: sync("datasync"),
    };
  }
}

test("fileSink() calls nothing synced after a sync has failed, and the next one writes anew what is in doubt", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    const disk = new FailingDisk();
    const sink = fileSinkIn(disk.files, path, {});
    await sink.open();
    await sink.append([bytes("proven\n")]);
    await sink.sync();
    await sink.append([bytes("in doubt\n")]);
    disk.isFailing = true;
    await rejection(sink.sync(), "io");
    disk.isFailing = false;
    await sink.append([bytes("more\n")]);
    const error = await rejection(sink.sync(), "io");
    assert.match(error.message, /^Cannot sync .*a\.jsonl: EIO/);
    assert.is(await rejection(sink.close(), "io"), error);
    assert.equal((await readdir(folder)).sort(), ["a.jsonl", "a.jsonl.unproven"]);

    disk.writes.length = 0;
    const next = fileSinkIn(disk.files, path, { mode: "append" });
    await next.open();
    await next.append([bytes("last\n")]);
    disk.isFailing = true;
    await rejection(next.sync(), "io");
    await rejection(next.close(), "io");
    assert.equal((await readdir(folder)).sort(), ["a.jsonl", "a.jsonl.unproven"], "it did not prove itself either");

    disk.isFailing = false;
    disk.writes.length = 0;
    const third = fileSinkIn(disk.files, path, { mode: "append" });
    await third.open();
    await third.sync();
    assert.equal(disk.writes, ["7: in doubt\nmore\nlast\n"]);
    await third.append([bytes("safe\n")]);
    await third.close();
    assert.equal(disk.writes.slice(1), ["26: safe\n"]);
    assert.equal(await readdir(folder), ["a.jsonl"]);
    assert.is(await readFile(path, "utf8"), "proven\nin doubt\nmore\nlast\nsafe\n");
  });
});

test("fileSink() writes everything anew where the mark of a failed sync cannot be read as an offset", async () => {
  for (const mark of ["", "x", "99999\n"]) {
    await inScratch(async (folder) => {
      const path = join(folder, "a.jsonl");
      await writeFile(path, "one\n");
      await writeFile(`${path}.unproven`, mark);
      const disk = new FailingDisk();
      const sink = fileSinkIn(disk.files, path, { mode: "append" });
      await sink.open();
      await sink.append([bytes("two\n")]);
      await sink.close();
      assert.equal(disk.writes, mark.startsWith("9") ? ["4: two\n", "4: two\n"] : ["4: two\n", "0: one\ntwo\n"]);
      assert.equal(await readdir(folder), ["a.jsonl"]);
    });
  }
});

test("fileSink() leaves its lock as the mark of a failed sync where there is no room for one", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    const disk = new FailingDisk();
    const sink = fileSinkIn(disk.files, path, {});
    await sink.open();
    await sink.append([bytes("one\n")]);
    disk.isFailing = disk.isFull = true;
    await rejection(sink.close(), "io");
    assert.equal((await readdir(folder)).sort(), ["a.jsonl", "a.jsonl.unproven"]);
    disk.isFailing = disk.isFull = false;
    disk.writes.length = 0;
    const next = fileSinkIn(disk.files, path, { mode: "append" });
    await next.open();
    await next.close();
    assert.equal(disk.writes, ["0: one\n"]);
    assert.equal(await readdir(folder), ["a.jsonl"]);
  });
});

test("fileSink() syncs the folder of a file that another writer made and may not have synced", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "tapes", "a.jsonl");
    const disk = new FailingDisk();
    const first = fileSinkIn(disk.files, path, {});
    await first.open();
    await first.append([bytes("one\n")]);
    await first.abort();
    disk.synced.length = 0;
    const second = fileSinkIn(disk.files, path, { mode: "append" });
    await second.open();
    await second.sync();
    assert.equal(disk.synced, [path, join(folder, "tapes"), folder]);
    await second.close();
  });
});

test("fileSink() takes a folder that cannot be opened now for one that is not synced", async () => {
  await inScratch(async (folder) => {
    const disk = new FailingDisk();
    const sink = fileSinkIn(disk.files, join(folder, "a.jsonl"), {});
    await sink.open();
    disk.failures.push(folder);
    assert.match((await rejection(sink.close(), "io")).message, /^Cannot sync .*a\.jsonl: EIO/);
  });
});

test("a failed sync reaches whoever waits, every later one too, and the metadata; resume() begins anew", async () => {
  await inScratch(async (folder) => {
    const disk = new FailingDisk();
    const store = fileStoreIn(disk.files, folder);
    const options = { durability: "synced", metadataEveryMs: 1 } as const;
    const writer = await StreamingTapeWriter.create(store, { ...options, sessionId: "s", tapeId: "demo" });
    await writer.writeFrame(request(1));
    disk.isFailing = true;
    const waiting = [request(2), request(3)].map((message) => writer.writeFrame(message));
    for (const frame of waiting) {
      assert.match((await rejection(frame, "io")).message, /^Cannot sync .*demo\.jsonl: EIO/);
    }
    disk.isFailing = false;
    await rejection(writer.writeFrame(request(4)), "io");
    const status = writer.metadata().status as { error: string };
    assert.match(status.error, /^Cannot sync .*EIO/);
    await rejection(writer.finalize(), "io");
    assert.equal((await metadataOf(store, "demo")).status, status);
    assert.is((await metadataOf(store, "demo")).stats?.frame_count, 4, "they are written, only not proven to be safe");

    for await (const { key } of store.list()) assert.not.match(key, /unproven/);
    const next = await StreamingTapeWriter.resume(store, "demo", options);
    assert.is(await next.writeFrame(request(5)), 4);
    assert.is((await next.finalize()).status, "finalized");
    assert.equal((await readdir(folder)).sort(), ["demo.jsonl", "demo.meta.json"]);
  });
});

test.run();
