import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { crc32 } from "../../../../src/bytes/crc32.ts";
import { openLines } from "../../../../src/codecs/crypto/stages/open-lines.ts";
import { sealLines, type SealLinesOptions } from "../../../../src/codecs/crypto/stages/seal-lines.ts";
import type { SealedFinding } from "../../../../src/codecs/crypto/sealed-order.ts";
import type { TapeError } from "../../../../src/errors.ts";
import { memorySink } from "../../../../src/sinks/memory.ts";
import { memorySource } from "../../../../src/sources/memory.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { pipe } from "../../../../src/streams/pipe.ts";
import { verifyTape } from "../../../../src/tape/verify/verify.ts";
import { StreamingTapeWriter } from "../../../../src/tape/write/writer.ts";
import { lineSplit } from "../../../../src/transforms/line-split.ts";
import { chunkings, utf8 } from "../../../helpers/bytes.ts";
import { collect } from "../../../helpers/streams.ts";

const identity = await generateX25519Identity();
const recipients = [await identityToRecipient(identity)];

/** A tape as the writer makes it, with every kind of record. */
async function plainTape(): Promise<string> {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { tapeId: "demo", sessionId: "s" });
  for (let id = 0; id < 5; id++) {
    await writer.writeFrame({ message: { jsonrpc: "2.0", id, method: "ping" }, direction: "client_to_server" });
    await writer.writeFrame({
      message: { jsonrpc: "2.0", id, result: { text: "pong ü" } },
      direction: "server_to_client",
    });
  }
  await writer.finalize();
  return new TextDecoder().decode(await store.get("demo.jsonl"));
}

async function seal(tape: string | Iterable<Uint8Array>, options: SealLinesOptions = { recipients }): Promise<string> {
  const sink = memorySink();
  await pipe(typeof tape === "string" ? memorySource(tape) : tape, sealLines(options), sink);
  return sink.text();
}

async function open(sealed: string, onFinding?: (finding: SealedFinding) => void): Promise<string> {
  const opened = openLines({ identities: [identity], onFinding });
  const lines = await collect(pipe(memorySource(sealed), lineSplit(), opened));
  return lines.map((line) => `${line.text()}\n`).join("");
}

/** What a tape says beside how it is kept: its checkpoints tell its size. */
function content(tape: string): string[] {
  const lines = tape.split("\n");
  assert.match(lines[0] ?? "", /^\{"type":"init",/);
  return lines.filter((line) => !/^\{"type":"(init|checkpoint)"/.test(line));
}

const plain = await plainTape();

test("what sealLines() has sealed openLines() opens to the very bytes", async () => {
  for (const compress of [false, true]) {
    const sealed = await seal(plain, { recipients, compress });
    assert.not.match(sealed, /"ping"|"pong"|client_to_server/);
    const opened = await open(sealed);
    assert.equal(content(opened), content(plain));
    assert.not.match(opened, /encryption|compression|"zstd"|sealed/);
    assert.match(opened, /"correlation_count":5.*"final":true\}\n$/);
  }
});

test("sealLines() takes a tape however it is cut", async () => {
  const tape = plain.split("\n").slice(0, 3).join("\n") + "\n";
  for (const { how, chunks } of chunkings(utf8(tape)).filter((_, at) => at % 40 === 0)) {
    assert.equal(content(await open(await seal(chunks), () => {})), content(tape), how);
  }
});

test("what sealLines() makes is a tape: its checksums fit", async () => {
  const sealed = await seal(plain);
  const end = sealed.lastIndexOf('"crc32":"') + 9;
  assert.is(crc32(utf8(sealed.slice(0, end)), 0).toString(16).padStart(8, "0"), sealed.slice(end, end + 8));
  const store = memoryStore();
  await store.put("demo.jsonl", utf8(sealed));
  const { sealedBytes } = await verifyTape(store, "demo");
  assert.is(sealedBytes, utf8(sealed).length);
});

test("openLines() tells of findings and goes on, or ends with the first one", async () => {
  const sealed = await seal(plain);
  const lines = sealed.split("\n");
  lines.splice(4, 1);
  lines.splice(6, 0, '{"type":"log","ts":0,"stream":"stderr","text":"forged"}');
  const findings: string[] = [];
  const opened = await open(lines.join("\n"), ({ code, line }) => findings.push(`${code} ${line}`));
  assert.equal(findings, ["missing 5", "plain 7"]);
  assert.not.match(opened, /forged/);
  assert.is(content(opened).length, content(plain).length - 1);
  try {
    await open(lines.join("\n"));
    assert.unreachable();
  } catch (error) {
    assert.is((error as TapeError).code, "corrupted_record");
    assert.is((error as TapeError).message, "Cannot open a sealed tape: 1 line is missing before this one at line 5");
  }
});

test("openLines() does not take a tape without its end for whole", async () => {
  const sealed = await seal(plain);
  const cut = sealed.split("\n").slice(0, -2).join("\n") + "\n";
  const findings: string[] = [];
  assert.is(content(await open(cut, ({ code }) => findings.push(code))).length, content(plain).length);
  assert.equal(findings, ["unfinished"]);
});

test("a damaged line is sealed too, and is a damaged line when it is opened", async () => {
  const damaged = plain.replace("\n", '\n{"type":"frame","seq":0,"ts"\nnothing\n');
  assert.equal(content(await open(await seal(damaged))), content(damaged));
});

test("sealLines() and openLines() say what they cannot take", async () => {
  assert.throws(() => sealLines({}), /it takes either recipients or a passphrase/);
  assert.throws(() => sealLines({ recipients, sign: true } as never), /there is no option sign/);
  assert.throws(() => openLines({ identity } as never), /did you mean identities\?/);
  const failing = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.match(await failing(seal('{"type":"log","ts":0}\n')), /a tape begins with its init record/);
  assert.match(await failing(seal(await seal(plain))), /the tape is encrypted already/);
  const compressed = plain.replace('{"type":"init",', '{"type":"init","compression":"zstd",');
  assert.match(await failing(seal(compressed)), /the tape is compressed, and its dictionary would be lost/);
  assert.match(await failing(seal(plain, { recipients: ["age1x"] })), /recipient 1 is none of age/);
  assert.match(await failing(open(plain)), /it is not encrypted/);
});

test.run();
