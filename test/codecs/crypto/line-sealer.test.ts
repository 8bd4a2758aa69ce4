import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LineOpener } from "../../../src/codecs/crypto/line-opener.ts";
import { LineSealer } from "../../../src/codecs/crypto/line-sealer.ts";
import { readSealedHead } from "../../../src/codecs/crypto/sealed-line.ts";
import { SealedOrder } from "../../../src/codecs/crypto/sealed-order.ts";
import { loadLineDecoder } from "../../../src/codecs/zstd/line-decoder.ts";
import { loadLineEncoder } from "../../../src/codecs/zstd/line-encoder.ts";
import { recordLine } from "../../../src/transforms/encode-record.ts";
import { utf8 } from "../../helpers/bytes.ts";
import { codesOf, finalCheckpoint, frameLine, keyOf, linesOf, sealedLines } from "./sealed.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const FRAME = { kind: "frame", seq: 3, ts: 30 };

test("LineSealer seals frames and other records, LineOpener gives the very bytes", () => {
  const sealer = new LineSealer(keyOf());
  const opener = new LineOpener(keyOf());
  const log = '{"type":"log","ts":31,"stream":"stderr","text":"ü"}';
  const odd = '{"type":"od\\"d ü","x":1}';
  const lines = [
    ...linesOf(sealer.encode(utf8(frameLine(3)), FRAME)),
    ...linesOf(sealer.encode(utf8(log), { kind: "log", seq: undefined, ts: 31 })),
    ...linesOf(sealer.encode(utf8(odd), { kind: 'od"d ü', seq: undefined, ts: undefined })),
  ];
  const [epoch, ...opened] = lines.map((line) => text(opener.decode(line)));
  assert.is(epoch, '{"type":"epoch","version":1,"previous":[]}');
  assert.equal(opened, [frameLine(3), log, odd]);
  const heads = lines.map((line) => text(line).replace(/"epoch":"[\w-]{22}"/, '"epoch"').replace(/"data".*/, "…"));
  assert.equal(heads, [
    '{"type":"sealed","kind":"epoch","ts":30,"epoch","n":0,…',
    '{"type":"sealed","seq":3,"ts":30,"epoch","n":1,…',
    '{"type":"sealed","kind":"log","ts":31,"epoch","n":2,…',
    '{"type":"sealed","kind":"od\\"d ü","epoch","n":3,…',
  ]);
  assert.not(lines.some((line) => /note|stderr|message/.test(text(line))));
});

test("LineSealer shows no more of a line's length than its size class", () => {
  const sealer = new LineSealer(keyOf());
  const lengths = new Set<number>();
  for (let length = 1025; length <= 1080; length++) {
    const line = sealer.encode(new Uint8Array(length).fill(0x61), FRAME);
    lengths.add(readSealedHead(linesOf(line).at(-1)!)!.start - linesOf(line).at(-1)!.length);
  }
  assert.ok(lengths.size <= 2, `${lengths.size} lengths`);
});

test("each LineSealer begins an epoch of its own, which tells of those before it", () => {
  const first = new LineSealer(keyOf());
  const lines = linesOf(first.encode(utf8(frameLine(3)), FRAME));
  const second = new LineSealer(keyOf(), { previous: first.epochs });
  const more = linesOf(second.begin()!);
  const opened = JSON.parse(text(new LineOpener(keyOf()).decode(more[0]!)));
  assert.equal(opened.previous, [{ epoch: readSealedHead(lines[0]!)!.epoch, lines: 2 }]);
  assert.is.not(readSealedHead(more[0]!)!.epoch, readSealedHead(lines[0]!)!.epoch);
  assert.is(second.begin(), undefined);
});

test("LineSealer begins a new epoch behind maxLines lines, or maxBytes bytes", () => {
  for (const options of [{ maxLines: 4 }, { maxBytes: 250 }]) {
    const lines = sealedLines(keyOf(), [0, 1, 2, 3, 4, 5, 6, 7], options);
    const heads = lines.slice(0, -1).map((line) => readSealedHead(line)!);
    const epochs = new Set(heads.map(({ epoch }) => epoch));
    assert.ok(epochs.size >= 3, JSON.stringify(options));
    assert.is(new Set(heads.map(({ epoch, n }) => `${epoch} ${n}`)).size, heads.length);
    assert.ok(heads.every(({ n }) => n < 4));
    assert.equal(codesOf(lines), []);
  }
});

// What a crash or a power loss leaves is the tape as it was at some moment, or a part of that.
test("no number of an epoch is given twice, wherever its writer died and whatever the disk has lost", () => {
  const seen = new Map<string, string>();
  let tape: Uint8Array[] = [];
  for (let life = 0; life < 12; life++) {
    // The writer that comes back knows what is left, and nothing else.
    const order = new SealedOrder({ onFinding: () => {} });
    for (const line of tape) order.next(line);
    const sealer = new LineSealer(keyOf(), { previous: order.epochs });
    for (let seq = 0; seq < 5; seq++) {
      for (
        const line of linesOf(sealer.encode(utf8(frameLine(seq, `life ${life}`)), { kind: "frame", seq, ts: 10 * seq }))
      ) {
        const { epoch, n } = readSealedHead(line)!;
        assert.not(seen.has(`${epoch} ${n}`), "a nonce was used twice");
        seen.set(`${epoch} ${n}`, text(line));
        tape.push(line);
      }
    }
    // It dies. Of what it has written the disk has nothing, a part, or all.
    tape = tape.slice(0, Math.max(0, tape.length - [6, 3, 0, 1, 9][life % 5]!));
  }
  assert.is(seen.size, 12 * 6);
});

test("LineSealer seals the statistics of a checkpoint, and tells how many frames there are", () => {
  const key = keyOf();
  const sealer = new LineSealer(key);
  sealer.begin();
  const line = finalCheckpoint(sealer, 9);
  assert.match(
    text(line),
    /^\{"type":"checkpoint","checkpoint_at":"[^"]+","seq":8,"stats":\{"frame_count":9\},"final":true,"seal":\{"epoch":"[\w-]{22}","n":1,"data":"[^"]+"\},"crc32":"0{8}"\}$/,
  );
  const opened = new LineOpener(key).checkpoint(JSON.parse(text(line)));
  assert.is(opened.lines, 1);
  assert.is(opened.is_final, true);
  assert.is(
    recordLine(opened.record),
    '{"type":"checkpoint","checkpoint_at":"2026-11-26T12:00:00.000Z","seq":8,"stats":{"frame_count":9,"error_count":7},"final":true}\n',
  );
  assert.throws(() => new LineSealer(key).checkpoint(opened.record), /Cannot seal a checkpoint: no epoch has begun/);
  assert.throws(
    () => sealer.encode(line, { kind: "checkpoint", seq: undefined, ts: undefined }),
    /Cannot seal a checkpoint/,
  );
});

test("lines are compressed before they are sealed, with a dictionary that is sealed as well", async () => {
  const sealer = new LineSealer(keyOf(), { inner: await loadLineEncoder({ dictionaryBytes: 600 }) });
  const plain = Array.from({ length: 12 }, (_, seq) => frameLine(seq, `so much is said again and again ${seq}`));
  const lines = plain.flatMap((line, seq) => linesOf(sealer.encode(utf8(line), { kind: "frame", seq, ts: 10 * seq })));
  const heads = lines.map((line) => readSealedHead(line)!);
  assert.is(heads.filter(({ kind }) => kind === "dictionary").length, 2);
  assert.ok(heads.some(({ codec }) => codec === "zstd-d"));
  const opener = new LineOpener(keyOf(), await loadLineDecoder());
  assert.is(opener.lacksDictionary, true);
  const dictionary = lines[heads.findIndex(({ kind }) => kind === "dictionary")]!;
  opener.learn(dictionary);
  assert.is(opener.lacksDictionary, false);
  const frames = lines.filter((_, at) => heads[at]!.kind === "frame").map((line) => text(opener.decode(line)));
  assert.equal(frames, plain);
  assert.throws(() => new LineOpener(keyOf()).decode(lines.at(-1)!), /the init record does not say so/);
});

test("no key shows in what is printed, or in an error", () => {
  const key = keyOf(0x41);
  const sealer = new LineSealer(key);
  const line = linesOf(sealer.encode(utf8(frameLine(3)), FRAME)).at(-1)!;
  const opener = new LineOpener(key);
  const printed = [key, sealer, opener].flatMap((each) => [
    inspect(each, { depth: 20, showHidden: true }),
    JSON.stringify(each),
    String(each),
  ]);
  for (const shown of printed) assert.not.match(shown, /A{8}|(65, ?){4}|41 41 41|QUFB/);
  line[line.length - 5]! ^= 1;
  try {
    opener.decode(line);
    assert.unreachable();
  } catch (error) {
    assert.not.match(inspect(error, { depth: 20 }), /A{8}|(65, ?){4}|41 41 41|QUFB/);
  }
  key.wipe();
  assert.throws(() => key.newEpoch(), /Cannot use the key of a tape: it was wiped/);
});

test.run();
