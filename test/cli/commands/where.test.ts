import { suite } from "uvu";
import * as assert from "uvu/assert";
import { appendFile, rm, writeFile } from "node:fs/promises";
import { inScratch } from "../../helpers/scratch.ts";
import { sessionTape } from "../../query/session.ts";
import { RunningCommand, tapeline } from "../run-command.ts";
import { putTape, Session } from "../sample-tape.ts";

const test = suite("--where");
const text = await sessionTape();

/** The numbers of the frames in lines of JSON. */
function seqsOf(stdout: string): number[] {
  return stdout.split("\n").flatMap((line) => /^\{"type":"frame"/.test(line) ? [JSON.parse(line).seq] : []);
}

test("cat --where prints what the query selects, in all of its ways", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", text);
    const cat = async (...args: string[]) => (await tapeline(["cat", ...args, path])).stdout;
    assert.equal(seqsOf(await cat("--json", "--where", "tool:search")), [3, 6, 12, 14]);
    assert.equal(seqsOf(await cat("--json", "--where", "op:(tool:search)")), [3, 5, 6, 12, 13, 14]);
    assert.equal(seqsOf(await cat("--json", "--where", "status:pending")), [16, 18]);
    assert.equal(seqsOf(await cat("--json", "--where", "tool:search", "--from", "server")), [6, 14]);
    assert.is(
      await cat("--raw", "--where", "id:0 kind:request"),
      `${
        JSON.stringify({
          jsonrpc: "2.0",
          id: 0,
          method: "initialize",
          params: { clientInfo: { name: "c", version: "1" } },
        })
      }\n`,
    );
    // An answer is told with its method, though its request is not printed.
    const lines = (await cat("--where", "status:error")).trim().split("\n");
    assert.is(lines.length, 3, "the gap is told of, too");
    assert.match(lines[0]!, /tools\/call read_file.*no such file/);
    assert.match(lines[1]!, /resources\/read.*-32601/);
  }));

test("replay --where, info --where, tail --where", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", text);
    const replayed = await tapeline(["replay", "--at-once", "--where", "dir:s2c text:café", path]);
    assert.match(replayed.stdout, /^\{"jsonrpc":"2.0","id":1,"result":.*café.*\}\n$/);

    const { stats, methods, where } = JSON.parse(
      (await tapeline(["info", "--json", "--where", "tool:search", path])).stdout,
    );
    assert.is(where, "tool:search");
    assert.is(stats.frame_count, 4);
    assert.equal(methods.map(({ method, count }: { method: string; count: number }) => [method, count]), [[
      "tools/call search",
      2,
    ]]);

    const tail = async (...args: string[]) => (await tapeline(["tail", "--no-follow", ...args, path])).stdout;
    assert.equal(seqsOf(await tail("--json", "-n", "2", "--where", "kind:frame dir:c2s")), [16, 18]);
    assert.equal(seqsOf(await tail("--json", "-n", "100", "--where", "tool:search")), [3, 6, 12, 14]);
    assert.equal(seqsOf(await tail("--json", "-n", "100", "--where", "op:(tool:search)")), [3, 5, 6, 12, 13, 14]);
    // And the gap behind them.
    assert.equal((await tail("-n", "2", "--where", "tool:search")).trim().split("\n").length, 3);
  }));

test("grep knows what becomes of requests, and whole operations", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", text);
    const count = async (query: string) => (await tapeline(["grep", "-c", query, path])).stdout;
    assert.is(await count("status:error OR status:pending"), "4\n");
    assert.is(await count("op:(tool:search)"), "6\n");
  }));

test("tail --where prints what comes, and knows the requests of answers", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    for (let id = 0; id < 4; id++) {
      session.client(id * 10, { jsonrpc: "2.0", id, method: "tools/call", params: { name: id % 2 === 0 ? "a" : "b" } });
      session.server(id * 10 + 5, { jsonrpc: "2.0", id, result: {} });
    }
    const lines = (await session.text()).split(/(?<=\n)/);
    const path = await putTape(folder, "demo", lines.slice(0, 2).join(""));
    for (const query of ["tool:a", "op:(tool:a)"]) {
      await putTape(folder, "demo", lines.slice(0, 2).join(""));
      await using command = new RunningCommand(["tail", "--json", "--where", query, path]);
      const first = query === "tool:a" ? await command.line() : undefined;
      if (first !== undefined) assert.match(first, /^\{"type":"(init|frame)"/);
      await appendFile(path, lines.slice(2).join(""));
      const { code, stdout } = await command.outcome();
      assert.is(code, 0);
      assert.equal(seqsOf(stdout), [0, 1, 4, 5], query);
    }
  }));

test("what the index of a tape rules out is not read, and the answers are the same", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    const pad = "x".repeat(400);
    for (let id = 0; id < 1500; id++) {
      const name = id === 700 ? "rare" : "often";
      session.client(id * 10, { jsonrpc: "2.0", id, method: "tools/call", params: { name, pad } });
      session.server(id * 10 + 5, { jsonrpc: "2.0", id, result: { pad } });
    }
    const content = await session.text();
    const path = await putTape(folder, "demo", content);
    const outcomes = async (...commands: string[][]) => {
      const all = [];
      for (const command of commands) all.push(await tapeline([...command, "tool:rare", path]));
      return all.map(({ code, stdout, stderr }) => ({ code, stdout, stderr }));
    };
    const selective = [
      ["cat", "--json", "--where"],
      ["replay", "--at-once", "--where"],
      ["info", "--json", "--where"],
      ["grep", "-c"],
      ["grep"],
      ["cat", "--where"],
    ];
    const plain = await outcomes(...selective);
    assert.is((await tapeline(["index", path])).code, 0);
    assert.equal(await outcomes(...selective), plain);

    // A line that is no record any more, far from what is asked for, is told of by those who read it.
    const line = content.indexOf('\n{"type":"frame","seq":2500,') + 1;
    await writeFile(path, `${content.slice(0, line)}#${content.slice(line + 1)}`);
    const codes = (found: { code: number | null }[]) => found.map(({ code }) => code);
    assert.equal(codes(await outcomes(...selective)), [0, 0, 0, 0, 0, 0]);
    await rm(path.replace(/jsonl$/, "index"));
    assert.equal(codes(await outcomes(["cat", "--where"], ["cat", "--json", "--where"])), [3, 3]);
  }));

test("answers are told with requests that stand in blocks that are not read, and where the tape does not say which they are", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    const pad = "x".repeat(300);
    for (let id = 0; id < 900; id++) {
      session.client(id * 10, { jsonrpc: "2.0", id, method: "tools/call", params: { name: `tool${id}`, pad } });
      // Each answer stands some 150 KiB behind its request, and some ids come again.
      if (id >= 200) session.server(id * 10 + 5, { jsonrpc: "2.0", id: id - 200, result: { content: [], pad } });
      if (id === 500) session.server(id * 10 + 6, { jsonrpc: "2.0", id: 301, error: { code: -1, message: "no" } });
      if (id === 700) session.client(id * 10 + 7, { jsonrpc: "2.0", id: 5, method: "ping" });
    }
    const own = await session.text();
    for (const content of [own, own.replaceAll(/"correlation_id":"[^"]*",/g, "")]) {
      const path = await putTape(folder, "demo", content);
      const all = async () => {
        const said = [];
        for (
          const command of [
            ["cat", "--where", "seq:1200..1204"],
            ["cat", "--from", "server", "--where", "id:5 OR status:error"],
            ["grep", "kind:correlation,log OR id:5"],
          ]
        ) {
          const { code, stdout, stderr } = await tapeline([...command, path]);
          said.push({ command, code, stdout, stderr });
        }
        return said;
      };
      const plain = await all();
      assert.match(plain[0]!.stdout, /tools\/call tool\d+ #/);
      assert.is((await tapeline(["index", path])).code, 0);
      assert.equal(await all(), plain);
      await rm(path.replace(/jsonl$/, "index"));
    }
  }));

test("a query that is wrong is shown with carets under it, and the exit code is 2", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", text);
    for (const command of ["cat", "tail", "replay", "info"]) {
      const { code, stdout, stderr } = await tapeline([command, "--where", "tool:a metod:ping", path]);
      assert.is(code, 2);
      assert.is(stdout, "");
      const [why, shown, carets] = stderr.split("\n");
      assert.match(why!, /^tapeline: Cannot read the query: there is no term "metod:", did you mean method:\?/);
      assert.equal([shown, carets], ["  tool:a metod:ping", "         ^^^^^"]);
    }
  }));

test("tapeline help query explains queries on one page", async () => {
  const { code, stdout } = await tapeline(["help", "query"]);
  assert.is(code, 0);
  const lines = stdout.split("\n");
  assert.ok(lines.length <= 45 && lines.every((line) => line.length <= 80), String(lines.length));
  for (
    const term of [
      "method:",
      "tool:",
      "dir:",
      "kind:",
      "id:",
      "request:",
      "status:",
      "dur:",
      "size:",
      "seq:",
      "at:",
      "has:",
      "op:",
    ]
  ) {
    assert.ok(stdout.includes(term), term);
  }
  assert.match((await tapeline(["query"])).stderr, /there is no command "query"/);
});

test.run();
