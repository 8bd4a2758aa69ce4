import { Buffer } from "node:buffer";
import process from "node:process";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CommandError, recordStdio } from "../../../src/mcp.ts";
import { memoryStore, messageText, StreamingTapeReader } from "../../../src/mod.ts";
import { linesOf, onlyTapeIn } from "../../helpers/mcp/recorded-server.ts";
import { currentRuntime } from "../../helpers/runtime.ts";
import { inScratch } from "../../helpers/scratch.ts";
import {
  type CommandLine,
  type Peer,
  quoted,
  recorded,
  type Seen,
  shell,
  talkWith,
} from "../../helpers/mcp/stdio-client.ts";
import { reasonOf, within } from "../../helpers/within.ts";

const bytes = (...parts: (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part) : Buffer.from([...part])));

interface Case {
  readonly server: CommandLine;
  /** What the client does; by default it ends the input at once. */
  readonly talk?: (peer: Peer) => void | Promise<void>;
  /** What the client sends, to compare with the tape; undefined where it depends on timing how much arrives. */
  readonly sent?: Uint8Array;
  readonly code: number;
}

/** The server talks to its client with and without a recorder in between; nobody can tell. Gives what the client saw. */
async function compare({ server, talk, sent, code }: Case): Promise<Seen> {
  return await inScratch(async (folder) => {
    const plain = await talkWith(server, talk);
    const seen = await talkWith(recorded(server, ["--dir", folder]), talk);
    assert.is(seen.stdout.compare(plain.stdout), 0, `stdout: ${seen.stdout} instead of ${plain.stdout}`);
    assert.is(seen.stderr.toString("latin1"), plain.stderr.toString("latin1"));
    assert.is(plain.code, code);
    assert.is(seen.code, code, `exit code ${seen.code} instead of ${code}`);

    const tape = await onlyTapeIn(folder);
    assert.equal(tape.said("server_to_client"), linesOf(seen.stdout));
    assert.is(tape.wire("server_to_client").compare(seen.stdout), 0, "the tape has every byte of stdout");
    if (sent !== undefined) {
      assert.equal(tape.said("client_to_server"), linesOf(sent));
      assert.is(tape.wire("client_to_server").compare(sent), 0, "the tape has every byte of stdin");
    }
    // A log record has text only.
    assert.equal(tape.log, linesOf(seen.stderr).map((line) => new TextDecoder().decode(Buffer.from(line, "latin1"))));
    assert.is(tape.metadata?.status, "finalized");
    assert.is(tape.records.some(({ type }) => type === "gap"), false);
    return seen;
  });
}

/** The client sends all at once, waits for as many bytes, and ends. */
function echo(sent: Uint8Array): Case {
  return {
    server: ["cat"],
    sent,
    code: 0,
    async talk(peer) {
      peer.send(sent);
      await peer.bytes(sent.length);
      peer.end();
    },
  };
}

test("record passes on messages and garbage alike", async () => {
  await compare(echo(bytes(
    '{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/list"}\n',
    '  { "a" : 1.0, "a" : 1e400 }\r\n',
    "\n\n\r\n",
    [0xff, 0xfe, 0x00, 0x80],
    "\n",
    "\ufeff{}\n",
    '"\ud800"\n\u2028\n',
    "\x1b[31mnot a message\n",
    '{"half":',
  )));
});

test("record passes on a line of 20 MB and leaves it out of the tape", async () => {
  await inScratch(async (folder) => {
    const sent = bytes(`{"long":"${"x".repeat(20_000_000)}"}\n{"id":1}\n`);
    const { talk } = echo(sent);
    const seen = await talkWith(recorded(["cat"], ["--dir", folder]), talk);
    assert.is(seen.stdout.compare(sent), 0);
    assert.is(seen.code, 3);
    assert.match(
      String(seen.stderr),
      /^tapeline: a message of 20000011 bytes is too long for the tape, which takes 10485504; /,
    );
    const tape = await onlyTapeIn(folder);
    assert.equal(tape.said("client_to_server"), ['{"id":1}']);
    const gaps = tape.records.flatMap((record) => record.type === "gap" ? [record.count] : []);
    assert.equal(gaps, [1, 1]);
    assert.is(tape.metadata?.stats?.lost_frame_count, 2);
  });
});

test("record passes on a message of 5 MB", async () => {
  await compare(echo(bytes(`{"long":"${"é".repeat(2_500_000)}"}\n`)));
});

test("record passes on the garbage of a server that talks without being asked", async () => {
  await compare({
    server: shell(String.raw`printf '\377\000garbage\n\n{"id":1}\r\nno end'; printf 'oops \377\n more' >&2; exit 3`),
    sent: bytes(),
    code: 3,
    talk: () => {},
  });
});

test("record ends with the exit code of the server", async () => {
  await compare({ server: shell("exit 0"), sent: bytes(), code: 0 });
  await compare({ server: shell("exit 7"), sent: bytes(), code: 7 });
  await compare({
    server: shell("cat >/dev/null; echo bye; exit 255"),
    sent: bytes("x\n"),
    code: 255,
    talk: sendAndEnd("x\n"),
  });
});

test("record passes on what a server says that dies in the middle of a line", async () => {
  const server = shell(`read line; printf '{"jsonrpc":"2.0","id":1,"resul'; exit 9`);
  await compare({ server, sent: bytes('{"id":1}\n'), code: 9, talk: (peer) => peer.send('{"id":1}\n') });
});

test("record ends as a server that is killed", async () => {
  for (const [signal, code] of [["KILL", 137], ["TERM", 143], ["INT", 130], ["HUP", 129], ["ABRT", 134]] as const) {
    const seen = await compare({ server: shell(`ulimit -c 0; echo started; kill -${signal} $$`), sent: bytes(), code });
    // A dump of our memory would say nothing of the server, so there is none.
    if (signal !== "ABRT") assert.is(seen.signal, `SIG${signal}`);
  }
});

test("record takes a server that ends without reading what the client sends", async () => {
  const much = Buffer.alloc(1_000_000, "x".repeat(99) + "\n");
  await compare({ server: shell("exit 5"), code: 5, talk: (peer) => peer.send(much) });
});

test("record takes a server that closes its input and lives on", async () => {
  await compare({
    server: shell("exec 0<&-; echo closed; sleep 0.2; echo later; exit 6"),
    code: 6,
    async talk(peer) {
      await peer.text("closed\n");
      peer.send("1\n");
      await peer.text("later\n");
    },
  });
});

test("record lets the client see that the server has closed its output", async () => {
  // Its clients use pipes, of which it keeps a second handle to itself.
  if (currentRuntime() === "deno") return console.log("skip: Deno cannot close its own stdout");
  await compare({
    server: shell("echo last; exec 1>&-; read line; exit 4"),
    sent: bytes("go\n"),
    code: 4,
    async talk(peer) {
      // The server lives until it hears from us, and we wait for the end of its output first.
      await peer.outputEnd();
      peer.send("go\n");
    },
  });
});

test("record lets a client that is connected by pipes see the end of the output too", async () => {
  if (currentRuntime() === "deno") return console.log("skip: Deno cannot close its own stdout");
  await inScratch(async (folder) => {
    const server = recorded(shell("echo last; exec 1>&-; read line; echo $line >&2; exit 4"), ["--dir", folder]);
    const seen = await talkWith(shell(`${quoted(server)} | (cat; echo over)`), async (peer) => {
      await peer.text("over\n");
      peer.send("go\n");
    });
    assert.is(String(seen.stdout), "last\nover\n");
    assert.is(String(seen.stderr), "go\n");
  });
});

test("record lets the client see that the server has closed its input", async () => {
  if (currentRuntime() === "bun") return console.log("skip: Bun does not tell when a child has closed its input");
  await compare({
    server: shell("trap 'exit 6' TERM; exec 0<&-; echo closed; while true; do sleep 0.05; done"),
    code: 6,
    async talk(peer) {
      await peer.text("closed\n");
      await peer.sendUntilRefused();
      process.kill(peer.pid, "SIGTERM");
    },
  });
});

test("record lets the server see that the client does not read any more", async () => {
  await inScratch(async (folder) => {
    const server = shell("trap 'exit 11' PIPE; while echo line; do :; done 2>/dev/null; exit 11");
    const talk = async (peer: Peer) => {
      await peer.text("line\n");
      peer.child.stdout!.destroy();
    };
    assert.is((await talkWith(server, talk)).code, 11);
    assert.is((await talkWith(recorded(server, ["--dir", folder]), talk)).code, 11);
  });
});

test("record passes on stderr and records it line by line", async () => {
  await compare({
    server: shell("echo one >&2; printf 'two\\n\\nthree' >&2; read line; echo four >&2"),
    sent: bytes("x\n"),
    code: 0,
    talk: (peer) => peer.send("x\n"),
  });
});

test("record passes on secrets that the server logs, and records them only where it is told to", async () => {
  const said = "Authorization: Bearer s3cretX17\nGET /x?token=s3cretX17 200\nready\n";
  for (
    const [options, logged] of [
      [[], ["Authorization: Bearer [masked]", "GET /x?token=[masked] 200", "ready"]],
      [["--keep-logs"], said.trimEnd().split("\n")],
    ] as const
  ) {
    await inScratch(async (folder) => {
      const server = shell(`printf '${said.replaceAll("\n", "\\n")}' >&2; read line`);
      const seen = await talkWith(recorded(server, ["--dir", folder, ...options]), (peer) => peer.send("x\n"));
      assert.is(String(seen.stderr), said);
      assert.equal((await onlyTapeIn(folder)).log, logged);
    });
  }
});

test("record passes signals on to the server", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    await compare({
      server: shell(
        `trap 'echo bye; exit 5' ${signal.slice(3)}; echo ready; while read line; do :; done; read line; exit 1`,
      ),
      sent: bytes(),
      code: 5,
      async talk(peer) {
        await peer.text("ready\n");
        process.kill(peer.pid, signal);
      },
    });
  }
});

test("record ends with a server that leaves something behind which holds its output open", async () => {
  await inScratch(async (folder) => {
    const server = shell("sleep 60 & echo $!; exit 5");
    let left = 0;
    try {
      const seen = await talkWith(recorded(server, ["--dir", folder]), async (peer) => {
        await peer.text("\n");
        left = Number(peer.stdout);
      });
      assert.is(seen.code, 5);
    } finally {
      if (left > 0) process.kill(left, "SIGKILL");
    }
  });
});

test("record ends like a shell where the command cannot be started", async () => {
  await inScratch(async (folder) => {
    const none = await talkWith(recorded(["./no-such\u001bcommand"], ["--dir", folder]));
    assert.is(none.code, 127);
    assert.is(String(none.stderr), "tapeline: Cannot start ./no-such\\u{1b}command: there is no such command\n");
    const notExecutable = await talkWith(recorded(["/etc/passwd"], ["--dir", folder]));
    assert.is(notExecutable.code, 126);
    assert.is(String(notExecutable.stderr), "tapeline: Cannot start /etc/passwd: it is not executable\n");
  });
});

test("recordStdio() runs a server for a client in this very process", async () => {
  const store = memoryStore();
  const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const session = recordStdio({
    ...{ store, client, tapeId: "demo", sessionId: "s-1", command: "sh", env: { GREETING: "hello" } },
    args: ["-c", 'read line; echo "$GREETING $line"; echo done >&2; exit 3'],
  });
  client.stdin.end("world\n");
  const { metadata, ...ending } = await within(session, "the end of the session");
  const whole = { lostMessages: 0, lostLogs: 0, reason: undefined, isAbandoned: false };
  assert.equal(ending, { code: 3, signal: null, tapeId: "demo", ...whole });
  assert.is(metadata?.stats?.frame_count, 2);
  assert.is(String(client.stdout.read()), "hello world\n");
  assert.is(client.stdout.writableEnded, true);
  assert.is(String(client.stderr.read()), "done\n");
  await using reader = await StreamingTapeReader.open(store, "demo");
  const said: string[] = [];
  for await (const frame of reader.frames()) said.push(messageText(frame));
  assert.equal(said, ["world", "hello world"]);
});

test("recordStdio() rejects where the command cannot be started", async () => {
  const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const error = await reasonOf(recordStdio({ store: memoryStore(), client, command: "no-such-command", args: [] }));
  assert.ok(error instanceof CommandError && error.exitCode === 127, String(error));
});

function sendAndEnd(content: string): (peer: Peer) => void {
  return (peer) => {
    peer.send(content);
    peer.end();
  };
}

test.run();
