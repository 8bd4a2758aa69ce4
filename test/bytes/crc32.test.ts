import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { crc32, portableCrc32 } from "../../src/bytes/crc32.ts";

const check = new TextEncoder().encode("123456789");

test("both give the check value of CRC-32", () => {
  assert.is(crc32(check, 0), 0xcbf43926);
  assert.is(portableCrc32(check, 0), 0xcbf43926);
});

test("both give the same for any bytes, in one go and in two", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (one, two) => {
    const whole = Uint8Array.from([...one, ...two]);
    assert.is(portableCrc32(whole, 0), crc32(whole, 0));
    assert.is(portableCrc32(two, portableCrc32(one, 0)), crc32(whole, 0));
    assert.is(crc32(two, crc32(one, 0)), crc32(whole, 0));
  }));
});

test.run();
