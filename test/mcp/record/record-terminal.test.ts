import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onlyTapeIn } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { type CommandLine, quoted, recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";

/**
 * Runs a command line in a terminal of its own, whose keyboard is the client's output.
 * `exec`, because a shell that waits for it would be interrupted too, and some then end with 130 whatever it ends with.
 */
function inTerminal(line: CommandLine): CommandLine {
  return ["script", "-qec", `exec ${quoted(line)}`, "/dev/null"];
}

/** Counts how often it is interrupted. */
const server = shell(String.raw`
  n=0
  trap 'n=$((n + 1)); echo "interrupted $n"' INT
  echo ready
  while true; do
    if read line; then
      case $line in
        ping) echo pong ;;
        quit) echo "times: $n"; exit 5 ;;
      esac
    fi
  done
`);

test("record leaves Ctrl-C to the terminal, which sends it to the server too", async () => {
  if (process.platform !== "linux" || spawnSync("script", ["--version"]).status !== 0) {
    return console.log("skip: there is no script(1) of util-linux to make a terminal with");
  }
  await inScratch(async (folder) => {
    const { stdout, code } = await talkWith(inTerminal(recorded(server, ["--dir", folder])), async (peer) => {
      await peer.text("ready");
      peer.send("\u0003");
      await peer.text("interrupted 1");
      // By the time this has gone to and fro, the recorder has seen its own interrupt too.
      peer.send("ping\n");
      await peer.text("pong");
      peer.send("quit\n");
      await peer.text("times: ");
    });
    assert.match(String(stdout), /times: 1\r?\n/);
    assert.match(String(stdout), new RegExp(`tapeline: recording to ${folder}/\\w+\\.jsonl`));
    assert.is(code, 5);
    assert.is((await onlyTapeIn(folder)).said("server_to_client").at(-1), "times: 1");
  });
});

test.run();
