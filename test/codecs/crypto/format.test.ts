// What docs/format.md says of sealed lines, held against what is written, and followed by a program that shares nothing with this library.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodePrimitives } from "../../../src/codecs/crypto/cipher.ts";
import { TapeKey } from "../../../src/codecs/crypto/keys/tape-key.ts";
import { LineOpener } from "../../../src/codecs/crypto/line-opener.ts";
import { sealLines } from "../../../src/codecs/crypto/stages/seal-lines.ts";
import { memorySink } from "../../../src/sinks/memory.ts";
import { memorySource } from "../../../src/sources/memory.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { utf8 } from "../../helpers/bytes.ts";
import { frameLine } from "./sealed.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("the worked example of docs/format.md", () => {
  const page = readFileSync(new URL("../../../docs/format.md", import.meta.url), "utf8");
  const section = page.slice(page.indexOf("## Sealed lines"), page.indexOf("## Index\n"));
  const key = new TapeKey("demo", Uint8Array.from({ length: 32 }, (_, at) => at), nodePrimitives()!);
  assert.is(/has the `check` `([^`]+)`/.exec(section)![1], key.check());
  const opener = new LineOpener(key);
  const lines = section.match(/^\{"type":"sealed",.*$/gm)!;
  const contents = lines.map((line) => text(opener.decode(utf8(line))));
  assert.is(contents.length, 2);
  for (const content of contents) assert.ok(section.includes(`\`${content}\``), content);
  assert.is(utf8(contents[1]!).length, 115);
  const told = JSON.parse(`{${/final checkpoint behind it that says `([^`]+)`/.exec(section)![1]}}`);
  const seal = JSON.parse(/^\{"epoch":.*$/m.exec(section)![0]);
  const { is_final, lines: count } = opener.checkpoint({ type: "checkpoint", ...told, seal });
  assert.equal([is_final, count], [true, 2]);
});

function whyNot(): string | undefined {
  if (spawnSync("age", ["--version"]).status !== 0) return "there is no age command";
  if (spawnSync("zstd", ["--version"]).status !== 0) return "there is no zstd command";
  const { status } = spawnSync("python3", ["-c", "import cryptography.hazmat.primitives.ciphers.aead"]);
  return status === 0 ? undefined : "there is no python3 with its package cryptography";
}

const missing = whyNot();
if (missing !== undefined) console.log(`skip: ${missing}`);

for (const compress of [false, true]) {
  (missing === undefined ? test : test.skip)(
    `a program in Python opens a tape that was ${compress ? "compressed and " : ""}sealed`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "tapeline-python-"));
      try {
        const init = '{"type":"init","version":"2.0","tape_id":"demo","session_id":"s","created_at":"x"}';
        const log = '{"type":"log","ts":1,"stream":"stderr","text":"ü"}';
        const frames = Array.from(
          { length: 12 },
          (_, seq) => frameLine(seq, `said again and again in session ${seq} ${`${seq} x `.repeat(400)}`),
        );
        const checkpoint =
          '{"type":"checkpoint","checkpoint_at":"x","seq":11,"stats":{"frame_count":12,"error_count":3},"final":true}';
        const tape = [init, log, ...frames, checkpoint, ""].join("\n");
        const identity = await generateX25519Identity();
        const sink = memorySink();
        const sealing = sealLines({ recipients: [await identityToRecipient(identity)], compress });
        await pipe(memorySource(tape), sealing, sink);
        const sealed = sink.text();
        if (compress) assert.match(sealed, /"codec":"zstd-d"/);
        writeFileSync(join(folder, "demo.jsonl"), sealed);
        writeFileSync(join(folder, "id.txt"), `${identity}\n`);
        const program = fileURLToPath(new URL("open-sealed.py", import.meta.url));
        const run = (path: string) =>
          spawnSync("python3", [program, path, join(folder, "id.txt")], { encoding: "utf8" });
        const { status, stdout, stderr } = run(join(folder, "demo.jsonl"));
        assert.is(stderr, "");
        assert.is(status, 0);
        assert.is(stdout, [log, ...frames, '{"error_count":3,"frame_count":12}', ""].join("\n"));
        const lines = sealed.split("\n");
        lines.splice(5, 1);
        writeFileSync(join(folder, "cut.jsonl"), lines.join("\n"));
        assert.match(run(join(folder, "cut.jsonl")).stderr, /line 6: 1 missing/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
}

test.run();
