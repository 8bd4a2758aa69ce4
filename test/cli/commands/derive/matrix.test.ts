import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../../../../src/cli/command.ts";
import { cat } from "../../../../src/cli/commands/cat.ts";
import { convert } from "../../../../src/cli/commands/convert.ts";
import { concat } from "../../../../src/cli/commands/derive/concat.ts";
import { cut } from "../../../../src/cli/commands/derive/cut.ts";
import { filter } from "../../../../src/cli/commands/derive/filter.ts";
import { head } from "../../../../src/cli/commands/derive/head.ts";
import { merge } from "../../../../src/cli/commands/derive/merge.ts";
import { split } from "../../../../src/cli/commands/derive/split.ts";
import { grep } from "../../../../src/cli/commands/grep.ts";
import { index } from "../../../../src/cli/commands/index.ts";
import { info } from "../../../../src/cli/commands/info.ts";
import { replay } from "../../../../src/cli/commands/replay.ts";
import { tail } from "../../../../src/cli/commands/tail/tail.ts";
import { verify } from "../../../../src/cli/commands/verify.ts";
import { Interrupted } from "../../../../src/cli/terminal/process-io.ts";
import { fileStore } from "../../../../src/stores/file.ts";
import { StreamingTapeWriter } from "../../../../src/tape/write/writer.ts";
import { sampleText } from "../../../foreign/converted.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { FakeIo } from "../../fake-io.ts";
import { putTape, sampleSession, Session } from "../../sample-tape.ts";
import { runIn } from "./in-process.ts";

/** A source in a folder, which stays as it is until the body has ended. */
type WithSource = (folder: string, body: (path: string) => Promise<void>) => Promise<void>;

function sourceOf(text: () => string | Promise<string>): WithSource {
  return async (folder, body) => await body(await putTape(folder, "source", await text()));
}

const sample = async () => await sampleSession("source").text();

/** Changes one line of a text: the first that begins so. */
function withLine(text: string, start: string, change: (line: string) => string): string {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(start));
  assert.ok(at >= 0, start);
  return lines.with(at, change(lines[at]!)).join("\n");
}

/** A frame in the midst of the sample. */
const FRAME = '{"type":"frame","seq":7,';

const FOREIGN = '{"type":"x-mark","ts":1,"what":"foreign"}\n{ "no": "record" }\nno JSON at all\n\n';

/**
 * Tapes, with what code a command ends that was to take all of them: 3 where something is lost; and how many frames it must
 * say are missing.
 */
const SOURCES: Readonly<Record<string, { readonly source: WithSource; readonly code: number; readonly lost: number }>> =
  {
    whole: {
      source: sourceOf(() => new Session("source").client(1, { jsonrpc: "2.0", id: 1, method: "ping" }).text()),
      code: 0,
      lost: 0,
    },
    "with gaps": { source: sourceOf(sample), code: 3, lost: 7 },
    damaged: {
      source: sourceOf(async () => withLine(await sample(), FRAME, (line) => `${line.slice(0, 40)}\u0000`)),
      code: 3,
      lost: 8,
    },
    "with frames missing": {
      source: sourceOf(async () => withLine(await sample(), FRAME, () => "")),
      code: 3,
      lost: 8,
    },
    "with foreign lines": {
      source: sourceOf(async () => withLine(await sample(), FRAME, (line) => FOREIGN + line)),
      code: 3,
      lost: 7,
    },
    torn: { source: sourceOf(async () => (await sample()).slice(0, -300)), code: 3, lost: 7 },
    "being written": { source: beingWritten, code: 0, lost: 0 },
  };

async function beingWritten(folder: string, body: (path: string) => Promise<void>): Promise<void> {
  const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "source" });
  for (let id = 0; id < 20; id++) {
    await writer.writeFrame({ direction: "client_to_server", message: { jsonrpc: "2.0", id, method: "ping" } });
    await writer.writeFrame({ direction: "server_to_client", message: { jsonrpc: "2.0", id, result: {} } });
  }
  try {
    await body(join(folder, "source.jsonl"));
  } finally {
    await writer.finalize();
  }
}

/** The commands that make one tape, with their arguments for a source. */
const MAKERS: readonly (readonly [command: Command, args: (path: string, other: string) => string[]])[] = [
  [filter, (path) => ["kind:request", path]],
  [filter, (path) => ["--with-context", "op:(method:tools/call)", path]],
  [head, (path) => ["-n", "7", path]],
  [cut, (path) => ["--seq", "1..9", path]],
  [cut, (path) => ["--from", "id:1", "--with-context", path]],
  [concat, (path, other) => [path, other]],
  [merge, (path, other) => [path, other]],
];

/** The other tape of those that take several. */
async function otherTape(folder: string): Promise<string> {
  const other = new Session("other").client(10, { jsonrpc: "2.0", id: 1, method: "ping" });
  return await putTape(folder, "other", await other.server(20, { jsonrpc: "2.0", id: 1, result: {} }).text());
}

/** A tape that was made is whole, and every command takes it. */
async function accepted(path: string, what: string): Promise<void> {
  const verified = await runIn(verify, [path]);
  assert.is(verified.code, 0, `${what}: ${verified.stdout}${verified.error}`);
  const readers: readonly (readonly [command: Command, args: readonly string[]])[] = [
    [info, ["--no-cache", path]],
    [cat, [path]],
    [cat, ["--json", path]],
    [tail, [path]],
    [replay, ["--at-once", path]],
    [index, [path]],
    // By the index, now that there is one.
    [cat, ["--where", "kind:request", path]],
    [grep, ["-c", "kind:frame", path]],
  ];
  for (const [reader, args] of readers) {
    const { code, error, stderr } = await runIn(reader, args);
    assert.is(error, undefined, `${what}: ${reader.name}`);
    // A gap that the source had is one here; grep of a tape without frames finds nothing.
    assert.ok(code === 0 || code === 3 || reader === grep && code === 1, `${what}: ${reader.name} ${code} ${stderr}`);
    assert.not.match(stderr, /corrupted|damaged|torn/i, `${what}: ${reader.name}`);
  }
  assert.is((await runIn(verify, [path])).code, 0, `${what}: with its index`);
}

for (const [kind, { source, code, lost }] of Object.entries(SOURCES)) {
  test(`a tape that was made of one ${kind} is whole, in a file and from a pipe`, () =>
    inScratch((folder) =>
      source(join(folder, "in"), async (path) => {
        const other = await otherTape(join(folder, "other"));
        for (const [n, [maker, args]] of MAKERS.entries()) {
          const what = `${maker.name} of a tape ${kind}`;
          const out = join(folder, `${n}.jsonl`);
          const filed = await runIn(maker, ["-o", out, ...args(path, other)]);
          assert.is(filed.error, undefined, what);
          assert.ok(filed.code === 0 || filed.code === code, `${what}: ${filed.code} ${filed.stderr}`);
          if (maker === concat || maker === merge) assert.is(filed.code, code, `${what}: ${filed.stderr}`);
          if (maker === concat || maker === merge) {
            const { stats } = JSON.parse((await runIn(info, ["--json", "--no-cache", out])).stdout);
            assert.is(stats.lost_frame_count ?? 0, lost, what);
          }
          await accepted(out, what);
          const piped = await runIn(maker, args(path, other));
          assert.is(piped.code, filed.code, what);
          await accepted(await putTape(join(folder, "piped"), `${n}`, piped.stdout), `${what}, piped`);
        }
      })
    ));

  test(`each part of a tape ${kind} is whole`, () =>
    inScratch((folder) =>
      source(join(folder, "in"), async (path) => {
        for (const [n, how] of [["--size", "2k"], ["--time", "1s", "--with-context"], ["--session"]].entries()) {
          const parts = join(folder, `parts${n}`);
          const made = await runIn(split, [...how, "-o", parts, path]);
          assert.is(made.error, undefined, `split ${how}`);
          assert.is(made.code, code, `split ${how} of a tape ${kind}: ${made.stderr}`);
          const files = (await readdir(parts)).filter((name) => name.endsWith(".jsonl"));
          assert.ok(files.length > 0);
          for (const file of files) await accepted(join(parts, file), `split ${how} of a tape ${kind}`);
        }
      })
    ));

  test(`grep prints lines of a tape ${kind} as they stand there`, () =>
    inScratch((folder) =>
      source(folder, async (path) => {
        const lines = (await readFile(path, "utf8")).split("\n");
        const { stdout, error } = await runIn(grep, ["--json", "kind:request", path]);
        assert.is(error, undefined);
        const printed = stdout.trimEnd().split("\n");
        assert.ok(printed.length > 0);
        for (const line of printed) assert.ok(lines.includes(line), line);
      })
    ));
}

test("a tape that was made of a recording with damage is whole", () =>
  inScratch(async (folder) => {
    const capture = sampleText("mcporter.ndjson");
    const recordings = {
      whole: capture,
      damaged: withLine(capture, capture.split("\n")[2]!, (line) => `${line.slice(0, 20)}\u0000`),
      "with foreign lines": withLine(capture, capture.split("\n")[2]!, (line) => FOREIGN + line),
      torn: capture.slice(0, -30),
    };
    for (const [kind, text] of Object.entries(recordings)) {
      const what = `convert of a recording ${kind}`;
      const recording = join(folder, "recording");
      await writeFile(recording, text);
      const out = join(folder, `${kind}.jsonl`);
      const filed = await runIn(convert, ["-o", out, recording]);
      assert.is(filed.code, kind === "whole" ? 0 : 3, `${what}: ${filed.stderr} ${filed.error}`);
      await accepted(out, what);
      const piped = await runIn(convert, [recording]);
      assert.is(piped.code, filed.code, what);
      await accepted(await putTape(join(folder, "piped"), "tape", piped.stdout), `${what}, piped`);
    }
  }));

test("who interrupts a command before it has read anything has a whole tape", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "source", await sample());
    const other = await otherTape(folder);
    for (const [n, [maker, args]] of MAKERS.entries()) {
      const out = join(folder, `${n}.jsonl`);
      const interrupted = AbortSignal.abort(new Interrupted("SIGINT"));
      const io = Object.assign(new FakeIo(), { signal: interrupted });
      const { error } = await runIn(maker, ["-o", out, ...args(path, other)], io);
      assert.is(error, "Interrupted by SIGINT", maker.name);
      await accepted(out, `${maker.name}, interrupted`);
    }
  }));

test.run();
