import { test } from "uvu";
import * as assert from "uvu/assert";
import { openMetadata, sealMetadata } from "../../../src/codecs/crypto/sealed-metadata.ts";
import type { TapeMetadata } from "../../../src/records/metadata.ts";
import type { TapeEncryption } from "../../../src/records/record.ts";
import { keyOf } from "./sealed.ts";

const encryption: TapeEncryption = { version: 1, cipher: "AES-256-GCM", key: "AA", check: "AA" };
const metadata: TapeMetadata = {
  tape_id: "demo",
  name: "secret name",
  created_at: "2026-11-26T12:00:00.000Z",
  updated_at: "2026-11-26T12:00:01.000Z",
  status: { error: "secret path" },
  transport: { type: "stdio", command: "secret", args: ["secret"] },
  methods: { secret: 1 },
  stats: { frame_count: 3, error_count: 2 },
};

test("sealMetadata() tells how far a tape is, openMetadata() all of it", () => {
  const sealed = sealMetadata(keyOf(), metadata, encryption);
  assert.not.match(JSON.stringify(sealed), /secret|error_count/);
  const { sealed: box, ...plain } = sealed as TapeMetadata & { sealed: unknown };
  assert.type(box, "object");
  assert.equal(plain, {
    tape_id: "demo",
    created_at: metadata.created_at,
    updated_at: metadata.updated_at,
    status: { error: "(sealed)" },
    stats: { frame_count: 3 },
    encryption,
  });
  assert.equal(openMetadata(keyOf(), JSON.parse(JSON.stringify(sealed))), metadata);
});

test("openMetadata() refuses what is damaged, of another tape, or a line", () => {
  const sealed = sealMetadata(keyOf(), metadata, encryption) as TapeMetadata & { sealed: { data: string } };
  const refused = /Cannot open sealed metadata: they are damaged, or those of another tape/;
  assert.throws(() => openMetadata(keyOf(2), sealed), refused);
  assert.throws(() => openMetadata(keyOf(1, "other"), sealed), refused);
  assert.throws(() => openMetadata(keyOf(), metadata), refused);
  const changed = { ...sealed, sealed: { ...sealed.sealed, data: `A${sealed.sealed.data.slice(1)}` } };
  if (changed.sealed.data !== sealed.sealed.data) assert.throws(() => openMetadata(keyOf(), changed), refused);
  assert.throws(() => openMetadata(keyOf(), { ...sealed, sealed: { epoch: "x", n: 0, data: "AA" } } as never), refused);
});

test.run();
