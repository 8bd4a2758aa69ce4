import { PassThrough, Writable } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import { Flow } from "../../../src/mcp/record/flow.ts";
import { type LastWords, lastWords } from "../../../src/mcp/record/last-words.ts";
import { within } from "../../helpers/within.ts";

const nothing = { onChunk: () => {}, onEnd: () => {} };
const never = new Promise<void>(() => {});

/** A client that takes the next chunk when it is told to. */
function slowClient(): { readonly stream: Writable; read(): void } {
  let taken = () => {};
  const stream = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, done) {
      taken = done;
    },
  });
  return { stream, read: () => taken() };
}

/** Whether it is still so after more ticks than any patience has. */
async function isPending(result: Promise<LastWords>, ms: number): Promise<boolean> {
  const late = new Promise<true>((resolve) => setTimeout(() => resolve(true), ms));
  return await Promise.race([result.then(() => false), late]);
}

test("lastWords() is over when the outputs are", async () => {
  const outputs = [new PassThrough(), new PassThrough()];
  const flows = outputs.map((from) => new Flow(from, new PassThrough(), nothing));
  for (const output of outputs) output.end("bye");
  assert.equal(await within(lastWords(flows, never), "the end"), { held: [], unread: [] });
});

test("lastWords() names the output that something holds, and waits for what it says 400 ms later", async () => {
  const [open, ended] = [new PassThrough(), new PassThrough()];
  const client = new PassThrough();
  const flows = [new Flow(open, client, nothing), new Flow(ended, new PassThrough(), nothing)];
  ended.end();
  const result = lastWords(flows, never);
  setTimeout(() => open.write("late"), 400);
  assert.equal(await within(result, "silence"), { held: [flows[0]], unread: [] });
  assert.is(String(client.read()), "late");
  assert.is(client.writableEnded, true);
});

test("lastWords() does not wait for silence that never comes", async () => {
  const open = new PassThrough();
  const flow = new Flow(open, new PassThrough().resume(), nothing);
  const timer = setInterval(() => open.write("beat"), 20);
  try {
    assert.equal(await within(lastWords([flow], never), "the end"), { held: [flow], unread: [] });
  } finally {
    clearInterval(timer);
  }
});

test("lastWords() gives a client that reads as long as it takes, where all has been said", async () => {
  const from = new PassThrough();
  const client = slowClient();
  const result = lastWords([new Flow(from, client.stream, nothing)], never);
  from.end("all");
  assert.is(await isPending(result, 4_000), true);
  client.read();
  assert.equal(await within(result, "the end"), { held: [], unread: [] });
});

test("lastWords() waits no longer for a client that does not read, where something holds the output", async () => {
  const from = new PassThrough();
  const flow = new Flow(from, slowClient().stream, nothing);
  from.write("unread");
  assert.equal(await within(lastWords([flow], never), "the end"), { held: [flow], unread: [flow] });
});

test("lastWords() waits no longer when it is given up", async () => {
  const from = new PassThrough();
  const flow = new Flow(from, slowClient().stream, nothing);
  from.end("unread");
  const isGivenUp = deferred();
  const result = lastWords([flow], isGivenUp.promise);
  isGivenUp.resolve();
  assert.equal(await within(result, "the end"), { held: [], unread: [flow] });
});

test.run();
