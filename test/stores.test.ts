import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../src/stores/file.ts";
import { memoryStore } from "../src/stores/memory.ts";
import { unlock } from "../src/stores/unlock.ts";
import { type StoreUnderTest, testStore } from "../src/testing/test-store.ts";
import { openHandles } from "./helpers/machine/open-handles.ts";
import { inScratch } from "./helpers/scratch.ts";
import { mountSmallDisk } from "./helpers/machine/tmpfs.ts";
import { reasonOf, rejection } from "./helpers/within.ts";
import type { TapeStore } from "../src/stores/store.ts";

const bytes = new TextEncoder().encode("content\n");

void testStore("memoryStore()", () => memoryStore(), { test });

async function inFolder(): Promise<StoreUnderTest & { readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "tapeline-"));
  return {
    folder,
    store: fileStore(folder),
    other: fileStore(folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function onSmallDisk(): Promise<StoreUnderTest | string> {
  const under = await inFolder();
  const disk = await mountSmallDisk(under.folder, 100 * 1024);
  if (typeof disk === "string") {
    await under.remove();
    return disk;
  }
  const remove = async () => {
    disk.unmount();
    await under.remove();
  };
  return { ...under, free: disk.free, remove };
}

void testStore("fileStore()", inFolder, { test, openSmall: onSmallDisk, openHandles });

/** Whoever has keys sees a store through them, and it keeps its promises. */
async function unlocked(): Promise<StoreUnderTest> {
  const { store, other, ...under } = await inFolder();
  const keys = { passphrase: "none of these tapes is encrypted" };
  return { ...under, store: unlock(store, keys), other: unlock(other!, keys) };
}

void testStore("unlock(fileStore())", unlocked, { test, openHandles });

// What the suite says of a store that does not keep the promises

test("testStore() runs the checks itself where it has no runner, and counts them", async () => {
  const { passed, skipped } = await testStore("memoryStore()", () => Promise.resolve({ store: memoryStore() }), {
    openSmall: () => Promise.resolve("memory has no limit of its own"),
  });
  assert.ok(passed > 30);
  assert.equal([...new Set(skipped)], ["memory has no limit of its own"]);
});

test("testStore() lists what a store does not keep, and lets the store be removed", async () => {
  let removed = 0;
  const open = () => {
    const store: TapeStore = { ...memoryStore(), async *list() {} };
    return { store, remove: () => Promise.resolve(void removed++) };
  };
  const error = await reasonOf(testStore("mine", open)) as AggregateError;
  assert.instance(error, AggregateError);
  assert.ok(error.errors.length >= 2 && error.errors.length < 10, `${error.errors.length} checks failed`);
  assert.match(
    error.message,
    /^\d+ of \d+ checks failed:\n {2}mine put\(\) .*: expected \["demo.meta.json"\], not \[\]/,
  );
  assert.ok(removed > 30);
});

// What our own say where they refuse

for (
  const [name, open] of [["memoryStore()", () => ({ store: memoryStore(), remove() {} })], [
    "fileStore()",
    inFolder,
  ]] as const
) {
  test(`${name} says what it cannot do, to which tape, and why`, async () => {
    const { store, remove } = await open();
    try {
      const appending = await rejection(store.openSink("demo.jsonl", { mode: "append" }), "tape_not_found");
      assert.match(appending.message, /^Cannot append to .*demo\.jsonl: there is no such tape$/);
      const reading = await rejection(store.openSource("demo.jsonl").getReader().read(), "tape_not_found");
      assert.match(reading.message, /^Cannot read .*demo\.jsonl: there is no such tape$/);

      const sink = await store.openSink("demo.jsonl");
      await sink.append([bytes]);
      const second = await rejection(store.openSink("demo.jsonl", { mode: "append" }), "locked");
      assert.match(second.message, /^Cannot write .*demo\.jsonl: .*writ/);
      await sink.close();
      const creating = await rejection(store.openSink("demo.jsonl"), "invalid_argument");
      assert.match(creating.message, /^Cannot create .*demo\.jsonl: it exists already$/);

      const follow = async () => {
        const reader = store.openSource("demo.jsonl", { follow: true }).getReader();
        const { value } = await reader.read();
        return { reader, length: value!.length };
      };
      const [first, other] = [await follow(), await follow()];
      const cutting = await store.openSink("demo.jsonl", { mode: "append" });
      await cutting.truncate(0);
      await cutting.close();
      const cut = await rejection(first.reader.read(), "invalid_tape");
      assert.match(cut.message, /^Cannot follow .*demo\.jsonl at byte 8: it was cut to 0 bytes$/);
      await other.reader.cancel();
    } finally {
      await remove();
    }
  });
}

// What only files have

test("fileStore() makes nothing until something is put, and lists nothing until then", async () => {
  await inScratch(async (folder) => {
    const store = fileStore(join(folder, "tapes", "deeper"));
    for await (const entry of store.list()) assert.unreachable(entry.key);
    assert.is(await store.get("a.meta.json"), undefined);
    assert.is(await store.delete("a.meta.json"), false);
    assert.equal(await readdir(folder), []);
  });
});

test("fileStore() makes files for their owner alone, and folders too", async () => {
  for (const first of ["sink", "put"]) {
    await inScratch(async (folder) => {
      const tapes = join(folder, "tapes", "deeper");
      const store = fileStore(tapes);
      if (first === "sink") await (await store.openSink("a.jsonl")).close();
      else await store.put("a.jsonl", bytes);
      for (const made of [join(folder, "tapes"), tapes]) assert.is((await stat(made)).mode & 0o777, 0o700);
      assert.is((await stat(join(tapes, "a.jsonl"))).mode & 0o777, 0o600);
    });
  }
});

test("fileStore() put() gives an object mode 0600 whatever stood there before", async () => {
  await inScratch(async (folder) => {
    await writeFile(join(folder, "a.meta.json"), "old");
    await chmod(join(folder, "a.meta.json"), 0o666);
    await fileStore(folder).put("a.meta.json", bytes);
    assert.is((await stat(join(folder, "a.meta.json"))).mode & 0o777, 0o600);
  });
});

test("fileStore() builds a path of a tape id and an ending only", async () => {
  await inScratch(async (folder) => {
    const inside = join(folder, "tapes");
    await mkdir(inside);
    await writeFile(join(folder, "a.jsonl"), "outside\n");
    const store = fileStore(inside);
    const keys = [
      "../a.jsonl",
      "..",
      ".",
      "",
      "a",
      ".jsonl",
      ".hidden.jsonl",
      "x/../../a.jsonl",
      "x/a.jsonl",
      "x\\a.jsonl",
      "/etc/a.jsonl",
      "a.jsonl\0",
      "a.jsonl\n",
      "\na.jsonl",
      "a b.jsonl",
      "ä.jsonl",
      "a.JSONL",
      "a.jsonl.lock",
      "a.lock",
      "a.b.c.d",
      "a..jsonl",
      `${"x".repeat(129)}.jsonl`,
    ];
    for (const key of keys) {
      const calls: (() => unknown)[] = [
        () => store.openSink(key),
        () => store.openSource(key).cancel(),
        () => store.size(key),
        () => store.get(key),
        () => store.put(key, bytes),
        () => store.delete(key),
      ];
      for (const call of calls) {
        const error = await rejection((async () => await call())(), "invalid_argument");
        assert.match(error.message, /^Cannot use ".*" as a key of a tape store$/s, JSON.stringify(key));
        assert.not.match(error.message, /[\0\n]/);
      }
    }
    assert.equal(await readdir(inside), []);
    assert.is(await readFile(join(folder, "a.jsonl"), "utf8"), "outside\n");
    await store.put(`${"x".repeat(128)}.jsonl`, bytes);
    await store.put("A-z_9.meta.json", bytes);
  });
});

test("fileStore() list() passes over what is no key's file", async () => {
  await inScratch(async (folder) => {
    await writeFile(join(folder, "a.jsonl"), "12");
    await symlink(join(folder, "a.jsonl"), join(folder, "link.jsonl"));
    await mkdir(join(folder, "folder.jsonl"));
    for (const name of [".hidden.jsonl", "README", "a.jsonl.lock", "a.meta.json.1234.tmp", "ä.jsonl"]) {
      await writeFile(join(folder, name), "x");
    }
    const entries = [];
    for await (const { key, size } of fileStore(folder).list()) entries.push([key, size]);
    assert.equal(entries, [["a.jsonl", 2]]);
  });
});

test("fileStore() writes over no symbolic link: a tape is refused, an object takes the link's place", async () => {
  await inScratch(async (folder) => {
    const target = join(folder, "target");
    await writeFile(target, "mine");
    await symlink(target, join(folder, "a.jsonl"));
    await symlink(target, join(folder, "a.meta.json"));
    const store = fileStore(folder);
    await rejection(store.openSink("a.jsonl"), "invalid_argument");
    const error = await rejection(store.openSink("a.jsonl", { mode: "append" }), "invalid_argument");
    assert.match(error.message, /it is a symbolic link$/);
    await store.put("a.meta.json", bytes);
    assert.is(await readFile(target, "utf8"), "mine");
    assert.is(await readFile(join(folder, "a.meta.json"), "utf8"), "content\n");
    assert.is(await store.delete("a.jsonl"), true);
    assert.is(await readFile(target, "utf8"), "mine");
  });
});

test("fileStore() says what it could not do where its folder is a file", async () => {
  await inScratch(async (folder) => {
    await writeFile(join(folder, "tapes"), "");
    const store = fileStore(join(folder, "tapes"));
    const list = async () => {
      for await (const entry of store.list()) assert.unreachable(entry.key);
    };
    const calls: (() => Promise<unknown>)[] = [
      list,
      () => store.size("a.jsonl"),
      () => store.get("a.jsonl"),
      () => store.put("a.jsonl", bytes),
      () => store.delete("a.jsonl"),
      () => store.openSink("a.jsonl"),
      () => store.openSource("a.jsonl").getReader().read(),
    ];
    for (const call of calls) {
      const error = await rejection(call(), "io");
      assert.match(error.message, /^Cannot (list|look up|read|write|delete|make the folder) .*: E[A-Z]+: /);
    }
  });
});

test.run();
