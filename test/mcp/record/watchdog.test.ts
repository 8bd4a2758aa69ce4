import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inScratch } from "../../helpers/scratch.ts";
import { type Peer, recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { eventually } from "../../helpers/within.ts";

/** Says its number, and ends for no reason but SIGKILL. */
const STUBBORN = `trap '' TERM INT HUP; echo $$; while :; do sleep 0.05; done`;

const hasProc = existsSync("/proc/self/stat");
if (!hasProc) console.log("skip: there is no /proc to look for processes");
const onLinux = hasProc ? test : test.skip;

/** Whether a process runs. One that has ended and that nobody has asked about does not. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !hasProc || stateOf(pid)[0] !== "Z";
  } catch {
    return false;
  }
}

/** State, parent, group, session and more, as Linux tells them. */
function stateOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return stateOf(pid)[1] === String(parent);
    } catch {
      return false;
    }
  });
}

function ignores(pid: number, signal: number): boolean {
  const mask = /^SigIgn:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]!;
  return (BigInt(`0x${mask}`) >> BigInt(signal - 1) & 1n) === 1n;
}

/** The numbers that a server has said on its first line. */
async function numbersOf(peer: Peer): Promise<number[]> {
  await peer.text("\n");
  return String(peer.stdout).split("\n")[0]!.split(" ").map(Number);
}

function endAll(...pids: number[]): void {
  for (const pid of pids.filter((pid) => pid > 0)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone.
    }
  }
}

for (
  const [what, signals] of [
    ["a client that gives up kills it", ["SIGTERM", "SIGKILL"]],
    ["it is stopped, and killed", ["SIGSTOP", "SIGKILL"]],
    ["it dies of a signal that it knows nothing of", ["SIGALRM"]],
  ] as const
) {
  test(`record leaves no server behind when ${what}`, async () => {
    await inScratch(async (folder) => {
      let server = 0;
      try {
        await talkWith(recorded(shell(STUBBORN), ["--dir", folder]), async (peer) => {
          [server = 0] = await numbersOf(peer);
          peer.end();
          for (const signal of signals) process.kill(peer.pid, signal);
          await eventually("the end of the server", () => !isRunning(server));
        });
      } finally {
        endAll(server);
      }
    });
  });
}

test("record leaves behind what a server has left on purpose", async () => {
  await inScratch(async (folder) => {
    let [daemon, server] = [0, 0];
    try {
      const line = shell(`sleep 60 >/dev/null 2>&1 & printf '%s ' $!; ${STUBBORN}`);
      await talkWith(recorded(line, ["--dir", folder]), async (peer) => {
        [daemon = 0, server = 0] = await numbersOf(peer);
        process.kill(peer.pid, "SIGKILL");
        await eventually("the end of the server", () => !isRunning(server));
        assert.is(isRunning(daemon), true);
      });
    } finally {
      endAll(daemon, server);
    }
  });
});

onLinux(
  "record watches over a server in a process that holds no stream and no terminal, and ends with it",
  async () => {
    for (const isKilled of [false, true]) {
      await inScratch(async (folder) => {
        const line = shell(isKilled ? STUBBORN : "echo $$; while read line; do :; done; exit 3");
        const seen = await talkWith(recorded(line, ["--dir", folder]), async (peer) => {
          const [server] = await numbersOf(peer);
          const others = childrenOf(peer.pid).filter((pid) => pid !== server);
          assert.is(others.length, 1);
          const watchdog = others[0]!;
          const streams = [0, 1, 2].map((descriptor) => readlinkSync(`/proc/${peer.pid}/fd/${descriptor}`));
          for (const descriptor of readdirSync(`/proc/${watchdog}/fd`)) {
            const file = readlinkSync(`/proc/${watchdog}/fd/${descriptor}`);
            assert.is(streams.includes(file), false, `${descriptor} is ${file}`);
          }
          assert.is(stateOf(watchdog)[3], String(watchdog), "it leads a session of its own");
          await eventually("the watchdog ignores SIGTERM", () => ignores(watchdog, constants.signals.SIGTERM));
          process.kill(watchdog, "SIGTERM");
          if (isKilled) process.kill(peer.pid, "SIGKILL");
          else peer.end();
          await eventually("the end of both", () => !isRunning(watchdog) && !isRunning(server!));
        });
        assert.is(seen.code, isKilled ? 137 : 3);
      });
    }
  },
);

test.run();
