import { existsSync, readlinkSync } from "node:fs";
import process from "node:process";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordStdio } from "../../../src/mcp.ts";
import { memoryStore } from "../../../src/mod.ts";
import { linesOf, onlyTapeIn } from "../../helpers/mcp/recorded-server.ts";
import { currentRuntime } from "../../helpers/runtime.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { type CommandLine, type Peer, quoted, recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { eventually, within } from "../../helpers/within.ts";

test("record passes on the end of an input that ends without a byte", async () => {
  for (const connect of [(line: CommandLine) => line, (line: CommandLine) => shell(`printf '' | ${quoted(line)}`)]) {
    await inScratch(async (folder) => {
      const seen = await talkWith(connect(recorded(shell("cat; echo over"), ["--dir", folder])));
      assert.equal([seen.code, String(seen.stdout)], [0, "over\n"]);
      assert.equal((await onlyTapeIn(folder)).said("server_to_client"), ["over"]);
    });
  }
});

test("record works with descriptors that were closed before it was started", async () => {
  for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) {
    await inScratch(async (folder) => {
      const server = recorded(shell("cat; echo out; echo err >&2; exit 3"), ["--dir", folder]);
      const seen = await talkWith(shell(`${quoted(server)} ${closed}`), (peer) => {
        peer.send("in\n");
        peer.end();
      });
      const has = (redirection: string) => !closed.split(" ").includes(redirection);
      const said = [...has("<&-") ? ["in"] : [], "out"];
      assert.is(seen.code, 3, closed);
      assert.equal(linesOf(seen.stdout), has(">&-") ? said : [], closed);
      assert.is(String(seen.stderr), has("2>&-") ? "err\n" : "", closed);
      const tape = await onlyTapeIn(folder);
      assert.equal(tape.said("server_to_client"), said, closed);
      assert.equal(tape.log, ["err"], closed);
      assert.is(tape.metadata?.status, "finalized");
    });
  }
});

/** What is over, and how it comes to be; each server says `gone` when it is, and lives on. */
const WAYS_TO_END: readonly [what: string, server: string, talk: (peer: Peer) => Promise<void>][] = [
  ["the client has ended its input", "cat; echo gone", async (peer) => {
    peer.send("last\n");
    peer.end();
    await peer.text("gone\n");
  }],
  ["the server has closed its output", "exec >&-; echo gone >&2", async (peer) => {
    if (currentRuntime() !== "deno") await peer.outputEnd();
    await peer.errorText("gone\n");
  }],
  ["the client does not read", "read go; while echo line; do :; done 2>/dev/null; echo gone >&2", async (peer) => {
    peer.child.stdout!.destroy();
    peer.send("go\n");
    await peer.errorText("gone\n");
  }],
  ["the client does not read stderr", "read go; while echo line >&2; do :; done; echo gone", async (peer) => {
    peer.child.stderr!.destroy();
    peer.send("go\n");
    await peer.text("gone\n");
  }],
  ["the server has closed its input", "exec <&-; echo gone", async (peer) => {
    await peer.text("gone\n");
    // Bun does not tell when a child has closed its input.
    if (currentRuntime() !== "bun") await peer.sendUntilRefused();
  }],
];

for (const [what, server, talk] of WAYS_TO_END) {
  test(`record gives the number of a stream to no other file when ${what}`, async () => {
    if (!existsSync("/proc/self/fd")) return console.log("skip: there is no /proc to look at descriptors");
    await inScratch(async (folder) => {
      const lives = shell(`trap '' PIPE; ${server}; while :; do sleep 0.05; done`);
      const seen = await talkWith(recorded(lives, ["--dir", folder]), async (peer) => {
        const streams = [0, 1, 2].map((descriptor) => fileOf(peer.pid, descriptor));
        await talk(peer);
        for (const descriptor of [0, 1, 2]) {
          const file = () => fileOf(peer.pid, descriptor);
          // Closed a moment ago, and taken at once.
          await eventually(`descriptor ${descriptor} is taken`, () => file() !== undefined);
          assert.ok(file() === "/dev/null" || file() === streams[descriptor], `${descriptor} is ${file()}`);
        }
        process.kill(peer.pid, "SIGTERM");
      });
      assert.is(seen.signal, "SIGTERM");
      assert.is((await onlyTapeIn(folder)).metadata?.status, "finalized");
    });
  });
}

/** What a descriptor of a process stands for. */
function fileOf(pid: number, descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

test("recordStdio() takes a client that has gone before there is a server", async () => {
  const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  for (const stream of Object.values(client)) stream.destroy(new Error("gone"));
  const session = recordStdio({
    ...{ store: memoryStore(), client, command: "sh" },
    args: ["-c", "trap '' PIPE; cat; while echo line; do :; done 2>/dev/null; exit 4"],
  });
  assert.is((await within(session, "the end of the session")).code, 4);
});

test.run();
