// Every promise that docs/security.md makes of sealed tapes, attacked.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { concat } from "../../../src/bytes/bytes.ts";
import { LineOpener } from "../../../src/codecs/crypto/line-opener.ts";
import { LineSealer } from "../../../src/codecs/crypto/line-sealer.ts";
import { TapeError } from "../../../src/errors.ts";
import { utf8 } from "../../helpers/bytes.ts";
import { codesOf, finalCheckpoint, findingsOf, frameLine, keyOf, linesOf, sealedLines } from "./sealed.ts";

const key = keyOf();
const opener = new LineOpener(key);
/** The lines of an epoch, three frames, and a final checkpoint. */
const whole = (): Uint8Array[] => sealedLines(key, [0, 1, 2]);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function isRefused(line: Uint8Array, by = opener): boolean {
  try {
    by.decode(line);
    return false;
  } catch (error) {
    if (error instanceof TapeError && error.code === "corrupted_record") return true;
    throw error;
  }
}

test("a whole tape has nothing wrong, with a key and without", () => {
  assert.equal(codesOf(whole()), []);
  assert.equal(codesOf(whole(), null), []);
});

test("no bit of a sealed line can be flipped", () => {
  const lines = [
    sealedLines(key, [7])[1]!,
    ...linesOf(new LineSealer(key).encode(utf8("{}"), { kind: "log", seq: undefined, ts: 5 })),
  ];
  for (const line of lines) {
    assert.not(isRefused(line));
    for (let bit = 0; bit < 8 * line.length; bit++) {
      const flipped = line.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.ok(isRefused(flipped), `bit ${bit & 7} of byte ${bit >> 3}`);
    }
  }
});

test("no bit of the seal of a checkpoint, or of what it tells, can be flipped", () => {
  const line = whole().at(-1)!;
  const end = text(line).indexOf(',"crc32"');
  for (let bit = 0; bit < 8 * end; bit++) {
    const flipped = line.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.ok(
      codesOf([flipped]).some((code) => /unauthentic|plain/.test(code)),
      `bit ${bit & 7} of byte ${bit >> 3}: ${text(flipped)}`,
    );
  }
});

test("a line cannot be cut, stretched, or spelled in another way", () => {
  const line = text(sealedLines(key, [7])[1]!);
  const others = [
    line.slice(0, -1),
    line.slice(0, -3) + '"}',
    `${line} `,
    line.replace('"n":', '"n": '),
    line.replace('"n":1', '"n":01'),
    line.replace('"n":1', '"n":1.0'),
    line.replace('"n":1,', '"n":1,"x":1,'),
    line.replace('"seq":7,"ts":70', '"ts":70,"seq":7'),
    line.replace('"seq":7,', '"seq":7,"seq":7,'),
    line.replace('"seq":7,"ts":70', '"kind":"log","ts":70'),
    line.replace('"seq":7,"ts":70', '"kind":"frame"'),
    line.replace('"n":1,', '"n":1,"codec":"zstd",'),
    line.replace('"}', '=="}'),
    line.replace('"}', 'AAAA"}'),
    line.replace(/"data":".*"/, '"data":""'),
    "",
    "{}",
  ];
  for (const other of others) assert.ok(isRefused(utf8(other)), other);
});

test("a line cannot be given another number, time, kind, or epoch", () => {
  const [, a, b] = whole().map(text);
  const other = text(whole()[1]!);
  const epochOf = (line: string) => /"epoch":"([^"]+)"/.exec(line)![1]!;
  assert.ok(isRefused(utf8(a!.replace('"seq":0', '"seq":1'))));
  assert.ok(isRefused(utf8(a!.replace('"ts":0', '"ts":1'))));
  assert.ok(isRefused(utf8(a!.replace('"n":1', '"n":2'))));
  assert.ok(isRefused(utf8(a!.replace(epochOf(a!), epochOf(other)))));
  const dataOf = (line: string) => /"data":"([^"]+)"/.exec(line)![1]!;
  assert.ok(isRefused(utf8(a!.replace(dataOf(a!), dataOf(b!)))));
});

test("lines of another key, or of another tape with the same key, do not open", () => {
  assert.ok(isRefused(sealedLines(keyOf(2), [0])[1]!));
  assert.ok(isRefused(sealedLines(keyOf(1, "other"), [0])[1]!));
  const checkpoint = JSON.parse(text(sealedLines(keyOf(1, "other"), [0]).at(-1)!));
  assert.throws(() => opener.checkpoint(checkpoint), /Cannot open a sealed checkpoint: its seal was changed/);
});

test("the seal of a checkpoint is no line, and a line is no seal", () => {
  const lines = whole();
  const { seal } = JSON.parse(text(lines.at(-1)!));
  const asLine = `{"type":"sealed","kind":"checkpoint","epoch":"${seal.epoch}","n":${seal.n},"data":"${seal.data}"}`;
  assert.ok(isRefused(utf8(asLine)));
  const { epoch, n, data } = JSON.parse(text(lines[1]!));
  const checkpoint = { ...JSON.parse(text(lines.at(-1)!)), seal: { epoch, n, data } };
  assert.throws(() => opener.checkpoint(checkpoint), /its seal was changed/);
});

for (const [who, by] of [["with a key", opener], ["without a key", null]] as const) {
  test(`a line that is dropped is found, ${who}`, () => {
    for (let at = 0; at < 4; at++) {
      const lines = whole();
      lines.splice(at, 1);
      assert.equal(codesOf(lines, by), [`missing ${at + 2}`], `line ${at}`);
    }
    assert.equal(findingsOf(whole().filter((_, at) => at !== 1 && at !== 2), by).map(({ count }) => count), [2]);
  });

  test(`a line that is doubled is found, ${who}`, () => {
    for (let at = 0; at < 5; at++) {
      const lines = whole();
      lines.splice(at, 0, lines[at]!);
      assert.ok(codesOf(lines, by).includes(`repeated ${at + 3}`), `line ${at}`);
    }
  });

  test(`lines that are swapped are found, ${who}`, () => {
    for (let at = 0; at < 4; at++) {
      const lines = whole();
      [lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!];
      assert.ok(codesOf(lines, by).length > 0, `line ${at}`);
    }
  });

  test(`a tail that is cut off is found, ${who}`, () => {
    for (let length = 0; length < 5; length++) {
      assert.ok(codesOf(whole().slice(0, length), by).includes("unfinished"), `${length} lines`);
    }
  });

  test(`a line in plain is found, ${who}`, () => {
    const lines = whole();
    lines.splice(2, 0, utf8(frameLine(1, "forged")));
    assert.equal(codesOf(lines, by), ["plain 4"]);
    lines.splice(2, 1, utf8('{"type":"init","version":"2.0"}'));
    assert.equal(codesOf(lines, by), ["plain 4"]);
    lines.splice(2, 1, utf8('{"type":"checkpoint","checkpoint_at":"x","stats":{}}'));
    assert.equal(codesOf(lines, by), ["plain 4"]);
  });
}

test("lines of another epoch of the same tape are found among those of this one", () => {
  const other = whole();
  const lines = whole();
  lines.splice(2, 0, other[1]!);
  assert.equal(codesOf(lines), ["missing 4", "misplaced 5", "misplaced 6", "misplaced 7", "unfinished"]);
  assert.ok(codesOf([...other, ...whole()]).includes("misplaced 7"));
});

test("an epoch whose end is cut off is found once the tape was gone on with", () => {
  const first = new LineSealer(key);
  const lines = [0, 1, 2].flatMap((seq) =>
    linesOf(first.encode(utf8(frameLine(seq)), { kind: "frame", seq, ts: 10 * seq }))
  );
  const second = new LineSealer(key, { previous: first.epochs });
  const more = linesOf(second.encode(utf8(frameLine(3)), { kind: "frame", seq: 3, ts: 30 }));
  const end = finalCheckpoint(second, 4);
  assert.equal(codesOf([...lines, ...more, end]), []);
  assert.equal(codesOf([...lines.slice(0, -1), ...more, end]), ["cut 5"]);
  assert.equal(findingsOf([...more, end]).map(({ code, count }) => [code, count]), [["cut", 4]]);
  // An epoch that somebody has put in between, of a copy of the tape that was gone on with too.
  const fork = new LineSealer(key, { previous: first.epochs });
  const forked = linesOf(fork.encode(utf8(frameLine(3, "fork")), { kind: "frame", seq: 3, ts: 30 }));
  assert.equal(codesOf([...lines, ...forked, ...more, end]), ["misplaced 8"]);
});

test("a final checkpoint that is followed by something is not the end", () => {
  const first = new LineSealer(key);
  const line = first.encode(utf8(frameLine(0)), { kind: "frame", seq: 0, ts: 0 });
  const end = finalCheckpoint(first, 1);
  const second = new LineSealer(key, { previous: first.epochs });
  const more = second.encode(utf8(frameLine(1)), { kind: "frame", seq: 1, ts: 10 });
  assert.equal(codesOf([...linesOf(line), end, ...linesOf(more)]), ["unfinished"]);
  assert.equal(codesOf([...linesOf(concat([line])), end, ...linesOf(more), finalCheckpoint(second, 2)]), []);
});

test("a checkpoint cannot be made the final one", () => {
  const sealer = new LineSealer(key);
  sealer.begin();
  const record = sealer.checkpoint({ type: "checkpoint", checkpoint_at: "x", stats: { frame_count: 0 } });
  assert.throws(
    () => opener.checkpoint({ ...record, final: true }),
    /what it tells in plain is not what is in its seal/,
  );
  assert.throws(() => opener.checkpoint({ ...record, stats: { frame_count: 1 } }), /what it tells in plain/);
});

test.run();
