import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { linesOf, onlyTapeIn } from "../../helpers/mcp/recorded-server.ts";
import { findRuntime } from "../../helpers/runtime.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { recorded, talkWith } from "../../helpers/mcp/stdio-client.ts";

/** A server is a foreign program: this one runs on Node, where it can write without waiting. */
function bufferingServer(): [string, ...string[]] {
  const node = findRuntime("node");
  if ("missing" in node) throw new Error(node.missing);
  const [program, ...args] = node.command;
  return [program, ...args, fileURLToPath(new URL("../../helpers/programs/buffering-server.ts", import.meta.url))];
}

test("record takes 100,000 requests from a client that does not read before it has sent them all", async () => {
  const requests: string[] = [];
  for (let id = 0; id < 100_000; id++) requests.push(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}\n`);
  const answers = requests.map((request) => `[${request.trimEnd()}]\n`).join("");
  await inScratch(async (folder) => {
    const seen = await talkWith(recorded(bufferingServer(), ["--dir", folder]), async (peer) => {
      peer.child.stdout!.pause();
      peer.send(requests.join(""));
      // Settles when the last of it is out of our hands, which is long after every pipe on the way back is full.
      await new Promise((resolve) => peer.child.stdin!.end(resolve));
      peer.child.stdout!.resume();
    });
    assert.ok(String(seen.stdout) === answers, "every answer arrived, in order");
    assert.is(String(seen.stderr), "");
    assert.is(seen.code, 0);
    const tape = await onlyTapeIn(folder);
    assert.is(tape.frames.length, 200_000);
    assert.ok(tape.said("client_to_server").join("\n") === requests.map((request) => request.trimEnd()).join("\n"));
    assert.ok(tape.said("server_to_client").join("\n") === linesOf(seen.stdout).join("\n"));
    assert.equal(tape.frames.map(({ seq }) => seq), tape.frames.map((_, at) => at));
  });
});

test.run();
