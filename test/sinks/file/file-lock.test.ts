import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FileLock } from "../../../src/sinks/file/file-lock.ts";
import { Child } from "../../helpers/child.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { rejection, within } from "../../helpers/within.ts";

/** The process id of a child that has ended. */
async function deadPid(): Promise<number> {
  await using child = new Child("sink-child.ts", []);
  await child.line();
  await child.kill();
  return child.pid;
}

/** A lock file as the process that runs this test would write it, with changes. */
async function lockText(folder: string, changes: Record<string, unknown> = {}): Promise<string> {
  const path = join(folder, "model.lock");
  const lock = await FileLock.acquire(path, "model");
  const text = await readFile(path, "utf8");
  await lock.release();
  return JSON.stringify({ ...JSON.parse(text), ...changes });
}

async function makeOld(path: string): Promise<void> {
  await utimes(path, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
}

test("FileLock.acquire() makes a file that says who holds it, for nobody else to read", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    const lock = await FileLock.acquire(path, "a");
    const holder = JSON.parse(await readFile(path, "utf8"));
    assert.is(holder.pid, process.pid);
    assert.is(holder.host, hostname());
    if (process.platform === "linux") assert.match(holder.started, /^\d+$/);
    assert.match(holder.nonce, /^[0-9a-f-]{36}$/);
    assert.is((await stat(path)).mode & 0o777, 0o600);
    await lock.release();
    assert.equal(await readdir(folder), []);
    await lock.release();
  });
});

test("FileLock.acquire() refuses what this process holds already, and says so", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    const lock = await FileLock.acquire(path, "tape a");
    const error = await rejection(FileLock.acquire(path, "tape a"), "locked");
    assert.is(
      error.message,
      `Cannot write tape a: process ${process.pid} on ${hostname()} is writing it (lock file ${path})`,
    );
    await lock.release();
    await (await FileLock.acquire(path, "tape a")).release();
  });
});

test("FileLock.acquire() refuses what another process holds, until that one lets go", async () => {
  await inScratch(async (folder) => {
    await writeFile(join(folder, "a.jsonl"), "");
    await using child = new Child("sink-child.ts", []);
    await child.line();
    child.tell(`open ${join(folder, "a.jsonl")} append`);
    assert.is(await child.line(), "open");
    const error = await rejection(FileLock.acquire(join(folder, "a.jsonl.lock"), "a"), "locked");
    assert.match(error.message, new RegExp(`^Cannot write a: process ${child.pid} on `));
    child.tell("abort");
    assert.is(await child.line(), "done");
    await (await FileLock.acquire(join(folder, "a.jsonl.lock"), "a")).release();
  });
});

test("FileLock.acquire() takes over from a killed process", async () => {
  await inScratch(async (folder) => {
    await writeFile(join(folder, "a.jsonl"), "");
    await using child = new Child("sink-child.ts", []);
    await child.line();
    child.tell(`open ${join(folder, "a.jsonl")} append`);
    assert.is(await child.line(), "open");
    await child.kill();
    const path = join(folder, "a.jsonl.lock");
    assert.is(JSON.parse(await readFile(path, "utf8")).pid, child.pid);
    const lock = await FileLock.acquire(path, "a");
    assert.is(JSON.parse(await readFile(path, "utf8")).pid, process.pid);
    await rejection(FileLock.acquire(path, "a"), "locked");
    await lock.release();
    assert.equal(await readdir(folder), ["a.jsonl"]);
  });
});

test("FileLock.acquire() takes over where the number of the dead holder went to another process", async () => {
  if (process.platform !== "linux") return console.log("skip: only Linux tells when a process started");
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    // This very process is alive, but did not start then.
    await writeFile(path, await lockText(folder, { started: "17", nonce: crypto.randomUUID() }));
    const lock = await FileLock.acquire(path, "a");
    await lock.release();
    assert.equal(await readdir(folder), []);
  });
});

test("FileLock.acquire() believes a living holder that could not tell when it started, or where it runs", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    for (const unknown of [{ started: null }, { host: null }, { started: undefined, host: undefined }]) {
      await writeFile(path, await lockText(folder, { ...unknown, nonce: crypto.randomUUID() }));
      await rejection(FileLock.acquire(path, "a"), "locked");
    }
  });
});

test("FileLock.acquire() leaves the lock of another host alone, whoever that is here", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    const text = await lockText(folder, {
      host: "elsewhere.example",
      pid: await deadPid(),
      nonce: crypto.randomUUID(),
    });
    await writeFile(path, text);
    await makeOld(path);
    const error = await rejection(FileLock.acquire(path, "a"), "locked");
    assert.match(error.message, / on elsewhere\.example is writing it/);
    assert.is(await readFile(path, "utf8"), text);
  });
});

test("FileLock.acquire() takes over what is no lock, once nobody can be writing it any more", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    const broken = [
      "",
      "{",
      "null",
      "[]",
      "{}",
      '{"pid":0,"nonce":"x"}',
      '{"pid":1}',
      '{"pid":"1","nonce":"x"}',
      "\0\0",
    ];
    for (const text of broken) {
      await writeFile(path, text);
      const error = await rejection(FileLock.acquire(path, "a"), "locked");
      assert.is(error.message, `Cannot write a: another writer is just opening it (lock file ${path})`);
      await makeOld(path);
      await (await FileLock.acquire(path, "a")).release();
      assert.equal(await readdir(folder), [], JSON.stringify(text));
    }
    // A clock that was set back.
    await writeFile(path, "");
    await utimes(path, new Date(Date.now() + 3_600_000), new Date(Date.now() + 3_600_000));
    await (await FileLock.acquire(path, "a")).release();
  });
});

test("FileLock.acquire() takes over from one that was killed while it took over from another", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    const pid = await deadPid();
    const [first, second] = [crypto.randomUUID(), crypto.randomUUID()];
    await writeFile(path, await lockText(folder, { pid, nonce: first }));
    await writeFile(`${path}.${first}`, await lockText(folder, { pid, nonce: second }));
    await writeFile(`${path}.${first}.${second}`, "");
    await rejection(FileLock.acquire(path, "a"), "locked");
    await makeOld(`${path}.${first}.${second}`);
    const lock = await FileLock.acquire(path, "a");
    assert.equal(await readdir(folder), ["a.lock"]);
    await lock.release();
  });
});

test("FileLock.acquire() builds no path from what stands in a lock", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    await mkdir(`${path}.x`);
    await writeFile(path, await lockText(folder, { pid: await deadPid(), nonce: "x/../../b" }));
    await makeOld(path);
    await (await FileLock.acquire(path, "a")).release();
    assert.equal(await readdir(folder), ["a.lock.x"]);
  });
});

test("FileLock.acquire() fails where something else stands in its place", async () => {
  await inScratch(async (folder) => {
    const isFolder = join(folder, "folder.lock");
    await mkdir(isFolder);
    const error = await within(FileLock.acquire(isFolder, "a").catch((error) => error), "an error");
    assert.instance(error, Error);

    const dangling = join(folder, "dangling.lock");
    await symlink(join(folder, "nowhere"), dangling);
    const refused = await within(FileLock.acquire(dangling, "a").catch((error) => error), "an error");
    assert.instance(refused, Error);
    assert.equal((await readdir(folder)).sort(), ["dangling.lock", "folder.lock"]);
  });
});

test("FileLock.release() leaves the lock of whoever took it over", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.lock");
    const lock = await FileLock.acquire(path, "a");
    const text = await lockText(folder, { nonce: crypto.randomUUID() });
    await writeFile(path, text);
    await lock.release();
    assert.is(await readFile(path, "utf8"), text);
  });
});

test("FileLock.acquire() lets exactly one of eight processes win, with and without a dead lock in the way", async () => {
  await inScratch(async (folder) => {
    const dead = await lockText(folder, { pid: await deadPid(), nonce: crypto.randomUUID() });
    const children = Array.from({ length: 8 }, () => new Child("sink-child.ts", []));
    try {
      for (const child of children) assert.is(await child.line(), "ready");
      for (let round = 0; round < 30; round++) {
        const path = join(folder, `tape-${round}.jsonl`);
        await writeFile(path, "");
        if (round % 3 > 0) await writeFile(`${path}.lock`, round % 3 === 1 ? dead : "");
        if (round % 3 === 2) await makeOld(`${path}.lock`);
        const at = Date.now() + 20;
        for (const child of children) child.tell(`open ${path} append ${at}`);
        const answers = await Promise.all(children.map((child) => child.line()));
        const winners = children.filter((_, n) => answers[n] === "open");
        assert.is(winners.length, 1, `round ${round}: ${answers}`);
        assert.is(answers.filter((answer) => answer === "locked").length, 7, `round ${round}: ${answers}`);
        winners[0]!.tell("close");
        assert.is(await winners[0]!.line(), "done");
        assert.equal((await readdir(folder)).filter((name) => name.startsWith(`tape-${round}.`)), [
          `tape-${round}.jsonl`,
        ]);
      }
    } finally {
      for (const child of children) await child.kill();
    }
  });
});

test.run();
