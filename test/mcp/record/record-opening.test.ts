import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import { recordStdio } from "../../../src/mcp.ts";
import {
  isTapeError,
  memoryStore,
  messageText,
  StreamingTapeReader,
  TapeError,
  type TapeStore,
} from "../../../src/mod.ts";
import { currentRuntime } from "../../helpers/runtime.ts";
import { reasonOf, within } from "../../helpers/within.ts";

const newClient = () => ({ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() });

/** A store that makes a tape only when it is let. */
function heldStore(until: Promise<void>): TapeStore {
  const store = memoryStore();
  return {
    ...store,
    async openSink(key, options) {
      await until;
      return await store.openSink(key, options);
    },
  };
}

test("recordStdio() starts the server before the tape is there, and loses nothing that is said meanwhile", async () => {
  const { promise, resolve } = deferred();
  const store = heldStore(promise);
  const client = newClient();
  const session = recordStdio({ store, client, tapeId: "late", command: "cat", args: [] });
  for (const message of ['{"id":1}', '{"id":2}']) {
    client.stdin.write(`${message}\n`);
    const [answer] = await within(once(client.stdout, "data"), "an answer");
    assert.is(String(answer), `${message}\n`);
  }
  client.stdin.end();
  await within(once(client.stdout, "end"), "the end of the server");
  resolve();
  const { code, reason } = await session;
  assert.equal([code, reason], [0, undefined]);
  await using reader = await StreamingTapeReader.open(store, "late");
  const said: string[] = [];
  for await (const frame of reader.frames()) said.push(messageText(frame));
  assert.equal(said.sort(), ['{"id":1}', '{"id":1}', '{"id":2}', '{"id":2}']);
});

test("recordStdio() lets a server wait that says more before the tape is there than memory has room for", async () => {
  if (currentRuntime() === "bun") return console.log("skip: Bun hands out what it has read of a paused output");
  const { promise, resolve } = deferred();
  const store = heldStore(promise);
  const client = newClient();
  client.stdin.end();
  const maxPendingBytes = 8 * 1024 * 1024;
  const session = recordStdio({ store, client, tapeId: "late", command: "seq", args: ["100000"], maxPendingBytes });
  client.stdout.resume();
  await within(once(client.stdout, "data"), "the first numbers");
  // Long enough for all that it would say if nobody stopped it.
  setTimeout(resolve, 300);
  const { metadata, reason } = await within(session, "the end of the session", 60_000);
  assert.equal([metadata?.stats?.frame_count, reason], [100_000, undefined]);
});

test("recordStdio() ends a server that it has started for a tape that cannot be made", async () => {
  const { promise, reject } = deferred();
  const client = newClient();
  const session = recordStdio({ store: heldStore(promise), client, command: "cat", args: [] });
  client.stdin.write("hello\n");
  await within(once(client.stdout, "data"), "an answer");
  reject(new TapeError("locked", "Cannot make it: somebody else does"));
  const error = await within(reasonOf(session), "the end of the session");
  assert.ok(isTapeError(error, "locked"), String(error));
  assert.is(client.stdout.writableEnded, true, "the server's output has ended with it");
});

test.run();
