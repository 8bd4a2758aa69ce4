import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TapeErrorCode } from "../../../src/errors.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { fileSink } from "../../../src/sinks/file/file.ts";
import { Child } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { mountSmallDisk } from "../../helpers/machine/tmpfs.ts";
import { eventually, rejection } from "../../helpers/within.ts";

const MODES = [undefined, "create", "append"] as const;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

/** Opens a sink where it cannot be opened, and checks that it leaves nothing behind. */
async function refused(path: string, mode: "create" | "append" | undefined, code: TapeErrorCode): Promise<string> {
  const error = await rejection(fileSink(path, { mode }).open(), code);
  await rejection(fileSink(path, { mode }).getWriter().write(bytes("x\n")), code);
  return error.message;
}

test("fileSink() touches nothing until it is opened or written to", async () => {
  await inScratch(async (folder) => {
    const sink = fileSink(join(folder, "a.jsonl"));
    assert.is(sink.offset, 0);
    await sink.abort();
    assert.equal(await readdir(folder), []);
  });
});

test("fileSink() makes files for their owner alone, and folders too", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "new", "deeper", "a.jsonl");
    const sink = fileSink(path);
    await sink.open();
    assert.equal((await readdir(join(folder, "new", "deeper"))).sort(), ["a.jsonl", "a.jsonl.lock"]);
    for (const file of [path, `${path}.lock`]) assert.is(await modeOf(file), "600");
    for (const made of ["new", "new/deeper"]) assert.is(await modeOf(join(folder, made)), "700");
    await sink.close();
    assert.equal(await readdir(join(folder, "new", "deeper")), ["a.jsonl"]);
  });
});

test("fileSink() leaves the modes of what is there", async () => {
  await inScratch(async (folder) => {
    await mkdir(join(folder, "shared"), { mode: 0o755 });
    const path = join(folder, "shared", "a.jsonl");
    await writeFile(path, "one\n", { mode: 0o644 });
    await pipe([bytes("two\n")], fileSink(path));
    assert.is(await readFile(path, "utf8"), "one\ntwo\n");
    assert.equal([await modeOf(path), await modeOf(join(folder, "shared"))], ["644", "755"]);
  });
});

test("fileSink() creates, appends, or does whichever fits", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    assert.match(await refused(path, "append", "tape_not_found"), /^Cannot append to .*: there is no such tape$/);
    assert.match(await refused(join(folder, "b", "a.jsonl"), "append", "tape_not_found"), /no such tape$/);
    assert.equal(await readdir(folder), []);
    for (const mode of [undefined, "append", undefined] as const) {
      await pipe([bytes("line\n")], fileSink(path, { mode }));
    }
    assert.match(await refused(path, "create", "invalid_argument"), /^Cannot create .*: it exists already$/);
    assert.is(await readFile(path, "utf8"), "line\nline\nline\n");
    assert.equal(await readdir(folder), ["a.jsonl"]);
  });
});

test("fileSink() knows its offset, from the size of what is there on", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "12345");
    const sink = fileSink(path);
    await sink.open();
    assert.is(sink.offset, 5);
    await sink.append([bytes("67"), bytes("8\n")]);
    assert.is(sink.offset, 9);
    await sink.truncate(3);
    assert.is(sink.offset, 3);
    await sink.append([bytes("\n")]);
    await sink.close();
    assert.is(await readFile(path, "utf8"), "123\n");
  });
});

test("fileSink() refuses symbolic links, also those that lead nowhere", async () => {
  await inScratch(async (folder) => {
    const target = join(folder, "target");
    await writeFile(target, "mine\n");
    for (const [name, to] of [["link.jsonl", target], ["dangling.jsonl", join(folder, "nowhere")]] as const) {
      await symlink(to, join(folder, name));
      for (const mode of MODES) {
        const message = await refused(join(folder, name), mode, "invalid_argument");
        assert.match(message, mode === "create" ? /it exists already$/ : /it is a symbolic link$/);
      }
    }
    assert.is(await readFile(target, "utf8"), "mine\n");
    assert.equal((await readdir(folder)).sort(), ["dangling.jsonl", "link.jsonl", "target"]);
  });
});

test("fileSink() refuses what is no regular file", async () => {
  await inScratch(async (folder) => {
    await mkdir(join(folder, "folder"));
    await refused(join(folder, "folder"), "append", "io");
    await writeFile(join(folder, "file"), "");
    await refused(join(folder, "file", "a.jsonl"), undefined, "io");
    assert.equal((await readdir(folder)).sort(), ["file", "folder"]);

    const devices = [["full", "c", "1", "7"], ["pipe", "p"]].filter(([name, ...args]) =>
      spawnSync("mknod", [join(folder, name!), ...args]).status === 0
    );
    if (devices.length < 2) console.log("skip: devices and pipes cannot be made here (mknod)");
    for (const [name] of devices) {
      const message = await refused(join(folder, name!), "append", "invalid_argument");
      assert.match(message, /it is not a regular file$/);
    }
  });
});

test("fileSink() escapes in its errors what a terminal would obey", async () => {
  await inScratch(async (folder) => {
    const message = await refused(join(folder, "\x1b[31m\n.jsonl"), "append", "tape_not_found");
    assert.match(message, /\\u\{1b\}\[31m\\u\{a\}\.jsonl: there is no such tape$/);
    await writeFile(join(folder, "file"), "");
    const second = await refused(join(folder, "file", "\x1b", "a.jsonl"), undefined, "io");
    assert.match(second, /^Cannot make the folder .*\\u\{1b\}: .*\\u\{1b\}/);
    assert.not(second.includes("\x1b"));
  });
});

test("fileSink() writes after it has let go no more", async () => {
  await inScratch(async (folder) => {
    for (const end of ["close", "abort"] as const) {
      const sink = fileSink(join(folder, `${end}.jsonl`));
      await sink.open();
      await sink[end]();
      await rejection(sink.append([bytes("late\n")]), "closed");
      assert.is(await readFile(join(folder, `${end}.jsonl`), "utf8"), "");
    }
  });
});

test("fileSink() lets go when it is aborted while it opens", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    const sink = fileSink(path);
    const opening = sink.open();
    await sink.abort();
    await opening.catch(() => {});
    assert.equal((await readdir(folder)).filter((name) => name.endsWith(".lock")), []);
    const next = fileSink(path);
    await next.open();
    await next.close();
  });
});

test("fileSink() goes on with what a killed process has written", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await using child = new Child("sink-child.ts", []);
    assert.is(await child.line(), "ready");
    child.tell(`open ${path} create`);
    assert.is(await child.line(), "open");
    for (const line of ["one", "two"]) {
      child.tell(`write ${line}`);
      assert.is(await child.line(), "done");
    }
    const error = await rejection(fileSink(path).open(), "locked");
    assert.match(error.message, new RegExp(`^Cannot write .*a\\.jsonl: process ${child.pid} `));
    await child.kill();
    const sink = fileSink(path, { mode: "append" });
    await sink.open();
    assert.is(sink.offset, 8);
    await sink.append([bytes("three\n")]);
    await sink.close();
    assert.is(await readFile(path, "utf8"), "one\ntwo\nthree\n");
    assert.equal(await readdir(folder), ["a.jsonl"]);
  });
});

test("fileSink() makes no hole in a file that was cut back, and writes over nothing that was added", async () => {
  const changes: [content: string, why: RegExp][] = [
    ["", /: somebody has cut it to \d+ bytes$/],
    ["on", /: somebody has cut it to \d+ bytes$/],
    ["one\ntwo\nadded by hand\n", /: somebody else has written to it \(\d+ bytes\)$/],
  ];
  for (const [content, why] of changes) {
    await inScratch(async (folder) => {
      const path = join(folder, "a.jsonl");
      const sink = fileSink(path);
      await sink.open();
      await sink.append([bytes("one\ntwo\n")]);
      await sink.check();
      await writeFile(path, content, { flag: "r+" });
      await truncate(path, content.length);
      // Whether it was time to look before this write or not.
      const isWritten = await sink.append([bytes("three\n")]).then(() => true, () => false);
      const error = await rejection(sink.check(), "invalid_tape");
      assert.match(error.message, why);
      assert.match(error.message, /^Cannot write .*a\.jsonl at byte \d+: /);
      assert.is(await rejection(sink.append([bytes("four\n")]), "invalid_tape"), error);
      assert.is(await rejection(sink.sync(), "invalid_tape"), error);
      assert.is(await rejection(sink.close(), "invalid_tape"), error);
      assert.is(await readFile(path, "utf8"), `${content}${isWritten ? "three\n" : ""}`);
      assert.equal(await readdir(folder), ["a.jsonl"]);
    });
  }
});

test("fileSink() notices at the next write, a little later, and at its end whatever came before", async () => {
  for (const end of ["write", "close"]) {
    await inScratch(async (folder) => {
      const path = join(folder, "a.jsonl");
      const sink = fileSink(path);
      await sink.open();
      await sink.append([bytes("one\n")]);
      await rename(path, join(folder, "b.jsonl"));
      if (end === "write") {
        await eventually("a write fails", () => sink.append([bytes("more\n")]).then(() => false, () => true));
      }
      const error = await rejection(sink.close(), "tape_not_found");
      assert.match(error.message, /^Cannot write .*a\.jsonl at byte \d+: it was deleted or moved away$/);
      assert.equal(await readdir(folder), ["b.jsonl"]);
    });
  }
});

test("fileSink() takes again a lock that was removed, and yields to another's", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    const sink = fileSink(path);
    await sink.open();
    await rm(`${path}.lock`);
    await sink.check();
    await rejection(fileSink(path).open(), "locked");
    await rm(`${path}.lock`);
    const other = fileSink(path);
    await other.open();
    const error = await rejection(sink.check(), "locked");
    assert.match(error.message, /another process has taken its lock$/);
    await rejection(sink.append([bytes("two at once\n")]), "locked");
    await rejection(sink.close(), "locked");
    await other.append([bytes("mine\n")]);
    await other.close();
    assert.is(await readFile(path, "utf8"), "mine\n");
    assert.equal(await readdir(folder), ["a.jsonl"]);
  });
});

test("fileSink() on a disk without room makes nothing, and can be opened when there is some", async () => {
  await inScratch(async (folder) => {
    const disk = await mountSmallDisk(folder, 64 * 1024);
    if (typeof disk === "string") return console.log(`skip: ${disk}`);
    try {
      const filler = fileSink(join(folder, "filler"));
      await filler.open();
      const block = new Uint8Array(4096);
      while (await filler.append([block]).then(() => true, () => false)) { /* until it is full */ }
      assert.match(await refused(join(folder, "a.jsonl"), "create", "io"), /^Cannot open .* for writing: .*ENOSPC/);
      assert.equal((await readdir(folder)).sort(), [".ballast", "filler", "filler.lock"]);
      await disk.free();
      await pipe([bytes("one\n")], fileSink(join(folder, "a.jsonl"), { mode: "create" }));
      assert.is(await readFile(join(folder, "a.jsonl"), "utf8"), "one\n");
      await filler.close();
    } finally {
      disk.unmount();
    }
  });
});

test("fileSink() on a disk that gets full keeps whole lines, and goes on when there is room", async () => {
  await inScratch(async (folder) => {
    const disk = await mountSmallDisk(folder, 64 * 1024);
    if (typeof disk === "string") return console.log(`skip: ${disk}`);
    try {
      const path = join(folder, "a.jsonl");
      const sink = fileSink(path);
      await sink.open();
      let lost = 0;
      const kept: string[] = [];
      for (let n = 0; n < 200; n++) {
        // Lines of all lengths, so that the end of the disk falls into one.
        const line = `${n} ${"x".repeat((n * 997) % 3001)}\n`;
        try {
          await sink.append([bytes(line)]);
          kept.push(line);
        } catch {
          if (++lost === 5) await disk.free();
        }
        assert.is(await readFile(path, "utf8"), kept.join(""));
      }
      assert.ok(lost >= 5 && kept.length > 60, `${lost} lost, ${kept.length} kept`);
      await sink.close().catch(() => {});
      assert.is(await readFile(path, "utf8"), kept.join(""));
    } finally {
      disk.unmount();
    }
  });
});

test("fileSink() says why where the disk is read-only", async () => {
  await inScratch(async (folder) => {
    const disk = await mountSmallDisk(folder, 4096);
    if (typeof disk === "string") return console.log(`skip: ${disk}`);
    try {
      await writeFile(join(folder, "a.jsonl"), "");
      spawnSync("mount", ["-o", "remount,ro", folder]);
      assert.match(await refused(join(folder, "a.jsonl"), "append", "io"), /^Cannot open .* for writing: .*EROFS/);
    } finally {
      disk.unmount();
    }
  });
});

test.run();
