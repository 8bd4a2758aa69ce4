import * as assert from "./assert.ts";
import { isTapeError, type TapeErrorCode } from "../errors.ts";
import { bytes, check, KEY, keys, type StoreCheck, text, write } from "./store-check.ts";
import { eventually, rejection } from "./within.ts";

/** A tape that somebody takes away from its writer: the writer has to notice. */
export const losing: readonly StoreCheck[] = [
  check("a sink whose tape was deleted writes no more, and closes in vain", async ({ store, other }) => {
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\n")]);
    await other.delete(KEY);
    await eventually("a write fails", () => failsWith("tape_not_found", sink.append([bytes("two\n")])));
    for (const call of [() => sink.append([bytes("three\n")]), () => sink.close()]) {
      await rejection(call(), "tape_not_found");
    }
    assert.equal(await keys(other), [], "it has not come back");
    await write(store, KEY, "another\n");
    await sink.abort();
    assert.is(await text(other, KEY), "another\n");
  }),

  check("a sink whose tape was replaced writes no more, and leaves alone what is there", async ({ store, other }) => {
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\n")]);
    await other.put(KEY, bytes("another\n"));
    await eventually("a write fails", () => failsWith("invalid_tape", sink.append([bytes("two\n")])));
    await rejection(sink.append([bytes("three\n")]), "invalid_tape");
    await rejection(sink.close(), "invalid_tape");
    assert.is(await text(other, KEY), "another\n");
    await (await other.openSink(KEY, { mode: "append" })).close();
  }),

  check("close() rejects where the tape was deleted or replaced since the last write", async ({ store, other }) => {
    for (const code of ["tape_not_found", "invalid_tape"] as const) {
      const sink = await store.openSink(KEY);
      await sink.append([bytes("one\n")]);
      if (code === "tape_not_found") await other.delete(KEY);
      else await other.put(KEY, bytes("another\n"));
      await rejection(sink.close(), code);
      await rejection(sink.append([bytes("late\n")]), "closed");
      if (code === "invalid_tape") assert.is(await text(other, KEY), "another\n");
    }
  }),

  check("check() is content with a tape that is being written", async ({ store }) => {
    const sink = await store.openSink(KEY);
    const large = bytes("x".repeat(2_000_000) + "\n");
    for (let n = 0; n < 5; n++) {
      await Promise.all([sink.append([large]), sink.check(), sink.check()]);
      await sink.check();
    }
    await sink.close();
  }),

  check("writerOf() tells whether somebody writes a tape, where the store can tell", async ({ store, other }) => {
    if (other.writerOf === undefined) return;
    assert.is(await other.writerOf(KEY), "none");
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\n")]);
    assert.is(await other.writerOf(KEY), "alive");
    await sink.close();
    assert.is(await other.writerOf(KEY), "none");
  }),
];

/** Whether a call has failed with that code; it may also have succeeded. */
async function failsWith(code: TapeErrorCode, call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return false;
  } catch (error) {
    if (isTapeError(error, code)) return true;
    throw error;
  }
}
