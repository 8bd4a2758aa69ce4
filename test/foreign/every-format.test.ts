import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTapeError } from "../../src/errors.ts";
import { FORMATS } from "../../src/foreign/formats.ts";
import { latin1, latin1Text, utf8 } from "../helpers/bytes.ts";
import { numbersFrom } from "../helpers/random.ts";
import { textOf } from "../helpers/tapes.ts";
import { converted, formatOf, sample, samples, sampleText } from "./converted.ts";

// What every format has to keep: a new one needs a sample that its name begins with, and no line here.

test("every format has a sample", () => {
  assert.equal([...new Set([...samples.keys()].map(formatOf))].sort(), FORMATS.map(({ name }) => name).sort());
});

/** A tape without what is another in each run. */
async function stableText(...[source, options]: Parameters<typeof converted>): Promise<string> {
  const { store } = await converted(source, options);
  const text = await textOf(store, "tape.jsonl");
  return text.replace(/"(created_at|checkpoint_at)":"[^"]*"/g, '"$1":""').replace(/"crc32":"\w+"/g, '"crc32":""');
}

/** The strings of a JSON document, for formats that keep messages in strings. */
function stringsIn(text: string): string {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([string]) => JSON.parse(string)).join("\n");
}

const flat = (text: string) => text.replace(/[\r\n]/g, " ");

for (const name of samples.keys()) {
  test(`${name} is known by its content, and becomes a whole tape that says where it comes from`, async () => {
    const { format, records, frames, verified, metadata, damage, messages } = await converted(sample(name), { name });
    assert.is(format, formatOf(name));
    assert.equal(damage, []);
    assert.equal([verified.damageCount, verified.noticeCount, verified.isFinalized], [0, 0, true]);
    assert.ok(frames.length > 1);
    assert.is(messages, frames.length);
    const from = metadata.converted_from!;
    assert.equal([from.name, from.format, from.messages], [name, format, frames.length]);
    assert.is(metadata.status, "finalized");
    assert.is(metadata.environment!.runtime, null, "nobody knows where it was recorded");
    const [, log] = records;
    assert.ok(log?.type === "log" && log.stream === "tapeline" && log.text.includes(name));
  });

  test(`the messages of ${name} are on the tape to the letter`, async () => {
    const { texts } = await converted(sample(name));
    const source = flat(sampleText(name));
    const decoded = source + flat(stringsIn(sampleText(name)).replaceAll("\ndata: ", " "));
    for (const text of texts) {
      // Where something was added to a message, it stands between two parts of it.
      const [start, end] = [text.slice(0, -1), text.slice(-1)];
      assert.ok(decoded.includes(flat(text)) || decoded.includes(start) && end === "}", text);
    }
  });

  test(`${name} gives the same tape however its bytes come`, async () => {
    const whole = await stableText(sample(name), { name });
    const bytes = sample(name);
    const random = numbersFrom(1);
    for (const size of [1, 7, 100, 1000]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random(size);
        chunks.push(bytes.subarray(at, end));
        at = end;
      }
      assert.is(await stableText(chunks, { name }), whole, `chunks of ${size}`);
    }
    const crlf = latin1(latin1Text(bytes).replaceAll("\n", "\r\n"));
    assert.is((await converted(crlf)).messages, (await converted(bytes)).messages, "with other line endings");
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]);
    assert.is(await stableText(marked, { name }), whole, "with a byte order mark");
  });

  test(`what stands before the damage in ${name} is not lost, and nothing but a TapeError is thrown`, async () => {
    const from = formatOf(name);
    const bytes = sample(name);
    const { texts } = await converted(bytes);
    const random = numbersFrom(11);
    for (let round = 0; round < 60; round++) {
      const at = random(bytes.length);
      const damaged = damage(bytes, at, round, random);
      const where = `${name}: round ${round}, byte ${at}`;
      try {
        const { texts: found, verified } = await converted(damaged, { from });
        assert.equal([verified.damageCount, verified.isFinalized], [0, true], where);
        // Formats that put messages into the order of time may have others in between.
        const before = from === "har" ? [] : messagesUpTo(texts, bytes, at, perPiece(from));
        assert.equal(found.slice(0, before.length), before, where);
      } catch (error) {
        if (!isTapeError(error)) throw error;
        assert.ok(["invalid_argument", "invalid_tape"].includes(error.code), `${where}: ${error.message}`);
        assert.is(messagesUpTo(texts, bytes, at, perPiece(from)).length, 0, where);
      }
    }
  });
}

/** Cuts, changes, doubles or adds bytes. */
function damage(bytes: Uint8Array, at: number, round: number, random: (below: number) => number): Uint8Array {
  const length = 1 + random(40);
  switch (round % 5) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
    case 2:
      return bytes.with(at, random(256));
    case 3:
      return new Uint8Array([
        ...bytes.subarray(0, at),
        ...bytes.subarray(at - random(at + 1), at + length),
        ...bytes.subarray(at),
      ]);
    default: {
      const more = utf8(["{", "}", "[", "]", '"', "\\", "\n", ",", "null", "\0", '{"a":', "1e999"][random(12)]!);
      return new Uint8Array([...bytes.subarray(0, at), ...more, ...bytes.subarray(at)]);
    }
  }
}

/** How many messages stand or fall together. */
function perPiece(from: string): number {
  return from === "mcp-recorder" || from === "har" ? 2 : 1;
}

/** The messages of which all that belongs to them stands before a byte. */
function messagesUpTo(texts: readonly string[], bytes: Uint8Array, at: number, perPiece: number): string[] {
  const source = flat(new TextDecoder().decode(bytes));
  const length = new TextDecoder().decode(bytes.subarray(0, at)).length;
  let from = 0;
  const found: string[] = [];
  for (const text of texts) {
    const core = text.slice(0, -1);
    const start = source.indexOf(core, from);
    if (start < 0) break;
    from = start + core.length;
    found.push(text);
  }
  // What is told of a message stands on its line, or in the object around it: the one that comes next must have begun.
  let count = 0;
  from = 0;
  const starts = found.map((text) => from = source.indexOf(text.slice(0, -1), from) + 1);
  while (count + perPiece < starts.length && starts[count + perPiece]! < length - 200) count++;
  return found.slice(0, count);
}

test("members of the wrong type, and those that are missing, are told or passed over", async () => {
  const wrong = ["null", "7", '"x"', "[]", "{}", "true", "-1e400", '"2026-13-45T99:00:00Z"'];
  for (const name of samples.keys()) {
    const text = sampleText(name);
    const members = [...text.matchAll(/"[\w$]+": ?("(?:[^"\\]|\\.)*"|[\d.eE+-]+|null|true|false)/g)];
    const random = numbersFrom(5);
    for (const [n, value] of wrong.entries()) {
      for (let round = 0; round < 12; round++) {
        const match = members[random(members.length)]!;
        const at = match.index + match[0].length - match[1]!.length;
        const changed = text.slice(0, at) + value + text.slice(at + match[1]!.length);
        try {
          const { verified } = await converted(changed, { from: formatOf(name) });
          assert.is(verified.damageCount, 0, `${name} at ${at}: ${value} (${n})`);
        } catch (error) {
          if (!isTapeError(error)) throw error;
        }
      }
    }
  }
});

test.run();
