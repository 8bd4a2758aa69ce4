import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeReader, verifyTape } from "../../../src/mod.ts";
import { fileStore } from "../../../src/file.ts";
import { linesOf } from "../../helpers/mcp/recorded-server.ts";
import { recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { tapeline } from "../run-command.ts";

test("record --compress makes a tape that is smaller, whole, and read by every command", () =>
  inScratch(async (folder) => {
    const count = 200;
    await talkWith(recorded(shell("cat"), ["--dir", folder, "--compress"]), async (peer) => {
      for (let id = 0; id < count; id++) {
        const args = { path: `/home/user/project/src/file-${id}.ts`, encoding: "utf8", limit: 100, needle: id === 150 };
        peer.send(
          `${
            JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "read_file", arguments: args } })
          }\n`,
        );
      }
      await peer.text(`"id":${count - 1},`);
      peer.child.stdin!.end();
    });
    const store = fileStore(folder);
    const [entry] = await collect(store.list((key) => key.endsWith(".jsonl")));
    const { key, size } = entry!;
    const tapeId = key.slice(0, -".jsonl".length);
    assert.is((await verifyTape(store, tapeId)).isIntact, true);
    const reader = await StreamingTapeReader.open(store, tapeId);
    assert.is(reader.init.compression, "zstd");
    const frames = await collect(reader.frames());
    assert.is(frames.length, 2 * count);
    const plain = frames.reduce((sum, frame) => sum + JSON.stringify(frame).length, 0);
    assert.ok(size < plain * 0.9, `${size} of ${plain}`);
    const path = join(folder, key);
    const found = await tapeline(["grep", "--json", 'text:"needle\\":true"', path]);
    assert.is(found.code, 0, found.stderr);
    assert.is(linesOf(Buffer.from(found.stdout)).length, 2);
    assert.match((await tapeline(["info", path])).stdout, new RegExp(`${2 * count}`));
    const made = await tapeline(["filter", "-o", join(folder, "some.jsonl"), 'text:"needle\\":true"', path]);
    assert.is(made.code, 0, made.stderr);
  }));

test.run();
