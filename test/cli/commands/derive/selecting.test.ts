import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cut } from "../../../../src/cli/commands/derive/cut.ts";
import { filter } from "../../../../src/cli/commands/derive/filter.ts";
import { split } from "../../../../src/cli/commands/derive/split.ts";
import { grep } from "../../../../src/cli/commands/grep.ts";
import { list } from "../../../../src/cli/commands/store/list.ts";
import { verify } from "../../../../src/cli/commands/verify.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { putTape, Session } from "../../sample-tape.ts";
import { runIn } from "./in-process.ts";

const ask = (id: number, method: string, params?: object) => ({ jsonrpc: "2.0", id, method, params });
const answer = (id: number, result: object = {}) => ({ jsonrpc: "2.0", id, result });

/** A session with a handshake, a list of tools, three calls of which one fails, and a word on stderr. */
function session(id: string): Session {
  return new Session(id)
    .client(0, ask(0, "initialize"))
    .server(5, answer(0, { serverInfo: { name: "s", version: "1" } }))
    .client(6, { jsonrpc: "2.0", method: "notifications/initialized" })
    .client(10, ask(1, "tools/call", { name: "echo" }))
    .server(20, answer(1))
    .client(1000, ask(2, "tools/list"))
    .record({ type: "log", ts: 1001, stream: "stderr", text: "listing" })
    .server(1010, answer(2, { tools: [] }))
    .client(2000, ask(3, "tools/call", { name: "search" }))
    .server(2500, { jsonrpc: "2.0", id: 3, error: { code: -32000, message: "no" } })
    .client(70_000, ask(4, "tools/call", { name: "echo" }))
    .server(70_001, answer(4));
}

async function withTape(body: (path: string, folder: string) => Promise<void>): Promise<void> {
  await inScratch(async (folder) => await body(await putTape(folder, "demo", await session("demo").text()), folder));
}

interface Line {
  readonly type: string;
  readonly seq?: number;
  readonly origin?: { readonly seq: number };
  readonly derived_from?: { readonly query: string; readonly by: string }[];
}

/** The tape on stdout, which must be whole; and what was said. */
async function piped(
  command: Parameters<typeof runIn>[0],
  args: readonly string[],
  folder: string,
): Promise<{ seqs: number[]; types: string[]; init: Line; code: number | undefined; stderr: string }> {
  const { code, stdout, stderr, error } = await runIn(command, args);
  assert.is(error, undefined);
  const lines: Line[] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  await mkdir(join(folder, "piped"), { recursive: true });
  const path = join(folder, "piped", "tape.jsonl");
  await writeFile(path, stdout);
  const verified = await runIn(verify, [path]);
  assert.is(verified.code, 0, verified.stdout);
  return {
    seqs: lines.flatMap(({ type, origin }) => type === "frame" ? [origin!.seq] : []),
    types: lines.map(({ type }) => type).filter((type) => type !== "frame" && type !== "init" && type !== "checkpoint"),
    init: lines[0]!,
    code,
    stderr,
  };
}

test("filter takes what a query selects, an answer by what was asked", () =>
  withTape(async (path, folder) => {
    const calls = await piped(filter, ["tool:echo", path], folder);
    assert.equal([calls.seqs, calls.types, calls.code, calls.stderr], [
      [3, 4, 9, 10],
      ["correlation", "correlation"],
      0,
      "",
    ]);
    assert.equal([calls.init.derived_from![0]!.by, calls.init.derived_from![0]!.query], ["filter", "tool:echo"]);
    const asked = await piped(filter, ["tool:echo dir:c2s", path], folder);
    assert.equal([asked.seqs, asked.types, asked.code], [[3, 9], [], 0]);
    assert.is(asked.stderr, "tapeline: 2 correlations left out of which one side is not there\n");
    const all = await piped(filter, ["", path], folder);
    assert.equal([all.seqs.length, all.types.filter((type) => type === "log").length], [11, 1]);
    const wrong = await runIn(filter, ["dur:>fast", path]);
    assert.match(wrong.error!, /dur:>fast\n/);
  }));

test("filter knows what becomes of requests later on", () =>
  withTape(async (_, folder) => {
    const open = session("open").client(70_002, ask(5, "tools/call", { name: "echo" }));
    const path = await putTape(folder, "open", await open.text());
    const selected = async (query: string) => (await piped(filter, [query, path], folder)).seqs;
    assert.equal(await selected("op:status:error"), [7, 8]);
    assert.equal(await selected("status:pending"), [11]);
    assert.equal(await selected("op:dur:>200ms"), [7, 8]);
    assert.equal(await selected("status:pending OR op:id:3"), [7, 8, 11]);
    assert.equal(await selected("NOT status:pending kind:request"), [0, 3, 5, 7, 9]);
  }));

test("--with-context takes the handshake and the list of tools as well, with their answers", () =>
  withTape(async (path, folder) => {
    const { seqs, types } = await piped(filter, ["--with-context", "status:error", path], folder);
    assert.equal(seqs, [0, 1, 2, 5, 6, 8]);
    assert.equal(types, ["correlation", "correlation"]);
    const part = await piped(cut, ["--seq", "9..10", "--with-context", path], folder);
    assert.equal(part.seqs, [0, 1, 2, 5, 6, 9, 10]);
  }));

test("cut takes a part by number, by time, from one frame to another, with all that stands there", () =>
  withTape(async (path, folder) => {
    const part = async (...args: string[]) => {
      const { seqs, types } = await piped(cut, [...args, path], folder);
      return [seqs, types.filter((type) => type !== "correlation")];
    };
    assert.equal(await part("--seq", "5..6"), [[5, 6], ["log"]]);
    assert.equal(await part("--seq", "10.."), [[10], []]);
    assert.equal(await part("--at", "+1s..+2.2s"), [[5, 6, 7], ["log"]]);
    assert.equal(await part("--at", "2026-11-23T07:31Z.."), [[9, 10], []]);
    assert.equal(await part("--from", "method:tools/list", "--to", "status:error"), [[5, 6, 7, 8], ["log"]]);
    assert.equal(await part("--from", "id:3"), [[7, 8, 9, 10], []]);
    assert.equal(await part("--from", "status:pending", "--to", "op:id:3"), [[], []]);
    assert.equal(await part("--from", "op:status:error"), [[7, 8, 9, 10], []]);
    assert.equal(await part("--to", "id:1"), [[0, 1, 2, 3], []]);
    assert.equal(await part("--seq", "3..", "--to", "tool:search"), [[3, 4, 5, 6, 7], ["log"]]);
    assert.match((await runIn(cut, [path])).error!, /^cut needs --seq, --at, --from or --to; /);
    assert.match(
      (await runIn(cut, ["--seq", "1 OR id:2", path])).error!,
      /^--seq must be one range, such as 100\.\.200/,
    );
    assert.match((await runIn(cut, ["--seq", "x..", path])).error!, /x\.\./);
  }));

test("split puts parts into a folder, each a tape that list knows", () =>
  withTape(async (path, folder) => {
    for (
      const [options, counts] of [
        [["--time", "1m"], [9, 2]],
        [["--size", "2k"], undefined],
        [["--session"], [11]],
      ] as const
    ) {
      const into = join(folder, options.join(""));
      const { code, stdout } = await runIn(split, [...options, "-o", into, "--json", path]);
      assert.is(code, 0);
      const parts = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      const frames: number[] = parts.map(({ stats }) => stats.frame_count);
      if (counts !== undefined) assert.equal(frames, counts);
      else assert.ok(parts.length > 1);
      assert.is(frames.reduce((sum, count) => sum + count, 0), 11);
      const listed = (await runIn(list, ["--json", "--dir", into])).stdout.trimEnd().split("\n");
      assert.equal(listed.map((line) => JSON.parse(line).tape_id).sort(), parts.map(({ tape_id }) => tape_id));
      for (const { tape_id, path } of parts) {
        assert.is(path, join(into, `${tape_id}.jsonl`));
        assert.is((await runIn(verify, [path])).code, 0);
        assert.is(JSON.parse(await readFile(join(into, `${tape_id}.meta.json`), "utf8")).status, "finalized");
      }
      assert.is((await readdir(into)).length, 2 * parts.length);
    }
    for (const args of [[], ["--size", "0"], ["--size", "1k", "--session"], ["--time", "soon"]]) {
      assert.ok((await runIn(split, [...args, "-o", folder, path])).error !== undefined, args.join(" "));
    }
    assert.match((await runIn(split, ["--session", path])).error!, /^split needs a folder, with -o; /);
  }));

test("grep prints what fits, counts it, and says which tape it is from", () =>
  withTape(async (path, folder) => {
    const other = await putTape(folder, "other", new Session("other").client(0, ask(1, "ping")).plainText());
    const one = await runIn(grep, ["tool:search", path]);
    assert.equal([one.code, one.stdout.trimEnd().split("\n").length], [0, 2]);
    assert.match(one.stdout, /tools\/call search/);
    const counted = await runIn(grep, ["-c", "kind:request", path, other]);
    assert.equal([counted.code, counted.stdout], [0, `${path}:5\n${other}:1\n`]);
    const objects = await runIn(grep, ["-c", "--json", "kind:request", path, other]);
    assert.equal(objects.stdout.trimEnd().split("\n").map((line) => JSON.parse(line)), [
      { tape_id: "demo", path, count: 5 },
      { tape_id: "other", path: other, count: 1 },
    ]);
    const lines = await runIn(grep, ["--json", "id:3", path]);
    assert.equal(lines.stdout.trimEnd().split("\n").map((line) => JSON.parse(line).seq), [7, 8]);
    const both = await runIn(grep, ["method:ping", path, other]);
    assert.ok(both.stdout.startsWith(`${other}: `));
    const none = await runIn(grep, ["method:none", path]);
    assert.equal([none.code, none.stdout], [1, ""]);
    const log = await runIn(grep, ["listing", path]);
    assert.match(log.stdout, /listing/);
    assert.match((await runIn(grep, [])).error!, /^grep needs a query; /);
  }));

test("grep -C prints the whole operation around what fits: request, progress, answer, and what goes on from it", () =>
  inScratch(async (folder) => {
    const call = (id: number, token: number, more: object = {}) =>
      ask(id, "tools/call", { name: "t", _meta: { progressToken: token }, ...more });
    const path = await putTape(
      folder,
      "ops",
      await new Session("ops")
        .client(0, call(1, 11))
        .client(1, call(2, 12))
        .server(2, { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 12, progress: 1 } })
        .server(3, { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 11, progress: 1 } })
        .server(4, answer(1, { text: "one" }))
        .client(5, { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 2 } })
        .server(6, answer(2, { resultType: "input_required", requestState: "s" }))
        .client(7, ask(3, "tools/call", { name: "t", requestState: "s", inputResponses: {} }))
        .server(8, answer(3, { text: "three" }))
        .client(9, ask(4, "ping"))
        .text(),
    );
    const seqs = async (query: string) => {
      const { code, stdout } = await runIn(grep, ["-C", "--json", query, path]);
      assert.is(code, 0);
      return stdout.trimEnd().split("\n").map((line) => JSON.parse(line).seq);
    };
    assert.equal(await seqs("result.text:one"), [0, 3, 4]);
    assert.equal(await seqs("result.text:three"), [1, 2, 5, 6, 7, 8]);
    assert.equal(await seqs("seq:2"), [1, 2, 5, 6, 7, 8]);
    assert.equal(await seqs("method:ping"), [9]);
    const lines = (await runIn(grep, ["-C", "result.text:one", path])).stdout.trimEnd().split("\n");
    assert.is(lines.length, 3);
    assert.is((await runIn(grep, ["-c", "-C", "x", path])).error, "-c and -C exclude each other");
  }));

test("a query that begins with a dash is one, and no option", () =>
  withTape(async (path, folder) => {
    assert.equal((await piped(filter, ["-op:(tool:echo)", path], folder)).seqs, [0, 1, 2, 5, 6, 7, 8]);
    assert.equal((await piped(filter, ["--name", "x", "-dir:c2s", path], folder)).seqs, [1, 4, 6, 8, 10]);
    assert.equal((await piped(filter, ["--", "-dir:c2s", path], folder)).seqs, [1, 4, 6, 8, 10]);
    for (
      const query of ["-op:status:error", "-(tool:echo OR tool:search)", "-/echo/", '-"echo"', "-params.name:echo"]
    ) {
      const counts = [query, `NOT ${query.slice(1)}`].map((text) => runIn(grep, ["-c", text, path]));
      const [dash, word] = await Promise.all(counts);
      assert.equal([dash!.stdout, dash!.error], [word!.stdout, undefined], query);
    }
    const behind = await runIn(filter, ["-o", join(folder, "out.jsonl"), "needle", "-tool:echo"]);
    assert.match(behind.error!, /Cannot use "-tool:echo" as a tape: a query is one argument/);
    assert.match((await runIn(filter, ["-o", "-tool:echo", path])).error!, /-o needs a value/);
    assert.match((await runIn(grep, ["-needle", path])).error!, /no option -n; a query that begins .* behind --/);
    assert.match((await runIn(grep, ["--needle", path])).error!, /no option --needle; see/);
  }));

test("where nothing fits, it is said", () =>
  withTape(async (path, folder) => {
    assert.is((await piped(filter, ["tool:nosuch", path], folder)).stderr, "tapeline: no frame fits\n");
    assert.is((await piped(cut, ["--from", "id:33", path], folder)).stderr, "tapeline: no frame fits\n");
    assert.is((await piped(filter, ["tool:echo", path], folder)).stderr, "");
  }));

test("split --time wants a unit: a number alone would be milliseconds", () =>
  withTape(async (path, folder) => {
    const { error } = await runIn(split, ["--time", "5", "-o", join(folder, "parts"), path]);
    assert.is(error, '--time must be a time with its unit, such as 30s or 1h, not "5"');
  }));

test.run();
