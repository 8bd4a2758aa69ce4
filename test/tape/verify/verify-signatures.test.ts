import { test } from "uvu";
import * as assert from "uvu/assert";
import { generateSigningKey, verifierOf } from "../../../src/crypto.ts";
import {
  deriveTape,
  type Finding,
  memoryStore,
  repairTape,
  StreamingTapeWriter,
  type Verifier,
  type VerifyResult,
  verifyTape,
} from "../../../src/mod.ts";
import { spansOf, splice } from "../../helpers/strange/damage.ts";
import { checkedKeys, newPerson, signedTape, withChecksums } from "../../helpers/strange/signed-tapes.ts";
import { putTape, request } from "../../helpers/tapes.ts";
import { rejection } from "../../helpers/within.ts";

const alice = await newPerson();
const bob = await newPerson();
const tape = await signedTape(alice.signer);
const spans = spansOf(tape);
const lines = spans.map(({ start, end }) => tape.slice(start, end));
const isCheckpoint = (line: Uint8Array) => new TextDecoder().decode(line).startsWith('{"type":"checkpoint"');

interface Verified extends VerifyResult {
  readonly damage: readonly Finding[];
  readonly notices: readonly Finding[];
}

async function verify(bytes: Uint8Array, signers: readonly Verifier[] = [alice.verifier]): Promise<Verified> {
  const store = memoryStore();
  await putTape(store, "demo", bytes);
  const findings: Finding[] = [];
  const result = await verifyTape(store, "demo", { signers, onFinding: (finding) => findings.push(finding) });
  const of = (severity: string) => findings.filter((finding) => finding.severity === severity);
  return { ...result, damage: of("damage"), notices: of("notice") };
}

const codesOf = (findings: readonly Finding[]) => findings.map(({ code, line }) => [code, line]);
const joined = (parts: readonly Uint8Array[]) => splice(new Uint8Array(), 0, 0, ...parts);

test("nothing is found on a tape as its signer has written it, however its bytes come", async () => {
  assert.is(checkedKeys(tape, "demo").length, 5);
  const result = await verify(tape);
  assert.equal([result.damage, result.notices], [[], []]);
  assert.is(result.signedToLine, lines.length);
  assert.is(result.signedToOffset, tape.length);
});

test("signatures are not looked at where nobody is named", async () => {
  const store = memoryStore();
  await putTape(store, "demo", withChecksums(joined(lines.toSpliced(1, 1))));
  assert.is((await verifyTape(store, "demo")).signedToLine, undefined);
});

/** All that a forger may do with the lines of a tape, and the first line that is no more what it was. */
function* forgeries(): Generator<{ readonly how: string; readonly first: number; readonly lines: Uint8Array[] }> {
  // Without the last line a tape is cut off, and not forged.
  for (let at = 0; at < lines.length - 1; at++) {
    yield { how: `line ${at} dropped`, first: at, lines: lines.toSpliced(at, 1) };
    yield {
      how: `line ${at} and ${at + 1} swapped`,
      first: at,
      lines: lines.toSpliced(at, 2, lines[at + 1]!, lines[at]!),
    };
    yield { how: `line ${at} doubled`, first: at + 1, lines: lines.toSpliced(at, 0, lines[at]!) };
    const changed = lines[at]!.slice();
    // The last digit before the end of what a line says.
    const digit = changed.findLastIndex((byte, index) => byte >= 0x30 && byte <= 0x39 && index < changed.length - 400);
    if (digit >= 0) {
      changed[digit]! ^= 1;
      yield { how: `a digit of line ${at} changed`, first: at, lines: lines.with(at, changed) };
    }
    for (let to = at + 2; to < lines.length; to++) {
      yield { how: `lines ${at} to ${to} cut out`, first: at, lines: [...lines.slice(0, at), ...lines.slice(to)] };
    }
  }
}

test("whatever a forger without the key does with lines is found, with all checksums made right", async () => {
  let count = 0;
  for (const { how, first, lines: forged } of forgeries()) {
    const result = await verify(withChecksums(joined(forged)));
    const found = result.damage.filter(({ code }) => /^(signature|chain|signer|not_signed)/.test(code));
    assert.ok(found.length > 0, how);
    // Nobody vouches for more than what stands before the forgery, whole ranges of it.
    const before = lines.slice(0, first).findLastIndex(isCheckpoint) + 1;
    assert.ok(result.signedToLine! <= before, `${how}: signed to line ${result.signedToLine}`);
    count++;
  }
  assert.ok(count > 200, `${count} forgeries`);
});

test("every flipped bit of a signed checkpoint is found, with all checksums made right", async () => {
  const tape = await signedTape(alice.signer, "demo", 2);
  const spans = spansOf(tape);
  for (const number of [spans.length - 1]) {
    const { start, end } = spans[number]!;
    for (let at = start; at < end; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = tape.slice();
        flipped[at]! ^= 1 << bit;
        const forged = withChecksums(flipped);
        // The checksum is made right again: then nothing is forged.
        if (forged.every((byte, index) => byte === tape[index])) continue;
        const result = await verify(forged);
        assert.is(result.isIntact, false, `bit ${bit} of byte ${at - start} of line ${number}`);
        assert.ok(result.signedToLine! < number + 1, `bit ${bit} of byte ${at - start} of line ${number}`);
      }
    }
  }
});

test("a signature is spelled in one way only: nothing can be put into it, or written otherwise", async () => {
  const text = new TextDecoder().decode(tape);
  const at = text.lastIndexOf('"signature":');
  for (
    const [from, to] of [
      ['"},"crc32"', '","note":"forged"},"crc32"'],
      ['"},"crc32"', '"},"note":"forged","crc32"'],
      ['"},"crc32"', '=="},"crc32"'],
      ['"signature":', '"signature": '],
      ['"}\n', '"}\r\n'],
      ['"}\n', '"} \n'],
    ] as const
  ) {
    const forged = withChecksums(new TextEncoder().encode(text.slice(0, at) + text.slice(at).replace(from, to)));
    const result = await verify(forged);
    assert.equal(codesOf(result.damage).filter(([code]) => code === "signature_wrong"), [["signature_wrong", 24]], to);
  }
  // The last character of 64 bytes has four bits that stand for nothing.
  const sig = /"sig":"[\w-]{85}([\w-])/.exec(text.slice(at))!;
  const other = { A: "B", Q: "R", g: "h", w: "x" }[sig[1]!]!;
  const forged = `${text.slice(0, at + sig.index + sig[0].length - 1)}${other}${
    text.slice(at + sig.index + sig[0].length)
  }`;
  assert.is((await verify(withChecksums(new TextEncoder().encode(forged)))).isIntact, false);
});

test("ranges of another tape by the same signer do not fit, nor does a whole tape under another id", async () => {
  const other = await signedTape(alice.signer, "other");
  const others = spansOf(other).map(({ start, end }) => other.slice(start, end));
  for (let from = 0; from < lines.length; from++) {
    if (from > 0 && !isCheckpoint(lines[from - 1]!)) continue;
    const first = from === 0 ? [lines[0]!, ...others.slice(1)] : [...lines.slice(0, from), ...others.slice(from)];
    const result = await verify(withChecksums(joined(first)));
    assert.ok(
      codesOf(result.damage).some(([code]) => /signature_wrong|chain_broken/.test(String(code))),
      `from ${from}`,
    );
    assert.is(result.signedToLine, from);
  }
  const renamed = await verify(withChecksums(
    new TextEncoder().encode(new TextDecoder().decode(tape).replace('"tape_id":"demo"', '"tape_id":"domo"')),
  ));
  assert.is(renamed.signedToLine, 0);
});

test("a tape without its beginning is not linked to it, though the ranges behind are as they were signed", async () => {
  const start = new TextDecoder("latin1").decode(tape).indexOf('"signature":');
  const result = await verify(tape.slice(start));
  assert.equal(codesOf(result.damage).filter(([code]) => code === "chain_broken"), [["chain_broken", 1]]);
  assert.not.ok(result.damage.some(({ code }) => code === "signature_wrong"));
  assert.is(result.signedToLine, 0);
});

test("a tape that is cut off is told, and what nobody vouches for", async () => {
  const last = lines.slice(0, -1).findLastIndex(isCheckpoint);
  for (let count = last + 1; count < lines.length; count++) {
    const result = await verify(joined(lines.slice(0, count)));
    assert.equal(codesOf(result.damage), []);
    assert.is(result.signedToLine, last + 1);
    const place = count === last + 1 ? undefined : last + 2;
    assert.equal(codesOf(result.notices), [["not_signed", place]], `${count} lines`);
  }
  const [start] = lines;
  assert.equal(codesOf((await verify(start!)).damage), [["not_signed", undefined]]);
});

test("a tape from which the signatures were taken is damaged", async () => {
  const text = new TextDecoder().decode(tape).replaceAll(/"signature":\{[^}]*\},/g, "");
  const result = await verify(withChecksums(new TextEncoder().encode(text)));
  assert.ok(codesOf(result.damage).some(([code]) => code === "not_signed"));
  assert.is(result.signedToLine, 0);
});

/** A tape on which these people write one after the other; nobody is one without a key. */
async function writtenBy(...people: readonly (typeof alice | undefined)[]): Promise<Uint8Array> {
  const store = memoryStore();
  for (const [at, person] of people.entries()) {
    const options = { signer: person?.signer, checkpointEveryFrames: 1 };
    const writer = at === 0
      ? await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "demo", ...options })
      : await StreamingTapeWriter.resume(store, "demo", options);
    await writer.writeFrame(request(at));
    await writer.finalize();
  }
  return (await store.get("demo.jsonl"))!;
}

test("two may sign a tape, and each has to be named", async () => {
  const both = await writtenBy(alice, bob);
  const result = await verify(both, [alice.verifier, bob.verifier]);
  assert.equal([result.damage, result.notices], [[], []]);
  assert.is(result.signedToLine, result.lineCount);
  const one = await verify(both, [alice.verifier]);
  assert.equal(codesOf(one.damage), [["signer_unknown", 7], ["not_signed", 6]]);
  assert.match(one.damage[0]!.message, bob.publicKey);
  assert.is(one.signedToLine, 5);
  const other = await verify(both, [bob.verifier]);
  assert.equal(codesOf(other.damage), [["signer_unknown", 3]]);
  assert.is(other.signedToLine, other.lineCount, "Bob vouches for what he found, too");
  const nobody = await verify(both, [(await newPerson()).verifier]);
  assert.equal(codesOf(nobody.damage), [["signer_unknown", 3], ["signer_unknown", 7]]);
  assert.is(nobody.signedToLine, 0);
});

test("who goes on without a key is found", async () => {
  const result = await verify(await writtenBy(alice, undefined));
  assert.equal(codesOf(result.damage), [["not_signed", 6]]);
  assert.match(result.damage[0]!.message, /^lines 6 to \d+: somebody without the key has gone on with the tape$/);
  const third = await verify(await writtenBy(alice, undefined, alice));
  assert.equal(codesOf(third.damage), []);
  assert.is(third.signedToLine, third.lineCount, "the signer has signed what she found");
});

test("a line behind the final signature is found", async () => {
  const result = await verify(joined([...lines, lines[1]!]));
  assert.ok(codesOf(result.damage).some(([code]) => code === "not_signed"));
});

test("repaired and derived tapes are not signed", async () => {
  const store = memoryStore();
  await putTape(store, "demo", joined(lines.toSpliced(2, 1)));
  const { unsignedCheckpoints } = await repairTape(store, "demo");
  assert.is(unsignedCheckpoints, 5);
  await deriveTape(store, "demo", { to: "copy" });
  for (const key of ["demo-repaired.jsonl", "copy.jsonl"]) {
    assert.not.match(new TextDecoder().decode(await store.get(key)), '"signature"');
  }
});

test("signers that are none are refused", async () => {
  const store = memoryStore();
  await putTape(store, "demo", tape);
  const { publicKey } = await generateSigningKey();
  const call = (signers: unknown[]) => verifyTape(store, "demo", { signers: signers as Verifier[] });
  for (const signer of [publicKey, (await verifierOf(publicKey)).publicKey, undefined]) {
    assert.match((await rejection(call([signer]), "invalid_argument")).message, "publicKey of 32 bytes and verify()");
  }
});

test.run();
