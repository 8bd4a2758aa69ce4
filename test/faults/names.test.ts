import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import { jsonText } from "../../src/json/json-text.ts";
import { fileStore } from "../../src/stores/file.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";
import { inScratch } from "../helpers/scratch.ts";
import { frameLine, initLine, request } from "../helpers/tapes.ts";
import { reasonOf } from "../helpers/within.ts";

test("a link that somebody laid in the way of any file of a tape is never written through", async () => {
  await inScratch(async (scratch) => {
    const precious = join(scratch, "precious");
    for (const target of [precious, join(scratch, "nowhere")]) {
      for (const name of ["demo.jsonl", "demo.jsonl.lock", "demo.meta.json", "demo.torn", "demo.torn.lock"]) {
        await writeFile(precious, "mine\n");
        const folder = join(scratch, crypto.randomUUID());
        await mkdir(folder);
        // A torn tape, so that resuming writes every file that there can be.
        if (name !== "demo.jsonl") {
          await writeFile(join(folder, "demo.jsonl"), `${initLine("demo")}${frameLine(0, 1)}torn`);
        }
        await symlink(target, join(folder, name));
        try {
          const writer = await StreamingTapeWriter.resume(fileStore(folder), "demo");
          await writer.writeFrame(request(1));
          await writer.finalize();
          assert.is(
            name,
            "demo.meta.json",
            "only a link in place of the metadata is no hindrance: they take its place",
          );
        } catch (error) {
          assert.ok(isTapeError(error), `${name}: ${error}`);
        }
        assert.is(await readFile(precious, "utf8"), "mine\n", name);
        assert.equal((await readdir(scratch)).includes("nowhere"), false, name);
      }
    }
  });
});

test("a tape folder may be reached through a link: whoever named the folder chose it", async () => {
  await inScratch(async (scratch) => {
    await mkdir(join(scratch, "real"));
    await symlink(join(scratch, "real"), join(scratch, "link"));
    const writer = await StreamingTapeWriter.create(fileStore(join(scratch, "link")), {
      sessionId: "s",
      tapeId: "demo",
    });
    await writer.finalize();
    assert.equal((await readdir(join(scratch, "real"))).sort(), ["demo.jsonl", "demo.meta.json"]);
  });
});

test("no error tells what a message says", async () => {
  const secret = "hunter2-is-the-password";
  await inScratch(async (folder) => {
    const store = fileStore(folder);
    const errors: unknown[] = [];
    const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", maxLineBytes: 1000 });
    const refused = [
      { message: { params: secret.repeat(100) }, direction: "client_to_server" },
      { message: { params: secret, big: 1n }, direction: "client_to_server" },
      { message: secret, raw: secret, direction: "client_to_server" },
      { message: jsonText(`{"password":"${secret}",}`), direction: "client_to_server" },
    ];
    for (const envelope of refused) errors.push(await reasonOf(writer.writeFrame(envelope as never)));
    await writer.finalize();
    errors.push(await reasonOf(writer.writeFrame({ message: { secret }, direction: "client_to_server" })));
    const env = `"env":{"message":{"password":"${secret}"}}`;
    const damaged = [
      `{"type":"frame","seq":0,"ts":0,"dir":"client_to_server",${env}`,
      `{"type":"frame","seq":-1,"ts":0,"dir":"client_to_server",${env}}`,
      `{"kind":"frame",${env}}`,
    ];
    for (const field of [`"dir":"${secret}"`, `"env":"${secret}"`, `"ts":"${secret}"`, `"transport":"${secret}"`]) {
      damaged.push(`{"type":"frame","seq":0,"ts":0,"dir":"client_to_server",${env},${field}}`);
    }
    for (const line of damaged) {
      await writeFile(join(folder, "bad.jsonl"), `${initLine("bad")}${line}\n#${line}\n`);
      const onError = (error: unknown) => errors.push(error);
      await using reader = await StreamingTapeReader.open(store, "bad", { onError });
      for await (const record of reader.records()) assert.is(record.type, "init");
    }
    assert.ok(errors.length >= 19, `${errors.length} errors`);
    for (const error of errors) {
      assert.ok(isTapeError(error) || error instanceof SyntaxError, String(error));
      for (let each: unknown = error; each instanceof Error; each = each.cause) {
        assert.ok(!each.message.includes("hunter"), each.message);
      }
    }
  });
});

test.run();
