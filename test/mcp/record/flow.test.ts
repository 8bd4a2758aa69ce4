import { Buffer } from "node:buffer";
import { PassThrough, Readable, Writable } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deferred } from "../../../src/deferred.ts";
import { Flow } from "../../../src/mcp/record/flow.ts";
import { eventually, within } from "../../helpers/within.ts";

/** A target that takes a chunk when it is told to. */
class SlowTarget extends Writable {
  readonly taken: string[] = [];
  #waiting: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(String(chunk));
    this.#waiting.push(done);
  }

  take(): void {
    this.#waiting.shift()?.();
  }
}

const nothing = { onChunk: () => {}, onEnd: () => {} };

test("Flow passes every chunk on as it came, and shows it afterwards", async () => {
  const events: string[] = [];
  const from = new PassThrough();
  const to = new Writable({
    write(chunk, _encoding, done) {
      events.push(`passed on ${chunk}`);
      done();
    },
    final(done) {
      events.push("ended");
      done();
    },
  });
  const flow = new Flow(from, to, {
    onChunk: (chunk) => events.push(`seen ${chunk}`),
    onEnd: () => events.push("seen the end"),
  });
  from.write("a");
  await eventually("a is seen", () => events.length === 2);
  from.end("b");
  await within(flow.done, "the end");
  assert.equal(events, ["passed on a", "seen a", "passed on b", "seen b", "seen the end", "ended"]);
  assert.is(flow.byteCount, 2);
});

test("Flow takes no more than the target does, and is not done before the target has it all", async () => {
  let pulled = 0;
  const from = new Readable({
    highWaterMark: 1,
    read() {
      this.push(pulled++ < 5 ? Buffer.from(String(pulled)) : null);
    },
  });
  const to = new SlowTarget();
  const flow = new Flow(from, to, nothing);
  let isDone = false;
  flow.done.then(() => isDone = true);
  for (let count = 1; count <= 5; count++) {
    await eventually(`chunk ${count}`, () => to.taken.length === count);
    assert.ok(pulled <= count + 2, `${pulled} chunks were read before the target took the ${count}th`);
    assert.is(from.isPaused(), true);
    assert.is(isDone, false);
    to.take();
  }
  await within(flow.done, "the end");
  assert.equal(to.taken, ["1", "2", "3", "4", "5"]);
});

test("Flow lets the source know that the target is gone", async () => {
  const from = new PassThrough();
  const to = new Writable({ write: (_chunk, _encoding, done) => done(new Error("nobody reads")) });
  const flow = new Flow(from, to, nothing);
  from.write("lost");
  await within(flow.done, "the end");
  assert.is(from.destroyed, true);
});

test("Flow ends with a source that breaks, and passes on what came before", async () => {
  const from = new PassThrough();
  const to = new PassThrough();
  const flow = new Flow(from, to, nothing);
  from.write("last words");
  await eventually("the last words are passed on", () => flow.byteCount > 0);
  from.destroy(new Error("broken"));
  await within(flow.done, "the end");
  assert.is(String(to.read()), "last words");
  assert.is(to.writableEnded, true);
});

test("Flow leaves a target open that others write to as well", async () => {
  const from = new PassThrough();
  const to = new SlowTarget();
  const flow = new Flow(from, to, { ...nothing, endsTarget: false });
  let isDone = false;
  flow.done.then(() => isDone = true);
  from.end("a");
  await eventually("the chunk and the end", () => to.taken.length === 1 && from.readableEnded);
  assert.is(isDone, false);
  to.take();
  await within(flow.done, "the end");
  assert.is(to.writableEnded, false);
});

test("Flow gives everything else its turn while a lot passes through", async () => {
  const from = new PassThrough({ highWaterMark: 100_000_000 });
  const to = new PassThrough({ highWaterMark: 100_000_000 });
  const turned = deferred();
  let seenAtTurn = 0;
  for (let n = 0; n < 1000; n++) from.write(Buffer.alloc(65_536));
  from.end();
  const flow = new Flow(from, to, nothing);
  setTimeout(() => {
    seenAtTurn = flow.byteCount;
    turned.resolve();
  }, 0);
  await within(turned.promise, "a turn");
  assert.ok(seenAtTurn < 1000 * 65_536, `all ${seenAtTurn} bytes passed before anybody else had a turn`);
  await within(flow.done, "the end");
  assert.is(flow.byteCount, 1000 * 65_536);
});

test("Flow tells once who closed it, and not that it was stopped", async () => {
  const told: string[] = [];
  const open = () => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    to.resume();
    return { from, to, flow: new Flow(from, to, { ...nothing, onClosed: (by) => told.push(by) }) };
  };
  const ended = open();
  ended.from.end("x");
  await within(ended.flow.done, "the end");
  assert.equal(told.splice(0), ["from"]);
  const broken = open();
  broken.to.destroy();
  await within(broken.flow.done, "the end");
  assert.equal(told.splice(0), ["to"]);
  const stopped = open();
  stopped.flow.stop();
  await within(stopped.flow.done, "the end");
  assert.equal(told, []);
});

test("Flow takes all that is left when the writer has ended, whatever the target takes", async () => {
  const from = new PassThrough();
  const to = new SlowTarget();
  const flow = new Flow(from, to, nothing);
  for (const chunk of ["a", "b", "c"]) from.write(chunk);
  await eventually("the flow is blocked", () => to.taken.length === 1 && from.isPaused());
  flow.takeAll();
  from.end();
  await within(flow.ended, "the end of the source");
  assert.equal([flow.byteCount, flow.unwritten], [3, 3]);
  for (const _ of ["a", "b", "c"]) to.take();
  await within(flow.done, "the end");
  assert.equal(to.taken, ["a", "b", "c"]);
});

test("Flow that is cut takes no more, and passes on what has come", async () => {
  const from = new PassThrough();
  const to = new SlowTarget();
  const flow = new Flow(from, to, nothing);
  from.write("a");
  await eventually("a has come", () => to.taken.length === 1);
  let isDone = false;
  flow.done.then(() => isDone = true);
  flow.cut();
  await within(flow.ended, "the end of the source");
  assert.equal([from.destroyed, isDone], [true, false]);
  to.take();
  await within(flow.done, "the end");
  assert.is(to.writableEnded, true);
});

test.run();
