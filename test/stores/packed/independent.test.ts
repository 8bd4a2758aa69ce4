import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memorySink, memoryStore } from "../../../src/mod.ts";
import { packTape } from "../../../src/zstd.ts";
import { seekTable } from "../../../src/stores/packed/layout.ts";

/** Whether a program is installed; says so where it is not. */
function has(program: string): boolean {
  const isThere = spawnSync(program, ["--version"]).status === 0;
  if (!isThere) console.log(`skipped: ${program} is not installed`);
  return isThere;
}

const lines = Array.from(
  { length: 20_000 },
  (_, id) => JSON.stringify({ type: "log", ts: id, text: `${id * 7919} `.repeat(9) }),
);
const plain = new TextEncoder().encode(`${lines.join("\n")}\n`);
const store = memoryStore();
await store.put("demo.jsonl", plain);
await store.put("demo.meta.json", new TextEncoder().encode('{"tape_id":"demo"}'));
await store.put("demo.index", new Uint8Array(6400));
const output = memorySink();
const { blocks } = await packTape(store, "demo", output);

const folder = mkdtempSync(join(tmpdir(), "tapeline-"));
const path = join(folder, "demo.jsonl.zst");
writeFileSync(path, output.bytes());
test.after(() => rmSync(folder, { recursive: true }));

test("zstd -d makes the tape of a packed one, to the byte", () => {
  if (!has("zstd")) return;
  const { status, stdout } = spawnSync("zstd", ["-dc", path], { maxBuffer: 2 * plain.length });
  assert.is(status, 0);
  assert.is(Buffer.compare(stdout, plain), 0);
  assert.match(String(spawnSync("zstd", ["-l", path]).stdout), new RegExp(`\\n +${blocks + 3} +3 `));
});

test("a program in Python reads one block by docs/format.md", () => {
  if (!has("zstd") || !has("python3")) return;
  const script = fileURLToPath(new URL("read-block.py", import.meta.url));
  for (const offset of [0, 1_000_000, plain.length - 1]) {
    const { status, stdout, stderr } = spawnSync("python3", [script, path, String(offset)], {
      maxBuffer: plain.length,
    });
    assert.is(status, 0, String(stderr));
    const start = Number(String(stderr));
    assert.ok(start <= offset && offset < start + stdout.length);
    assert.is(Buffer.compare(stdout, plain.subarray(start, start + stdout.length)), 0);
    assert.is(stdout.at(-1), 0x0a);
  }
});

test("what others make in the seekable format is read", () => {
  if (!has("zstd")) return;
  const parts = [plain.subarray(0, 1000), plain.subarray(1000, 5000)];
  const frames = parts.map((input) =>
    spawnSync("zstd", ["-c", "--no-progress", `--stream-size=${input.length}`], { input }).stdout
  );
  const sizes = parts.flatMap((part, at) => [frames[at]!.length, part.length]);
  const other = memoryStore();
  return other.put("other.jsonl.zst", Buffer.concat([...frames, seekTable(sizes)])).then(async () => {
    assert.is(Buffer.compare((await other.get("other.jsonl"))!, plain.subarray(0, 5000)), 0);
  });
});

test("docs/format.md shows the end of a packed tape as it is", () => {
  const text = readFileSync(new URL("../../../docs/format.md", import.meta.url), "utf8");
  const example = /packed into one block of 499 bytes, ends with\n\n```\n([^]*?)```/.exec(text)![1]!;
  const bytes = [...example.matchAll(/^((?:[0-9a-f]{2} +)+) *\w/gm)].flatMap(([, hex]) => hex!.trim().split(/ +/));
  assert.equal(bytes.map((hex) => parseInt(hex, 16)), [...seekTable([499, 960])]);
});

test.run();
