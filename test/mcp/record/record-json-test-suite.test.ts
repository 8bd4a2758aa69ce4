import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { linesOf, onlyTapeIn } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { recorded, talkWith } from "../../helpers/mcp/stdio-client.ts";

const SUITE = fileURLToPath(new URL("../../../../shared/data/json-test-suite/test_parsing/", import.meta.url));

test("record keeps every file of JSONTestSuite as it crossed the wire", async () => {
  if (!existsSync(SUITE)) return console.log("skip: ../shared/data/json-test-suite is not here");
  const names = readdirSync(SUITE).sort();
  const files = names.map((name) => readFileSync(SUITE + name));
  const sent = Buffer.concat(files.flatMap((content) => [content, Buffer.from("\n")]));
  await inScratch(async (folder) => {
    const seen = await talkWith(recorded(["cat"], ["--dir", folder]), async (peer) => {
      peer.send(sent);
      await peer.bytes(sent.length);
      peer.end();
    });
    assert.is(seen.stdout.compare(sent), 0);
    assert.is(seen.code, 0);

    const tape = await onlyTapeIn(folder);
    for (const direction of ["client_to_server", "server_to_client"] as const) {
      const frames = tape.frames.filter(({ dir }) => dir === direction);
      const lines = tape.said(direction);
      let at = 0;
      for (const [index, name] of names.entries()) {
        const expected = linesOf(Buffer.concat([files[index]!, Buffer.from("\n")]));
        const own = frames.slice(at, at + expected.length);
        assert.equal(lines.slice(at, at + expected.length), expected, name);
        // A file of several lines is cut to pieces, of which nobody says what they are.
        const isInvalid = own[0]!.flags?.is_invalid === true;
        if (expected.length === 1 && !name.startsWith("i_")) assert.is(isInvalid, name.startsWith("n_"), name);
        assert.is(isInvalid, own[0]!.env.message === undefined, name);
        at += expected.length;
      }
      assert.is(at, frames.length);
    }
  });
});

test.run();
