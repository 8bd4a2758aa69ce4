import * as assert from "./assert.ts";
import { bytes, check, decode, entriesOf, KEY, keys, type StoreCheck, text, write } from "./store-check.ts";
import { rejection, within } from "./within.ts";

/** Small objects, and what there is. */
export const objects: readonly StoreCheck[] = [
  check("get(), size() and delete() know of nothing at first", async ({ store }) => {
    assert.is(await store.get("demo.meta.json"), undefined);
    assert.is(await store.size("demo.meta.json"), undefined);
    assert.is(await store.delete("demo.meta.json"), false);
    assert.equal(await keys(store), []);
  }),

  check("put() puts an object in the place of an old one, shorter or longer", async ({ store, other }) => {
    for (const content of ["{}", '{"longer":true}', "", "{}\n"]) {
      await store.put("demo.meta.json", bytes(content));
      assert.is(decode((await other.get("demo.meta.json"))!), content);
      assert.is(await other.size("demo.meta.json"), content.length);
    }
    assert.equal(await keys(other), ["demo.meta.json"]);
  }),

  check("put() and get() hand over bytes that nobody else holds", async ({ store }) => {
    const given = bytes("mine");
    await store.put("demo.meta.json", given);
    given.fill(0x78);
    const got = (await store.get("demo.meta.json"))!;
    assert.is(decode(got), "mine");
    got.fill(0x79);
    assert.is(decode((await store.get("demo.meta.json"))!), "mine");
  }),

  check("put() is seen whole or not at all by whoever reads meanwhile", async ({ store, other }) => {
    const versions = ["a", "b", "c"].map((letter, at) => letter.repeat(100_000 * (at + 1)));
    await store.put("demo.meta.json", bytes(versions[0]!));
    let writing = true;
    const seen = new Set<string>();
    const read = async () => {
      while (writing) {
        const content = decode((await other.get("demo.meta.json"))!);
        if (!versions.includes(content)) throw new Error(`a mixture of ${content.length} bytes`);
        seen.add(content);
      }
    };
    const reading = Promise.all([read(), read()]);
    reading.catch(() => {});
    try {
      for (let n = 0; n < 30; n++) await store.put("demo.meta.json", bytes(versions[n % 3]!));
    } finally {
      writing = false;
      await within(reading, "the readers");
    }
    assert.ok(seen.size > 0);
  }),

  check("put() by many at once leaves one of their objects", async ({ store, other }) => {
    const contents = Array.from({ length: 8 }, (_, at) => String(at).repeat(1000));
    await Promise.all(contents.map((content, at) => (at % 2 ? store : other).put("demo.meta.json", bytes(content))));
    assert.ok(contents.includes(decode((await store.get("demo.meta.json"))!)));
    assert.equal(await keys(store), ["demo.meta.json"]);
  }),

  check("list() names every key, its size and time, and nothing else", async ({ store, other }) => {
    const before = Date.now();
    const sink = await store.openSink(KEY);
    await sink.append([bytes("one\n")]);
    await store.put("demo.meta.json", bytes("{}"));
    await store.put("Z_9-a.index", bytes("123"));
    const entries = (await entriesOf(other)).sort((a, b) => a.key < b.key ? -1 : 1);
    assert.equal(entries.map(({ key, size }) => [key, size]), [
      ["Z_9-a.index", 3],
      ["demo.jsonl", 4],
      ["demo.meta.json", 2],
    ], "while a writer holds the tape");
    for (const { modifiedMs } of entries) assert.ok(Math.abs(modifiedMs - before) < 60_000);
    await sink.close();
    assert.equal(await keys(other), ["Z_9-a.index", "demo.jsonl", "demo.meta.json"]);
  }),

  check("list() names at least the keys that somebody wants", async ({ store, other }) => {
    await store.put("a.meta.json", bytes("{}"));
    await store.put("a.jsonl", bytes("1\n"));
    await store.put("b.jsonl", bytes("22\n"));
    const sizes = new Map<string, number>();
    for await (const { key, size } of other.list((key) => key.startsWith("b."))) sizes.set(key, size);
    assert.is(sizes.get("b.jsonl"), 3);
  }),

  check("list() can be left early, and again be read", async ({ store }) => {
    for (const key of ["a.jsonl", "b.jsonl", "c.jsonl"]) await store.put(key, bytes(key));
    for await (const entry of store.list()) {
      assert.ok(entry.key.endsWith(".jsonl"));
      break;
    }
    assert.equal(await keys(store), ["a.jsonl", "b.jsonl", "c.jsonl"]);
  }),

  check("delete() takes a key away, and only that", async ({ store, other }) => {
    await write(store, KEY, "one\n");
    await store.put("demo.meta.json", bytes("{}"));
    assert.is(await other.delete(KEY), true);
    assert.is(await other.delete(KEY), false);
    assert.is(await store.size(KEY), undefined);
    await rejection(text(store, KEY), "tape_not_found");
    assert.equal(await keys(store), ["demo.meta.json"]);
    await (await store.openSink(KEY)).close();
  }),
];
