import * as assert from "./assert.ts";
import { TapeError } from "../errors.ts";
import { bytes, check, decode, KEY, keys, patternOf, type StoreCheck, text } from "./store-check.ts";
import { rejection } from "./within.ts";

/** What happens where there is no more room. */
export const room: readonly StoreCheck[] = [
  check(
    "append() keeps whole lines or none where there is no room, and goes on when there is",
    async ({ store, free }) => {
      const sink = await store.openSink(KEY);
      await sink.append([bytes("first\n")]);
      const line = bytes("x".repeat(999) + "\n");
      const chunks = Array.from({ length: 200 }, () => line);
      const error = await rejection(sink.append(chunks), "io");
      assert.ok(error.cause instanceof Error && !(error.cause instanceof TapeError));
      const kept = sink.offset;
      assert.is((kept - 6) % 1000, 0, "no part of a line is left");
      assert.is(await store.size(KEY), kept);

      let written = kept;
      for (let n = 0; n < 200; n++) {
        try {
          await sink.append([line, line]);
          written += 2000;
        } catch {
          break;
        }
      }
      written = sink.offset;
      assert.ok(written > 20_000 && written < 400_000, `${written} bytes`);
      assert.is((written - 6) % 1000, 0);
      assert.is(await store.size(KEY), written);
      await rejection(sink.append(chunks), "io");

      await free();
      await sink.append([bytes("last\n")]);
      await sink.close();
      const content = await text(store, KEY);
      assert.is(content, `first\n${decode(line).repeat((written - 6) / 1000)}last\n`);
    },
  ),

  check("put() leaves the old object where there is no room for the new one, and no draft", async ({ store }) => {
    await store.put("demo.meta.json", bytes("old"));
    await rejection(store.put("demo.meta.json", patternOf(300_000)), "io");
    assert.is(decode((await store.get("demo.meta.json"))!), "old");
    await store.put("demo.meta.json", bytes("new"));
    assert.is(decode((await store.get("demo.meta.json"))!), "new");
    assert.equal(await keys(store), ["demo.meta.json"]);
  }),
];
