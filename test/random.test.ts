import { openSync, readSync } from "node:fs";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomBytes, randomUuid } from "../src/random.ts";

test("randomBytes() fills as many bytes as are asked for", () => {
  assert.is(randomBytes(0).length, 0);
  for (const length of [1, 16]) assert.is(randomBytes(length).length, length);
  const seen = new Set(Array.from({ length: 100 }, () => randomBytes(16).join()));
  assert.is(seen.size, 100);
  assert.is(new Set(randomBytes(4096)).size > 200, true, "bytes of every kind");
});

test("randomBytes() does without a device that cannot be read", () => {
  const broken = { openSync: () => openSync("/", "r"), readSync, closeSync() {} };
  const original = process.getBuiltinModule;
  Object.defineProperty(process, "getBuiltinModule", { value: () => broken, configurable: true, writable: true });
  try {
    assert.is(new Set(randomBytes(4096)).size > 200, true);
  } finally {
    Object.defineProperty(process, "getBuiltinModule", { value: original, configurable: true, writable: true });
  }
});

test("randomUuid() makes UUIDs of version 4", () => {
  const uuids = Array.from({ length: 200 }, randomUuid);
  for (const uuid of uuids) assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.is(new Set(uuids).size, 200);
});

test.run();
